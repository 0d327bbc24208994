/* scan.h - the scan of the last segment: where does it end, and what is known to have been
 * acknowledged? Layer: log, private to it. Reads only. */
#ifndef FCT_LOG_SCAN_H
#define FCT_LOG_SCAN_H

#include "log/log_int.h"

#define FCT_SCAN_POINTS_MAX 3u

struct fct_scan {
    struct fct_segment *segment;
    const uint8_t *map;
    uint64_t base;
    uint64_t offset;    /* of the next batch; at the end: X */
    uint64_t start;     /* where the scan began */
    uint64_t zero_from; /* nothing but zeros from this offset on, X at least; see fct_scan_rest */
    uint64_t chain;     /* that the next batch carries */
    uint64_t number;    /* of the next batch */
    uint64_t evidence;  /* position: everything before it was acknowledged as durable */
    uint64_t records;   /* seen */
    int64_t created_first;
    int64_t created_last;
    uint32_t epoch; /* greatest one seen */
    bool sealed;    /* X is the end of a seal */
    bool failed;    /* a block from X on cannot be read; see fct_scan_rest */
    /* One of the points, up to X, that names another batch than the one that verifies there, or a
     * place where none begins; or NULL. */
    const struct fct_log_point *foreign;
};

/* Runs from the start of |segment|, which is mapped, or from the furthest of |points| that the
 * bytes before it prove. All of them are evidence. If not NULL, *proven gets the scan state at the
 * last batch whose predecessors are all known to be durable. */
void fct_scan_run(struct fct_scan *scan, struct fct_segment *segment,
                  const struct fct_log_point *points, size_t point_count, struct fct_scan *proven);
/* Runs again from |proven| on, on the map that the segment has now. */
void fct_scan_again(struct fct_scan *scan, const struct fct_scan *proven);
/* Looks at what follows X: sets zero_from and failed, and adds to the evidence what headers say
 * that verify. From the offset |zeros| on there is nothing but zeros. */
void fct_scan_rest(struct fct_scan *scan, uint64_t zeros);
/* The end of what is not zero in |bytes|; 0 if all is. */
uint64_t fct_scan_data_end(const uint8_t *bytes, uint64_t size);
/* The end of what is not zero in [from, to) of |segment|, which is mapped; |from| if all is. Blocks
 * that cannot be read count as not zero; *failed says whether there are any. */
uint64_t fct_scan_zero_from(struct fct_segment *segment, uint64_t from, uint64_t to, bool *failed);

#endif
