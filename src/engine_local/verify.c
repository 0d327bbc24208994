/* verify.c - checks the log against itself, and the index against the log. Layer: engine_local.
 *
 * First the index is read and checked (fct_index_verify), then the log, from the device
 * (fct_log_verify), then the index again (fct_index_scan). While the log is read, the postings that
 * it demands are summed (verify_demand.h); while the index is scanned, the postings that it has
 * (posting_sums.h). The sums are equal if the index has what the log demands and nothing else, and
 * if each event's place in the list of its stream is its revision, so that revisions are
 * consecutive. Where sums differ, the postings are looked up (verify_suspects.h); there names
 * decide, because names may share a hash.
 *
 * Events that are appended meanwhile are not looked at. Memory: the sums, 448 KiB, and what
 * verify_demand.h, index/scan.h and fct_log_verify say; none of it grows with the number of events
 * or names. Streams that are deleted or truncated are checked too: their events still exist.
 */
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "engine_local/local_int.h"
#include "engine_local/verify_demand.h"
#include "engine_local/verify_suspects.h"
#include "index/scan.h"

#define HEALS_MAX 16u /* damaged runs that one verify rebuilds */
/* Time to read a byte of a run, in bytes of the log: measured with 5 million events. */
#define RUN_BYTE_COST 2u

struct verify {
    struct fct_local *local;
    const factum_progress *progress;
    uint64_t done; /* bytes read so far, at their cost; bytes that are read twice count twice */
    uint64_t total;
    uint64_t log_from; /* |done| when the log was begun */
    uint64_t end;      /* positions before it are verified: what was published at the beginning */
    factum_verify_report *report;
    struct fct_posting_sums *of_log;
    struct fct_posting_sums *of_index;
    struct fct_demand demand;
    bool demands;    /* the index is sound enough to be searched: |demand| is used */
    int64_t created; /* of the last event */
};

static void verify_check(const struct verify *verify)
{
    FCT_ASSERT(verify->end > 0);
    FCT_ASSERT(verify->log_from <= verify->done);
    FCT_ASSERT(verify->of_index != verify->of_log);
}

static bool take_step(struct verify *verify)
{
    const factum_progress *progress = verify->progress;
    uint64_t done = verify->done < verify->total ? verify->done : verify->total;
    return progress == NULL || progress->step == NULL ||
           progress->step(progress->data, done, verify->total);
}

static bool more_step(void *data, uint64_t more)
{
    struct verify *verify = data;
    verify->done += more;
    return take_step(verify);
}

static bool runs_step(void *data, uint64_t bytes)
{
    return more_step(data, bytes * RUN_BYTE_COST);
}

static bool log_step(void *data, uint64_t done, uint64_t total)
{
    struct verify *verify = data;
    (void)total;
    FCT_ASSERT(verify->log_from + done >= verify->done); /* progress never falls */
    verify->done = verify->log_from + done;
    return take_step(verify);
}

/* ---- the log --------------------------------------------------------------------------------- */

static factum_status log_record(void *data, const struct fct_record *record, factum_error *err)
{
    struct verify *verify = data;
    factum_verify_report *report = verify->report;
    if (record->position >= verify->end) {
        return FACTUM_OK;
    }
    if (record->kind == FCT_RECORD_EVENT) {
        report->events++;
        report->streams_checked += record->revision == 0 ? 1 : 0;
        if (record->created < verify->created) {
            fct_verify_note(report, "an event was recorded as created before the one before it");
        }
        verify->created = record->created;
    }
    return verify->demands ? fct_demand_add(&verify->demand, record, err) : FACTUM_OK;
}

static factum_status check_log(struct verify *verify, factum_error *err)
{
    struct fct_log_verify_report log;
    factum_verify_report *report = verify->report;
    const struct fct_log_visitor visitor = {verify, log_step, log_record};
    verify->log_from = verify->done;
    verify_check(verify);
    factum_status status = fct_log_verify(verify->local->log, &visitor, &log, err);
    report->segments = log.segments;
    report->batches = log.batches;
    report->records = log.records;
    report->log_bytes = log.bytes;
    report->damaged_from = log.bad_from;
    report->chain = log.chain;
    if (status == FACTUM_CORRUPT) {
        report->problems = 0; /* the damage of the log is the first problem */
        fct_verify_note(report, "%s", err->text);
    }
    return status;
}

/* ---- the index ------------------------------------------------------------------------------- */

static factum_status index_postings(void *data, const struct fct_index_postings *postings,
                                    factum_error *err)
{
    struct verify *verify = data;
    const uint64_t *positions = postings->positions;
    uint32_t count = postings->count;
    (void)err;
    FCT_ASSERT(postings->key.kind <= FCT_INDEX_BIRTH);
    while (count > 0 && positions[count - 1] >= verify->end) {
        count--; /* appended meanwhile */
    }
    fct_posting_sums_add(verify->of_index, &postings->key, postings->ordinal, positions, count);
    if (count > 0 && postings->ordinal == 0 && fct_posting_sums_has_firsts(postings->key.kind)) {
        fct_posting_sums_add_first(verify->of_index, &postings->key, positions[0]);
    }
    verify->report->index_postings_checked += count;
    return FACTUM_OK;
}

static factum_status sum_index(struct verify *verify, factum_error *err)
{
    const struct fct_index_visitor visitor = {verify, runs_step, index_postings};
    verify_check(verify);
    memset(verify->of_index, 0, sizeof *verify->of_index);
    verify->report->index_postings_checked = 0;
    return fct_index_scan(verify->local->index, &visitor, err);
}

/* Looks up the postings whose sums differ. */
static factum_status compare(struct verify *verify, factum_error *err)
{
    struct fct_local *local = verify->local;
    verify_check(verify);
    FCT_ASSERT(verify->demands);
    struct fct_suspects *suspects = fct_mem_zalloc(local->mem, 1, sizeof *suspects);
    if (suspects == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "verify: out of memory");
    }
    *suspects = (struct fct_suspects){.local = local,
                                      .end = verify->end,
                                      .report = verify->report,
                                      .data = verify,
                                      .progress = more_step};
    bool differ = fct_suspects_find(suspects, verify->of_log, verify->of_index);
    if (verify->demand.in_doubt) {
        fct_suspects_all(suspects);
    }
    factum_status status = FACTUM_OK;
    if (differ || verify->demand.in_doubt) {
        struct fct_index_stats stats;
        fct_index_stats(local->index, &stats);
        verify->total += verify->end + stats.run_bytes;
        status = fct_suspects_look_up(suspects, err);
    }
    fct_mem_free(local->mem, suspects);
    return status;
}

/* Damage that a scan meets is healed, and then everything is summed again: a scan that ended
 * halfway has sums of nothing. */
static factum_status check_index(struct verify *verify, factum_error *err)
{
    const factum_verify_report before = *verify->report;
    factum_status status = FACTUM_CORRUPT;
    for (unsigned tries = 0; status == FACTUM_CORRUPT && tries < HEALS_MAX; tries++) {
        *verify->report = before;
        status = sum_index(verify, err);
        status = status == FACTUM_OK ? compare(verify, err) : status;
        if (status == FACTUM_CORRUPT) {
            factum_status healed = fct_local_heal_index(verify->local, err);
            if (healed != FACTUM_OK) {
                return healed;
            }
        }
    }
    return status;
}

static factum_status check_all(struct verify *verify, factum_error *err)
{
    const struct fct_index_visitor visitor = {verify, runs_step, NULL};
    factum_error damage;
    factum_error unhealed;
    factum_status verified = fct_index_verify(verify->local->index, &visitor, &damage);
    factum_status healed = FACTUM_OK;
    if (verified == FACTUM_CORRUPT) { /* noted below, after damage of the log */
        healed = fct_local_heal_index(verify->local, &unhealed);
    } else if (verified != FACTUM_OK) {
        *err = damage;
        return verified;
    }
    verify->demands = healed == FACTUM_OK;
    verify_check(verify);
    FCT_ASSERT(verify->report->problems == 0);
    factum_status status = check_log(verify, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (verified == FACTUM_CORRUPT) {
        fct_verify_note(verify->report, "%s", damage.text);
    }
    if (healed != FACTUM_OK) {
        *err = unhealed;
        return healed;
    }
    return check_index(verify, err);
}

factum_status fct_local_verify(void *self, const factum_progress *progress,
                               factum_verify_report *report, factum_error *err)
{
    struct fct_local *local = self;
    struct fct_index_stats stats;
    fct_local_check(local);
    *report = (factum_verify_report){.size = sizeof *report, .damaged_from = UINT64_MAX};
    fct_index_stats(local->index, &stats);
    struct fct_posting_sums *sums = fct_mem_zalloc(local->mem, 2, sizeof *sums);
    if (sums == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "verify: out of memory");
    }
    struct verify verify = {
        .local = local,
        .progress = progress,
        .total = fct_log_end(local->log) + UINT64_C(2) * RUN_BYTE_COST * stats.run_bytes,
        .end = atomic_load(&local->published),
        .report = report,
        .of_log = &sums[0],
        .of_index = &sums[1],
        .created = INT64_MIN,
    };
    fct_demand_init(&verify.demand, local, verify.of_log);
    factum_status status = check_all(&verify, err);
    fct_demand_finish(&verify.demand);
    fct_mem_free(local->mem, sums);
    if (status == FACTUM_OK && report->problems > 0) {
        return fct_fail(err, FACTUM_CORRUPT, "%s", report->first_problem);
    }
    return status;
}
