/* scan.h - the scan of a segment that is not known to end with its seal, the last one or one whose
 * seal is missing: where does the valid log end, and what is known to have been durable? Layer:
 * log, private to it. Reads only.
 *
 * For the last segment, recovery calls fct_scan_run. If the last close was clean, that is all.
 * Otherwise a writer drops the page cache and calls fct_scan_again, because the cache may show what
 * a failed sync never wrote (R12); then fct_scan_rest looks for evidence after the end (R11). For a
 * segment whose seal is missing: fct_scan_run without points, then fct_scan_rest.
 *
 * A point (struct fct_log_point) is a batch boundary that another file proves was durable, with the
 * number and the chain value of the batch that begins there. A chain value is computed from the
 * batch before, so it tells histories apart.
 *
 * Invariants of a scan:
 *  1. 4096 <= start <= offset <= the segment's capacity. start and offset are multiples of 8.
 *  2. [start, offset) consists of valid batches, in one chain.
 *  3. evidence >= base + 4096: the header is durable before the file gets the name of a segment.
 *  4. |offset| is the end of the valid log, as the map shows it, once fct_scan_run or
 *     fct_scan_again has returned.
 */
#ifndef FCT_LOG_SCAN_H
#define FCT_LOG_SCAN_H

#include "log/log_int.h"

#define FCT_SCAN_POINTS_MAX 3u /* END, LAST and the manifest of the index (proofs.h) */

struct fct_scan {
    struct fct_segment *segment;
    const uint8_t *map;
    uint64_t base;
    uint64_t offset;    /* of the next batch; at the end: the end of the valid log */
    uint64_t start;     /* where the scan began */
    uint64_t zero_from; /* by fct_scan_rest, 0 before it: only zeros follow this offset */
    uint64_t chain;     /* that the next batch must carry */
    uint64_t number;    /* of the next batch */
    uint64_t evidence;  /* a position: everything before it was durable once */
    uint64_t records;   /* in [start, offset) */
    /* Of the records in [start, offset), ns since 1970; 0: no record. All records of a batch have
     * the same time, so only the first is read. */
    int64_t created_first;
    int64_t created_last;
    /* The greatest of the batches in [start, offset) and of those that confirmed a point; 0: none.
     * Each opening of the log has a greater one. */
    uint32_t epoch;
    bool sealed; /* the valid log ends with a seal, the last batch of a full segment */
    bool failed; /* by fct_scan_rest: a block after |offset| cannot be read */
    /* A point that the segment contradicts, so that it belongs to another history (R13): a valid
     * batch ends there, or the segment's first batch begins there, but the next number or the chain
     * value differs; or the scan passed it and no batch ends there. NULL: none was found. Borrowed
     * from |points|, which must outlive the scan. */
    const struct fct_log_point *foreign;
};

/* Scans |segment|, which is mapped, from its start, or from the furthest of at most
 * FCT_SCAN_POINTS_MAX |points| that the batch before the point confirms (its number and chain
 * value). Each point is also evidence, wherever it is. *proven, if not NULL, gets the state of the
 * scan at the last batch boundary that is not after |evidence|: everything before it is on the
 * device. */
void fct_scan_run(struct fct_scan *scan, struct fct_segment *segment,
                  const struct fct_log_point *points, size_t point_count, struct fct_scan *proven);
/* Scans again from |proven|, after the cache was dropped and the segment mapped again. Keeps
 * evidence and |foreign|; fct_scan_rest must follow. */
void fct_scan_again(struct fct_scan *scan, const struct fct_scan *proven);
/* Looks at the bytes after the valid log: sets zero_from and failed, and raises the evidence
 * to the greatest durable_upto of the batch headers found there, if that is greater. The caller
 * knows that only zeros follow the offset |zeros|; the capacity if it knows nothing. */
void fct_scan_rest(struct fct_scan *scan, uint64_t zeros);
/* The end of the last byte that is not zero in |bytes|; 0 if all are zero. */
uint64_t fct_scan_data_end(const uint8_t *bytes, uint64_t size);
/* The end of the last byte that is not zero in [from, to) of |segment|, which is mapped; |from| if
 * all are zero. A block that cannot be read counts as not zero, and sets *failed. */
uint64_t fct_scan_zero_from(struct fct_segment *segment, uint64_t from, uint64_t to, bool *failed);

#endif
