/* tail.h - the end of the last segment, after a crash: truncates a torn tail, and makes sure that
 * what stays is on disk. Layer: log, private to it. */
#ifndef FCT_LOG_TAIL_H
#define FCT_LOG_TAIL_H

#include "log/scan.h"

/* Bytes after the end of the valid log were never acknowledged: copies them to
 * log/torn-<position> and zeroes them. Then rewrites the valid bytes that are not proven to be on
 * disk (rule R12), truncates a sealed file at its seal, and syncs. A crash anywhere in it is
 * repaired by the next call. */
FCT_MUST_USE factum_status fct_tail_recover(struct fct_log *log, struct fct_segment *segment,
                                            const struct fct_scan *scan, factum_error *err);

/* Writes zeros over [offset, end) of the file, without a sync. */
FCT_MUST_USE factum_status fct_tail_fill(const struct fct_log *log, struct fct_segment *segment,
                                         uint64_t offset, uint64_t end, factum_error *err);
/* Zeroes everything that is not zero from |offset| on, without a sync. *size gets the number of
 * bytes from |offset| to the last one that was not zero. */
FCT_MUST_USE factum_status fct_tail_zero(const struct fct_log *log, struct fct_segment *segment,
                                         uint64_t offset, uint64_t *size, factum_error *err);

#endif
