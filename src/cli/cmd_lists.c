/* cmd_lists.c - factum streams, categories, types: the names in use. Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

struct name {
    char *text;
    size_t len;
    uint64_t event_count;
    uint64_t first_position;
    uint64_t last_position;
    int64_t first_created;
    int64_t last_created;
};

struct names {
    struct name *items;
    size_t count, room;
};

static int by_name(const void *a, const void *b)
{
    const struct name *x = a;
    const struct name *y = b;
    int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

static int by_count(const void *a, const void *b)
{
    const struct name *x = a;
    const struct name *y = b;
    if (x->event_count != y->event_count) {
        return x->event_count < y->event_count ? 1 : -1;
    }
    return by_name(a, b);
}

static bool add(struct names *names, const factum_list_entry *entry)
{
    if (names->count == names->room) {
        names->room = names->room == 0 ? 256 : names->room * 2;
        struct name *grown = realloc(names->items, names->room * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        names->items = grown;
    }
    char *text = malloc(entry->name.len + 1);
    if (text == NULL) {
        return false;
    }
    memcpy(text, entry->name.ptr, entry->name.len);
    names->items[names->count++] = (struct name){
        .text = text,
        .len = entry->name.len,
        .event_count = entry->event_count,
        .first_position = entry->first_position,
        .last_position = entry->last_position,
        .first_created = entry->first_created,
        .last_created = entry->last_created,
    };
    return true;
}

static void print_name(const struct options *options, const struct name *name)
{
    factum_slice text = {(const uint8_t *)name->text, name->len};
    char first[FACTUM_TIME_TEXT_SIZE];
    char last[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(name->first_created, first);
    factum_time_format(name->last_created, last);
    if (options->json) {
        (void)printf("{\"name\":");
        print_json_text(stdout, text);
        (void)printf(",\"events\":%" PRIu64 ",\"firstPosition\":%" PRIu64
                     ",\"lastPosition\":%" PRIu64
                     ",\"firstCreated\":\"%s\",\"lastCreated\":\"%s\"}\n",
                     name->event_count, name->first_position, name->last_position, first, last);
        return;
    }
    (void)printf("%10" PRIu64 "  ", name->event_count);
    print_text(stdout, text);
    (void)printf("\n");
}

static int collect(const struct options *options, factum_store *store, factum_list_kind kind,
                   struct names *names)
{
    factum_error err;
    factum_list *list;
    factum_list_entry entry;
    factum_slice prefix = factum_slice_from(options->prefix);
    factum_status status = factum_list_open(store, kind, &list, &err);
    while (status == FACTUM_OK && !interrupted &&
           (status = factum_list_next(list, &entry, &err)) == FACTUM_OK) {
        bool fits = entry.name.len >= prefix.len &&
                    (prefix.len == 0 || memcmp(entry.name.ptr, prefix.ptr, prefix.len) == 0);
        if (fits && !add(names, &entry)) {
            factum_list_close(list);
            (void)complain("out of memory");
            return EXIT_FAILURE_;
        }
    }
    factum_list_close(list);
    return status < 0 ? fail_with(status, &err) : interrupted ? EXIT_INTERRUPTED : 0;
}

static int list(const struct options *options, factum_list_kind kind)
{
    struct names names = {.items = NULL};
    factum_store *store;
    uint64_t limit = UINT64_MAX;
    bool count = options->sort != NULL && strcmp(options->sort, "count") == 0;
    if (options->sort != NULL && !count && strcmp(options->sort, "name") != 0) {
        return complain("--sort takes name or count, not \"%s\"", options->sort);
    }
    if (options->limit != NULL && !option_count(options->limit, "limit", &limit)) {
        return EXIT_USAGE;
    }
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    code = collect(options, store, kind, &names);
    if (code == 0 && names.count > 0) {
        qsort(names.items, names.count, sizeof *names.items, count ? by_count : by_name);
    }
    for (size_t i = 0; i < names.count; i++) {
        if (code == 0 && i < limit) {
            print_name(options, &names.items[i]);
        }
        free(names.items[i].text);
    }
    free(names.items);
    return close_store(store, code);
}

static int run_streams(const struct options *options)
{
    return list(options, FACTUM_LIST_STREAMS);
}

static int run_categories(const struct options *options)
{
    return list(options, FACTUM_LIST_CATEGORIES);
}

static int run_types(const struct options *options)
{
    return list(options, FACTUM_LIST_TYPES);
}

#define LIST_HELP                                                                                  \
    "  --prefix TEXT      only names that begin so\n"                                              \
    "  --sort name|count  the order (default: name)\n"                                             \
    "  --limit N          at most N\n"                                                             \
    "  --json             one JSON object a line\n"
#define LIST_OPTIONS "prefix sort limit json "

const struct command command_streams = {
    .name = "streams",
    .usage = "streams [options]",
    .summary = "list the streams and how many events they have",
    .help = LIST_HELP,
    .options = LIST_OPTIONS,
    .run = run_streams,
};

const struct command command_categories = {
    .name = "categories",
    .usage = "categories [options]",
    .summary = "list the categories: what stands before the first '-' of a stream's name",
    .help = LIST_HELP,
    .options = LIST_OPTIONS,
    .run = run_categories,
};

const struct command command_types = {
    .name = "types",
    .usage = "types [options]",
    .summary = "list the event types",
    .help = LIST_HELP,
    .options = LIST_OPTIONS,
    .run = run_types,
};
