/* fixture.c - see fixture.h. */
#include "fixture.h"

#include <inttypes.h>

#include <factum/testing.h>

#include "engine_memory/memory.h"
#include "support/remote_engine.h"
#ifdef FCT_WITH_SERVER
#include <factum/remote.h>
#include <factum/server.h>

#include "engine_remote/remote.h"
#endif

const char *const store_names[STORE_KINDS] = {"memory", "local", "double", "server over memory",
                                              "server over local"};

bool store_is_built(enum store_kind kind)
{
#ifdef FCT_WITH_SERVER
    (void)kind;
    return true;
#else
    return kind < STORE_SERVER_MEMORY;
#endif
}

bool store_loses_answers(enum store_kind kind)
{
    return kind >= STORE_DOUBLE;
}

static void open_double(struct fixture *f)
{
    f->store = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *f->store);
    assert_non_null(f->store);
    const struct fct_limits limits = {.event_size_max = 0};
    OK(fct_engine_memory_open(&f->wrapped, fct_mem_heap(), fct_os_real(), &limits, &f->err));
    const struct fct_remote_options options = {.wrapped = &f->wrapped, .seed = 7};
    OK(fct_remote_engine_open(&f->store->engine, &options, &f->err));
}

#ifdef FCT_WITH_SERVER
static void open_served(struct fixture *f)
{
    char path[sizeof f->dir + 16];
    char address[sizeof path + 16];
    char data[sizeof f->dir + 16];
    (void)snprintf(path, sizeof path, "%s/socket", f->dir);
    (void)snprintf(data, sizeof data, "%s/data", f->dir);
    (void)snprintf(address, sizeof address, "factum+unix://%s", path);
    const factum_server_options options = {
        .size = sizeof options, .listen = "", .unix_path = path, .insecure = true};
    OK(f->kind == STORE_SERVER_MEMORY ? factum_testing_open_memory(NULL, &f->served, &f->err)
                                      : factum_open(data, NULL, &f->served, &f->err));
    OK(factum_server_start(f->served, &options, &f->server, &f->err));
    factum_remote_enable();
    OK(factum_open(address, NULL, &f->store, &f->err));
}
#else
static void open_served(struct fixture *f)
{
    (void)f;
    fail();
}
#endif

int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    const enum store_kind *kind = *state;
    *f = (struct fixture){.kind = *kind};
    *state = f;
    assert_true(scratch_make(f->dir));
    if (f->kind == STORE_MEMORY) {
        OK(factum_testing_open_memory(NULL, &f->store, &f->err));
    } else if (f->kind == STORE_LOCAL) {
        OK(factum_open(f->dir, NULL, &f->store, &f->err));
    } else if (f->kind == STORE_DOUBLE) {
        open_double(f);
    } else {
        open_served(f);
    }
    return 0;
}

int tear_down(void **state)
{
    struct fixture *f = *state;
    factum_state_cache_destroy(f->cache);
    OK(factum_close(f->store, &f->err));
    if (f->kind == STORE_DOUBLE) {
        OK(fct_engine_close(&f->wrapped, &f->err));
    }
#ifdef FCT_WITH_SERVER
    if (f->server != NULL) {
        factum_server_stop(f->server, 5000);
    }
#endif
    OK(factum_close(f->served, &f->err));
    assert_true(scratch_remove(f->dir));
    return 0;
}

void lose_answer(struct fixture *f)
{
    if (f->kind == STORE_DOUBLE) {
        fct_remote_lose(&f->store->engine, 1);
        return;
    }
#ifdef FCT_WITH_SERVER
    fct_engine_remote_lose(&f->store->engine, 1);
#endif
}

void make_cache(struct fixture *f)
{
    OK(factum_state_cache_create(f->store, NULL, &f->cache, &f->err));
}

factum_transact_request request_of(struct fixture *f, const char *stream,
                                   const counter_command *command, const char *id)
{
    return (factum_transact_request){
        .size = sizeof(factum_transact_request),
        .stream = factum_slice_from(stream),
        .command = command,
        .command_id = factum_slice_from(id),
        .cache = f->cache,
    };
}

factum_status send_request(struct fixture *f, const factum_transact_request *request)
{
    return factum_transact(f->store,
                           request->stream.len == 0 && request->query == NULL ? &tagged_decider
                                                                              : &counter_decider,
                           request, &f->result, &f->err);
}

factum_status submit(struct fixture *f, const char *stream, counter_command command, const char *id)
{
    const factum_transact_request request = request_of(f, stream, &command, id);
    return send_request(f, &request);
}

factum_verdict ask(struct fixture *f, const char *stream, counter_command command, const char *id)
{
    OK(submit(f, stream, command, id));
    return f->result.verdict;
}

void append(struct fixture *f, const char *stream, const char *type, const char *data,
            const char *tag)
{
    const factum_slice tags = factum_slice_from(tag);
    const factum_new_event event = {
        .type = factum_slice_from(type),
        .data = factum_slice_from(data),
        .tags = &tags,
        .tag_count = tag == NULL ? 0 : 1,
    };
    OK(factum_append_stream(f->store, factum_slice_from(stream), factum_any(), &event, 1, NULL,
                            &f->err));
}

const char *stream_text(struct fixture *f, const char *stream)
{
    static char text[8192];
    factum_cursor *cursor;
    factum_event event;
    size_t used = 0;
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = factum_slice_from(stream)};
    factum_status status = factum_read(f->store, &request, &cursor, &f->err);
    if (status != FACTUM_OK) {
        return factum_status_name(status);
    }
    text[0] = '\0';
    while ((status = factum_cursor_next(cursor, &event, &f->err)) == FACTUM_OK) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%.*s %.*s", used == 0 ? "" : "; ",
                             (int)event.type.len, (const char *)event.type.ptr, (int)event.data.len,
                             (const char *)event.data.ptr);
        assert_true(used < sizeof text);
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? text : factum_status_name(status);
}

counter_state state_of(struct fixture *f, const char *stream)
{
    factum_fold *fold;
    factum_fold_info info = {.size = sizeof info};
    const factum_read_request request = {
        .size = sizeof request, .source = FACTUM_SOURCE_STREAM, .name = factum_slice_from(stream)};
    OK(factum_fold_create(&counter_decider, NULL, &fold, &f->err));
    OK(factum_fold_read(fold, f->store, &request, &f->err));
    OK(factum_fold_get(fold, &info, &f->err));
    counter_state state = *(const counter_state *)info.state;
    factum_fold_destroy(fold);
    state.note = (factum_slice){.ptr = NULL};
    return state;
}

uint64_t position_of(struct fixture *f, const char *stream, uint64_t revision)
{
    factum_cursor *cursor;
    factum_event event;
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_STREAM,
                                         .name = factum_slice_from(stream),
                                         .from = FACTUM_FROM_REVISION,
                                         .from_value = revision};
    OK(factum_read(f->store, &request, &cursor, &f->err));
    OK(factum_cursor_next(cursor, &event, &f->err));
    uint64_t position = event.position;
    factum_cursor_close(cursor);
    return position;
}
