/* verify.c - is everything what it says it is? Log against itself, log against index.
 * Layer: engine_local.
 *
 * The log is read from the device (fct_log_verify); then every event is looked up: it must be what
 * the index gives for its stream and revision, so that revisions are dense and no posting points
 * elsewhere; and the index must hold as many postings of each kind as the log has events for.
 * Streams deleted or truncated are checked too: their events are still there.
 */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local_int.h"

struct counts {
    uint64_t events;
    uint64_t categories;
    uint64_t keys;
};

static void note(factum_verify_report *report, const char *text)
{
    if (report->problems++ == 0) {
        (void)snprintf(report->first_problem, sizeof report->first_problem, "%s", text);
    }
}

/* What the parts of the work cost, as if each were reading so many bytes of the log: measured with
 * 1,000,000 events. */
enum {
    RUN_BYTE_COST = 8, /* a byte of a run */
    POSTING_COST = 1024,
};

/* The work: the log is read, then the runs of the index, then each event is looked up. */
struct work {
    const factum_progress *progress;
    uint64_t total;   /* as reported: the log is read twice */
    double parts[3];  /* their costs */
    double all_parts; /* the sum of the costs */
};

static struct work plan_work(struct fct_local *local, uint64_t end, const factum_progress *progress)
{
    struct fct_index_stats stats;
    fct_index_stats(local->index, &stats);
    struct work work = {
        .progress = progress != NULL && progress->step != NULL ? progress : NULL,
        .total = end * 2,
        .parts = {(double)end, (double)stats.run_bytes * RUN_BYTE_COST,
                  (double)end + (double)stats.postings * POSTING_COST},
    };
    work.all_parts = work.parts[0] + work.parts[1] + work.parts[2];
    return work;
}

/* Reports |done| of |total| of a part. False: the caller wants to stop. */
static bool work_step(const struct work *work, size_t part, uint64_t done, uint64_t total)
{
    if (work->progress == NULL || total == 0 || work->total == 0) {
        return true;
    }
    double cost = work->parts[part] * ((double)(done < total ? done : total) / (double)total);
    for (size_t i = 0; i < part; i++) {
        cost += work->parts[i];
    }
    uint64_t reported = (uint64_t)(cost / work->all_parts * (double)work->total);
    return work->progress->step(work->progress->data,
                                reported < work->total ? reported : work->total, work->total);
}

static bool log_step(void *data, uint64_t done, uint64_t total)
{
    return work_step(data, 0, done, total);
}

/* Does the index lead to |record|? */
static factum_status check_posting(struct fct_local *local, const struct fct_record *record,
                                   factum_verify_report *report, factum_error *err)
{
    struct fct_index_key key = fct_index_key(local->index, FCT_INDEX_STREAM, record->stream);
    struct fct_postings postings;
    uint64_t position = 0;
    fct_postings_init(&postings, local->index, &key);
    factum_status status;
    if (record->revision == FACTUM_REVISION_TOMBSTONE || local->hash_mask != 0) {
        status = fct_postings_seek_position(&postings, record->position, err);
    } else {
        fct_postings_seek(&postings, record->revision);
        status = FACTUM_OK;
    }
    if (status == FACTUM_OK) {
        status = fct_postings_next(&postings, &position, err);
    }
    if (status < 0) {
        return status;
    }
    report->index_postings_checked++;
    if (status == FACTUM_DONE || position != record->position) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "the index does not lead to the event at position %llu: run factum repair "
                       "--rebuild-index",
                       (unsigned long long)record->position);
        note(report, text);
    }
    return FACTUM_OK;
}

static factum_status check_events(struct fct_local *local, uint64_t end, const struct work *work,
                                  struct counts *counts, factum_verify_report *report,
                                  factum_error *err)
{
    struct fct_log_walk walk;
    struct fct_record record;
    int64_t created = INT64_MIN;
    factum_status status = fct_log_walk_init(&walk, local->log, 0, err);
    while (status == FACTUM_OK && (status = fct_log_walk_next(&walk, &record, err)) == FACTUM_OK) {
        if (record.position >= end) {
            break;
        }
        if (record.kind != FCT_RECORD_EVENT) {
            counts->keys++;
            continue;
        }
        counts->events++;
        counts->categories += fct_category(record.stream).len > 0 ? 1 : 0;
        if (record.created < created) {
            note(report, "an event was recorded as created before the one before it");
        }
        created = record.created;
        report->streams_checked += record.revision == 0 ? 1 : 0;
        status = check_posting(local, &record, report, err);
        if (status == FACTUM_OK && counts->events % 4096 == 0 &&
            !work_step(work, 2, record.position, end)) {
            status = fct_fail(err, FACTUM_CANCELLED, "verify was stopped");
        }
    }
    return status < 0 ? status : FACTUM_OK;
}

static factum_status check_kind(struct fct_local *local, enum fct_index_kind kind,
                                uint64_t expected, const char *name, factum_verify_report *report,
                                factum_error *err)
{
    struct fct_index_keys *keys;
    uint64_t postings = 0;
    factum_status status = fct_index_keys_open(local->index, kind, &keys, err);
    while (status == FACTUM_OK) {
        struct fct_index_key key;
        uint64_t count;
        uint64_t first;
        uint64_t last;
        status = fct_index_keys_next(keys, &key, &count, &first, &last, err);
        postings += status == FACTUM_OK ? count : 0;
    }
    fct_index_keys_close(keys);
    if (status == FACTUM_DONE && postings < expected) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "the index has %llu postings of kind %s, the log %llu: run factum repair "
                       "--rebuild-index",
                       (unsigned long long)postings, name, (unsigned long long)expected);
        note(report, text);
    }
    return status < 0 ? status : FACTUM_OK;
}

/* Every stream is in the list of births; how many more there are (tombstones) is not counted. */
static factum_status check_births(struct fct_local *local, factum_verify_report *report,
                                  factum_error *err)
{
    struct fct_index_key births = fct_index_births_key(FCT_INDEX_STREAM);
    uint64_t listed;
    factum_status status = fct_index_find(local->index, &births, &listed, NULL, NULL, err);
    if (status == FACTUM_OK && listed < report->streams_checked) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "the index lists %llu streams, the log has %llu: run factum repair "
                       "--rebuild-index",
                       (unsigned long long)listed, (unsigned long long)report->streams_checked);
        note(report, text);
    }
    return status;
}

static factum_status check_index(struct fct_local *local, uint64_t end, const struct work *work,
                                 factum_verify_report *report, factum_error *err)
{
    struct counts counts = {0};
    factum_status status = fct_index_verify(local->index, err);
    if (status == FACTUM_CORRUPT) {
        note(report, err == NULL ? "the index is damaged" : err->text);
        status = fct_local_heal_index(local, err);
    }
    if (status == FACTUM_OK && !work_step(work, 1, 1, 1)) {
        status = fct_fail(err, FACTUM_CANCELLED, "verify was stopped");
    }
    if (status == FACTUM_OK) {
        status = check_events(local, end, work, &counts, report, err);
    }
    report->events = counts.events;
    if (status == FACTUM_OK) {
        status = check_kind(local, FCT_INDEX_STREAM, counts.events, "stream", report, err);
    }
    if (status == FACTUM_OK) {
        status = check_kind(local, FCT_INDEX_TYPE, counts.events, "type", report, err);
    }
    if (status == FACTUM_OK) {
        status = check_kind(local, FCT_INDEX_CATEGORY, counts.categories, "category", report, err);
    }
    if (status == FACTUM_OK) {
        status = check_births(local, report, err);
    }
    return status == FACTUM_OK
               ? check_kind(local, FCT_INDEX_KEY, counts.keys, "idempotency key", report, err)
               : status;
}

factum_status fct_local_verify(void *self, const factum_progress *progress,
                               factum_verify_report *report, factum_error *err)
{
    struct fct_local *local = self;
    struct fct_log_verify_report log_report;
    uint64_t end = atomic_load(&local->published);
    struct work work = plan_work(local, end, progress);
    *report = (factum_verify_report){.size = sizeof *report, .damaged_from = UINT64_MAX};
    factum_error own;
    factum_error *reason = err == NULL ? &own : err;
    factum_status status = fct_log_verify(local->log, log_step, &work, &log_report, reason);
    report->segments = log_report.segments;
    report->batches = log_report.batches;
    report->records = log_report.records;
    report->log_bytes = log_report.bytes;
    report->damaged_from = log_report.bad_from;
    report->chain = log_report.chain;
    if (status == FACTUM_CORRUPT) {
        note(report, reason->text);
        return status;
    }
    if (status == FACTUM_OK) {
        status = check_index(local, end, &work, report, reason);
    }
    if (status == FACTUM_OK && report->problems > 0) {
        return fct_fail(err, FACTUM_CORRUPT, "%s", report->first_problem);
    }
    return status;
}
