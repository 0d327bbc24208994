/* timelines.h - the histories that a store has had, in its log directory and in its backups.
 * Layer: engine_local. What a timeline is: engine/token.h. */
#ifndef FCT_ENGINE_LOCAL_TIMELINES_H
#define FCT_ENGINE_LOCAL_TIMELINES_H

#include "engine/engine.h"

#define FCT_TIMELINES_NAME "TIMELINES"
#define FCT_TIMELINES_TEXT_SIZE 1104u /* with the zero byte */

/* The only timeline of a store that never forked. */
void fct_timelines_first(struct fct_timelines *timelines, factum_uuid store_id);
/* Reads the file in |log_dir|. A file that does not verify is not an error: *damaged is set, and
 * the only timeline is a new one.
 * Errors: IO, NO_MEMORY. */
FCT_MUST_USE factum_status fct_timelines_load(struct fct_timelines *timelines,
                                              const struct fct_os *os, const char *log_dir,
                                              factum_uuid store_id, bool *damaged,
                                              factum_error *err);
/* Adds a timeline that begins at |from| and replaces the file, durably. Timelines that begin at or
 * after |from| are removed; if there are too many, the oldest is removed. On failure |timelines| is
 * unchanged.
 * Errors: IO, NO_SPACE, NO_MEMORY. */
FCT_MUST_USE factum_status fct_timelines_fork(struct fct_timelines *timelines,
                                              const struct fct_os *os, const char *log_dir,
                                              factum_uuid store_id, uint64_t from,
                                              factum_error *err);
/* Writes the bytes of the file as hexadecimal text, for the manifest of a backup. */
void fct_timelines_format(const struct fct_timelines *timelines, factum_uuid store_id,
                          char text[FCT_TIMELINES_TEXT_SIZE]);
/* The reverse. False: |text| does not verify; |timelines| is unchanged. */
FCT_MUST_USE bool fct_timelines_parse(struct fct_timelines *timelines, factum_slice text,
                                      factum_uuid store_id);

#endif
