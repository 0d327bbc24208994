/* cmd_lists.c - factum streams, categories, types, tags: every name that was ever written, in the
 * store's order or sorted. Layer: cli. Knows nothing of how names are found. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

struct names {
    factum_list_entry *items; /* their names are copies */
    size_t count, room;
};

static int by_name(const void *a, const void *b)
{
    factum_slice x = ((const factum_list_entry *)a)->name;
    factum_slice y = ((const factum_list_entry *)b)->name;
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

static int by_count(const void *a, const void *b)
{
    const factum_list_entry *x = a;
    const factum_list_entry *y = b;
    if (x->event_count != y->event_count) {
        return x->event_count < y->event_count ? 1 : -1;
    }
    return by_name(a, b);
}

static bool add(struct names *names, const factum_list_entry *entry)
{
    if (names->count == names->room) {
        names->room = names->room == 0 ? 256 : names->room * 2;
        factum_list_entry *grown = realloc(names->items, names->room * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        names->items = grown;
    }
    uint8_t *text = malloc(entry->name.len + 1);
    if (text == NULL) {
        return false;
    }
    memcpy(text, entry->name.ptr, entry->name.len);
    names->items[names->count] = *entry;
    names->items[names->count++].name.ptr = text;
    return true;
}

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free((void *)(uintptr_t)names->items[i].name.ptr);
    }
    free(names->items);
}

static void print_name(const struct options *options, const factum_store *store,
                       const factum_list_entry *entry)
{
    if (!options->json) {
        (void)printf("%10" PRIu64 "  ", entry->event_count);
        print_text(stdout, entry->name);
        (void)printf("\n");
        return;
    }
    char first[FACTUM_TIME_TEXT_SIZE];
    char last[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(entry->first_created, first);
    factum_time_format(entry->last_created, last);
    (void)printf("{\"name\":");
    print_json_text(stdout, entry->name);
    (void)printf(",\"events\":%" PRIu64 ",\"firstPosition\":%" PRIu64 ",\"lastPosition\":%" PRIu64
                 ",\"firstCreated\":\"%s\",\"lastCreated\":\"%s\",",
                 entry->event_count, entry->first_position, entry->last_position, first, last);
    print_json_token(store, entry->first_position);
    (void)printf("}\n");
}

/* Prints the names that |request| selects or, with |names|, collects them there. */
static int go_through(const struct options *options, factum_store *store,
                      const factum_list_request *request, struct names *names)
{
    factum_error err;
    factum_list *list;
    factum_list_entry entry;
    uint64_t given = 0;
    uint64_t last = 0;
    factum_status status = factum_list_open(store, request, &list, &err);
    while (status == FACTUM_OK && !interrupted &&
           (status = factum_list_next(list, &entry, &err)) == FACTUM_OK) {
        if (names == NULL) {
            print_name(options, store, &entry);
        } else if (!add(names, &entry)) {
            factum_list_close(list);
            (void)complain("out of memory");
            return EXIT_FAILURE_;
        }
        last = entry.first_position;
        given++;
    }
    factum_list_close(list);
    bool full = request->count_max != 0 && given >= request->count_max;
    if (status == FACTUM_DONE && full && !options->quiet && !options->json) {
        (void)fflush(stdout); /* the hint comes after the names, also where both go to one place */
        print_go_on(store, last);
    }
    return status < 0 ? fail_with(status, &err) : interrupted ? EXIT_INTERRUPTED : 0;
}

/* Collects all that |request| selects, and prints the first |limit| in another order. */
static int sort_and_print(const struct options *options, factum_store *store,
                          const factum_list_request *request, uint64_t limit)
{
    struct names names = {.items = NULL};
    bool count = strcmp(options->sort, "count") == 0;
    int code = go_through(options, store, request, &names);
    if (code == 0 && names.count > 0) {
        qsort(names.items, names.count, sizeof *names.items, count ? by_count : by_name);
    }
    for (size_t i = 0; code == 0 && i < names.count && i < limit; i++) {
        print_name(options, store, &names.items[i]);
    }
    free_names(&names);
    return code;
}

static int list(const struct options *options, factum_list_kind kind)
{
    factum_store *store;
    uint64_t limit = 0;
    factum_list_request request = {
        .size = sizeof request,
        .kind = kind,
        .category = factum_slice_from(options->category),
        .prefix = factum_slice_from(options->prefix),
    };
    const char *sort = options->sort == NULL ? "first" : options->sort;
    bool sorted = strcmp(sort, "name") == 0 || strcmp(sort, "count") == 0;
    if (!sorted && strcmp(sort, "first") != 0) {
        return complain("--sort takes first, name or count, not \"%s\"", sort);
    }
    if (options->limit != NULL && !option_count(options->limit, "limit", &limit)) {
        return EXIT_USAGE;
    }
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    if (options->after != NULL) {
        code = option_token(store, options->after, &request.after);
    }
    if (code != 0) {
        return close_store(store, code);
    }
    if (sorted) {
        code = sort_and_print(options, store, &request, limit == 0 ? UINT64_MAX : limit);
    } else {
        request.count_max = limit;
        code = go_through(options, store, &request, NULL);
    }
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

static int run_tags(const struct options *options)
{
    return list(options, FACTUM_LIST_TAGS);
}

#define LIST_HELP                                                                                  \
    "  --prefix TEXT      only names that begin so\n"                                              \
    "  --after TOKEN      only names whose first event is after the place of the token: the\n"     \
    "                     next page begins after the \"token\" of the last name\n"                 \
    "  --sort WHAT        first, by their first events; name; count (first)\n"                     \
    "  --limit N          at most N; tags that appeared together stay together\n"                  \
    "  --json             one JSON object a line\n"
#define LIST_OPTIONS "prefix after sort limit json "

const struct command command_streams = {
    .name = "streams",
    .usage = "streams [options]",
    .summary = "list the streams and how many events they have",
    .help = "  --category NAME    only those of a category\n" LIST_HELP,
    .options = "category " LIST_OPTIONS,
    .run = run_streams,
};

const struct command command_categories = {
    .name = "categories",
    .usage = "categories [options]",
    .summary = "list the categories: the part before the first '-' of a stream's name",
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

const struct command command_tags = {
    .name = "tags",
    .usage = "tags [options]",
    .summary = "list the tags",
    .help = LIST_HELP,
    .options = LIST_OPTIONS,
    .run = run_tags,
};
