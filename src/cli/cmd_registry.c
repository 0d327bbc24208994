/* cmd_registry.c - the commands of the family "factum schema" that read or write the registry of a
 * store. Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#ifdef FCT_WITH_SQL
#include <factum/projection.h>
#endif
#include <factum/registry.h>

#include "cli/cli.h"
#include "cli/cmd_schema.h"
#include "cli/json_diff.h"
#include "cli/progress.h"
#include "cli/whole_file.h"

/* ---- registering and checking ---------------------------------------------------------------- */

/* The proof that the options ask for. The store is open, for tokens. 0, or the exit code after a
 * message. */
static int proof_options(const struct options *options, const factum_store *store,
                         factum_register_options *proof)
{
    if (options->unproven && options->after != NULL) {
        return complain("--unproven and --after exclude each other");
    }
    if (options->unproven) {
        proof->proof = FACTUM_SCHEMA_PROOF_NONE;
    }
    if (options->after != NULL) {
        proof->proof = FACTUM_SCHEMA_PROOF_AFTER;
        return option_token(store, options->after, &proof->after);
    }
    return 0;
}

static void print_violation(const struct options *options, const factum_store *store,
                            const factum_registration *done, const factum_error *err)
{
    if (!options->json) {
        (void)fail_with(FACTUM_SCHEMA_VIOLATION, err);
        if (!options->quiet) {
            char token[FACTUM_TOKEN_SIZE];
            factum_token_format(store, done->failed_position, token);
            (void)fprintf(stderr, "factum: events up to this one are left out with --after %s\n",
                          token);
        }
        return;
    }
    (void)printf("{\"accepted\":false,\"position\":%" PRIu64 ",\"stream\":", done->failed_position);
    print_json_text(stdout, factum_slice_from(done->failed_stream));
    (void)printf(",\"revision\":%" PRIu64 ",\"pointer\":", done->failed_revision);
    print_json_text(stdout, factum_slice_from(done->failed_pointer));
    (void)printf(",\"text\":");
    print_json_text(stdout, factum_slice_from(err->text));
    (void)printf(",");
    print_json_token(store, done->failed_position);
    (void)printf("}\n");
}

static void print_accepted(const struct options *options, const factum_registration *done,
                           bool registered)
{
    char events[64];
    format_things(done->proven_events, "stored event fits", "stored events fit", events);
    if (options->json) {
        (void)printf("{\"accepted\":true,\"subject\":");
        print_json_text(stdout, factum_slice_from(options->arguments[0]));
        (void)printf(",\"version\":%" PRIu64 ",\"id\":%" PRIu64 ",\"registered\":%s,\"already\":%s,"
                     "\"newest\":%s,\"provenEvents\":%" PRIu64 "}\n",
                     done->version, done->id, registered ? "true" : "false",
                     done->already ? "true" : "false", done->newest ? "true" : "false",
                     done->proven_events);
    } else if (done->already) {
        (void)printf("%s has this schema already: version %" PRIu64 "%s\n", options->arguments[0],
                     done->version, done->newest ? "" : ", not the newest");
    } else if (!options->quiet) {
        (void)printf("%s version %" PRIu64 "%s; %s\n", options->arguments[0], done->version,
                     registered ? "" : " would be accepted", events);
    }
}

/* Asks the projections whether they accept the schema; a server asks them itself. */
static factum_status ask_projections(const struct options *options, factum_store *store,
                                     factum_slice text, factum_error *err)
{
#ifdef FCT_WITH_SQL
    if (!is_address(options->store)) {
        return factum_projection_schema_check(store, factum_slice_from(options->arguments[0]), text,
                                              err);
    }
#endif
    (void)options;
    (void)store;
    (void)text;
    (void)err;
    return FACTUM_OK;
}

typedef factum_status (*registering)(factum_store *store, factum_slice subject, factum_slice text,
                                     const factum_register_options *options,
                                     factum_registration *registration, factum_error *err);

static int register_or_check(const struct options *options, bool write)
{
    factum_store *store;
    factum_error err;
    uint8_t *text;
    size_t len;
    int code = file_read(options->arguments[1], FACTUM_SCHEMA_SIZE_MAX, &text, &len);
    if (code == 0) {
        code = open_store(options, write, &store);
    }
    if (code != 0) {
        free(text);
        return code;
    }
    struct progress progress;
    progress_begin(&progress, "checking stored events", options->quiet);
    const factum_progress step = {&progress, progress_events};
    factum_register_options proof = {.size = sizeof proof, .progress = &step};
    factum_registration done = {.size = sizeof done};
    code = proof_options(options, store, &proof);
    if (code == 0) {
        const registering act = write ? factum_schema_register : factum_schema_prove;
        const factum_slice schema = {text, len};
        factum_status status = ask_projections(options, store, schema, &err);
        if (status == FACTUM_OK) {
            status =
                act(store, factum_slice_from(options->arguments[0]), schema, &proof, &done, &err);
        }
        progress_end(&progress);
        if (status == FACTUM_SCHEMA_VIOLATION) {
            print_violation(options, store, &done, &err);
            code = EXIT_INVALID;
        } else if (status != FACTUM_OK) {
            code = fail_with(status, &err);
        } else {
            print_accepted(options, &done, write && !done.already);
        }
    }
    free(text);
    return close_store(store, code);
}

static int run_schema_register(const struct options *options)
{
    return register_or_check(options, true);
}

static int run_schema_check(const struct options *options)
{
    return register_or_check(options, false);
}

/* ---- the registry ---------------------------------------------------------------------------- */

static int open_registry(const struct options *options, factum_store **store,
                         factum_schemas **schemas)
{
    factum_error err;
    int code = open_store(options, false, store);
    if (code != 0) {
        return code;
    }
    factum_status status = factum_schemas_open(*store, schemas, &err);
    return status == FACTUM_OK ? 0 : close_store(*store, fail_with(status, &err));
}

/* The mode that applies to |subject|: its own, that of its type alone, or that of its category. */
static factum_schema_mode mode_in_force(const factum_schemas *schemas, factum_slice subject)
{
    const uint8_t *slash = memchr(subject.ptr, '/', subject.len);
    factum_schema_mode mode = factum_schemas_mode_get(schemas, subject);
    if (mode == FACTUM_SCHEMA_MODE_UNSET && slash != NULL) {
        size_t category = (size_t)(slash + 1 - subject.ptr);
        mode = factum_schemas_mode_get(schemas, (factum_slice){slash + 1, subject.len - category});
        if (mode == FACTUM_SCHEMA_MODE_UNSET) {
            mode = factum_schemas_mode_get(schemas, (factum_slice){subject.ptr, category});
        }
    }
    return mode == FACTUM_SCHEMA_MODE_UNSET ? FACTUM_SCHEMA_MODE_REJECT : mode;
}

static void list_version(const struct options *options, const factum_schemas *schemas,
                         const factum_schema_version *version)
{
    char created[FACTUM_TIME_TEXT_SIZE];
    const char *mode = factum_schema_mode_name(factum_schemas_mode_get(schemas, version->subject));
    factum_time_format(version->created, created);
    if (options->json) {
        (void)printf("{\"subject\":");
        print_json_text(stdout, version->subject);
        (void)printf(",\"version\":%" PRIu64 ",\"id\":%" PRIu64
                     ",\"hash\":\"%.*s\",\"created\":\"%s\",\"proof\":\"%s\",\"newest\":%s",
                     version->version, version->id, (int)version->hash.len,
                     (const char *)version->hash.ptr, created,
                     factum_schema_proof_name(version->proof), version->newest ? "true" : "false");
        (void)printf(mode[0] == '\0' ? "}\n" : ",\"mode\":\"%s\"}\n", mode);
        return;
    }
    (void)printf("%-7" PRIu64 " %-7s %s  ", version->version,
                 factum_schema_mode_name(mode_in_force(schemas, version->subject)), created);
    print_text(stdout, version->subject);
    (void)printf("\n");
}

/* Prints modes without a schema: of categories, and of types that have no schema yet. */
static void list_mode(const struct options *options, factum_slice subject, factum_schema_mode mode)
{
    if (options->json) {
        (void)printf("{\"subject\":");
        print_json_text(stdout, subject);
        (void)printf(",\"mode\":\"%s\"}\n", factum_schema_mode_name(mode));
        return;
    }
    (void)printf("-       %-7s %-30s  ", factum_schema_mode_name(mode), "");
    print_text(stdout, subject);
    (void)printf("\n");
}

static int run_schema_list(const struct options *options)
{
    factum_store *store;
    factum_schemas *schemas;
    int code = open_registry(options, &store, &schemas);
    if (code != 0) {
        return code;
    }
    factum_schema_version version = {.size = sizeof version};
    factum_slice subject;
    factum_schema_mode mode;
    for (size_t i = 0; factum_schemas_at(schemas, i, &version, NULL) == FACTUM_OK; i++) {
        if (version.newest || options->all) {
            list_version(options, schemas, &version);
        }
    }
    for (size_t i = 0; factum_schemas_mode_at(schemas, i, &subject, &mode, NULL) == FACTUM_OK;
         i++) {
        if (factum_schemas_find(schemas, subject, 0, &version, NULL) != FACTUM_OK) {
            list_mode(options, subject, mode);
        }
    }
    factum_schemas_close(schemas);
    return close_store(store, finish_output(0));
}

/* The version |word|, or the newest for NULL. 0, or the exit code after a message. */
static int find_version(const factum_schemas *schemas, const char *subject, const char *word,
                        factum_schema_version *version)
{
    factum_error err;
    uint64_t number = 0;
    if (word != NULL && !option_count(word, "version", &number)) {
        return EXIT_USAGE;
    }
    factum_status status =
        factum_schemas_find(schemas, factum_slice_from(subject), number, version, &err);
    return status == FACTUM_OK ? 0 : fail_with(status, &err);
}

static int run_schema_show(const struct options *options)
{
    factum_store *store;
    factum_schemas *schemas;
    factum_schema_version version = {.size = sizeof version};
    int code = open_registry(options, &store, &schemas);
    if (code != 0) {
        return code;
    }
    code = find_version(schemas, options->arguments[0], options->version, &version);
    if (code == 0) {
        (void)fwrite(version.text.ptr, 1, version.text.len, stdout);
        (void)printf("\n");
        code = finish_output(0);
    }
    factum_schemas_close(schemas);
    return close_store(store, code);
}

/* ---- diff ------------------------------------------------------------------------------------ */

static void print_difference(void *data, const char *pointer, factum_slice before,
                             factum_slice after)
{
    const struct options *options = data;
    if (options->json) {
        (void)printf("{\"pointer\":");
        print_json_text(stdout, factum_slice_from(pointer));
        if (before.len > 0) {
            (void)printf(",\"before\":");
            print_json(stdout, before);
        }
        if (after.len > 0) {
            (void)printf(",\"after\":");
            print_json(stdout, after);
        }
        (void)printf("}\n");
        return;
    }
    const char *place = pointer[0] == '\0' ? "(all)" : pointer;
    if (before.len > 0) {
        (void)printf("%s- %s ", colour("\033[31m"), place);
        print_json(stdout, before);
        (void)printf("%s\n", colour("\033[0m"));
    }
    if (after.len > 0) {
        (void)printf("%s+ %s ", colour("\033[32m"), place);
        print_json(stdout, after);
        (void)printf("%s\n", colour("\033[0m"));
    }
}

/* Parses a schema; the caller frees *nodes. 0, or the exit code after a message. */
static int parse_schema_text(factum_slice text, factum_json_node **nodes, factum_json *json)
{
    factum_error err;
    size_t count = factum_json_nodes_max(text.len);
    *nodes = malloc(count * sizeof **nodes);
    if (*nodes == NULL) {
        return complain("out of memory");
    }
    factum_status status = factum_json_parse(text, NULL, *nodes, count, json, &err);
    return status == FACTUM_OK ? 0 : fail_with(status, &err);
}

static int print_differences(const struct options *options, factum_slice a, factum_slice b)
{
    factum_json_node *nodes_a = NULL;
    factum_json_node *nodes_b = NULL;
    factum_json json_a;
    factum_json json_b;
    int code = parse_schema_text(a, &nodes_a, &json_a);
    if (code == 0) {
        code = parse_schema_text(b, &nodes_b, &json_b);
    }
    if (code == 0) {
        (void)json_diff(&json_a, &json_b, print_difference, (void *)(uintptr_t)options);
        code = finish_output(0);
    }
    free(nodes_a);
    free(nodes_b);
    return code;
}

static int run_schema_diff(const struct options *options)
{
    factum_store *store;
    factum_schemas *schemas;
    factum_schema_version a = {.size = sizeof a};
    factum_schema_version b = {.size = sizeof b};
    int code = open_registry(options, &store, &schemas);
    if (code != 0) {
        return code;
    }
    code = find_version(schemas, options->arguments[0], options->arguments[1], &a);
    if (code == 0) {
        code = find_version(schemas, options->arguments[0], options->arguments[2], &b);
    }
    if (code == 0) {
        code = print_differences(options, a.text, b.text);
    }
    factum_schemas_close(schemas);
    return close_store(store, code);
}

/* ---- mode and infer -------------------------------------------------------------------------- */

static int run_schema_mode(const struct options *options)
{
    static const char *const names[] = {"unset", "off", "warn", "reject"};
    factum_store *store;
    factum_error err;
    size_t mode = 0;
    while (mode < 4 && strcmp(names[mode], options->arguments[1]) != 0) {
        mode++;
    }
    if (mode == 4) {
        return complain("a mode is off, warn, reject or unset, not \"%s\"", options->arguments[1]);
    }
    int code = open_store(options, true, &store);
    if (code != 0) {
        return code;
    }
    factum_status status = factum_schema_mode_set(store, factum_slice_from(options->arguments[0]),
                                                  (factum_schema_mode)mode, &err);
    if (status != FACTUM_OK) {
        code = fail_with(status, &err);
    } else if (options->json) {
        (void)printf("{\"subject\":");
        print_json_text(stdout, factum_slice_from(options->arguments[0]));
        (void)printf(",\"mode\":\"%s\"}\n", names[mode]);
    } else if (!options->quiet) {
        (void)printf("%s: %s\n", options->arguments[0], names[mode]);
    }
    return close_store(store, code);
}

static int run_schema_infer(const struct options *options)
{
    factum_store *store;
    factum_error err;
    factum_schema_sketch *sketch;
    uint64_t events_max = 0;
    if (options->count != NULL && !option_count(options->count, "count", &events_max)) {
        return EXIT_USAGE;
    }
    int code = open_store(options, false, &store);
    if (code != 0) {
        return code;
    }
    struct progress progress;
    progress_begin(&progress, "reading events", options->quiet);
    const factum_progress step = {&progress, progress_events};
    factum_status status = factum_schema_infer(store, factum_slice_from(options->arguments[0]),
                                               events_max, &step, &sketch, &err);
    progress_end(&progress);
    if (status != FACTUM_OK) {
        return close_store(store, fail_with(status, &err));
    }
    factum_slice text = factum_schema_sketch_text(sketch);
    uint64_t not_json;
    uint64_t events = factum_schema_sketch_events(sketch, &not_json);
    (void)fwrite(text.ptr, 1, text.len, stdout);
    code = finish_output(0);
    if (!options->quiet) {
        char seen[64];
        format_things(events - not_json, "event", "events", seen);
        (void)fprintf(stderr, "factum: drawn from %s; edit it before you register it\n", seen);
    }
    factum_schema_sketch_free(sketch);
    return close_store(store, code);
}

/* ---- the commands ---------------------------------------------------------------------------- */

const struct command command_schema_register = {
    .name = "schema register",
    .usage = "schema register [CATEGORY/]TYPE FILE [options]",
    .summary = "register a schema: from now on every event of the type must fit",
    .help = "  --after TOKEN      only events after this place have to fit; it is recorded\n"
            "  --unproven         no stored event has to fit; it is recorded\n"
            "  --json             the result as JSON\n",
    .notes =
        "Every stored event of the type is checked first. The exit status is 7 if one does not "
        "fit;\nit is named.\n",
    .options = "after unproven json ",
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run_schema_register,
};

const struct command command_schema_check = {
    .name = "schema check",
    .usage = "schema check [CATEGORY/]TYPE FILE [options]",
    .summary = "check whether a schema would be accepted; nothing is written",
    .help = "  --after TOKEN      only events after this place have to fit; it is recorded\n"
            "  --unproven         no stored event has to fit; it is recorded\n"
            "  --json             the result as JSON\n",
    .options = "after unproven json ",
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run_schema_check,
};

const struct command command_schema_list = {
    .name = "schema list",
    .usage = "schema list [options]",
    .summary = "list the newest version of each schema, and the modes",
    .help = "  --all              older versions too\n"
            "  --json             one JSON object a line\n",
    .options = "all json ",
    .arguments_min = 0,
    .arguments_max = 0,
    .run = run_schema_list,
};

const struct command command_schema_show = {
    .name = "schema show",
    .usage = "schema show [CATEGORY/]TYPE [options]",
    .summary = "print a schema as it was registered",
    .help = "  --version N        an older version (the newest)\n",
    .options = "version ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_schema_show,
};

const struct command command_schema_diff = {
    .name = "schema diff",
    .usage = "schema diff [CATEGORY/]TYPE A B [options]",
    .summary = "show the differences between two versions",
    .help = "  --json             one JSON object a line\n",
    .options = "json ",
    .arguments_min = 3,
    .arguments_max = 3,
    .run = run_schema_diff,
};

const struct command command_schema_mode = {
    .name = "schema mode",
    .usage = "schema mode [CATEGORY/]TYPE|CATEGORY/ off|warn|reject|unset [options]",
    .summary = "set what happens to an event that does not fit",
    .help = "  --json             the result as JSON\n",
    .notes = "off: events are not checked. warn: stored, with \"$schema.fault\" in the metadata. "
             "reject: the\n"
             "default where there is a schema. A mode of \"order/\" is for all types of that "
             "category that\n"
             "have none of their own; unset: as if none had been set.\n",
    .options = "json ",
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run_schema_mode,
};

const struct command command_schema_infer = {
    .name = "schema infer",
    .usage = "schema infer [CATEGORY/]TYPE [options]",
    .summary = "draft a schema from stored events",
    .help = "  --count N          look at the newest N events only\n",
    .options = "count ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_schema_infer,
};
