/* proofs.h - what other files prove of how far the log was durable: log/END, log/LAST, and the
 * manifest of the index. Layer: log, private to it. Reads only.
 *
 * Invariants:
 *  1. names[i] names the file that proves points[i], for each i below |count|.
 *  2. end <= proven_end.
 */
#ifndef FCT_LOG_PROOFS_H
#define FCT_LOG_PROOFS_H

#include "log/scan.h"

struct fct_proofs {
    struct fct_log_point points[FCT_SCAN_POINTS_MAX];
    const char *names[FCT_SCAN_POINTS_MAX];
    size_t count;
    uint64_t end;        /* the position in log/END; 0 without that file */
    uint64_t proven_end; /* the greater position of END and LAST */
    uint32_t epoch;
};

/* Reads the proofs of this store. A file that does not verify proves nothing. Sets log->end_file to
 * whether END exists. Errors: those of os.h. */
FCT_MUST_USE factum_status fct_proofs_gather(struct fct_proofs *proofs, struct fct_log *log,
                                             const struct fct_log_options *options,
                                             factum_error *err);
/* Sets *any if END or LAST exists, valid or not. Errors: those of os.h. */
FCT_MUST_USE factum_status fct_proofs_exist(const struct fct_log *log, bool *any,
                                            factum_error *err);
/* CORRUPT if the log contradicts a proof at a position before |upto| (rule R13); the scan judges
 * the others. Where damage before a position hides the answer, the proof is not contradicted. */
FCT_MUST_USE factum_status fct_proofs_check(const struct fct_proofs *proofs, struct fct_log *log,
                                            uint64_t upto, factum_error *err);
/* Returns CORRUPT: |segment| contains another history than |point|, one of the proofs, names. */
FCT_COLD factum_status fct_proofs_refuse(const struct fct_proofs *proofs,
                                         const struct fct_log_point *point,
                                         const struct fct_segment *segment, factum_error *err);

#endif
