/* stream_state.h - the state of one stream, looked up in index and log. Layer: engine_local.
 *
 * Serves the append path (heads), questions, and readers of a stream. Knows nothing of the batch
 * under way.
 */
#ifndef FCT_ENGINE_LOCAL_STREAM_STATE_H
#define FCT_ENGINE_LOCAL_STREAM_STATE_H

#include "codec/record.h"
#include "engine/rules.h"
#include "engine_local/heads.h"

struct fct_local;

/* Finds the last event of a stream before |upto|. DONE: the stream has no event there.
 * Errors: CORRUPT, IO. */
FCT_MUST_USE factum_status fct_local_last_record(struct fct_local *local, factum_slice stream,
                                                 uint64_t upto, struct fct_record *record,
                                                 factum_error *err);
/* Loads the head that a stream has now, except head->hash. Errors: as above. */
FCT_MUST_USE factum_status fct_local_load_head(struct fct_local *local, factum_slice stream,
                                               struct fct_head *head, factum_error *err);
/* Loads the state and metadata that a stream had at |upto|. Events that a reader does not see yet
 * must not hide events that it sees, as the next event of a stream with $maxCount would.
 * Errors: as above. */
FCT_MUST_USE factum_status fct_stream_state_at(struct fct_local *local, factum_slice stream,
                                               uint64_t upto, factum_stream_info *info,
                                               struct fct_stream_metadata *metadata,
                                               factum_error *err);

#endif
