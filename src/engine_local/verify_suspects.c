/* verify_suspects.c - see verify_suspects.h. Layer: engine_local.
 *
 * Two questions are asked. Does the index have each posting that a suspected record demands, at the
 * place that the record's revision names? Does the log demand each suspected posting of the index?
 * If both are answered yes, log and index agree. fct_index_verify has checked before that the
 * positions of a list rise and that each list is found.
 */
#include "engine_local/verify_suspects.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local_int.h"
#include "engine_local/postings_of.h"
#include "index/scan.h"

#define PROGRESS_INTERVAL (UINT64_C(1) << 22) /* bytes of the log */
#define RUN_REBUILD "run factum repair --rebuild-index"

static void suspects_check(const struct fct_suspects *suspects)
{
    FCT_ASSERT(suspects->local != NULL);
    FCT_ASSERT(suspects->report != NULL);
    FCT_ASSERT(suspects->end > 0);
}

void fct_verify_note(factum_verify_report *report, const char *format, ...)
{
    if (report->problems++ == 0) {
        va_list arguments;
        va_start(arguments, format);
        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, the line before */
        (void)vsnprintf(report->first_problem, sizeof report->first_problem, format, arguments);
        va_end(arguments);
    }
}

bool fct_suspects_find(struct fct_suspects *suspects, const struct fct_posting_sums *log,
                       const struct fct_posting_sums *index)
{
    bool any = false;
    suspects_check(suspects);
    for (unsigned row = 0; row < FCT_SUM_ROWS; row++) {
        unsigned kind = row <= FCT_INDEX_BIRTH ? row : row - FCT_SUM_FIRSTS;
        FCT_ASSERT(kind <= FCT_INDEX_BIRTH);
        for (unsigned i = 0; i < FCT_SUM_BUCKETS; i++) {
            if (memcmp(&log->rows[row][i], &index->rows[row][i], sizeof log->rows[row][i]) != 0) {
                suspects->buckets[kind][i] = true;
                any = true;
            }
        }
    }
    return any;
}

void fct_suspects_all(struct fct_suspects *suspects)
{
    memset(suspects->buckets, 1, sizeof suspects->buckets);
}

static bool is_suspect(const struct fct_suspects *suspects, const struct fct_index_key *key,
                       uint64_t position)
{
    FCT_ASSERT(key->kind <= FCT_INDEX_BIRTH);
    return suspects->buckets[key->kind][fct_posting_bucket(key, position)];
}

static const char *kind_name(enum fct_index_kind kind)
{
    static const char *const names[] = {
        "", "stream", "category", "event type", "correlation id", "tag", "idempotency key"};
    static_assert(sizeof names / sizeof names[0] == FCT_INDEX_BIRTH, "each kind has a name");
    return kind < FCT_INDEX_BIRTH ? names[kind] : "";
}

static factum_status report_progress(struct fct_suspects *suspects, uint64_t more,
                                     factum_error *err)
{
    return suspects->progress == NULL || suspects->progress(suspects->data, more)
               ? FACTUM_OK
               : fct_fail(err, FACTUM_CANCELLED, "verify was stopped");
}

/* ---- of the log, in the index ---------------------------------------------------------------- */

/* OK: |position| is in the list of |key|, and |postings| is before it. DONE: it is not. */
static factum_status find_posting(struct fct_suspects *suspects, const struct fct_index_key *key,
                                  uint64_t position, struct fct_postings *postings,
                                  factum_error *err)
{
    uint64_t found = 0;
    fct_postings_init(postings, suspects->local->index, key);
    factum_status status = fct_postings_seek_position(postings, position, err);
    uint64_t ordinal = fct_postings_ordinal(postings);
    if (status == FACTUM_OK) {
        status = fct_postings_next(postings, &found, err);
    }
    if (status == FACTUM_OK && found != position) {
        status = FACTUM_DONE;
    }
    if (status == FACTUM_OK) {
        fct_postings_seek(postings, ordinal);
    }
    return status;
}

/* Finds the record before |record| in its stream, whose list other streams may share. |postings| is
 * before the posting of |record|. DONE: no posting is before it. */
static factum_status before_in_stream(struct fct_suspects *suspects,
                                      const struct fct_record *record,
                                      struct fct_postings *postings, struct fct_record *before,
                                      factum_error *err)
{
    uint64_t position;
    factum_status status;
    while ((status = fct_postings_previous(postings, &position, err)) == FACTUM_OK) {
        status = fct_log_find(suspects->local->log, position, before, err);
        if (status == FACTUM_OK && fct_slice_equal(before->stream, record->stream)) {
            return FACTUM_OK;
        }
        if (status < 0 && status != FACTUM_NOT_FOUND) { /* a surplus posting is noted as one */
            return status;
        }
    }
    return status;
}

static factum_status check_revision(struct fct_suspects *suspects, const struct fct_record *record,
                                    struct fct_postings *postings, factum_error *err)
{
    struct fct_record before = {.revision = 0};
    FCT_ASSERT(record->kind == FCT_RECORD_EVENT); /* a COMMIT record is in no stream */
    if (record->revision == FACTUM_REVISION_TOMBSTONE) {
        return FACTUM_OK;
    }
    factum_status status = before_in_stream(suspects, record, postings, &before, err);
    if (status < 0) {
        return status;
    }
    bool begins = status == FACTUM_DONE;
    bool ended = !begins && before.revision == FACTUM_REVISION_TOMBSTONE;
    if (ended || record->revision != (begins ? 0 : before.revision + 1)) {
        fct_verify_note(suspects->report,
                        "the event at position %" PRIu64 " has revision %" PRIu64
                        ", but the index has %s before it in its stream: " RUN_REBUILD,
                        record->position, record->revision,
                        begins  ? "no event"
                        : ended ? "the end of the stream"
                                : "an event of another revision");
    }
    return FACTUM_OK;
}

static factum_status check_listed(struct fct_suspects *suspects, struct fct_index_key births,
                                  enum fct_index_kind kind, uint64_t position, factum_error *err)
{
    struct fct_postings postings;
    FCT_ASSERT(births.kind == FCT_INDEX_BIRTH);
    FCT_ASSERT(kind < FCT_INDEX_BIRTH);
    factum_status status = find_posting(suspects, &births, position, &postings, err);
    if (status == FACTUM_DONE) {
        fct_verify_note(suspects->report,
                        "the index does not list the %s that appears first at position %" PRIu64
                        ": " RUN_REBUILD,
                        kind_name(kind), position);
    }
    return status < 0 ? status : FACTUM_OK;
}

/* Must the births of |kind| have the record, whose posting has |ordinal| in its own list? */
static bool is_birth(const struct fct_record *record, enum fct_index_kind kind, uint64_t ordinal)
{
    return kind == FCT_INDEX_STREAM ? record->revision == 0 || ordinal == 0
                                    : fct_posting_sums_has_firsts(kind) && ordinal == 0;
}

/* *born: the record's stream begins with it. Set by the record's first entry, for the others. */
static factum_status check_entry(struct fct_suspects *suspects, const struct fct_record *record,
                                 const struct fct_index_key *key, bool *born, factum_error *err)
{
    struct fct_postings postings;
    uint64_t position = record->position;
    FCT_ASSERT(key->kind < FCT_INDEX_BIRTH); /* a record does not name its births */
    FCT_ASSERT(position < suspects->end);
    factum_status status = find_posting(suspects, key, position, &postings, err);
    if (status == FACTUM_DONE) {
        fct_verify_note(
            suspects->report,
            "the index does not lead from its %s to the %s at position %" PRIu64 ": " RUN_REBUILD,
            kind_name(key->kind), key->kind == FCT_INDEX_KEY ? "commit" : "event", position);
        return FACTUM_OK;
    }
    uint64_t ordinal = fct_postings_ordinal(&postings);
    bool birth = is_birth(record, key->kind, ordinal);
    if (status == FACTUM_OK && key->kind == FCT_INDEX_STREAM) {
        *born = birth;
        status = check_revision(suspects, record, &postings, err);
    }
    if (status == FACTUM_OK && birth) {
        status = check_listed(suspects, fct_index_births_key(key->kind), key->kind, position, err);
    }
    if (status == FACTUM_OK && key->kind == FCT_INDEX_CATEGORY && *born) {
        status = check_listed(suspects, fct_index_category_births_key(key), FCT_INDEX_STREAM,
                              position, err);
    }
    return status;
}

/* Checks all postings of the record if one of them is suspected. */
static factum_status check_record(struct fct_suspects *suspects, const struct fct_record *record,
                                  factum_error *err)
{
    struct fct_index_entry entries[FCT_POSTINGS_OF_MAX];
    struct fct_index_key births = fct_index_births_key(FCT_INDEX_STREAM);
    size_t count = fct_postings_of_stored(suspects->local->index, record, entries);
    FCT_ASSERT(count > 0);
    bool suspect = is_suspect(suspects, &births, record->position);
    bool *listed =
        &suspects->buckets[FCT_INDEX_BIRTH][fct_posting_bucket(&births, record->position)];
    for (size_t i = 0; i < count; i++) {
        const struct fct_index_key *key = &entries[i].key;
        bool suspect_key = is_suspect(suspects, key, record->position);
        suspect = suspect || suspect_key;
        /* A list that was believed to begin here may begin earlier. */
        *listed = *listed || (suspect_key && fct_posting_sums_has_firsts(key->kind));
    }
    bool born = false;
    factum_status status = FACTUM_OK;
    for (size_t i = 0; suspect && status == FACTUM_OK && i < count; i++) {
        status = check_entry(suspects, record, &entries[i].key, &born, err);
    }
    return status;
}

static factum_status look_up_log(struct fct_suspects *suspects, factum_error *err)
{
    struct fct_log_walk walk;
    struct fct_record record;
    uint64_t reported = 0;
    suspects_check(suspects);
    factum_status status = fct_log_walk_init(&walk, suspects->local->log, 0, err);
    while (status == FACTUM_OK && (status = fct_log_walk_next(&walk, &record, err)) == FACTUM_OK &&
           record.position < suspects->end) {
        status = check_record(suspects, &record, err);
        FCT_ASSERT(record.position >= reported);
        if (status == FACTUM_OK && record.position - reported >= PROGRESS_INTERVAL) {
            status = report_progress(suspects, record.position - reported, err);
            reported = record.position;
        }
    }
    return status < 0 ? status : FACTUM_OK;
}

/* ---- of the index, in the log ---------------------------------------------------------------- */

/* Sets *born if the list of |entry| begins with |record|. A stream that has only a tombstone, in a
 * list that it shares, may be listed or not: an append knows that it begins, a rebuild does not. */
static factum_status is_born(struct fct_suspects *suspects, const struct fct_record *record,
                             const struct fct_index_entry *entry, bool *born, factum_error *err)
{
    struct fct_postings postings;
    struct fct_record before;
    FCT_ASSERT(entry->key.kind < FCT_INDEX_BIRTH);
    factum_status status = find_posting(suspects, &entry->key, record->position, &postings, err);
    if (status != FACTUM_OK) {
        return status < 0 ? status : FACTUM_OK;
    }
    *born = *born || is_birth(record, entry->key.kind, fct_postings_ordinal(&postings));
    if (!*born && record->revision == FACTUM_REVISION_TOMBSTONE &&
        entry->key.kind == FCT_INDEX_STREAM) {
        status = before_in_stream(suspects, record, &postings, &before, err);
        *born = status == FACTUM_DONE;
    }
    return status < 0 ? status : FACTUM_OK;
}

static bool same(const struct fct_index_key *a, const struct fct_index_key *b)
{
    return a->kind == b->kind && fct_hash128_equal(a->hash, b->hash);
}

/* A posting that a record may demand. */
struct wanted {
    const struct fct_index_key *key;
    bool demanded;
};

static factum_status is_demanded_by(struct fct_suspects *suspects, const struct fct_record *record,
                                    struct wanted *wanted, factum_error *err)
{
    struct fct_index_entry entries[FCT_POSTINGS_OF_MAX];
    size_t count = fct_postings_of_stored(suspects->local->index, record, entries);
    const struct fct_index_key *key = wanted->key;
    FCT_ASSERT(!wanted->demanded);
    FCT_ASSERT(count > 0);
    factum_status status = FACTUM_OK;
    for (size_t i = 0; status == FACTUM_OK && i < count && !wanted->demanded; i++) {
        const struct fct_index_key *has = &entries[i].key;
        struct fct_index_key births = fct_index_births_key(has->kind);
        if (same(has, key)) {
            wanted->demanded = true;
        } else if (same(&births, key)) {
            status = is_born(suspects, record, &entries[i], &wanted->demanded, err);
        } else if (has->kind == FCT_INDEX_CATEGORY) {
            births = fct_index_category_births_key(has);
            if (same(&births, key)) {
                status = is_born(suspects, record, &entries[0], &wanted->demanded, err);
            }
        }
    }
    return status;
}

static factum_status check_posting(struct fct_suspects *suspects, const struct fct_index_key *key,
                                   uint64_t position, factum_error *err)
{
    struct fct_record record;
    struct wanted wanted = {.key = key};
    FCT_ASSERT(position < suspects->end);
    FCT_ASSERT(is_suspect(suspects, key, position));
    factum_status status = fct_log_find(suspects->local->log, position, &record, err);
    if (status == FACTUM_OK) {
        status = is_demanded_by(suspects, &record, &wanted, err);
    }
    if (status < 0 && status != FACTUM_NOT_FOUND) {
        return status;
    }
    if (!wanted.demanded && key->kind == FCT_INDEX_BIRTH) {
        suspects->surplus_births++;
    } else if (!wanted.demanded) {
        fct_verify_note(suspects->report,
                        "the index leads from the %s of others to position %" PRIu64
                        ": " RUN_REBUILD,
                        kind_name(key->kind), position);
    }
    return FACTUM_OK;
}

static factum_status check_postings(void *data, const struct fct_index_postings *postings,
                                    factum_error *err)
{
    struct fct_suspects *suspects = data;
    factum_status status = FACTUM_OK;
    for (uint32_t i = 0; status == FACTUM_OK && i < postings->count; i++) {
        uint64_t position = postings->positions[i];
        if (position < suspects->end && is_suspect(suspects, &postings->key, position)) {
            status = check_posting(suspects, &postings->key, position, err);
        }
    }
    return status;
}

static bool runs_progress(void *data, uint64_t bytes)
{
    const struct fct_suspects *suspects = data;
    return suspects->progress == NULL || suspects->progress(suspects->data, bytes);
}

static factum_status look_up_index(struct fct_suspects *suspects, factum_error *err)
{
    struct fct_index_stats stats;
    const struct fct_index_visitor visitor = {suspects, runs_progress, check_postings};
    suspects_check(suspects);
    suspects->surplus_births = 0;
    factum_status status = fct_index_scan(suspects->local->index, &visitor, err);
    fct_index_stats(suspects->local->index, &stats);
    /* A doubtful birth is in two lists at most: of its kind, and of its category. */
    if (status == FACTUM_OK && suspects->surplus_births > 2 * stats.doubtful_births) {
        fct_verify_note(suspects->report,
                        "the index lists %" PRIu64
                        " names at positions where none appears first: " RUN_REBUILD,
                        suspects->surplus_births);
    }
    return status;
}

factum_status fct_suspects_look_up(struct fct_suspects *suspects, factum_error *err)
{
    factum_status status = look_up_log(suspects, err);
    return status == FACTUM_OK ? look_up_index(suspects, err) : status;
}
