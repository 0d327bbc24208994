/* tail.h - mending the end of the last segment. Layer: log, private to it. */
#ifndef FCT_LOG_TAIL_H
#define FCT_LOG_TAIL_H

#include "log/scan.h"

/* What lies behind X was never acknowledged: keeps it in log/torn-<position>, zeroes it, writes
 * again what is not proven to be on disk (rule R12), cuts a sealed file at its seal, syncs. May be
 * interrupted anywhere and begun again. */
FCT_MUST_USE factum_status fct_tail_recover(struct fct_log *log, struct fct_segment *segment,
                                            const struct fct_scan *scan, factum_error *err);

/* Copies [from, to) of the mapped |segment| into |dir|/|name|, durably; never half a file. */
FCT_MUST_USE factum_status fct_tail_copy(const struct fct_log *log,
                                         const struct fct_segment *segment, uint64_t from,
                                         uint64_t to, const char *name, factum_error *err);
/* Writes zeros over [offset, end), without a sync. */
FCT_MUST_USE factum_status fct_tail_fill(const struct fct_log *log, struct fct_segment *segment,
                                         uint64_t offset, uint64_t end, factum_error *err);
/* Zeroes what is not zero from |offset| on, without a sync. |*size| bytes were in the way. */
FCT_MUST_USE factum_status fct_tail_zero(const struct fct_log *log, struct fct_segment *segment,
                                         uint64_t offset, uint64_t *size, factum_error *err);

#endif
