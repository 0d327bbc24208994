/* prefetch.h - memory that the leader needs soon, fetched while it works. Layer: engine_local,
 * private to it.
 *
 * The bytes of an append were written by another processor, and the cache of heads is larger than
 * the caches of one: without a hint the leader waits for memory at each append. All distances are
 * here, because they belong together. Hints change no result.
 */
#ifndef FCT_ENGINE_LOCAL_PREFETCH_H
#define FCT_ENGINE_LOCAL_PREFETCH_H

#include "core/hash.h"
#include "engine_local/commit.h"

struct fct_local;

#define FCT_STREAMS_AHEAD 8u /* streams of one append whose heads are fetched before their turn */

/* The hashes of an append's streams, in the order of its expectations. */
struct fct_stream_hashes {
    struct fct_hash128 ring[FCT_STREAMS_AHEAD];
    size_t hashed; /* expectations whose hash was made */
};

/* Begins with the first stream of |commit|, whose hash is known. */
void fct_stream_hashes_init(struct fct_stream_hashes *hashes, const struct fct_commit_op *commit);
/* The hash of the stream of expectation |i|: 0, 1, ... in order. Fetches the heads of the next
 * ones. */
struct fct_hash128 fct_stream_hashes_next(struct fct_stream_hashes *hashes,
                                          const struct fct_local *local,
                                          const factum_append_request *request, size_t i);

/* Fetches the two appends after |commit| in the list that ends before |end|: the bytes of the first
 * event of the next one, the request and the first head of the one after it. */
void fct_prefetch_appends(const struct fct_local *local, const struct fct_commit_op *commit,
                          const struct fct_commit_op *end);

#endif
