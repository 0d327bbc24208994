/* import.c - git-import: the history of a git repository as events. Layer: example, public API
 * only.
 *
 *     git-import STORE [REPOSITORY]
 *
 * Each commit is one atomic append to many streams: an event for every file that it changed, in the
 * file's stream "file-<path>", and one of type CommitMade in its author's stream "author-<email>".
 * The commit's hash is the idempotency key, so that a second run adds only new commits, and the
 * correlation id of all its events, so that they can be read together.
 *
 *   FileAdded, FileChanged, FileDeleted   {"commit","path","added","deleted"}, lines
 *   FileRenamed                           the same and "from"; in the stream of the new path
 *   FileDeleted, with "renamedTo"         in the stream of the old path
 *   CommitMade                            {"commit","parents","name","email","subject","files",...}
 *
 * A merge is only a CommitMade: its changes are in the commits that it merged. A commit of
 * more than CHUNK_EVENTS events (or CHUNK_BYTES) is written as several appends with the keys
 * HASH.1, HASH.2, ..., HASH, in this order; it is then not atomic, but a run that was interrupted
 * completes it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "names.h"

#define CHUNK_EVENTS 50000u
#define CHUNK_BYTES (16u << 20)
#define SUBJECT_MAX 1000u
#define FIXED_SIZE 512u /* of an event without its texts */

struct import {
    factum_store *store;
    uint64_t commits;
    uint64_t known; /* commits that were imported before */
    uint64_t events;
};

/* The append of one commit, or a part of it. */
struct batch {
    factum_new_event *events;
    factum_expectation *expectations;
    size_t event_count;
    size_t event_room;
    char *memory; /* for names and data; never moves, because events borrow from it */
    size_t used;
    size_t room;
    size_t bytes; /* of the events of this append */
    unsigned parts;
    factum_slice metadata;
};

static factum_slice slice(const char *text, size_t len)
{
    factum_slice whole = {(const uint8_t *)text, len};
    return whole;
}

/* Room for |len| bytes; commit_room() has counted it. */
static char *take(struct batch *batch, size_t len)
{
    char *memory = batch->memory + batch->used;
    batch->used += len;
    return memory;
}

static size_t commit_room(const struct git_commit *commit)
{
    size_t room = 4 * FIXED_SIZE + FACTUM_NAME_SIZE_MAX + GIT_JSON_ROOM(strlen(commit->name)) +
                  GIT_JSON_ROOM(strlen(commit->email)) + GIT_JSON_ROOM(SUBJECT_MAX) +
                  strlen(commit->parents);
    for (size_t i = 0; i < commit->change_count; i++) {
        const struct git_change *change = &commit->changes[i];
        size_t texts = GIT_JSON_ROOM(strlen(change->path));
        texts += change->from == NULL ? 0 : GIT_JSON_ROOM(strlen(change->from));
        room += 2 * (FIXED_SIZE + FACTUM_NAME_SIZE_MAX + texts);
    }
    return room;
}

static bool batch_init(struct batch *batch, const struct git_commit *commit)
{
    *batch = (struct batch){
        .room = commit_room(commit),
        .event_room = 2 * commit->change_count + 1,
    };
    batch->memory = malloc(batch->room);
    batch->events = calloc(batch->event_room, sizeof *batch->events);
    batch->expectations = calloc(batch->event_room, sizeof *batch->expectations);
    if (batch->memory == NULL || batch->events == NULL || batch->expectations == NULL) {
        return false;
    }
    char *metadata = take(batch, FIXED_SIZE);
    int len = snprintf(metadata, FIXED_SIZE, "{\"$correlationId\":\"%s\"}", commit->hash);
    batch->metadata = slice(metadata, (size_t)len);
    return true;
}

static void batch_finish(struct batch *batch)
{
    free(batch->memory);
    free(batch->events);
    free(batch->expectations);
}

static void add_event(struct batch *batch, const struct git_commit *commit, const char *prefix,
                      const char *name, const char *type, factum_slice data)
{
    char *stream = take(batch, FACTUM_NAME_SIZE_MAX + 1);
    git_stream_name(stream, prefix, name);
    factum_new_event *event = &batch->events[batch->event_count++];
    *event = (factum_new_event){
        .stream = factum_slice_from(stream),
        .type = factum_slice_from(type),
        .data = data,
        .metadata = batch->metadata,
        .content_type = FACTUM_CONTENT_JSON,
        .has_time = commit->time > -INT64_C(9000000000) && commit->time < INT64_C(9000000000),
    };
    event->time = event->has_time ? commit->time * INT64_C(1000000000) : 0;
    batch->bytes += event->stream.len + data.len + batch->metadata.len + 128;
}

/* {"commit":...,"path":...,"added":1,"deleted":0[,"|more|":|other|]} */
static void add_change(struct batch *batch, const struct git_commit *commit, const char *type,
                       const struct git_change *change, const char *path, const char *more,
                       const char *other)
{
    size_t room = FIXED_SIZE - 100 + GIT_JSON_ROOM(strlen(path)) +
                  (other == NULL ? 0 : GIT_JSON_ROOM(strlen(other)));
    char *data = take(batch, room);
    size_t at = (size_t)snprintf(data, room, "{\"commit\":\"%s\",\"path\":", commit->hash);
    at += git_json_text(data + at, room - at, path, SIZE_MAX);
    bool counts = change != NULL;
    at += (size_t)snprintf(data + at, room - at, ",\"added\":%" PRId64 ",\"deleted\":%" PRId64,
                           counts ? change->added : 0, counts ? change->deleted : 0);
    if (other != NULL) {
        at += (size_t)snprintf(data + at, room - at, ",\"%s\":", more);
        at += git_json_text(data + at, room - at, other, SIZE_MAX);
    }
    data[at++] = '}';
    add_event(batch, commit, "file-", path, type, slice(data, at));
}

static void add_commit_made(struct batch *batch, const struct git_commit *commit)
{
    size_t room = FIXED_SIZE + strlen(commit->parents) + GIT_JSON_ROOM(strlen(commit->name)) +
                  GIT_JSON_ROOM(strlen(commit->email)) + GIT_JSON_ROOM(SUBJECT_MAX);
    int64_t added = 0;
    int64_t deleted = 0;
    for (size_t i = 0; i < commit->change_count; i++) {
        added += commit->changes[i].added;
        deleted += commit->changes[i].deleted;
    }
    char *data = take(batch, room);
    size_t at = (size_t)snprintf(data, room,
                                 "{\"commit\":\"%s\",\"parents\":\"%s\",\"name\":", commit->hash,
                                 commit->parents);
    at += git_json_text(data + at, room - at, commit->name, SIZE_MAX);
    at += (size_t)snprintf(data + at, room - at, ",\"email\":");
    at += git_json_text(data + at, room - at, commit->email, SIZE_MAX);
    at += (size_t)snprintf(data + at, room - at, ",\"subject\":");
    at += git_json_text(data + at, room - at, commit->subject, SUBJECT_MAX);
    at += (size_t)snprintf(data + at, room - at,
                           ",\"files\":%zu,\"added\":%" PRId64 ",\"deleted\":%" PRId64 "}",
                           commit->change_count, added, deleted);
    const char *author = commit->email[0] != '\0' ? commit->email : commit->name;
    add_event(batch, commit, "author-", author, "CommitMade", slice(data, at));
}

static int by_stream(const void *a, const void *b)
{
    const factum_expectation *x = a;
    const factum_expectation *y = b;
    size_t len = x->stream.len < y->stream.len ? x->stream.len : y->stream.len;
    int order = memcmp(x->stream.ptr, y->stream.ptr, len);
    return order != 0 ? order : (x->stream.len > y->stream.len) - (x->stream.len < y->stream.len);
}

/* One expectation for each stream written, "any": the key keeps a commit from being written twice.
 * */
static size_t expect_any(struct batch *batch)
{
    for (size_t i = 0; i < batch->event_count; i++) {
        batch->expectations[i] = (factum_expectation){
            .stream = batch->events[i].stream,
            .expected = factum_any(),
        };
    }
    qsort(batch->expectations, batch->event_count, sizeof *batch->expectations, by_stream);
    size_t count = 0;
    for (size_t i = 0; i < batch->event_count; i++) {
        if (count == 0 ||
            by_stream(&batch->expectations[count - 1], &batch->expectations[i]) != 0) {
            batch->expectations[count++] = batch->expectations[i];
        }
    }
    return count;
}

static factum_status append(struct import *import, struct batch *batch,
                            const struct git_commit *commit, bool last, factum_error *err)
{
    char key[128];
    int len = last ? snprintf(key, sizeof key, "%s", commit->hash)
                   : snprintf(key, sizeof key, "%s.%u", commit->hash, ++batch->parts);
    const factum_append_request request = {
        .size = sizeof request,
        .events = batch->events,
        .event_count = batch->event_count,
        .expectations = batch->expectations,
        .expectation_count = expect_any(batch),
        .idempotency_key = slice(key, (size_t)len),
        /* Enough here: the next run adds again what a crash of the machine has lost. */
        .durability = FACTUM_DURABILITY_OS,
    };
    factum_append_result result;
    factum_status status = factum_append(import->store, &request, &result, NULL, err);
    if (status == FACTUM_KEY_CONFLICT) {
        fprintf(stderr,
                "git-import: commit %s is in the store with other events. Was it imported from a "
                "shallow clone, or with another version of git? Import into a new store.\n",
                commit->hash);
    }
    if (status == FACTUM_OK) {
        import->events += result.already ? 0 : batch->event_count;
        import->known += last && result.already ? 1 : 0;
    }
    batch->event_count = 0;
    batch->bytes = 0;
    return status;
}

static factum_status import_commit(struct import *import, const struct git_commit *commit,
                                   factum_error *err)
{
    struct batch batch;
    factum_status status = FACTUM_OK;
    if (!batch_init(&batch, commit)) {
        snprintf(err->text, sizeof err->text, "out of memory");
        status = FACTUM_NO_MEMORY;
    }
    for (size_t i = 0; i < commit->change_count && status == FACTUM_OK; i++) {
        const struct git_change *change = &commit->changes[i];
        if (change->from != NULL) {
            add_change(&batch, commit, "FileDeleted", NULL, change->from, "renamedTo",
                       change->path);
        }
        add_change(&batch, commit,
                   change->kind == 'A'   ? "FileAdded"
                   : change->kind == 'D' ? "FileDeleted"
                   : change->kind == 'R' ? "FileRenamed"
                                         : "FileChanged",
                   change, change->path, "from", change->from);
        if (batch.event_count >= CHUNK_EVENTS || batch.bytes >= CHUNK_BYTES) {
            status = append(import, &batch, commit, false, err);
        }
    }
    if (status == FACTUM_OK) {
        add_commit_made(&batch, commit);
        status = append(import, &batch, commit, true, err);
        import->commits++;
    }
    batch_finish(&batch);
    return status;
}

static int import_all(struct import *import, struct git_log *log)
{
    char problem[GIT_ERROR_SIZE];
    struct git_commit commit;
    int more;
    while ((more = git_log_next(log, &commit, problem)) > 0) {
        factum_error err;
        if (import_commit(import, &commit, &err) != FACTUM_OK) {
            fprintf(stderr, "git-import: commit %s: %s\n", commit.hash, err.text);
            return 1;
        }
    }
    if (more < 0) {
        fprintf(stderr, "git-import: %s\n", problem);
        return 1;
    }
    printf("%" PRIu64 " commit%s: %" PRIu64 " new, %" PRIu64 " recognised; %" PRIu64
           " event%s written\n",
           import->commits, import->commits == 1 ? "" : "s", import->commits - import->known,
           import->known, import->events, import->events == 1 ? "" : "s");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: git-import STORE [REPOSITORY]\n");
        return 2;
    }
    char problem[GIT_ERROR_SIZE];
    bool shallow;
    struct git_log *log = git_log_open(argc == 3 ? argv[2] : ".", &shallow, problem);
    if (log == NULL) {
        fprintf(stderr, "git-import: %s\n", problem);
        return 1;
    }
    if (shallow) {
        fprintf(stderr, "git-import: this clone is shallow: its oldest commits appear to add every "
                        "file. For all of the history: git fetch --unshallow\n");
    }
    const factum_store_options options = {
        .size = sizeof options,
        .append_events_max = 2 * CHUNK_EVENTS,
        .append_size_max = 2 * CHUNK_BYTES,
    };
    struct import import = {0};
    factum_error err;
    int result = 1;
    if (factum_open(argv[1], &options, &import.store, &err) != FACTUM_OK) {
        fprintf(stderr, "git-import: %s\n", err.text);
    } else {
        result = import_all(&import, log);
        if (factum_close(import.store, &err) != FACTUM_OK) {
            fprintf(stderr, "git-import: %s\n", err.text);
            result = 1;
        }
    }
    git_log_close(log);
    return result;
}
