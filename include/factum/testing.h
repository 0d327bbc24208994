/* testing.h - for the tests of programs that use Factum: a store in memory, given / expect, and
 * given / when / then for deciders (decider.h), which need no store.
 *
 *     static const char given[] =
 *         "{\"stream\":\"order-1\",\"type\":\"OrderPlaced\",\"data\":{}}\n";
 *     static const char wanted[] =
 *         "{\"stream\":\"order-1\",\"type\":\"OrderPlaced\",\"data\":{}}\n"
 *         "{\"stream\":\"order-1\",\"type\":\"OrderShipped\"}\n";
 *     factum_testing_open_memory(NULL, &store, &err);
 *     factum_testing_given(store, given, &err);
 *     ... call the code under test ...
 *     factum_testing_expect(store, "order-1", wanted, &err);
 *
 * Valid C99 and C++17. Lines are those of ndjson.h. One thread at a time for each factum_test. */
#ifndef FACTUM_TESTING_H
#define FACTUM_TESTING_H

#include <factum/decider.h>
#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a store that keeps everything in memory and loses it when it is closed. It answers like one
 * on disk, also to the calls of async.h, but has no backups (UNSUPPORTED). It is slow with more
 * than some thousand events. |options| is optional; only its limits and its clock are used. *store
 * gets the store, which is yours until factum_close; NULL on failure.
 * Errors: INVALID, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_testing_open_memory(
    const factum_store_options *options, factum_store **store, factum_error *err);

/* Appends the events of |lines|, one commit each, with any expected revision. Lines before the
 * one that failed are appended. Errors: INVALID (the text names the line), and those of
 * factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status factum_testing_given(factum_store *store,
                                                              const char *lines, factum_error *err);

/* OK if the stream has exactly the events of |lines|. Types and data are compared: data byte for
 * byte, and not at all where a line has none. Errors: NOT_FOUND (the text names the first
 * difference), INVALID (a line is not an event), and those of factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_testing_expect(factum_store *store,
                                                               const char *stream,
                                                               const char *lines,
                                                               factum_error *err);

/* ---- deciders: given, when, then ------------------------------------------------------------- */

/* A test of one decider, in C:
 *
 *     FACTUM_TEST(an_order_that_is_not_paid_is_not_shipped)
 *     {
 *         FACTUM_GIVEN(order, {.type = ORDER_PLACED, .placed = {.total_cents = 1200}});
 *         FACTUM_WHEN(order, {.type = ORDER_SHIP});
 *         FACTUM_THEN_REJECTED("order.not_paid");
 *     }
 *     int main(void)
 *     {
 *         const factum_test_case cases[] = {
 *             FACTUM_CASE(an_order_that_is_not_paid_is_not_shipped),
 *         };
 *         return factum_test_run(cases, sizeof cases / sizeof cases[0]);
 *     }
 *
 * "order" is the name given to FACTUM_DECIDER_DECLARE. Events are compared as they are stored: by
 * type, and data byte for byte. The memory of an event is overwritten after it was folded, so that
 * a test finds a state that keeps a pointer into an event instead of a copy. Each decision is made
 * twice, so that a test finds one that changes the state, or that differs the second time. The
 * macros are C99 (compound literals); C++ calls the functions. */
typedef struct factum_test factum_test;

typedef struct factum_test_case {
    const char *name;
    void (*run)(factum_test *test);
} factum_test_case;

/* Runs the cases and prints TAP on standard output, with the first difference of each case that
 * fails. Returns what main returns: 0 if all pass, otherwise 1. */
FACTUM_API int factum_test_run(const factum_test_case *cases, size_t count);
/* Runs one, for other frameworks: true if it passes; otherwise |text|, of |size| bytes, gets the
 * first difference, in one line or several. */
FACTUM_API bool factum_test_passes(const factum_test_case *test_case, char *text, size_t size);

/* The functions that the macros call. |where| is "file:line" and lasts as long as the test. After
 * the first failure the rest of the test does nothing. */

/* |events|: |count| typed events that have happened, in this order. */
FACTUM_API void factum_test_given(factum_test *test, const char *where,
                                  const factum_decider *decider, const void *events, size_t count);
/* Decides |command| on the events so far. The events of the decision, if any, count as happened for
 * the next call. */
FACTUM_API void factum_test_when(factum_test *test, const char *where,
                                 const factum_decider *decider, const void *command);
/* The last command was accepted, with exactly these events. */
FACTUM_API void factum_test_then(factum_test *test, const char *where,
                                 const factum_decider *decider, const void *events, size_t count);
/* Event |index| of the last command goes into |stream|. */
FACTUM_API void factum_test_then_stream(factum_test *test, const char *where, size_t index,
                                        const char *stream);
/* Event |index| has |tag|. */
FACTUM_API void factum_test_then_tag(factum_test *test, const char *where, size_t index,
                                     const char *tag);
/* The last command had nothing to do. */
FACTUM_API void factum_test_then_noop(factum_test *test, const char *where);
/* The last command was rejected with |code|. */
FACTUM_API void factum_test_then_rejected(factum_test *test, const char *where, const char *code);
/* The state now, for checks of your own; NULL before the first GIVEN or WHEN. */
FACTUM_API const void *factum_test_state(const factum_test *test);
/* Fails the test with a text of your own. */
FACTUM_API FACTUM_PRINTF(3, 4) void factum_test_fail(factum_test *test, const char *where,
                                                     const char *format, ...);

#define FACTUM_TEST_TEXT_(x) #x
#define FACTUM_TEST_LINE_(x) FACTUM_TEST_TEXT_(x)
#define FACTUM_TEST_WHERE_ __FILE__ ":" FACTUM_TEST_LINE_(__LINE__)

#define FACTUM_TEST(name) static void name(factum_test *factum_test_)
#define FACTUM_CASE(name)                                                                          \
    {                                                                                              \
#name, name                                                                                \
    }
#define FACTUM_GIVEN(decider, ...)                                                                 \
    factum_test_given(factum_test_, FACTUM_TEST_WHERE_, &decider##_decider,                        \
                      (const decider##_decider_event[]){__VA_ARGS__},                              \
                      sizeof((const decider##_decider_event[]){__VA_ARGS__}) /                     \
                          sizeof(decider##_decider_event))
#define FACTUM_WHEN(decider, ...)                                                                  \
    factum_test_when(factum_test_, FACTUM_TEST_WHERE_, &decider##_decider,                         \
                     &(const decider##_decider_command)__VA_ARGS__)
#define FACTUM_THEN(decider, ...)                                                                  \
    factum_test_then(factum_test_, FACTUM_TEST_WHERE_, &decider##_decider,                         \
                     (const decider##_decider_event[]){__VA_ARGS__},                               \
                     sizeof((const decider##_decider_event[]){__VA_ARGS__}) /                      \
                         sizeof(decider##_decider_event))
#define FACTUM_THEN_STREAM(index, stream)                                                          \
    factum_test_then_stream(factum_test_, FACTUM_TEST_WHERE_, (index), (stream))
#define FACTUM_THEN_TAG(index, tag)                                                                \
    factum_test_then_tag(factum_test_, FACTUM_TEST_WHERE_, (index), (tag))
#define FACTUM_THEN_NOOP() factum_test_then_noop(factum_test_, FACTUM_TEST_WHERE_)
#define FACTUM_THEN_REJECTED(code)                                                                 \
    factum_test_then_rejected(factum_test_, FACTUM_TEST_WHERE_, (code))
#define FACTUM_STATE(decider) ((const decider##_decider_state *)factum_test_state(factum_test_))

#ifdef __cplusplus
}
#endif
#endif
