/* report.c - git-report: questions to the history that git-import wrote. Layer: example, public API
 * only.
 *
 *     git-report STORE busiest [N]            the N files (10) with the most events
 *     git-report STORE file PATH              the history of one file
 *     git-report STORE state [COMMIT | TIME]  files, lines, authors: now or as of a moment
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

#define FILES "file-"
#define AUTHORS "author-"

/* The end of the history that is read; zeroed is now. */
struct moment {
    bool position_set;
    bool time_set;
    uint64_t position;
    int64_t time;
};

static factum_status fail(factum_error *err, factum_status status, const char *text,
                          const char *what)
{
    err->status = status;
    err->os_error = 0;
    snprintf(err->text, sizeof err->text, "%s: %.120s", text, what);
    return status;
}

static bool begins(factum_slice name, const char *prefix)
{
    size_t len = strlen(prefix);
    return name.len > len && memcmp(name.ptr, prefix, len) == 0;
}

static int64_t number_of(const factum_event *event, const char *member)
{
    factum_slice value;
    int64_t number = 0;
    if (factum_json_member(event->data, member, &value) != FACTUM_OK ||
        factum_json_int64(value, &number) != FACTUM_OK) {
        return 0;
    }
    return number;
}

static void text_of(const factum_event *event, const char *member, char *text, size_t size)
{
    factum_slice value;
    if (factum_json_member(event->data, member, &value) != FACTUM_OK ||
        factum_json_text(value, text, size) != FACTUM_OK) {
        text[0] = '\0';
    }
    for (char *at = text; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at; /* nothing for a terminal */
    }
}

static void until(factum_read_request *request, const struct moment *moment)
{
    request->until_position_set = moment->position_set;
    request->until_position = moment->position;
    request->until_time_set = moment->time_set;
    request->until_time = moment->time;
}

/* ---- busiest --------------------------------------------------------------------------------- */

struct busy {
    uint64_t events;
    char name[FACTUM_NAME_SIZE_MAX + 1];
};

/* Keeps |top| sorted, most events first. */
static void rank(struct busy *top, size_t *count, size_t count_max, const factum_list_entry *entry)
{
    size_t at = *count;
    while (at > 0 && top[at - 1].events < entry->event_count) {
        at--;
    }
    if (at == count_max) {
        return;
    }
    *count += *count < count_max ? 1 : 0;
    memmove(&top[at + 1], &top[at], (*count - at - 1) * sizeof *top);
    top[at].events = entry->event_count;
    memcpy(top[at].name, entry->name.ptr, entry->name.len);
    top[at].name[entry->name.len] = '\0';
}

static factum_status busiest(factum_store *store, size_t count_max, factum_error *err)
{
    struct busy *top = calloc(count_max, sizeof *top);
    if (top == NULL) {
        return fail(err, FACTUM_NO_MEMORY, "busiest", "out of memory");
    }
    size_t count = 0;
    factum_list *list;
    factum_list_request request = {
        .size = sizeof request,
        .kind = FACTUM_LIST_STREAMS,
        .prefix = factum_slice_from(FILES),
    };
    factum_status status = factum_list_open(store, &request, &list, err);
    if (status == FACTUM_OK) {
        factum_list_entry entry;
        while ((status = factum_list_next(list, &entry, err)) == FACTUM_OK) {
            rank(top, &count, count_max, &entry);
        }
        factum_list_close(list);
    }
    for (size_t i = 0; i < count && status == FACTUM_DONE; i++) {
        printf("%6" PRIu64 "  %s\n", top[i].events, top[i].name + strlen(FILES));
    }
    free(top);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* ---- file ------------------------------------------------------------------------------------ */

static factum_status file_history(factum_store *store, const char *path, factum_error *err)
{
    char name[FACTUM_NAME_SIZE_MAX + 1];
    git_stream_name(name, FILES, path);
    const factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_STREAM,
        .name = factum_slice_from(name),
    };
    factum_cursor *cursor;
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_event event;
    while ((status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        char time[FACTUM_TIME_TEXT_SIZE];
        char commit[80];
        char other[FACTUM_NAME_SIZE_MAX];
        factum_time_format(event.time, time);
        text_of(&event, "commit", commit, sizeof commit);
        printf("%4" PRIu64 "  %s  %.12s  %-11.*s  +%" PRId64 " -%" PRId64, event.revision, time,
               commit, (int)event.type.len, (const char *)event.type.ptr,
               number_of(&event, "added"), number_of(&event, "deleted"));
        text_of(&event, "from", other, sizeof other);
        printf("%s%s", other[0] == '\0' ? "" : "  from ", other);
        text_of(&event, "renamedTo", other, sizeof other);
        printf("%s%s\n", other[0] == '\0' ? "" : "  to ", other);
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* ---- state ----------------------------------------------------------------------------------- */

/* The last event of |stream| at |moment|. STREAM_NOT_FOUND if no such event exists. */
static factum_status last_event(factum_store *store, factum_slice stream,
                                const struct moment *moment, bool *deleted, factum_error *err)
{
    factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_STREAM,
        .name = stream,
        .backwards = true,
        .count_max = 1,
    };
    until(&request, moment);
    factum_cursor *cursor;
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_event event;
    status = factum_cursor_next(cursor, &event, err);
    if (status == FACTUM_OK) {
        *deleted = begins(event.type, "FileDelete");
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_STREAM_NOT_FOUND : status;
}

static factum_status count_streams(factum_store *store, const struct moment *moment,
                                   uint64_t *files, uint64_t *authors, factum_error *err)
{
    factum_list *list;
    factum_list_request request = {.size = sizeof request, .kind = FACTUM_LIST_STREAMS};
    factum_status status = factum_list_open(store, &request, &list, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_list_entry entry;
    while ((status = factum_list_next(list, &entry, err)) == FACTUM_OK) {
        bool file = begins(entry.name, FILES);
        if (!file && !begins(entry.name, AUTHORS)) {
            continue;
        }
        bool deleted = false;
        status = last_event(store, entry.name, moment, &deleted, err);
        if (status == FACTUM_OK) {
            *files += file && !deleted ? 1 : 0;
            *authors += file ? 0 : 1;
        } else if (status != FACTUM_STREAM_NOT_FOUND) {
            break;
        }
    }
    factum_list_close(list);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status state(factum_store *store, const struct moment *moment, factum_error *err)
{
    uint64_t files = 0;
    uint64_t authors = 0;
    factum_status status = count_streams(store, moment, &files, &authors, err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_TYPE,
        .name = factum_slice_from("CommitMade"),
    };
    until(&request, moment);
    factum_cursor *cursor;
    status = factum_read(store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    uint64_t commits = 0;
    int64_t lines = 0;
    char commit[80] = "";
    char subject[1200] = "";
    char time[FACTUM_TIME_TEXT_SIZE] = "";
    factum_event event;
    while ((status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        commits++;
        lines += number_of(&event, "added") - number_of(&event, "deleted");
        text_of(&event, "commit", commit, sizeof commit);
        text_of(&event, "subject", subject, sizeof subject);
        factum_time_format(event.time, time);
    }
    factum_cursor_close(cursor);
    if (status != FACTUM_DONE) {
        return status;
    }
    printf("commits  %" PRIu64 "\nfiles    %" PRIu64 "\nlines    %" PRId64 "\nauthors  %" PRIu64
           "\nlast     %.12s  %s  %s\n",
           commits, files, lines, authors, commit, time, subject);
    return FACTUM_OK;
}

/* The position of the CommitMade whose hash begins with |hash|. */
static factum_status find_commit(factum_store *store, const char *hash, uint64_t *position,
                                 factum_error *err)
{
    const factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_TYPE,
        .name = factum_slice_from("CommitMade"),
    };
    factum_cursor *cursor;
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    bool found = false;
    factum_event event;
    while (!found && (status = factum_cursor_next(cursor, &event, err)) == FACTUM_OK) {
        char commit[80];
        text_of(&event, "commit", commit, sizeof commit);
        found = strncmp(commit, hash, strlen(hash)) == 0;
        *position = event.position;
    }
    factum_cursor_close(cursor);
    if (status == FACTUM_DONE) {
        return fail(err, FACTUM_NOT_FOUND, "no such commit, and no time either", hash);
    }
    return status;
}

static factum_status state_as_of(factum_store *store, const char *when, factum_error *err)
{
    struct moment moment = {0};
    if (when != NULL && factum_time_parse(factum_slice_from(when), &moment.time) == FACTUM_OK) {
        moment.time_set = true;
    } else if (when != NULL) {
        moment.position_set = true;
        factum_status status = find_commit(store, when, &moment.position, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return state(store, &moment, err);
}

/* The answer to argv[2...], INVALID if it is no question. */
static factum_status answer(factum_store *store, int argc, char **argv, factum_error *err)
{
    const char *question = argv[2];
    const char *argument = argc == 4 ? argv[3] : NULL;
    if (strcmp(question, "busiest") == 0) {
        unsigned long count = argument == NULL ? 10 : strtoul(argument, NULL, 10);
        if (count >= 1 && count <= 10000) {
            return busiest(store, count, err);
        }
    } else if (strcmp(question, "file") == 0 && argument != NULL) {
        return file_history(store, argument, err);
    } else if (strcmp(question, "state") == 0) {
        return state_as_of(store, argument, err);
    }
    return fail(err, FACTUM_INVALID,
                "usage: git-report STORE busiest [N] | file PATH | state [COMMIT | TIME]; not",
                question);
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: git-report STORE busiest [N]\n"
                        "       git-report STORE file PATH\n"
                        "       git-report STORE state [COMMIT | TIME]\n");
        return 2;
    }
    const factum_store_options options = {
        .size = sizeof options,
        .read_only = true,
        .must_exist = true,
    };
    factum_store *store;
    factum_error err;
    factum_status status = factum_open(argv[1], &options, &store, &err);
    if (status == FACTUM_OK) {
        status = answer(store, argc, argv, &err);
        (void)factum_close(store, NULL);
    }
    if (status != FACTUM_OK) {
        fprintf(stderr, "git-report: %s\n", err.text);
        return status == FACTUM_INVALID ? 2 : 1;
    }
    return 0;
}
