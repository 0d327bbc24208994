/* cmd_schema.c - the family factum schema, and factum schema validate for one document. Layer:
 * cli. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cmd_schema.h"
#include "cli/input.h"
#include "cli/whole_file.h"

#define FAULTS_SHOWN 100

static const struct command *const family[] = {
    &command_schema_register, &command_schema_check,
    &command_schema_list,     &command_schema_show,
    &command_schema_diff,     &command_schema_mode,
    &command_schema_infer,    &command_schema_validate,
    &command_schema_generate, NULL,
};

const struct command command_schema = {
    .name = "schema",
    .usage = "schema COMMAND [arguments]",
    .summary = "register, prove and list schemas of events; check documents; generate C types",
    .help = "",
    .options = "",
    .family = family,
};

/* ---- one document ---------------------------------------------------------------------------- */

bool schema_options_from(const struct options *options, factum_schema_options *schema)
{
    static const char *const drafts[] = {"06", "07", "2019-09", "2020-12"};
    *schema = (factum_schema_options){.size = sizeof *schema, .formats = options->formats};
    if (options->draft == NULL) {
        return true;
    }
    for (size_t i = 0; i < sizeof drafts / sizeof drafts[0]; i++) {
        if (strcmp(options->draft, drafts[i]) == 0) {
            schema->draft = (factum_schema_draft)(FACTUM_SCHEMA_DRAFT_06 + i);
            return true;
        }
    }
    (void)complain("--draft takes 06, 07, 2019-09 or 2020-12, not \"%s\"", options->draft);
    return false;
}

void schema_print_result(const factum_schema_result *result)
{
    (void)printf("{\"valid\":%s", result->valid ? "true" : "false");
    for (size_t i = 0; i < result->fault_count; i++) {
        const factum_schema_fault *fault = &result->faults[i];
        (void)printf(i == 0 ? ",\"errors\":[{\"pointer\":" : ",{\"pointer\":");
        print_json_text(stdout, factum_slice_from(fault->pointer));
        (void)printf(",\"schema\":");
        print_json_text(stdout, factum_slice_from(fault->schema));
        (void)printf(",\"text\":");
        print_json_text(stdout, factum_slice_from(fault->text));
        (void)printf("}");
    }
    (void)printf(result->fault_count > 0 ? "]}\n" : "}\n");
}

/* Prints two lines for each fault: where and what, then the keyword that failed. */
static void print_faults(const factum_schema_result *result)
{
    for (size_t i = 0; i < result->fault_count; i++) {
        const factum_schema_fault *fault = &result->faults[i];
        print_text(stdout, factum_slice_from(fault->pointer[0] == '\0' ? "/" : fault->pointer));
        (void)printf(": ");
        print_text(stdout, factum_slice_from(fault->text));
        (void)printf("\n    ");
        print_text(stdout, factum_slice_from(fault->schema));
        (void)printf("\n");
    }
    if (result->more) {
        (void)printf("there may be more: the first %zu are shown\n", result->fault_count);
    }
}

static int check_document(const struct options *options, const factum_schema *schema,
                          const char *path)
{
    factum_error err;
    uint8_t *data;
    size_t len;
    factum_schema_checker *checker = NULL;
    factum_schema_result result = {.size = sizeof result};
    int code = file_read(path, FACTUM_SCHEMA_DATA_SIZE_MAX, &data, &len);
    if (code == 0) {
        factum_status status = factum_schema_checker_create(&checker, &err);
        if (status == FACTUM_OK) {
            status = factum_schema_check(schema, checker, (factum_slice){data, len}, FAULTS_SHOWN,
                                         &result, &err);
        }
        if (status != FACTUM_OK) {
            (void)complain("%s: %s", input_name(path), err.text);
            code = code_of_status(status);
        } else if (options->json) {
            schema_print_result(&result);
        } else if (!result.valid) {
            print_faults(&result);
        } else if (!options->quiet) {
            (void)printf("valid\n");
        }
        code = status == FACTUM_OK && !result.valid ? EXIT_INVALID : code;
    }
    factum_schema_checker_destroy(checker);
    free(data);
    return code;
}

static int run_validate(const struct options *options)
{
    factum_error err;
    uint8_t *text;
    size_t len;
    factum_schema *schema = NULL;
    factum_schema_options wanted;
    if (!schema_options_from(options, &wanted)) {
        return EXIT_USAGE;
    }
    if (options->by_lines) {
        return options->argument_count > 0
                   ? complain("factum schema validate: --batch reads schemas and documents from "
                              "standard input, and takes no files")
                   : schema_run_batch(&wanted);
    }
    if (options->argument_count == 0) {
        return complain("factum schema validate: something is missing; usage: factum %s",
                        command_schema_validate.usage);
    }
    const char *path = options->arguments[0];
    const char *document = options->argument_count > 1 ? options->arguments[1] : "-";
    if (strcmp(path, "-") == 0 && strcmp(document, "-") == 0) {
        return complain("factum schema validate: only one of them can be standard input");
    }
    int code = file_read(path, FACTUM_SCHEMA_SIZE_MAX, &text, &len);
    if (code == 0) {
        factum_status status =
            factum_schema_compile((factum_slice){text, len}, &wanted, &schema, &err);
        if (status != FACTUM_OK) {
            (void)complain("%s: %s", input_name(path), err.text);
            code = code_of_status(status);
        } else {
            code = check_document(options, schema, document);
        }
    }
    factum_schema_destroy(schema);
    free(text);
    return code;
}

const struct command command_schema_validate = {
    .name = "schema validate",
    .usage = "schema validate SCHEMA [FILE] | schema validate --batch",
    .summary = "check a document (FILE, or standard input) against a JSON Schema",
    .help = "  --draft DRAFT      of a schema without \"$schema\": 06, 07, 2019-09 or 2020-12\n"
            "                     (2020-12)\n"
            "  --formats          \"format\" is checked too\n"
            "  --batch            lines in, lines out: see below\n"
            "  --json             the result as JSON\n",
    .notes =
        "The exit status is 7 if it is not valid, and 2 if something is no schema, no JSON, or\n"
        "over a limit.\n"
        "--batch reads lines {\"schema\":...,\"data\":...}, if needed with "
        "\"remotes\":{URI:schema},\n"
        "and answers each with {\"valid\":true}, {\"valid\":false,\"errors\":[...]}, or, if "
        "nothing\n"
        "can be said, {\"valid\":null,\"error\":\"...\"}.\n",
    .options = "draft formats batch json ",
    .arguments_min = 0,
    .arguments_max = 2,
    .run = run_validate,
};
