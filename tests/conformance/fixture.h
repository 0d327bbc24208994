/* fixture.h - an engine under test, and the short functions that the conformance cases are written
 * with.
 *
 * Each case runs on each kind of engine, and twice where the engine has completions: with appends
 * that wait, and with appends that are submitted and completed later (append_form). Cases append
 * through the functions below, so each is written once.
 */
#ifndef FCT_TESTS_CONFORMANCE_FIXTURE_H
#define FCT_TESTS_CONFORMANCE_FIXTURE_H

#include "support/test.h"

#include "core/error.h"
#include "core/slice.h"
#include "engine/engine.h"
#include "os/thread.h"

enum engine_kind {
    ENGINE_MEMORY,
    ENGINE_LOCAL,
    ENGINE_LOCAL_TINY,      /* small segments and memtables, no threads: rolls, flushes, merges */
    ENGINE_LOCAL_COLLIDING, /* hashes of one bit, no threads: all names share a few keys */
    ENGINE_REMOTE_MEMORY,   /* tests/support/remote_engine.h */
    ENGINE_REMOTE_LOCAL,
    ENGINE_SERVER_MEMORY, /* engine_remote, connected to a server by a UNIX socket */
    ENGINE_SERVER_LOCAL,
    ENGINE_GATE_MEMORY, /* behind the gate (src/gate), without a schema */
    ENGINE_GATE_LOCAL,
    ENGINE_KINDS
};

enum append_form { FORM_BLOCKING, FORM_COMPLETION, APPEND_FORMS };

struct variant {
    enum engine_kind kind;
    enum append_form form;
};

extern const char *const engine_names[ENGINE_KINDS];
extern const char *const form_names[APPEND_FORMS];
/* Does this kind have threads: completions, and news outside of the calls that cause it? */
bool kind_has_threads(enum engine_kind kind);
bool kind_is_remote(enum engine_kind kind);
bool kind_has_server(enum engine_kind kind);
bool kind_is_memory(enum engine_kind kind);
bool kind_has_gate(enum engine_kind kind);
/* False for the server's kinds in a build without the server (meson_options.txt). */
bool kind_is_built(enum engine_kind kind);

/* A completer that does not return until it is released. Until then the engine delivers no other
 * completion. */
struct stall {
    factum_append_op op;
    factum_completer completer;
    _Atomic uint32_t entered;
    _Atomic uint32_t released;
};

struct fixture {
    enum engine_kind kind;
    enum append_form form;
    struct fct_limits limits; /* for the next opening */
    struct fct_engine engine;
    struct fct_engine wrapped;  /* a remote engine only */
    struct factum_store *store; /* a server only */
    struct factum_server *server;
    char dir[64];
    factum_error err;
    factum_append_result result;
    struct stall stall;
};

/* Opens an engine of |kind| on a new store. */
void fixture_open(struct fixture *fixture, const struct variant *variant);
/* Closes and opens again. Does nothing for a kind in memory, which would lose everything. */
void fixture_reopen(struct fixture *fixture);
/* Closes, and opens a new, empty store with fixture->limits. */
void fixture_renew(struct fixture *fixture);
/* Closes and removes the store. */
void fixture_close(struct fixture *fixture);

/* Remote kinds: the answers of the next |count| appends get lost; while held, appends are not
 * passed to the engine. */
void lose_answers(struct fixture *fixture, uint32_t count);
void hold_appends(struct fixture *fixture, bool held);

/* ---- appends --------------------------------------------------------------------------------- */

/* An event of |type| with data {"n":1} and an id made from |id| (0: no id). */
factum_new_event event_of(const char *stream, const char *type, uint8_t id);
/* Each of these stores the outcome in fixture->result and fixture->err. |revisions| may be NULL. */
factum_status append_request(struct fixture *fixture, const factum_append_request *request,
                             uint64_t *revisions);
factum_status append_events(struct fixture *fixture, const factum_new_event *events, size_t count,
                            const factum_expectation *expectations, size_t expectation_count);
/* One event without an id. */
factum_status append_one(struct fixture *fixture, const char *stream, factum_expected expected,
                         const char *type);
factum_status append_id(struct fixture *fixture, const char *stream, factum_expected expected,
                        const char *type, uint8_t id);
/* One event with one tag. */
factum_status append_tagged(struct fixture *fixture, const char *stream, const char *type,
                            const char *tag);
/* |count| events of types "A", "B", "C", "A" ..., one append each. */
void append_many(struct fixture *fixture, const char *stream, int count);
/* DELETE or TOMBSTONE. */
factum_status remove_stream(struct fixture *fixture, factum_append_action action,
                            const char *stream, factum_expected expected);
factum_status delete_stream(struct fixture *fixture, const char *stream, factum_expected expected);
factum_status tombstone(struct fixture *fixture, const char *stream, factum_expected expected);
factum_status set_metadata(struct fixture *fixture, const char *stream, const char *json);

/* ---- reads and questions --------------------------------------------------------------------- */

factum_read_request reading(factum_source source, const char *name);
/* The events of a read as "ordinal:type ordinal:type ..."; a failure as the name of its status. */
const char *read_text(struct fixture *fixture, const factum_read_request *request);
const char *stream_text(struct fixture *fixture, const char *stream);
/* What is left of a reader until DONE, in the same form. */
const char *rest_text(struct fixture *fixture, struct fct_reader *reader);
uint64_t place_now(struct fixture *fixture);

/* ---- other threads --------------------------------------------------------------------------- */

/* Waits until *word is at least |value|; fails the test after a few seconds. */
void await_word(_Atomic uint32_t *word, uint32_t value);
/* Adds 1 and wakes the waiters. */
void raise_word(_Atomic uint32_t *word);
void sleep_ms(unsigned ms);
/* Block the engine's deliveries, and release them. */
void stall(struct fixture *fixture);
void unstall(struct fixture *fixture);

/* ---- cases ----------------------------------------------------------------------------------- */

#define OK(call) assert_ok(call, f->err)
/* clang-format off */
/* For cases that append in their own way or not at all: runs once for each kind. */
#define CASE_ONCE(name)                                                                            \
    {                                                                                              \
        #name, name, set_up, tear_down, (void *)once                               \
    }
/* clang-format on */
int set_up(void **state);
int tear_down(void **state);
extern char once[];

/* Kinds without threads have no completions, and no news while nobody calls. */
#define NEEDS_THREADS                                                                              \
    if (!kind_has_threads(f->kind)) {                                                              \
        return;                                                                                    \
    }

#define CASES(name)                                                                                \
    extern const struct CMUnitTest name##_cases[];                                                 \
    extern const size_t name##_case_count
CASES(append);
CASES(condition);
CASES(deletion);
CASES(limit);
CASES(list);
CASES(read);
CASES(query);
CASES(question);
CASES(race);
CASES(async);
CASES(pending);
CASES(pressure);
CASES(news);
CASES(token);
CASES(growth);
CASES(capability);
CASES(schema);

#endif
