/* cmd_import.c - factum import: lines of JSON into streams. Layer: cli.
 *
 * A batch of lines is one append, together with a checkpoint event that records how far the source
 * is imported: stream "$import-<hash of the first line>", type "$imported", data
 * {"source","line","hash"}, where "hash" is the hash of all bytes up to that line. A second run
 * reads the checkpoint, skips the lines before it, and continues if their hash is the same. So no
 * line is lost or imported twice, for any batch size and any interruption. The checkpoint's
 * expected revision keeps two concurrent imports of one source apart.
 *
 * A *commit* is one line, or consecutive lines with the same "commit" and the same "key". The lines
 * of a commit are always in one append:
 * 1. Commits without a key share an append, which contains their checkpoint.
 * 2. A commit with a key is an append of its own under that key, without a checkpoint: the content
 *    under the key is exactly the source's. If the import ends before the next checkpoint, the next
 *    run appends the commit again, and the store recognises its key.
 * 3. A commit that leaves no room for a checkpoint gets a key, made of the checkpoint's stream and
 *    the hash of all lines up to the commit's end, and is treated as in 2.
 * 4. The events of a stream keep the order of the lines, also when a commit is refused. Commits
 *    with keys are submitted without waiting for each other while they have no stream in common, so
 *    that the store writes many at once. An append with a checkpoint starts only when all of them
 *    have ended, so a checkpoint never covers a line that is not in the log before it. After a
 *    refusal, commits of other streams may be stored already: the next run recognises their keys.
 * 5. In a batch with keys only the last append, a checkpoint, syncs: the log has one order.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "cli/cli.h"
#include "cli/flights.h"
#include "cli/input.h"
#include "cli/progress.h"

#define BATCH_MAX 50000u
#define BATCH_TEXT_MAX ((size_t)12 << 20) /* a batch ends after so many bytes of lines */
#define TEXT_ROOM (BATCH_TEXT_MAX + ((size_t)16 << 20))
#define COMMIT_EVENTS_MAX 100000u           /* as append_events_max in open_store */
#define COMMIT_TEXT_MAX ((size_t)256 << 20) /* bytes of the lines of one commit */
#define FLIGHTS_MIN 16u /* fewer are appended in turn: waiting for others costs more */
#define SHOWN_MAX 10u   /* skipped bad lines that are shown */
#define PARSER_KEPT_MAX ((size_t)64 << 10) /* the parser of a longer line is not reused */

/* A place after a line: its number, and the hash of all lines up to it. */
struct place {
    uint64_t line;
    uint64_t hash;
};

/* What the batch records of a line, besides its event. */
struct item {
    factum_ndjson *parser; /* one for each item, since the event borrows from it */
    bool long_line;        /* the parser has parsed a long line */
    struct place place;
    bool has_commit;
    bool continues; /* belongs to the commit of the item before it */
    uint64_t commit;
    factum_slice key;
};

/* Lines of a commit that is larger than a batch. */
struct chunk {
    struct chunk *next;
    uint8_t bytes[];
};

struct import {
    const struct options *options;
    const char *name; /* of the source */
    factum_store *store;
    uint64_t began_at; /* the end of the store when the import began */
    struct input *input;
    struct progress progress;
    uint64_t batch_max;
    bool skip_bad;
    uint64_t line_number;
    struct place resume; /* lines up to here are in the store if the hash agrees */
    struct place ended;  /* after a tombstone that no checkpoint covers yet; line 0: none */
    XXH3_state_t *hash;  /* of all lines so far, each with a line end */
    char stream[64];     /* of the checkpoint */
    factum_expected checkpoint;
    /* the batch */
    uint8_t *text; /* the lines: events borrow from them */
    uint8_t *text_to;
    size_t text_left;     /* room after text_to */
    size_t text_len;      /* of all lines of the batch */
    struct chunk *chunks; /* lines that are not in |text| */
    factum_new_event *events;
    struct item *items; /* one for each event */
    factum_expectation *expectations;
    uint32_t *table; /* expectation + 1, by hash of the stream */
    uint32_t table_mask;
    size_t room; /* events, without the one that is kept free for a checkpoint */
    size_t count;
    bool has_keys;
    size_t expectation_from, expectation_count; /* those of the current append */
    struct flights *flights;                    /* NULL before the first commit with a key */
    size_t commit_begin;                        /* the first item of the last commit of the batch */
    factum_durability durability;               /* of appends with a checkpoint */
    uint64_t imported, repeated, skipped;
    uint64_t held;   /* the first line that was read but held back, since its commit may continue */
    bool unreadable; /* the source failed before its end */
    int code;
};

/* Makes room for |room| events and a checkpoint. False without memory. */
static bool reserve_events(struct import *import, size_t room)
{
    size_t table_size = 4;
    while (table_size < (room + 1) * 2) {
        table_size *= 2;
    }
    factum_new_event *events = realloc(import->events, (room + 1) * sizeof *events);
    import->events = events != NULL ? events : import->events;
    struct item *items = realloc(import->items, room * sizeof *items);
    import->items = items != NULL ? items : import->items;
    factum_expectation *expectations =
        realloc(import->expectations, (room + 1) * sizeof *expectations);
    import->expectations = expectations != NULL ? expectations : import->expectations;
    uint32_t *table = calloc(table_size, sizeof *table);
    if (events == NULL || items == NULL || expectations == NULL || table == NULL) {
        free(table);
        return complain("out of memory") == 0;
    }
    memset(items + import->room, 0, (room - import->room) * sizeof *items);
    free(import->table);
    import->table = table;
    import->table_mask = (uint32_t)(table_size - 1);
    import->room = room;
    return true;
}

static bool reserve(struct import *import)
{
    import->text = malloc(TEXT_ROOM);
    import->text_to = import->text;
    import->text_left = TEXT_ROOM;
    import->hash = XXH3_createState();
    if (import->text == NULL || import->hash == NULL) {
        return complain("out of memory") == 0;
    }
    (void)XXH3_64bits_reset(import->hash);
    return reserve_events(import, (size_t)import->batch_max);
}

static void clear_batch(struct import *import)
{
    while (import->chunks != NULL) {
        struct chunk *next = import->chunks->next;
        free(import->chunks);
        import->chunks = next;
    }
    import->count = 0;
    import->has_keys = false;
    import->text_len = 0;
    import->text_to = import->text;
    import->text_left = TEXT_ROOM;
}

static void release(struct import *import)
{
    clear_batch(import);
    for (size_t i = 0; i < import->room; i++) {
        factum_ndjson_destroy(import->items[i].parser);
    }
    free(import->table);
    free(import->events);
    free(import->items);
    free(import->expectations);
    flights_destroy(import->flights);
    free(import->text);
    (void)XXH3_freeState(import->hash);
}

static void expect(struct import *import, factum_slice stream, factum_expected expected)
{
    uint32_t at = (uint32_t)XXH3_64bits(stream.ptr, stream.len) & import->table_mask;
    while (import->table[at] != 0) {
        if (same_text(import->expectations[import->table[at] - 1].stream, stream)) {
            return;
        }
        at = (at + 1) & import->table_mask;
    }
    import->expectations[import->expectation_count] = (factum_expectation){stream, expected};
    import->table[at] = (uint32_t)++import->expectation_count;
}

/* Makes room in the table for the streams of the next append. |keep| leaves the expectations as
 * they are. */
static void clear_expectations(struct import *import, bool keep)
{
    for (size_t i = import->expectation_from; i < import->expectation_count; i++) {
        factum_slice stream = import->expectations[i].stream;
        uint32_t at = (uint32_t)XXH3_64bits(stream.ptr, stream.len) & import->table_mask;
        while (import->table[at] != 0) {
            import->table[at] = 0;
            at = (at + 1) & import->table_mask;
        }
    }
    import->expectation_count = keep ? import->expectation_count : 0;
    import->expectation_from = import->expectation_count;
}

/* ---- appending the batch --------------------------------------------------------------------- */

/* Appends |count| events of the batch from |from| on, followed by the checkpoint |after|. */
static factum_status append_part(struct import *import, size_t from, size_t count,
                                 struct place after, factum_error *err)
{
    factum_append_result result;
    char data[256];
    int len = snprintf(data, sizeof data, "{\"line\":%" PRIu64 ",\"hash\":\"%016" PRIx64 "\"}",
                       after.line, after.hash);
    for (size_t i = 0; i < count; i++) {
        expect(import, import->events[from + i].stream, factum_any());
    }
    factum_new_event moved = import->events[from + count];
    import->events[from + count] = (factum_new_event){
        .stream = factum_slice_from(import->stream),
        .type = factum_slice_from("$imported"),
        .data = {(const uint8_t *)data, (size_t)len},
    };
    expect(import, factum_slice_from(import->stream), import->checkpoint);
    factum_append_request request = {
        .size = sizeof request,
        .events = import->events + from,
        .event_count = count + 1,
        .expectations = import->expectations,
        .expectation_count = import->expectation_count,
        .durability = import->durability,
        .system = true, /* for the checkpoint; add_line has checked the other names */
    };
    factum_status status = factum_append(import->store, &request, &result, NULL, err);
    import->events[from + count] = moved;
    clear_expectations(import, false);
    if (status == FACTUM_OK) {
        import->imported += count;
        import->ended.line = 0;
        import->checkpoint = factum_at(result.revision);
    }
    return status;
}

/* The append of one commit under |key|, without a checkpoint. Its expectations stay until
 * clear_expectations(import, false). */
static factum_append_request keyed_request(struct import *import, size_t from, size_t count,
                                           factum_slice key)
{
    for (size_t i = 0; i < count; i++) {
        expect(import, import->events[from + i].stream, factum_any());
    }
    size_t begin = import->expectation_from;
    factum_append_request request = {
        .size = sizeof request,
        .events = import->events + from,
        .event_count = count,
        .expectations = import->expectations + begin,
        .expectation_count = import->expectation_count - begin,
        .idempotency_key = key,
        .durability = FACTUM_DURABILITY_OS, /* the checkpoint after it syncs */
        .system = true,
    };
    clear_expectations(import, true);
    return request;
}

/* Counts the outcome of an append of |count| lines under |key|. INVALID: an earlier line of the
 * source has the key, so these lines were not stored. */
static factum_status count_keyed(struct import *import, size_t count, factum_slice key,
                                 const factum_append_result *result, factum_error *err)
{
    if (result->already && result->first_position > import->began_at) {
        err->status = FACTUM_INVALID;
        (void)snprintf(err->text, sizeof err->text,
                       "idempotency key %.*s is that of an earlier line: the lines of one append "
                       "have the same \"commit\", other lines another key",
                       (int)key.len, (const char *)key.ptr);
        return FACTUM_INVALID;
    }
    import->repeated += result->already ? count : 0;
    import->imported += result->already ? 0 : count;
    return FACTUM_OK;
}

/* Appends one commit under |key| and waits for it. */
static factum_status append_one(struct import *import, size_t from, size_t count, factum_slice key,
                                factum_error *err)
{
    factum_append_result result;
    factum_append_request request = keyed_request(import, from, count, key);
    factum_status status = factum_append(import->store, &request, &result, NULL, err);
    clear_expectations(import, false);
    return status == FACTUM_OK ? count_keyed(import, count, key, &result, err) : status;
}

/* Rule 3. From here on the batch has keys. */
static factum_status append_big(struct import *import, size_t from, size_t count, factum_error *err)
{
    import->durability = FACTUM_DURABILITY_OS;
    char key[sizeof import->stream + 32];
    (void)snprintf(key, sizeof key, "%s:%016" PRIx64, import->stream,
                   import->items[from + count - 1].place.hash);
    return append_one(import, from, count, factum_slice_from(key), err);
}

/* The end of the commit that begins at |from|. */
static size_t commit_end(const struct import *import, size_t from)
{
    do {
        from++;
    } while (from < import->count && import->items[from].continues);
    return from;
}

/* The end of one append that starts at |from|, whose commit has no key: further commits without
 * keys, at most |events_max| events in all, but at least one commit. */
static size_t part_end(const struct import *import, size_t from, size_t events_max)
{
    size_t end = commit_end(import, from);
    while (end < import->count && import->items[end].key.len == 0) {
        size_t next = commit_end(import, end);
        if (next - from > events_max) {
            break;
        }
        end = next;
    }
    return end;
}

/* Reports |count| bad lines, the last of which is |number|. True if the import continues. */
static bool bad_lines(struct import *import, uint64_t number, uint64_t count, const char *text)
{
    if (!import->skip_bad || (import->skipped < SHOWN_MAX && !import->options->quiet)) {
        progress_clear();
        (void)fprintf(stderr, "factum: ");
        print_text(stderr, factum_slice_from(import->name));
        (void)fprintf(stderr, ":%" PRIu64 ": ", number - count + 1);
        print_text(stderr, factum_slice_from(text));
        if (strncmp(text, "unknown member", 14) == 0 ||
            strncmp(text, "duplicate member", 16) == 0) {
            (void)fprintf(stderr, " (--lenient accepts it)");
        }
        if (count > 1) {
            (void)fprintf(stderr, " (in the commit of %" PRIu64 " lines that begins here)", count);
        }
        (void)fprintf(stderr, "\n");
    }
    import->skipped += count;
    if (!import->skip_bad) {
        import->code = EXIT_USAGE;
    }
    return import->skip_bad;
}

/* Is the event at fault, and not the store? */
static bool refuses_event(factum_status status)
{
    return status == FACTUM_INVALID || status == FACTUM_TOO_BIG ||
           status == FACTUM_STREAM_DELETED || status == FACTUM_KEY_CONFLICT;
}

/* Reports which lines are in the store when an import ends with |status| at |line|. */
static void report_end(factum_status status, uint64_t line)
{
    if (status == FACTUM_UNKNOWN_OUTCOME) { /* the checkpoint is in the same append */
        (void)fprintf(
            stderr,
            "factum: it is not known whether the lines from %" PRIu64
            " on were imported; run the same command again: it continues after those that "
            "were\n",
            line);
        return;
    }
    (void)fprintf(stderr,
                  "factum: nothing from line %" PRIu64
                  " on was imported; run the same command again to continue from there\n",
                  line);
}

/* Appends the items [from, end), which have no key, as one append. */
static factum_status append_span(struct import *import, size_t from, size_t end, factum_error *err)
{
    size_t count = end - from;
    const struct item *last = &import->items[end - 1];
    if (count == COMMIT_EVENTS_MAX) {
        return append_big(import, from, count, err);
    }
    factum_status status = append_part(import, from, count, last->place, err);
    if (status == FACTUM_TOO_BIG && commit_end(import, from) == end) {
        status = append_big(import, from, count, err);
    }
    return status;
}

/* Appends the checkpoint |after| events that were appended without one, and syncs. */
static bool append_checkpoint(struct import *import, struct place after)
{
    factum_error err;
    import->durability = FACTUM_DURABILITY_SYNC;
    factum_status status = append_part(import, 0, 0, after, &err);
    if (status != FACTUM_OK) {
        import->code = fail_with(status, &err);
        (void)fprintf(stderr,
                      "factum: run the same command again: it continues after the lines that "
                      "were imported\n");
    }
    return status == FACTUM_OK;
}

/* The commit [from, end) was not appended. True if the import continues after it. */
static bool not_appended(struct import *import, size_t from, size_t end, factum_status status,
                         const factum_error *err)
{
    if (refuses_event(status)) {
        return bad_lines(import, import->items[end - 1].place.line, end - from, err->text);
    }
    import->code = fail_with(status, err);
    report_end(status, import->items[from].place.line);
    return false;
}

/* Appends commits without keys from |from| on; *end is after the last one. If an append is refused,
 * appends its halves, so that the faulty commit is found. */
static bool append_plain(struct import *import, size_t from, size_t *end, struct place *done)
{
    factum_error err;
    size_t events_max = COMMIT_EVENTS_MAX - 1;
    bool good = true;
    for (; good && from < import->count && import->items[from].key.len == 0; from = *end) {
        *end = part_end(import, from, events_max);
        factum_status status = append_span(import, from, *end, &err);
        while (refuses_event(status) && commit_end(import, from) < *end) {
            events_max = (*end - from) / 2;
            *end = part_end(import, from, events_max);
            status = append_span(import, from, *end, &err);
        }
        events_max = COMMIT_EVENTS_MAX - 1;
        if (status == FACTUM_OK) {
            *done = import->items[*end - 1].place;
        } else {
            good = not_appended(import, from, *end, status, &err);
        }
    }
    return good;
}

/* ---- commits with keys ----------------------------------------------------------------------- */

/* Adds the streams of the commit [from, end) to those being written. False if one of them is being
 * written already. */
static bool take_off(struct import *import, size_t from, size_t end)
{
    struct stream_set *streams = flights_streams(import->flights);
    for (size_t i = from; i < end; i++) {
        if (stream_set_has(streams, import->events[i].stream)) {
            return false;
        }
    }
    bool good = true;
    for (size_t i = from; i < end; i++) {
        good = good && stream_set_add(streams, import->events[i].stream);
    }
    return good;
}

/* Submits commits with keys from |from| on, until one is refused at once or shares a stream with an
 * earlier one, and waits for them. */
static void fly(struct import *import, size_t from)
{
    struct flights *flights = import->flights;
    factum_status status = FACTUM_OK;
    flights_begin(flights);
    while (status == FACTUM_OK && from < import->count && import->items[from].key.len > 0 &&
           flights_count(flights) < FLIGHTS_MAX) {
        size_t end = commit_end(import, from);
        if (!take_off(import, from, end) && flights_count(flights) > 0) {
            break;
        }
        factum_append_request request =
            keyed_request(import, from, end - from, import->items[from].key);
        status = flights_submit(flights, import->store, &request, from, end);
        from = end;
    }
    flights_wait(flights);
    clear_expectations(import, false);
}

/* How many commits with keys from |from| on could be under way together; FLIGHTS_MIN at most. */
static size_t keyed_run(struct import *import, size_t from)
{
    size_t run = 0;
    flights_begin(import->flights);
    while (run < FLIGHTS_MIN && from < import->count && import->items[from].key.len > 0 &&
           take_off(import, from, commit_end(import, from))) {
        from = commit_end(import, from);
        run++;
    }
    return run;
}

/* Appends commits with keys from |from| on; *end is after the last one that was tried. */
static bool append_keyed(struct import *import, size_t from, size_t *end, struct place *done)
{
    bool good = true;
    if (import->flights == NULL && (import->flights = flights_create()) == NULL) {
        import->code = EXIT_FAILURE_;
        return complain("out of memory") == 0;
    }
    if (keyed_run(import, from) < FLIGHTS_MIN) {
        factum_error err;
        *end = commit_end(import, from);
        factum_status status = append_one(import, from, *end - from, import->items[from].key, &err);
        if (status != FACTUM_OK) {
            return not_appended(import, from, *end, status, &err);
        }
        *done = import->items[*end - 1].place;
        return true;
    }
    fly(import, from);
    for (size_t i = 0; i < flights_count(import->flights); i++) {
        const struct flight *flight = flights_at(import->flights, i);
        factum_error err = flight->op.err;
        factum_status status = flight->op.status;
        if (status == FACTUM_OK) {
            status = count_keyed(import, flight->end - flight->from,
                                 import->items[flight->from].key, &flight->op.result, &err);
        }
        if (good && status == FACTUM_OK) {
            *done = import->items[flight->end - 1].place;
        } else if (good) {
            good = not_appended(import, flight->from, flight->end, status, &err);
        }
        *end = flight->end;
    }
    return good;
}

/* Appends the batch. */
static bool commit(struct import *import)
{
    bool good = true;
    struct place done = {0, 0}; /* the last appended line with no bad line before it */
    import->durability = import->has_keys ? FACTUM_DURABILITY_OS : FACTUM_DURABILITY_SYNC;
    for (size_t from = 0; good && from < import->count;) {
        good = import->items[from].key.len > 0 ? append_keyed(import, from, &from, &done)
                                               : append_plain(import, from, &from, &done);
    }
    clear_batch(import);
    bool unsynced = import->durability == FACTUM_DURABILITY_OS && done.line != 0;
    bool works = good || import->code == EXIT_USAGE;
    return unsynced && works ? append_checkpoint(import, done) && good : good;
}

/* Appends the rest, and the checkpoint after a tombstone. |whole|: the source has ended. Otherwise
 * the last commit may have lines that were not read, and is left out. */
static void commit_rest(struct import *import, bool whole)
{
    if (!whole && import->count > 0 && import->items[import->count - 1].has_commit) {
        import->count = import->commit_begin;
        import->held = import->items[import->count].place.line;
    }
    if (commit(import) && import->ended.line != 0) {
        (void)append_checkpoint(import, import->ended);
    }
}

/* ---- from line to line ----------------------------------------------------------------------- */

/* A tombstone in an export tombstones its stream again. Until the next checkpoint that may be
 * repeated. */
static bool import_tombstone(struct import *import, factum_slice stream)
{
    factum_error err;
    char name[FACTUM_NAME_SIZE_MAX + 1];
    size_t len = stream.len <= FACTUM_NAME_SIZE_MAX ? stream.len : FACTUM_NAME_SIZE_MAX;
    memcpy(name, stream.ptr, len); /* the commit below clears the batch */
    stream.ptr = (const uint8_t *)name;
    if (stream.len > len) {
        return bad_lines(import, import->line_number, 1, "the name of the stream is too long");
    }
    if (!commit(import)) {
        return false;
    }
    factum_status status = factum_tombstone(import->store, stream, factum_any(), NULL, &err);
    if (refuses_event(status) && status != FACTUM_STREAM_DELETED) {
        return bad_lines(import, import->line_number, 1, err.text);
    }
    if (status != FACTUM_OK && status != FACTUM_STREAM_DELETED) {
        import->code = fail_with(status, &err);
        return false;
    }
    import->ended = (struct place){import->line_number, (uint64_t)XXH3_64bits_digest(import->hash)};
    import->imported++;
    return true;
}

/* The parser of |item|: a new one if the old one has parsed a long line, whose memory it keeps. */
static factum_ndjson *parser_for(struct item *item, size_t line_len)
{
    if (item->parser == NULL || line_len > PARSER_KEPT_MAX || item->long_line) {
        factum_ndjson_destroy(item->parser);
        item->parser = factum_ndjson_create();
    }
    item->long_line = line_len > PARSER_KEPT_MAX;
    return item->parser;
}

/* Copies |line| to where it stays until the batch is appended; NULL after a message. */
static const uint8_t *keep_text(struct import *import, factum_slice line)
{
    if (line.len > import->text_left) { /* a commit that is larger than a batch */
        struct chunk *chunk = malloc(sizeof *chunk + TEXT_ROOM);
        if (chunk == NULL) {
            import->code = EXIT_FAILURE_;
            (void)complain("out of memory");
            return NULL;
        }
        chunk->next = import->chunks;
        import->chunks = chunk;
        import->text_to = chunk->bytes;
        import->text_left = TEXT_ROOM;
    }
    memcpy(import->text_to, line.ptr, line.len);
    return import->text_to;
}

static bool batch_is_full(const struct import *import)
{
    return import->count >= import->batch_max || import->text_len >= BATCH_TEXT_MAX;
}

/* Does |item| belong to the commit of the last item of the batch? */
static bool continues(const struct import *import, const struct item *item)
{
    const struct item *last = import->count > 0 ? &import->items[import->count - 1] : NULL;
    return last != NULL && item->has_commit && last->has_commit && item->commit == last->commit &&
           same_text(item->key, last->key);
}

/* NULL if the last commit of the batch may have one line more, or the reason why not. */
static const char *check_commit_size(const struct import *import)
{
    if (import->count - import->commit_begin >= COMMIT_EVENTS_MAX) {
        return "a commit has at most 100,000 lines";
    }
    return import->text_len > COMMIT_TEXT_MAX ? "the lines of a commit have at most 256 MiB" : NULL;
}

/* The line is not an event. True if the import continues. */
static bool bad_text(struct import *import, const char *text)
{
    if (!import->skip_bad && input_is_damaged(import->input)) { /* the damage is the reason */
        import->unreadable = true;
        import->line_number--;
        return false;
    }
    return bad_lines(import, import->line_number, 1, text);
}

enum added { ADDED, BATCH_FIRST, STOPPED };

/* Adds the event of |line| to the batch, unless the batch has to be appended first. */
static enum added try_line(struct import *import, factum_slice line)
{
    factum_error err;
    if (import->count == import->room && !reserve_events(import, import->room * 2)) {
        import->code = EXIT_FAILURE_;
        return STOPPED;
    }
    struct item *item = &import->items[import->count];
    factum_ndjson *parser = parser_for(item, line.len);
    factum_slice own = {parser == NULL ? NULL : keep_text(import, line), line.len};
    if (own.ptr == NULL) {
        import->code = EXIT_FAILURE_;
        return STOPPED;
    }
    factum_ndjson_line parsed = {.size = sizeof parsed, .lenient = import->options->lenient};
    if (factum_ndjson_parse_line(parser, own, &parsed, &err) != FACTUM_OK) {
        return bad_text(import, err.text) ? ADDED : STOPPED;
    }
    item->has_commit = parsed.has_commit;
    item->commit = parsed.commit;
    item->key = parsed.key;
    item->continues = continues(import, item);
    if (!item->continues && batch_is_full(import)) {
        return BATCH_FIRST;
    }
    factum_slice type = parsed.event.type;
    if (same_text(type, factum_slice_from("$streamDeleted"))) {
        return import_tombstone(import, parsed.event.stream) ? ADDED : STOPPED;
    }
    const char *fault = item->continues ? check_commit_size(import) : NULL;
    factum_slice stream = parsed.event.stream;
    bool kept = stream.ptr[0] == '$' && (stream.len < 2 || stream.ptr[1] != '$');
    if (kept && !import->options->system) {
        fault = "names of streams that begin with $ are kept for the system; --system imports them";
    }
    if (fault != NULL) {
        return bad_lines(import, import->line_number, 1, fault) ? ADDED : STOPPED;
    }
    if (!item->continues) {
        import->commit_begin = import->count;
    }
    import->events[import->count] = parsed.event;
    import->has_keys = import->has_keys || parsed.key.len > 0;
    item->place = (struct place){import->line_number, (uint64_t)XXH3_64bits_digest(import->hash)};
    import->text_to += line.len;
    import->text_left -= line.len;
    import->text_len += line.len;
    import->count++;
    return ADDED;
}

static bool add_line(struct import *import, factum_slice line)
{
    enum added added = try_line(import, line);
    if (added == BATCH_FIRST) {
        added = commit(import) ? try_line(import, line) : STOPPED;
    }
    return added != STOPPED;
}

/* ---- going on where an earlier run ended ----------------------------------------------------- */

static bool find_checkpoint(struct import *import, factum_slice first_line)
{
    factum_error err;
    factum_cursor *cursor;
    factum_event event;
    factum_slice value;
    char hash[32];
    int64_t line;
    (void)snprintf(import->stream, sizeof import->stream, "$import-%016" PRIx64,
                   (uint64_t)XXH3_64bits(first_line.ptr, first_line.len));
    import->checkpoint = factum_no_stream();
    factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_STREAM,
        .name = factum_slice_from(import->stream),
        .backwards = true,
        .count_max = 1,
    };
    factum_status status = factum_read(import->store, &request, &cursor, &err);
    if (status == FACTUM_STREAM_NOT_FOUND) {
        return true;
    }
    if (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, &err);
    }
    if (status == FACTUM_OK) {
        import->checkpoint = factum_at(event.revision);
        if (!import->options->again &&
            factum_json_member(event.data, "line", &value) == FACTUM_OK &&
            factum_json_int64(value, &line) == FACTUM_OK &&
            factum_json_member(event.data, "hash", &value) == FACTUM_OK &&
            factum_json_text(value, hash, sizeof hash) == FACTUM_OK) {
            import->resume = (struct place){(uint64_t)line, strtoull(hash, NULL, 16)};
        }
    }
    factum_cursor_close(cursor);
    if (status < 0) {
        import->code = fail_with(status, &err);
        return false;
    }
    return true;
}

/* At the line of the checkpoint: is it the same source? */
static bool check_resumed(struct import *import)
{
    progress_clear();
    if (XXH3_64bits_digest(import->hash) == import->resume.hash) {
        if (!import->options->quiet) {
            (void)fprintf(stderr,
                          "factum: lines 1 to %" PRIu64 " were imported before: going on after "
                          "them (--again imports them once more)\n",
                          import->resume.line);
        }
        return true;
    }
    (void)fprintf(stderr,
                  "factum: an import that began with the same line was made before, but the "
                  "first %" PRIu64 " lines differ: nothing was imported; --again imports all of "
                  "it\n",
                  import->resume.line);
    import->code = EXIT_REFUSED;
    return false;
}

static bool take_line(struct import *import, factum_slice line, bool cut)
{
    import->line_number++;
    if (import->line_number == 1 && !find_checkpoint(import, line)) {
        return false;
    }
    (void)XXH3_64bits_update(import->hash, line.ptr, line.len);
    (void)XXH3_64bits_update(import->hash, "\n", 1);
    if (import->line_number <= import->resume.line) {
        return import->line_number < import->resume.line || check_resumed(import);
    }
    if (cut) {
        return bad_lines(import, import->line_number, 1, "the line is longer than 16 MiB");
    }
    if (line.len > 0 && !add_line(import, line)) {
        return false;
    }
    /* A commit that may go on is appended when a line of another one comes. */
    bool ends = import->count > 0 && !import->items[import->count - 1].has_commit;
    return ends && batch_is_full(import) ? commit(import) : true;
}

/* The import has ended before its source: what is in the store, and what to do. */
static void report_stopped(struct import *import)
{
    uint64_t missing = import->held > 0 ? import->held : import->line_number + 1;
    progress_clear();
    if (import->code == EXIT_USAGE && import->held > 0) {
        (void)fprintf(stderr,
                      "factum: stopped there, the lines before line %" PRIu64
                      " are imported, where a commit begins that may not be whole; correct it and "
                      "run the same command again, or skip bad lines with --on-error skip\n",
                      import->held);
    } else if (import->code == EXIT_USAGE) {
        (void)fputs("factum: stopped there, the lines before it are imported; correct it and run "
                    "the same command again, or skip bad lines with --on-error skip\n",
                    stderr);
    } else if (import->code == 0 && interrupted) {
        (void)fprintf(stderr,
                      "factum: stopped after line %" PRIu64
                      "; run the same command again to continue from there\n",
                      missing - 1);
        import->code = EXIT_INTERRUPTED;
    } else if (import->code == 0 && import->unreadable) {
        (void)fprintf(stderr,
                      "factum: nothing from line %" PRIu64
                      " on was imported; run the same command again with a good source to go on "
                      "from there\n",
                      missing);
        import->code = EXIT_FAILURE_;
    }
}

/* What was skipped beyond what was shown; a source of bad lines alone is no success. */
static void report_skipped(struct import *import)
{
    uint64_t shown = import->options->quiet ? 0 : SHOWN_MAX;
    if (!import->skip_bad || import->skipped == 0) {
        return;
    }
    if (import->skipped > shown) {
        (void)fprintf(stderr, "factum: ");
        print_text(stderr, factum_slice_from(import->name));
        (void)fprintf(stderr, ": %" PRIu64 " %sbad line%s skipped\n", import->skipped - shown,
                      shown > 0 ? "more " : "", import->skipped - shown == 1 ? " was" : "s were");
    }
    if (import->imported + import->repeated + import->resume.line == 0 && import->code == 0) {
        (void)fprintf(stderr, "factum: ");
        print_text(stderr, factum_slice_from(import->name));
        (void)fprintf(stderr, ": no line is an event: nothing was imported\n");
        import->code = EXIT_USAGE;
    }
}

static void import_lines(struct import *import)
{
    factum_slice line;
    int got = 1;
    bool good = true;
    while (good && !interrupted && (got = input_line(import->input, &line)) > 0) {
        good = take_line(import, line, got == 2);
        if (import->line_number % 256 == 0) {
            uint64_t done;
            uint64_t total;
            input_place(import->input, &done, &total);
            import->progress.items = import->imported;
            if (import->line_number <= import->resume.line) {
                progress_skip(&import->progress, done);
            }
            progress_step(&import->progress, done, total);
        }
    }
    import->unreadable = import->unreadable || (got < 0 && !interrupted);
    bool bad = !good && import->code == EXIT_USAGE;
    if (good || bad || import->unreadable) {
        commit_rest(import, good && got == 0);
    }
    if (good && import->line_number < import->resume.line && import->code == 0) {
        (void)check_resumed(import);
    }
    report_stopped(import);
    report_skipped(import);
}

static void print_summary(struct import *import)
{
    double seconds = seconds_now() - import->progress.started;
    char events[32];
    char rate[32];
    format_count(import->imported, events);
    format_count((uint64_t)((double)import->imported / (seconds > 0 ? seconds : 1)), rate);
    progress_end(&import->progress);
    if (import->options->json) {
        (void)printf("{\"events\":%" PRIu64 ",\"already\":%" PRIu64 ",\"lines\":%" PRIu64
                     ",\"badLines\":%" PRIu64 ",\"seconds\":%.3f}\n",
                     import->imported, import->repeated, import->line_number, import->skipped,
                     seconds);
    } else if (!import->options->quiet) {
        (void)printf("%s event%s imported in %.2f s (%s/s)", events,
                     import->imported == 1 ? "" : "s", seconds, rate);
        if (import->repeated > 0) {
            (void)printf(", %" PRIu64 " recognised by their keys", import->repeated);
        }
        if (import->skipped > 0) {
            (void)printf(", %" PRIu64 " bad line%s", import->skipped,
                         import->skipped == 1 ? "" : "s");
        }
        (void)printf("\n");
    }
}

static int run(const struct options *options)
{
    struct import import = {
        .options = options, .name = input_name(options->arguments[0]), .batch_max = 1000};
    const char *on_error = options->on_error == NULL ? "stop" : options->on_error;
    import.skip_bad = strcmp(on_error, "skip") == 0;
    if (!import.skip_bad && strcmp(on_error, "stop") != 0) {
        return complain("--on-error takes stop or skip, not \"%s\"", on_error);
    }
    if (options->batch != NULL && !option_number(options->batch, "batch", &import.batch_max)) {
        return EXIT_USAGE;
    }
    if (import.batch_max == 0 || import.batch_max > BATCH_MAX) {
        return complain("--batch takes 1 to %u", BATCH_MAX);
    }
    import.input = input_open(options->arguments[0], &import.code);
    if (import.input == NULL) {
        return import.code;
    }
    import.code = open_store(options, true, &import.store);
    if (import.code == 0) {
        factum_error err;
        factum_status status = factum_visible_place(import.store, &import.began_at, &err);
        import.code = status < 0 ? close_store(import.store, fail_with(status, &err)) : 0;
    }
    if (import.code == 0) {
        progress_begin(&import.progress, "import", options->quiet);
        if (reserve(&import)) {
            import_lines(&import);
            print_summary(&import);
        } else {
            import.code = EXIT_FAILURE_;
        }
        release(&import);
        import.code = close_store(import.store, import.code);
    }
    input_close(import.input);
    return import.code;
}

const struct command command_import = {
    .name = "import",
    .usage = "import FILE|- [options]",
    .summary = "import events from lines of JSON, also .gz and .zst",
    .help = "  --batch N          lines that are appended together (1000)\n"
            "  --on-error WHAT    stop at a bad line, or skip it (stop)\n"
            "  --lenient          ignore unknown members; of equal ones take the last\n"
            "  --again            import again what an earlier run has imported\n"
            "  --system           streams whose name begins with $ too\n"
            "  --json             the figures as JSON\n",
    .notes = "A line: {\"stream\":\"order-1\",\"type\":\"OrderPlaced\",\"data\":{...}} and "
             "optionally id, time,\n"
             "metadata, tags, contentType, commit, key. Run again, an interrupted import continues "
             "where\n"
             "it ended.\n",
    .options = "batch on-error lenient again system json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
