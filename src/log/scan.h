/* scan.h - the scan of the last segment: where does the valid log end, and what is known to have
 * been acknowledged? Layer: log, private to it. Reads only.
 *
 * Invariants of a scan:
 *  1. start <= offset <= the segment's capacity; both are multiples of 8, and at least 4096.
 *  2. [start, offset) is batches that verify, in one chain.
 *  3. evidence >= base + 4096: the header of a segment is durable before the segment exists.
 *  4. |offset| is the end of the valid log once fct_scan_run() has returned.
 */
#ifndef FCT_LOG_SCAN_H
#define FCT_LOG_SCAN_H

#include "log/log_int.h"

#define FCT_SCAN_POINTS_MAX 3u

struct fct_scan {
    struct fct_segment *segment;
    const uint8_t *map;
    uint64_t base;
    uint64_t offset;    /* of the next batch; at the end: the end of the valid log */
    uint64_t start;     /* where the scan began */
    uint64_t zero_from; /* only zeros from this offset on; at least |offset|; see fct_scan_rest */
    uint64_t chain;     /* that the next batch must carry */
    uint64_t number;    /* of the next batch */
    uint64_t evidence;  /* a position: everything before it was acknowledged as durable */
    uint64_t records;   /* in [start, offset) */
    int64_t created_first;
    int64_t created_last;
    uint32_t epoch; /* the greatest one seen */
    bool sealed;    /* the valid log ends with a seal */
    bool failed;    /* a block from |offset| on cannot be read; see fct_scan_rest */
    /* A point that the segment contradicts: the batch that ends there has another number or
     * chain value, or no batch boundary is there although the scan passed it. NULL if none was
     * found. Borrowed from |points|, which must outlive the scan. */
    const struct fct_log_point *foreign;
};

/* Scans |segment|, which is mapped, from its start, or from the furthest of |points| that the bytes
 * before it prove. All points are evidence. If not NULL, *proven gets the scan state at the last
 * batch whose predecessors are all known to be durable. */
void fct_scan_run(struct fct_scan *scan, struct fct_segment *segment,
                  const struct fct_log_point *points, size_t point_count, struct fct_scan *proven);
/* Scans again from |proven| on, on the map that the segment has now. */
void fct_scan_again(struct fct_scan *scan, const struct fct_scan *proven);
/* Looks at the bytes after the valid log: sets zero_from and failed, and adds what headers there
 * prove to the evidence. From the offset |zeros| on there are only zeros. */
void fct_scan_rest(struct fct_scan *scan, uint64_t zeros);
/* The end of the last byte that is not zero in |bytes|; 0 if all are zero. */
uint64_t fct_scan_data_end(const uint8_t *bytes, uint64_t size);
/* The end of the last byte that is not zero in [from, to) of |segment|, which is mapped; |from| if
 * all are zero. A block that cannot be read counts as not zero; *failed: there is such a block. */
uint64_t fct_scan_zero_from(struct fct_segment *segment, uint64_t from, uint64_t to, bool *failed);

#endif
