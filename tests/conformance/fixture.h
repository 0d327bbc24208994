/* fixture.h - an engine under test and the short words that the conformance tests are written in.
 */
#ifndef FCT_TESTS_CONFORMANCE_FIXTURE_H
#define FCT_TESTS_CONFORMANCE_FIXTURE_H

#include "support/test.h"

#include "core/error.h"
#include "core/slice.h"
#include "engine/engine.h"

enum engine_kind {
    ENGINE_MEMORY,
    ENGINE_LOCAL,
    ENGINE_LOCAL_TINY,      /* small segments and memtables, no threads: rolls, flushes, merges */
    ENGINE_LOCAL_COLLIDING, /* hashes of 3 bits: all names share a few keys */
    ENGINE_KINDS
};

extern const char *const engine_names[ENGINE_KINDS];

struct fixture {
    enum engine_kind kind;
    struct fct_engine engine;
    char dir[64];
    factum_error err;
    factum_append_result result;
};

/* Opens an engine of |kind| with a new store. */
void fixture_open(struct fixture *fixture, enum engine_kind kind);
/* Closes and opens again; nothing in memory. */
void fixture_reopen(struct fixture *fixture);
/* Closes and removes the store. */
void fixture_close(struct fixture *fixture);

factum_expected any(void);
factum_expected no_stream(void);
factum_expected stream_exists(void);
factum_expected at(uint64_t revision);

/* An event of |type| with data {"n":<n>} and an id made of |id| (0: none). */
factum_new_event event_of(const char *stream, const char *type, uint8_t id);
factum_status append_events(struct fixture *fixture, const factum_new_event *events, size_t count,
                            const factum_expectation *expectations, size_t expectation_count);
/* One event without an id. */
factum_status append_one(struct fixture *fixture, const char *stream, factum_expected expected,
                         const char *type);
factum_status append_id(struct fixture *fixture, const char *stream, factum_expected expected,
                        const char *type, uint8_t id);

factum_read_request reading(factum_source source, const char *name);
/* What a read gives, as "revision:type revision:type ..."; a failure as its status's name. */
const char *read_text(struct fixture *fixture, const factum_read_request *request);
const char *stream_text(struct fixture *fixture, const char *stream);

/* |count| events of type "T", one append each. */
void append_many(struct fixture *fixture, const char *stream, int count);

/* ---- case------------------------------------------------------------------------------------- */

#define TEST(name) static void name(void **state)
#define F struct fixture *f = *state
#define OK(call) assert_ok(call, f->err)
/* clang-format off */
#define CASE(name)                                                                                 \
    {                                                                                              \
        #name, name, fixture_set_up, fixture_tear_down, NULL                                       \
    }
/* clang-format on */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

extern const struct CMUnitTest read_cases[];
extern const size_t read_case_count;

#endif
