/* check_fixture.h - an engine that accepts everything, counts the calls that reach it and keeps
 * the newest request: for the unit tests of the checks between users and engines. One fixture a
 * test, by set_up and tear_down. */
#ifndef FCT_TESTS_SUPPORT_CHECK_FIXTURE_H
#define FCT_TESTS_SUPPORT_CHECK_FIXTURE_H

#include "core/error.h"
#include "core/slice.h"
#include "engine/engine.h"
#include "sim/sim_disk.h"
#include "support/mem_fault.h"
#include "support/test.h"

struct fixture {
    struct fct_sim_disk *disk;
    struct fct_mem_fault mem;
    struct fct_engine_ops ops; /* a test may take capabilities away */
    struct fct_engine engine;
    unsigned reached; /* calls that reached the engine */
    factum_append_request append;
    size_t id_zeros; /* events without an id in it */
    factum_read_request read;
    factum_filter filter;
    bool follow;
    factum_list_request list;
    factum_error err;
    factum_append_result result;
    char name[FACTUM_NAME_SIZE_MAX + 2];
};

/* ---- the fake engine: accepts everything ----------------------------------------------------- */

static inline void note_append(struct fixture *f, const factum_append_op *op)
{
    f->reached++;
    f->append = *fct_op_request(op);
    f->id_zeros = 0;
    for (size_t i = 0; i < f->append.event_count; i++) {
        static const factum_uuid zero;
        bool none = memcmp(&f->append.events[i].id, &zero, sizeof zero) == 0;
        f->id_zeros += none ? 1 : 0;
    }
}

static inline void fake_append_here(void *self, factum_append_op *op)
{
    note_append(self, op);
    op->status = FACTUM_OK;
    op->result.revision = fct_op_request(op)->event_count - 1;
}

static inline factum_status fake_append(void *self, factum_append_op *op, factum_error *err)
{
    (void)err;
    note_append(self, op);
    return FACTUM_OK;
}

static inline void fake_cancel(void *self, factum_append_op *op)
{
    struct fixture *f = self;
    (void)op;
    f->reached++;
}

static inline factum_status fake_begin(struct fct_reader *reader, factum_error *err)
{
    (void)reader;
    (void)err;
    return FACTUM_OK;
}

static inline void fake_close_reader(struct fct_reader *reader)
{
    (void)reader;
}

static inline factum_status fake_read(void *self, const factum_read_request *request, bool follow,
                                      struct fct_reader **reader, factum_error *err)
{
    static const struct fct_reader_ops reader_ops = {.begin = fake_begin,
                                                     .close = fake_close_reader};
    static struct fct_reader made = {.ops = &reader_ops};
    struct fixture *f = self;
    (void)err;
    f->reached++;
    f->read = *request;
    f->filter = request->filter != NULL ? *request->filter : (factum_filter){.size = 0};
    f->follow = follow;
    *reader = &made;
    return FACTUM_OK;
}

static inline factum_status fake_list(void *self, const factum_list_request *request,
                                      struct fct_lister **lister, factum_error *err)
{
    static struct fct_lister made;
    struct fixture *f = self;
    (void)err;
    f->reached++;
    f->list = *request;
    *lister = &made;
    return FACTUM_OK;
}

static inline factum_status fake_ask(void *self, factum_question *question, factum_error *err)
{
    struct fixture *f = self;
    (void)question;
    (void)err;
    f->reached++;
    return FACTUM_OK;
}

static inline factum_status fake_listen(void *self, factum_listener *listener, factum_error *err)
{
    struct fixture *f = self;
    (void)listener;
    (void)err;
    f->reached++;
    return FACTUM_OK;
}

static inline void fake_unlisten(void *self, factum_listener *listener)
{
    struct fixture *f = self;
    (void)listener;
    f->reached++;
}

static inline int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.disk = fct_sim_disk_create(1, false)};
    fct_mem_fault_init(&fixture.mem);
    memset(fixture.name, 'n', sizeof fixture.name);
    fixture.ops = (struct fct_engine_ops){.size = sizeof(struct fct_engine_ops),
                                          .capabilities = UINT32_MAX,
                                          .append = fake_append,
                                          .append_here = fake_append_here,
                                          .cancel = fake_cancel,
                                          .read = fake_read,
                                          .list = fake_list,
                                          .ask = fake_ask,
                                          .listen = fake_listen,
                                          .unlisten = fake_unlisten};
    fixture.engine = (struct fct_engine){.ops = &fixture.ops,
                                         .self = &fixture,
                                         .mem = &fixture.mem.mem,
                                         .os = fct_sim_disk_os(fixture.disk)};
    *state = &fixture;
    return fct_limits_default(&fixture.engine.limits, &fixture.err);
}

/* The checks allocate nothing. */
static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_sim_disk_destroy(f->disk);
    return f->mem.calls == 0 ? 0 : 1;
}

static inline factum_slice sized(const struct fixture *f, size_t len)
{
    return fct_slice(f->name, len);
}

static inline factum_new_event event_of(factum_slice stream)
{
    return (factum_new_event){
        .stream = stream, .type = FCT_SLICE("T"), .data = FCT_SLICE("{\"n\":1}")};
}

/* |count| events of one stream, with room for a test to change the request. */
static inline factum_append_request request_of(const factum_new_event *events, size_t count,
                                               factum_expectation *expectation)
{
    *expectation = (factum_expectation){events[0].stream, factum_any()};
    return (factum_append_request){
        .size = sizeof(factum_append_request),
        .events = events,
        .event_count = count,
        .expectations = expectation,
        .expectation_count = 1,
    };
}

static inline factum_status append(struct fixture *f, const factum_append_request *request)
{
    return fct_engine_append(&f->engine, request, &f->result, NULL, &f->err);
}

static inline factum_status append_one(struct fixture *f, const factum_new_event *event)
{
    factum_expectation expectation;
    factum_append_request request = request_of(event, 1, &expectation);
    return append(f, &request);
}

/* The call is refused with this text, and does not reach the engine. */
#define assert_refused(f, call, expected_status, text_part)                                        \
    do {                                                                                           \
        unsigned before_ = (f)->reached;                                                           \
        (f)->err = (factum_error){.status = FACTUM_OK};                                            \
        assert_status(call, expected_status);                                                      \
        assert_text((f)->err, text_part);                                                          \
        assert_int_equal((f)->err.status, expected_status);                                        \
        assert_int_equal((f)->reached, before_);                                                   \
    } while (0)

/* The call reaches the engine. */
#define assert_passes(f, call)                                                                     \
    do {                                                                                           \
        unsigned before_ = (f)->reached;                                                           \
        assert_ok(call, (f)->err);                                                                 \
        assert_int_equal((f)->reached, before_ + 1);                                               \
    } while (0)

static inline void completed(void *data, factum_append_op *const *ops, size_t count)
{
    (void)data;
    (void)ops;
    (void)count;
    fail();
}

static const factum_completer completer = {NULL, completed};

static inline factum_status submit(struct fixture *f, factum_append_action action,
                                   const factum_append_request *request)
{
    static factum_append_op op;
    op = (factum_append_op){
        .size = sizeof op, .action = action, .request = request, .completer = &completer};
    return fct_engine_submit(&f->engine, &op, &f->err);
}

#endif
