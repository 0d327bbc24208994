/* testing.h - for the tests of programs that use Factum: a store in memory, and given / expect.
 *
 *     static const char given[] =
 *         "{\"stream\":\"order-1\",\"type\":\"OrderPlaced\",\"data\":{}}\n";
 *     static const char wanted[] =
 *         "{\"stream\":\"order-1\",\"type\":\"OrderPlaced\",\"data\":{}}\n"
 *         "{\"stream\":\"order-1\",\"type\":\"OrderShipped\"}\n";
 *     factum_testing_open_memory(NULL, &store, &err);
 *     factum_testing_given(store, given, &err);
 *     ... call what is to be tested ...
 *     factum_testing_expect(store, "order-1", wanted, &err);
 *
 * Valid C99 and C++17. Lines are those of ndjson.h.
 */
#ifndef FACTUM_TESTING_H
#define FACTUM_TESTING_H

#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A store that keeps everything in memory and loses it when it is closed. It answers like one on
 * disk, also to the calls of async.h, but has no backups (UNSUPPORTED). Slow beyond some thousand
 * events. |options| may be NULL; only the limits and the clock in it are used. *store is the
 * caller's, for factum_close; NULL on failure: INVALID, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_testing_open_memory(
    const factum_store_options *options, factum_store **store, factum_error *err);

/* Appends the events of |lines|, one commit each, whatever is there. INVALID names the line;
 * otherwise the statuses of factum_append. Lines before the one that failed are appended. */
FACTUM_API FACTUM_MUST_USE factum_status factum_testing_given(factum_store *store,
                                                              const char *lines, factum_error *err);

/* OK if the stream consists of exactly the events of |lines|: types and data are compared, data
 * byte for byte, and not at all where a line has none. Otherwise NOT_FOUND, with the first
 * difference in |err|. INVALID names a line that is not an event; otherwise the statuses of
 * factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_testing_expect(factum_store *store,
                                                               const char *stream,
                                                               const char *lines,
                                                               factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
