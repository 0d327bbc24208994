/* prefetch.c - see prefetch.h. Layer: engine_local. */
#include "engine_local/prefetch.h"

#include "core/check.h"
#include "core/slice.h"
#include "engine_local/local_int.h"

#define CACHE_LINE 64u
#define DATA_MAX 512u     /* bytes of an event's data; the hardware follows a longer stretch */
#define METADATA_MAX 256u /* bytes of its metadata */

void fct_stream_hashes_init(struct fct_stream_hashes *hashes, const struct fct_commit_op *commit)
{
    hashes->ring[0] = commit->stream;
    hashes->hashed = 1;
}

struct fct_hash128 fct_stream_hashes_next(struct fct_stream_hashes *hashes,
                                          const struct fct_local *local,
                                          const factum_append_request *request, size_t i)
{
    FCT_ASSERT(i < request->expectation_count);
    size_t *hashed = &hashes->hashed;
    for (; *hashed < request->expectation_count && *hashed < i + FCT_STREAMS_AHEAD; ++*hashed) {
        struct fct_hash128 *hash = &hashes->ring[*hashed % FCT_STREAMS_AHEAD];
        *hash = fct_hash128(request->expectations[*hashed].stream, local->seed);
        fct_heads_prefetch(&local->heads, *hash);
    }
    FCT_ASSERT(*hashed > i);
    FCT_ASSERT(*hashed <= i + FCT_STREAMS_AHEAD); /* a hash is not replaced before its turn */
    return hashes->ring[i % FCT_STREAMS_AHEAD];
}

static void prefetch_slice(factum_slice slice, size_t max)
{
    for (size_t at = 0; at < slice.len && at < max; at += CACHE_LINE) {
        FCT_PREFETCH(slice.ptr + at);
    }
}

void fct_prefetch_appends(const struct fct_local *local, const struct fct_commit_op *commit,
                          const struct fct_commit_op *end)
{
    FCT_ASSERT(commit != end);
    const struct fct_commit_op *next = fct_commit_next(commit);
    if (next == end) {
        return;
    }
    if (next->request->event_count > 0) {
        const factum_new_event *event = &next->request->events[0];
        FCT_PREFETCH(event->stream.ptr);
        prefetch_slice(event->data, DATA_MAX);
        prefetch_slice(event->metadata, METADATA_MAX);
    }
    next = fct_commit_next(next);
    if (next == end) {
        return;
    }
    if (next->request->event_count > 0) {
        const uint8_t *event = (const uint8_t *)next->request->events;
        prefetch_slice(fct_slice(event, sizeof(factum_new_event)), sizeof(factum_new_event));
    }
    FCT_PREFETCH(next->request->expectations);
    fct_heads_prefetch(&local->heads, next->stream);
}
