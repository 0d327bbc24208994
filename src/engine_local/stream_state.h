/* stream_state.h - the state of one stream, by log and index. Layer: engine_local.
 *
 * For the append path (heads), for questions, and for readers of a stream. Knows nothing of the
 * batch under way.
 */
#ifndef FCT_ENGINE_LOCAL_STREAM_STATE_H
#define FCT_ENGINE_LOCAL_STREAM_STATE_H

#include "codec/record.h"
#include "engine/rules.h"
#include "engine_local/heads.h"

struct fct_local;

/* Finds the last event of a stream before |upto|. DONE: the stream has no event before it. */
FCT_MUST_USE factum_status fct_local_last_record(struct fct_local *local, factum_slice stream,
                                                 uint64_t upto, struct fct_record *record,
                                                 factum_error *err);
/* The state now, as heads.h has it. head->hash is left alone. */
FCT_MUST_USE factum_status fct_local_load_head(struct fct_local *local, factum_slice stream,
                                               struct fct_head *head, factum_error *err);
/* The state at |upto|: what a reader does not see yet must not hide what it sees, as the next event
 * of a stream with $maxCount would. |metadata| is what the stream's metadata said then. */
FCT_MUST_USE factum_status fct_stream_state_at(struct fct_local *local, factum_slice stream,
                                               uint64_t upto, factum_stream_info *info,
                                               struct fct_stream_metadata *metadata,
                                               factum_error *err);

#endif
