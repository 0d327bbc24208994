/* verify_suspects.c - see verify_suspects.h. Layer: engine_local.
 *
 * Two questions. Does the index have each posting that a suspected record demands, with its
 * revision after the one before it? Does the log demand each suspected posting of the index? If
 * both are answered yes, log and index agree. That the positions of a list rise, and that each list
 * is found, fct_index_verify has checked before.
 */
#include "engine_local/verify_suspects.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "engine_local/local_int.h"
#include "engine_local/postings_of.h"
#include "index/scan.h"

#define TELL_INTERVAL (UINT64_C(1) << 22) /* bytes of the log */
#define RUN_REBUILD "run factum repair --rebuild-index"

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
    for (unsigned row = 0; row < FCT_SUM_ROWS; row++) {
        unsigned kind = row <= FCT_INDEX_BIRTH ? row : row - FCT_SUM_FIRSTS;
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
    return suspects->buckets[key->kind][fct_posting_bucket(key, position)];
}

static const char *kind_name(enum fct_index_kind kind)
{
    static const char *const names[] = {
        "", "stream", "category", "event type", "correlation id", "tag", "idempotency key"};
    return kind < FCT_INDEX_BIRTH ? names[kind] : "";
}

static factum_status tell(struct fct_suspects *suspects, uint64_t more, factum_error *err)
{
    return suspects->progress == NULL || suspects->progress(suspects->data, more)
               ? FACTUM_OK
               : fct_fail(err, FACTUM_CANCELLED, "verify was stopped");
}

/* ---- of the log, in the index ---------------------------------------------------------------- */

/* Is |position| in the list of |key|? |postings| then stands before it. */
static factum_status is_there(struct fct_suspects *suspects, const struct fct_index_key *key,
                              uint64_t position, struct fct_postings *postings, factum_error *err)
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

/* The record before |record| in its stream; DONE if there is none. |postings| stands before the
 * posting of |record|. Other streams may share the list. */
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
    factum_status status = is_there(suspects, &births, position, &postings, err);
    if (status == FACTUM_DONE) {
        fct_verify_note(suspects->report,
                        "the index does not list the %s that appears first at position %" PRIu64
                        ": " RUN_REBUILD,
                        kind_name(kind), position);
    }
    return status < 0 ? status : FACTUM_OK;
}

/* Is the list of births to have the entry, which has the place |ordinal| in its own list? */
static bool is_birth(const struct fct_record *record, enum fct_index_kind kind, uint64_t ordinal)
{
    return kind == FCT_INDEX_STREAM ? record->revision == 0 || ordinal == 0
                                    : fct_posting_sums_has_firsts(kind) && ordinal == 0;
}

/* *born: the record's stream begins with it, as its first entry has said. */
static factum_status check_entry(struct fct_suspects *suspects, const struct fct_record *record,
                                 const struct fct_index_key *key, bool *born, factum_error *err)
{
    struct fct_postings postings;
    uint64_t position = record->position;
    factum_status status = is_there(suspects, key, position, &postings, err);
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

/* All postings of the record, if one of them is suspected. */
static factum_status check_record(struct fct_suspects *suspects, const struct fct_record *record,
                                  factum_error *err)
{
    struct fct_index_entry entries[FCT_POSTINGS_OF_MAX];
    struct fct_index_key births = fct_index_births_key(FCT_INDEX_STREAM);
    size_t count = fct_postings_of_stored(suspects->local->index, record, entries);
    bool suspect = is_suspect(suspects, &births, record->position);
    bool *listed =
        &suspects->buckets[FCT_INDEX_BIRTH][fct_posting_bucket(&births, record->position)];
    for (size_t i = 0; i < count; i++) {
        const struct fct_index_key *key = &entries[i].key;
        bool suspect_key = is_suspect(suspects, key, record->position);
        suspect = suspect || suspect_key;
        /* What was claimed to begin here may have begun before. */
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
    uint64_t told = 0;
    factum_status status = fct_log_walk_init(&walk, suspects->local->log, 0, err);
    while (status == FACTUM_OK && (status = fct_log_walk_next(&walk, &record, err)) == FACTUM_OK &&
           record.position < suspects->end) {
        status = check_record(suspects, &record, err);
        if (status == FACTUM_OK && record.position - told >= TELL_INTERVAL) {
            status = tell(suspects, record.position - told, err);
            told = record.position;
        }
    }
    return status < 0 ? status : FACTUM_OK;
}

/* ---- of the index, in the log ---------------------------------------------------------------- */

/* Sets *born if the list of |entry| begins with |record|. Of a stream that has only a tombstone, in
 * a list that it shares, an append knows that and a rebuilt index does not: it may be listed. */
static factum_status is_born(struct fct_suspects *suspects, const struct fct_record *record,
                             const struct fct_index_entry *entry, bool *born, factum_error *err)
{
    struct fct_postings postings;
    struct fct_record before;
    factum_status status = is_there(suspects, &entry->key, record->position, &postings, err);
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

/* Has a record a posting of |key|? */
struct wanted {
    const struct fct_index_key *key;
    bool is_so;
};

static factum_status look_in_record(struct fct_suspects *suspects, const struct fct_record *record,
                                    struct wanted *wanted, factum_error *err)
{
    struct fct_index_entry entries[FCT_POSTINGS_OF_MAX];
    size_t count = fct_postings_of_stored(suspects->local->index, record, entries);
    const struct fct_index_key *key = wanted->key;
    factum_status status = FACTUM_OK;
    for (size_t i = 0; status == FACTUM_OK && i < count && !wanted->is_so; i++) {
        const struct fct_index_key *has = &entries[i].key;
        struct fct_index_key births = fct_index_births_key(has->kind);
        if (same(has, key)) {
            wanted->is_so = true;
        } else if (same(&births, key)) {
            status = is_born(suspects, record, &entries[i], &wanted->is_so, err);
        } else if (has->kind == FCT_INDEX_CATEGORY) {
            births = fct_index_category_births_key(has);
            if (same(&births, key)) {
                status = is_born(suspects, record, &entries[0], &wanted->is_so, err);
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
    factum_status status = fct_log_find(suspects->local->log, position, &record, err);
    if (status == FACTUM_OK) {
        status = look_in_record(suspects, &record, &wanted, err);
    }
    if (status < 0 && status != FACTUM_NOT_FOUND) {
        return status;
    }
    if (!wanted.is_so && key->kind == FCT_INDEX_BIRTH) {
        suspects->surplus_births++;
    } else if (!wanted.is_so) {
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

static bool tell_of_runs(void *data, uint64_t bytes)
{
    const struct fct_suspects *suspects = data;
    return suspects->progress == NULL || suspects->progress(suspects->data, bytes);
}

static factum_status look_up_index(struct fct_suspects *suspects, factum_error *err)
{
    struct fct_index_stats stats;
    const struct fct_index_visitor visitor = {suspects, tell_of_runs, check_postings};
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
