/* proofs.h - what other files say of how far the log was durable: log/END, log/LAST, and the
 * manifest of the index. Layer: log, private to it. Reads only. */
#ifndef FCT_LOG_PROOFS_H
#define FCT_LOG_PROOFS_H

#include "log/scan.h"

struct fct_proofs {
    struct fct_log_point points[FCT_SCAN_POINTS_MAX];
    const char *names[FCT_SCAN_POINTS_MAX]; /* who says it */
    size_t count;
    uint64_t end;        /* position in log/END; 0 if there is none */
    uint64_t proven_end; /* of END and LAST, the greater one */
    uint32_t epoch;
};

/* Those of this store. One that does not verify proves nothing; log->end_file becomes whether END
 * exists. */
FCT_MUST_USE factum_status fct_proofs_gather(struct fct_proofs *proofs, struct fct_log *log,
                                             const struct fct_log_options *options,
                                             factum_error *err);
/* Is any of END and LAST there, in whatever state? Sets *any if so. */
FCT_MUST_USE factum_status fct_proofs_exist(const struct fct_log *log, bool *any,
                                            factum_error *err);
/* CORRUPT if the log holds another history than a proof names (rule R13), of those whose place lies
 * before |upto|: the scan judges the others. A place that cannot be judged, because of damage
 * before it, counts as right. */
FCT_MUST_USE factum_status fct_proofs_check(const struct fct_proofs *proofs, struct fct_log *log,
                                            uint64_t upto, factum_error *err);
/* CORRUPT: |segment| holds another history than |point|, one of the proofs, names. */
FCT_COLD factum_status fct_proofs_refuse(const struct fct_proofs *proofs,
                                         const struct fct_log_point *point,
                                         const struct fct_segment *segment, factum_error *err);

#endif
