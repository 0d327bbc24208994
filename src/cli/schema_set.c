/* schema_set.c - see schema_set.h. Layer: cli. */
#include "cli/schema_set.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <factum/registry.h>

#include "cli/whole_file.h"

#define ENTRIES_MAX 100000 /* in one directory */

void schema_set_free(struct schema_set *schemas)
{
    for (size_t i = 0; i < schemas->count; i++) {
        free((void *)(uintptr_t)schemas->items[i].type.ptr);
        free((void *)(uintptr_t)schemas->items[i].text.ptr);
    }
}

char *path_join(const char *directory, const char *name)
{
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL) {
        (void)snprintf(path, size, "%s/%s", directory, name);
    }
    return path;
}

/* ---- a directory ----------------------------------------------------------------------------- */

/* The number N of "N.json"; 0 for another name. */
static uint64_t version_of(const char *name)
{
    char *end;
    if (name[0] < '1' || name[0] > '9') {
        return 0;
    }
    errno = 0;
    unsigned long long number = strtoull(name, &end, 10);
    return errno == 0 && strcmp(end, ".json") == 0 ? number : 0;
}

/* The newest N.json in |directory|; 0: none. */
static int newest_version(const char *directory, uint64_t *newest)
{
    DIR *dir = opendir(directory);
    *newest = 0;
    if (dir == NULL) {
        return file_failed(directory, errno);
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        uint64_t version = version_of(entry->d_name);
        *newest = version > *newest ? version : *newest;
    }
    (void)closedir(dir);
    return 0;
}

static int add_schema(struct schema_set *schemas, const char *type, size_t type_len,
                      const char *path)
{
    if (schemas->count == FACTUM_GENERATE_TYPES_MAX) {
        return complain("%s: more than %u event types", path, FACTUM_GENERATE_TYPES_MAX);
    }
    for (size_t i = 0; i < schemas->count; i++) {
        if (same_text(schemas->items[i].type, (factum_slice){(const uint8_t *)type, type_len})) {
            return complain("%s: there is both %.*s.json and %.*s/N.json", path, (int)type_len,
                            type, (int)type_len, type);
        }
    }
    factum_generate_schema *schema = &schemas->items[schemas->count];
    uint8_t *text = NULL;
    int code = file_read(path, FACTUM_GENERATE_SCHEMA_SIZE_MAX, &text, &schema->text.len);
    schema->text.ptr = text;
    uint8_t *name = code != 0 ? NULL : malloc(type_len + 1);
    if (code == 0 && name == NULL) {
        free(text);
        return out_of_memory();
    }
    if (code == 0) {
        memcpy(name, type, type_len);
        schema->type = (factum_slice){name, type_len};
        schemas->count++;
    }
    return code;
}

/* Adds the newest TYPE/N.json. */
static int add_versions(struct schema_set *schemas, const char *type, const char *directory)
{
    char name[32];
    uint64_t newest;
    int code = newest_version(directory, &newest);
    if (code != 0 || newest == 0) {
        return code;
    }
    (void)snprintf(name, sizeof name, "%" PRIu64 ".json", newest);
    char *path = path_join(directory, name);
    code = path == NULL ? out_of_memory() : add_schema(schemas, type, strlen(type), path);
    free(path);
    return code;
}

static int add_entry(struct schema_set *schemas, const char *directory, const char *name)
{
    struct stat about;
    size_t len = strlen(name);
    int code = 0;
    if (name[0] == '.') {
        return 0;
    }
    char *path = path_join(directory, name);
    if (path == NULL) {
        return out_of_memory();
    }
    if (stat(path, &about) != 0) {
        code = file_failed(path, errno);
    } else if (S_ISDIR(about.st_mode)) {
        code = add_versions(schemas, name, path);
    } else if (S_ISREG(about.st_mode) && len > 5 && strcmp(name + len - 5, ".json") == 0) {
        code = add_schema(schemas, name, len - 5, path);
    }
    free(path);
    return code;
}

static int by_type(const void *a, const void *b)
{
    factum_slice x = ((const factum_generate_schema *)a)->type;
    factum_slice y = ((const factum_generate_schema *)b)->type;
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

static void sort_set(struct schema_set *schemas)
{
    qsort(schemas->items, schemas->count, sizeof schemas->items[0], by_type);
}

int schema_set_from_directory(const char *directory, struct schema_set *schemas)
{
    DIR *dir = opendir(directory);
    int code = 0;
    size_t entries = 0;
    if (dir == NULL) {
        return file_failed(directory, errno);
    }
    for (const struct dirent *entry; code == 0 && (entry = readdir(dir)) != NULL;) {
        code = ++entries > ENTRIES_MAX
                   ? complain("%s has more than %d entries", directory, ENTRIES_MAX)
                   : add_entry(schemas, directory, entry->d_name);
    }
    (void)closedir(dir);
    if (code == 0 && schemas->count == 0) {
        (void)complain("%s has no schema: a file TYPE.json, or TYPE/N.json, for each event type",
                       directory);
        code = EXIT_NOT_FOUND;
    }
    sort_set(schemas);
    return code;
}

/* ---- a store --------------------------------------------------------------------------------- */

/* Decides which schemas of the registry belong to a category. */
struct belonging {
    factum_store *store;
    const factum_schemas *registry;
    factum_slice category;
    uint64_t category_events;
};

static factum_slice copy_slice(factum_slice from)
{
    uint8_t *bytes = malloc(from.len + 1);
    if (bytes != NULL && from.len > 0) {
        memcpy(bytes, from.ptr, from.len);
    }
    return (factum_slice){bytes, from.len};
}

static int take_schema(const struct belonging *about, struct schema_set *schemas, factum_slice type,
                       factum_slice text)
{
    if (schemas->count == FACTUM_GENERATE_TYPES_MAX) {
        return complain("category %.*s has schemas of more than %u event types",
                        (int)about->category.len, (const char *)about->category.ptr,
                        FACTUM_GENERATE_TYPES_MAX);
    }
    factum_generate_schema *schema = &schemas->items[schemas->count];
    *schema = (factum_generate_schema){copy_slice(type), copy_slice(text)};
    schemas->count++; /* counted first: the set frees whatever could be copied */
    return schema->type.ptr == NULL || schema->text.ptr == NULL ? out_of_memory() : 0;
}

/* "CATEGORY/TYPE" of |type|; the caller frees it. NULL without memory. */
static char *qualified(factum_slice category, factum_slice type)
{
    size_t size = category.len + type.len + 2;
    char *subject = malloc(size);
    if (subject != NULL) {
        (void)snprintf(subject, size, "%.*s/%.*s", (int)category.len, (const char *)category.ptr,
                       (int)type.len, (const char *)type.ptr);
    }
    return subject;
}

/* Does the category have a schema of its own for |type|? */
static int has_own(const struct belonging *about, factum_slice type, bool *has)
{
    factum_schema_version version = {.size = sizeof version};
    char *subject = qualified(about->category, type);
    if (subject == NULL) {
        return out_of_memory();
    }
    *has = factum_schemas_find(about->registry, factum_slice_from(subject), 0, &version, NULL) ==
           FACTUM_OK;
    free(subject);
    return 0;
}

/* Does |request|, which asks for at most one event, find any? */
static int is_any(factum_store *store, const factum_read_request *request, bool *any)
{
    factum_error err;
    factum_cursor *cursor;
    factum_event event;
    factum_status status = factum_read(store, request, &cursor, &err);
    if (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, &err);
        factum_cursor_close(cursor);
    }
    *any = status == FACTUM_OK;
    return *any || status == FACTUM_DONE ? 0 : fail_with(status, &err);
}

/* Does the category have an event of |type|? Reads the shorter list, that of the category or that
 * of the type. */
static int is_used(const struct belonging *about, factum_slice type, bool *used)
{
    factum_error err;
    uint64_t type_events;
    factum_status status = factum_count_events(about->store, FACTUM_SOURCE_TYPE, type, 0,
                                               UINT64_MAX, &type_events, &err);
    *used = false;
    if (status != FACTUM_OK || type_events == 0 || about->category_events == 0) {
        return status == FACTUM_OK ? 0 : fail_with(status, &err);
    }
    char prefix[FACTUM_NAME_SIZE_MAX + 2];
    (void)snprintf(prefix, sizeof prefix, "%.*s-", (int)about->category.len,
                   (const char *)about->category.ptr);
    const factum_slice prefix_text = factum_slice_from(prefix);
    const bool by_type = type_events < about->category_events;
    const factum_filter filter = {
        .size = sizeof filter,
        .types = &type,
        .type_count = by_type ? 0 : 1,
        .stream_prefixes = &prefix_text,
        .stream_prefix_count = by_type ? 1 : 0,
    };
    const factum_read_request request = {
        .size = sizeof request,
        .source = by_type ? FACTUM_SOURCE_TYPE : FACTUM_SOURCE_CATEGORY,
        .name = by_type ? type : about->category,
        .count_max = 1,
        .filter = &filter,
    };
    return is_any(about->store, &request, used);
}

/* Takes |version|, the newest of its subject, if it applies to events of the category. */
static int consider(const struct belonging *about, struct schema_set *schemas,
                    const factum_schema_version *version)
{
    factum_slice subject = version->subject;
    const uint8_t *slash = memchr(subject.ptr, '/', subject.len);
    if (slash != NULL) {
        size_t len = (size_t)(slash - subject.ptr);
        factum_slice type = {slash + 1, subject.len - len - 1};
        return same_text((factum_slice){subject.ptr, len}, about->category)
                   ? take_schema(about, schemas, type, version->text)
                   : 0;
    }
    bool own;
    bool used = false;
    int code = has_own(about, subject, &own);
    if (code == 0 && !own) {
        code = is_used(about, subject, &used);
    }
    return code == 0 && used ? take_schema(about, schemas, subject, version->text) : code;
}

static int consider_all(const struct belonging *about, struct schema_set *schemas)
{
    factum_schema_version version = {.size = sizeof version};
    int code = 0;
    for (size_t i = 0;
         code == 0 && factum_schemas_at(about->registry, i, &version, NULL) == FACTUM_OK; i++) {
        code = version.newest ? consider(about, schemas, &version) : 0;
    }
    if (code == 0 && schemas->count == 0) {
        (void)complain("no schema for category %.*s: register one as %.*s/TYPE, or take files with "
                       "--from",
                       (int)about->category.len, (const char *)about->category.ptr,
                       (int)about->category.len, (const char *)about->category.ptr);
        code = EXIT_NOT_FOUND;
    }
    sort_set(schemas);
    return code;
}

int schema_set_from_store(const struct options *options, struct schema_set *schemas)
{
    factum_error err;
    factum_schemas *registry = NULL;
    struct belonging about = {.category = factum_slice_from(options->arguments[0])};
    int code = open_store(options, false, &about.store);
    if (code != 0) {
        return code;
    }
    factum_status status = factum_count_events(about.store, FACTUM_SOURCE_CATEGORY, about.category,
                                               0, UINT64_MAX, &about.category_events, &err);
    if (status == FACTUM_OK) {
        status = factum_schemas_open(about.store, &registry, &err);
    }
    if (status != FACTUM_OK) {
        code = fail_with(status, &err);
    } else {
        about.registry = registry;
        code = consider_all(&about, schemas);
    }
    factum_schemas_close(registry);
    return close_store(about.store, code);
}
