/* fixture.h - a store of each kind, and the short functions that the cases on deciders are written
 * with.
 *
 * The kinds: in memory, on disk, behind the double of a remote engine, and at a server.
 */
#ifndef FCT_TESTS_DECIDER_FIXTURE_H
#define FCT_TESTS_DECIDER_FIXTURE_H

#include "support/test.h"

#include <factum/factum.h>

#include "api/store_int.h"
#include "core/slice.h"
#include "counter.h"
#include "os/thread.h"
#include "support/scratch.h"

enum store_kind {
    STORE_MEMORY,
    STORE_LOCAL,
    STORE_DOUBLE, /* tests/support/remote_engine.h over memory */
    STORE_SERVER_MEMORY,
    STORE_SERVER_LOCAL,
    STORE_KINDS
};

struct fixture {
    enum store_kind kind;
    factum_store *store;
    struct fct_engine wrapped; /* the double of a remote engine only */
    factum_store *served;      /* the server only */
    struct factum_server *server;
    factum_state_cache *cache; /* NULL unless a case makes one */
    char dir[SCRATCH_SIZE];
    factum_error err;
    factum_result result;
};

extern const char *const store_names[STORE_KINDS];
bool store_is_built(enum store_kind kind);
bool store_loses_answers(enum store_kind kind);
int set_up(void **state);
int tear_down(void **state);
/* Loses the answer of the next append. */
void lose_answer(struct fixture *f);
void make_cache(struct fixture *f);

#define OK(call) assert_ok(call, f->err)
/* clang-format off */
/* clang-format on */

/* A request to the counter of |stream|, with the fixture's cache. */
factum_transact_request request_of(struct fixture *f, const char *stream,
                                   const counter_command *command, const char *id);
/* Sends it; the outcome is in f->result and f->err. */
factum_status send_request(struct fixture *f, const factum_transact_request *request);
factum_status submit(struct fixture *f, const char *stream, counter_command command,
                     const char *id);
/* The same; asserts that it ends with a verdict. */
factum_verdict ask(struct fixture *f, const char *stream, counter_command command, const char *id);

/* Appends without the decider. */
void append(struct fixture *f, const char *stream, const char *type, const char *data,
            const char *tag);
/* The events of a stream, as "type data; type data"; or the name of the status. */
const char *stream_text(struct fixture *f, const char *stream);
/* The counter's state in |stream|, read again. */
counter_state state_of(struct fixture *f, const char *stream);
uint64_t position_of(struct fixture *f, const char *stream, uint64_t revision);

#define CASES(name)                                                                                \
    extern const struct CMUnitTest name##_cases[];                                                 \
    extern const size_t name##_case_count
CASES(transact);
CASES(cached);
#ifdef FCT_WITH_LUA
CASES(deploy);
#endif
CASES(fold);
CASES(query);
CASES(rival);

#endif
