/* cmd_schema_generate.c - factum schema generate: the schemas of a category as a C header and
 * source. Layer: cli.
 *
 * schema_set.c finds the schemas. An existing file that was not generated is not overwritten. Both
 * files are written each time, so that they are newer than the schemas and a make rule runs once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/schema_set.h"
#include "cli/whole_file.h"

/* ---- writing --------------------------------------------------------------------------------- */

struct target {
    char *path;
    factum_slice text;
    bool same; /* the file has this text already */
};

/* Checks that no file would be lost. Sets target->same. */
static int check_target(struct target *target, bool force)
{
    struct stat about;
    uint8_t *now = NULL;
    size_t len = 0;
    const size_t size = sizeof FACTUM_GENERATE_FIRST_LINE - 1;
    if (stat(target->path, &about) != 0) {
        return errno == ENOENT ? 0 : file_failed(target->path, errno);
    }
    if (S_ISREG(about.st_mode) && about.st_size <= (off_t)FACTUM_GENERATE_OUTPUT_SIZE_MAX) {
        int code = file_read(target->path, FACTUM_GENERATE_OUTPUT_SIZE_MAX, &now, &len);
        if (code != 0) {
            return code;
        }
        bool ours = len >= size && memcmp(now, FACTUM_GENERATE_FIRST_LINE, size) == 0;
        target->same = same_text((factum_slice){now, len}, target->text);
        free(now);
        if (ours || target->same || force) {
            return 0;
        }
    }
    (void)complain("%s exists and was not generated; --force overwrites it", target->path);
    return EXIT_REFUSED;
}

static bool write_all(const char *path, factum_slice text)
{
    (void)unlink(path); /* of an earlier process; it may be a second name of the target */
    FILE *file = fopen(path, "wbx");
    if (file == NULL) {
        return false;
    }
    bool good = fwrite(text.ptr, 1, text.len, file) == text.len;
    return fclose(file) == 0 && good;
}

/* Writes under another name and renames, so that a reader never sees half a file. */
static int write_target(const struct target *target)
{
    size_t size = strlen(target->path) + 32;
    char *fresh = malloc(size);
    int code = 0;
    if (fresh == NULL) {
        return out_of_memory();
    }
    (void)snprintf(fresh, size, "%s.%ld.tmp", target->path, (long)getpid());
    if (!write_all(fresh, target->text) || rename(fresh, target->path) != 0) {
        code = file_failed(target->path, errno);
        (void)unlink(fresh);
    }
    free(fresh);
    return code;
}

static void print_done(const struct options *options, const struct schema_set *schemas,
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

/* Writes both files, or none if one of them is in the way. */
static int write_files(const struct options *options, const struct schema_set *schemas,
                       const factum_generated *generated)
{
    char name[256];
    struct target targets[2] = {{.text = factum_generated_header(generated)},
                                {.text = factum_generated_source(generated)}};
    int code =
        mkdir(options->to, 0777) == 0 || errno == EEXIST ? 0 : file_failed(options->to, errno);
    for (size_t i = 0; code == 0 && i < 2; i++) {
        (void)snprintf(name, sizeof name, "%s.gen.%c", factum_generated_name(generated), "hc"[i]);
        targets[i].path = path_join(options->to, name);
        code =
            targets[i].path == NULL ? out_of_memory() : check_target(&targets[i], options->force);
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

static int generate(const struct options *options, const struct schema_set *schemas)
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
    if (options->to == NULL) {
        return complain("factum schema generate: --to is missing; usage: factum %s",
                        command_schema_generate.usage);
    }
    if (options->from != NULL && options->store_given) {
        return complain("--from and --store exclude each other: schemas come from one place");
    }
    struct schema_set *schemas = calloc(1, sizeof *schemas);
    if (schemas == NULL) {
        return out_of_memory();
    }
    int code = options->from != NULL ? schema_set_from_directory(options->from, schemas)
                                     : schema_set_from_store(options, schemas);
    if (code == 0) {
        code = generate(options, schemas);
    }
    schema_set_free(schemas);
    free(schemas);
    return code;
}

const struct command command_schema_generate = {
    .name = "schema generate",
    .usage = "schema generate CATEGORY --to DIR [--from DIR]",
    .summary = "generate C types of the events of a category",
    .help = "  --to DIR           where CATEGORY.gen.h and CATEGORY.gen.c go; created if it does "
            "not exist\n"
            "  --from DIR         the schemas are files: TYPE.json, or TYPE/N.json with the newest "
            "N\n"
            "  --keep-unknown     members that a schema does not name are kept, too\n"
            "  --force            overwrite files that were not generated\n"
            "  --json             the files that were written, and whether they changed, as JSON\n",
    .notes = "Without --from the schemas are those of the store: the newest version of each "
             "CATEGORY/TYPE,\n"
             "and of each TYPE alone of which the category has an event.\n"
             "The exit status is 2 if a schema is wrong or over a limit, 3 if a file is in the "
             "way, and 4 if\n"
             "there is no schema.\n",
    .options = "from to keep-unknown force json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_generate,
};
