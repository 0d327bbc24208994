/* cmd_schema_generate.c - factum schema generate: the schemas of a category as a header and a
 * source of C. Layer: cli.
 *
 * Schemas come from a directory, TYPE.json or TYPE/N.json with the newest N. A file that is there
 * and was not generated is left alone. Both files are written each time, so that they are newer
 * than the schemas: a rule of make runs once.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <factum/generate.h>

#include "cli/cli.h"

#define ENTRIES_MAX 100000 /* of a directory */

struct schemas {
    factum_generate_schema items[FACTUM_GENERATE_TYPES_MAX];
    size_t count;
};

static void free_schemas(struct schemas *schemas)
{
    for (size_t i = 0; i < schemas->count; i++) {
        free((void *)(uintptr_t)schemas->items[i].type.ptr);
        free((void *)(uintptr_t)schemas->items[i].text.ptr);
    }
}

static int say_failed(const char *path, int error)
{
    (void)complain("%s: %s", path, strerror(error));
    return error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND : EXIT_FAILURE_;
}

static int no_memory(void)
{
    (void)complain("out of memory");
    return EXIT_FAILURE_;
}

/* "DIR/NAME", to be freed; NULL without memory. */
static char *join_path(const char *directory, const char *name)
{
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL) {
        (void)snprintf(path, size, "%s/%s", directory, name);
    }
    return path;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* All of |path|, to be freed, if it has |size_max| bytes at most. 0, or the exit code after a
 * message. */
static int read_whole(const char *path, size_t size_max, factum_slice *content)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return say_failed(path, errno);
    }
    int code = 0;
    uint8_t *bytes = malloc(size_max + 1);
    size_t len = bytes == NULL ? 0 : fread(bytes, 1, size_max + 1, file);
    if (bytes == NULL) {
        code = no_memory();
    } else if (ferror(file) != 0) {
        code = say_failed(path, errno);
    } else if (len > size_max) {
        code = complain("%s has more than %zu bytes", path, size_max);
    }
    (void)fclose(file);
    uint8_t *fitting = code == 0 ? realloc(bytes, len + 1) : NULL;
    if (code != 0) {
        free(bytes);
        return code;
    }
    *content = (factum_slice){fitting == NULL ? bytes : fitting, len};
    return 0;
}

/* N of "N.json"; 0 if it is another name. */
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

/* The newest N.json in |directory|; 0 if there is none. */
static int newest_version(const char *directory, uint64_t *newest)
{
    DIR *dir = opendir(directory);
    *newest = 0;
    if (dir == NULL) {
        return say_failed(directory, errno);
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        uint64_t version = version_of(entry->d_name);
        *newest = version > *newest ? version : *newest;
    }
    (void)closedir(dir);
    return 0;
}

static int add_schema(struct schemas *schemas, const char *type, size_t type_len, const char *path)
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
    int code = read_whole(path, FACTUM_GENERATE_SCHEMA_SIZE_MAX, &schema->text);
    uint8_t *name = code != 0 ? NULL : malloc(type_len + 1);
    if (code == 0 && name == NULL) {
        free((void *)(uintptr_t)schema->text.ptr);
        return no_memory();
    }
    if (code == 0) {
        memcpy(name, type, type_len);
        schema->type = (factum_slice){name, type_len};
        schemas->count++;
    }
    return code;
}

/* TYPE/N.json */
static int add_versions(struct schemas *schemas, const char *type, const char *directory)
{
    char name[32];
    uint64_t newest;
    int code = newest_version(directory, &newest);
    if (code != 0 || newest == 0) {
        return code;
    }
    (void)snprintf(name, sizeof name, "%" PRIu64 ".json", newest);
    char *path = join_path(directory, name);
    code = path == NULL ? no_memory() : add_schema(schemas, type, strlen(type), path);
    free(path);
    return code;
}

static int add_entry(struct schemas *schemas, const char *directory, const char *name)
{
    struct stat about;
    size_t len = strlen(name);
    int code = 0;
    if (name[0] == '.') {
        return 0;
    }
    char *path = join_path(directory, name);
    if (path == NULL) {
        return no_memory();
    }
    if (stat(path, &about) != 0) {
        code = say_failed(path, errno);
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

/* The schemas of a directory, in the order of their types. */
static int read_schemas(const char *directory, struct schemas *schemas)
{
    DIR *dir = opendir(directory);
    int code = 0;
    size_t entries = 0;
    if (dir == NULL) {
        return say_failed(directory, errno);
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
    qsort(schemas->items, schemas->count, sizeof schemas->items[0], by_type);
    return code;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct target {
    char *path;
    factum_slice text;
    bool same; /* the file has this text already */
};

/* Is there nothing that would be lost? Sets target->same. */
static int check_target(struct target *target, bool force)
{
    struct stat about;
    factum_slice now = {NULL, 0};
    const size_t mark = sizeof FACTUM_GENERATE_MARK - 1;
    if (stat(target->path, &about) != 0) {
        return errno == ENOENT ? 0 : say_failed(target->path, errno);
    }
    if (S_ISREG(about.st_mode) && about.st_size <= (off_t)FACTUM_GENERATE_OUTPUT_SIZE_MAX) {
        int code = read_whole(target->path, FACTUM_GENERATE_OUTPUT_SIZE_MAX, &now);
        if (code != 0) {
            return code;
        }
        bool ours = now.len >= mark && memcmp(now.ptr, FACTUM_GENERATE_MARK, mark) == 0;
        target->same = same_text(now, target->text);
        free((void *)(uintptr_t)now.ptr);
        if (ours || target->same || force) {
            return 0;
        }
    }
    (void)complain("%s exists and was not generated; --force overwrites it", target->path);
    return EXIT_REFUSED;
}

static bool write_all(const char *path, factum_slice text)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return false;
    }
    bool good = fwrite(text.ptr, 1, text.len, file) == text.len;
    return fclose(file) == 0 && good;
}

/* Under another name first: a reader never sees half a file. */
static int write_target(const struct target *target)
{
    size_t size = strlen(target->path) + 32;
    char *fresh = malloc(size);
    int code = 0;
    if (fresh == NULL) {
        return no_memory();
    }
    (void)snprintf(fresh, size, "%s.%ld.tmp", target->path, (long)getpid());
    if (!write_all(fresh, target->text) || rename(fresh, target->path) != 0) {
        code = say_failed(fresh, errno);
        (void)unlink(fresh);
    }
    free(fresh);
    return code;
}

static void print_done(const struct options *options, const struct schemas *schemas,
                       const struct target targets[2])
{
    if (!options->json) {
        for (size_t i = 0; i < 2 && !options->quiet; i++) {
            print_text(stdout, factum_slice_from(targets[i].path));
            (void)printf("\n");
        }
        return;
    }
    (void)printf("{\"category\":");
    print_json_text(stdout, factum_slice_from(options->arguments[0]));
    (void)printf(",\"types\":");
    for (size_t i = 0; i < schemas->count; i++) {
        (void)printf(i == 0 ? "[" : ",");
        print_json_text(stdout, schemas->items[i].type);
    }
    (void)printf("],\"files\":[");
    print_json_text(stdout, factum_slice_from(targets[0].path));
    (void)printf(",");
    print_json_text(stdout, factum_slice_from(targets[1].path));
    (void)printf("],\"changed\":%s}\n", targets[0].same && targets[1].same ? "false" : "true");
}

/* Both or, if something is in the way, none. */
static int write_files(const struct options *options, const struct schemas *schemas,
                       const factum_generated *generated)
{
    char name[256];
    struct target targets[2] = {{.text = factum_generated_header(generated)},
                                {.text = factum_generated_source(generated)}};
    int code = 0;
    for (size_t i = 0; code == 0 && i < 2; i++) {
        (void)snprintf(name, sizeof name, "%s.gen.%c", factum_generated_name(generated), "hc"[i]);
        targets[i].path = join_path(options->to, name);
        code = targets[i].path == NULL ? no_memory() : check_target(&targets[i], options->force);
    }
    for (size_t i = 0; code == 0 && i < 2; i++) {
        code = write_target(&targets[i]);
    }
    if (code == 0) {
        print_done(options, schemas, targets);
    }
    free(targets[0].path);
    free(targets[1].path);
    return code;
}

static int generate(const struct options *options, const struct schemas *schemas)
{
    factum_error err;
    factum_generated *generated;
    factum_generate_request request = {
        .size = sizeof request,
        .category = factum_slice_from(options->arguments[0]),
        .schemas = schemas->items,
        .schema_count = schemas->count,
        .keep_unknown = options->keep_unknown,
    };
    factum_status status = factum_generate(&request, &generated, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    int code = write_files(options, schemas, generated);
    factum_generated_free(generated);
    return code;
}

static int run_generate(const struct options *options)
{
    if (options->from == NULL || options->to == NULL) {
        return complain("factum schema generate: --%s is missing; usage: factum %s",
                        options->from == NULL ? "from" : "to", command_schema_generate.usage);
    }
    struct schemas *schemas = calloc(1, sizeof *schemas);
    if (schemas == NULL) {
        return no_memory();
    }
    int code = read_schemas(options->from, schemas);
    if (code == 0) {
        code = generate(options, schemas);
    }
    free_schemas(schemas);
    free(schemas);
    return code;
}

const struct command command_schema_generate = {
    .name = "schema generate",
    .usage = "schema generate CATEGORY --from DIR --to DIR",
    .summary = "write C types of the events of a category",
    .help = "  --from DIR         the schemas: TYPE.json, or TYPE/N.json with the newest N\n"
            "  --to DIR           where CATEGORY.gen.h and CATEGORY.gen.c go\n"
            "  --keep-unknown     members that a schema does not name are kept, too\n"
            "  --force            overwrite files that were not generated\n"
            "  --json             the files that were written, and whether they changed, as JSON\n",
    .notes = "Exit code 2: a schema makes no sense, or is over a limit; 3: a file is in the way.\n",
    .options = "from to keep-unknown force json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_generate,
};
