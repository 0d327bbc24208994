/* cmd_test.c - factum test: runs a file of given / when / expect against the decider beside it.
 * Layer: cli. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/script.h"
#include "cli/whole_file.h"

#define TEST_ENDING "_test.lua"
#define PATH_MAX_ 4096

struct report {
    const struct options *options;
    const char *path;
    uint64_t passed, failed;
};

static void print_case_json(const factum_script_case *outcome)
{
    (void)printf("{\"name\":");
    print_json_text(stdout, outcome->name);
    (void)printf(",\"line\":%" PRIu64 ",\"passed\":%s", outcome->line,
                 outcome->passed ? "true" : "false");
    if (!outcome->passed) {
        (void)printf(",\"text\":");
        print_json_text(stdout, outcome->text);
    }
    (void)printf("}\n");
}

/* Prints the text of a failure, indented by two blanks. */
static void print_indented(factum_slice text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            (void)printf("  ");
            print_text(stdout, (factum_slice){text.ptr + from, i - from});
            (void)printf("\n");
            from = i + 1;
        }
    }
}

static void report_case(void *data, const factum_script_case *outcome)
{
    struct report *report = data;
    report->passed += outcome->passed ? 1 : 0;
    report->failed += outcome->passed ? 0 : 1;
    if (report->options->json) {
        print_case_json(outcome);
        return;
    }
    if (outcome->passed && !report->options->quiet) {
        (void)printf("%sok%s      ", colour("\033[32m"), colour("\033[0m"));
        print_text(stdout, outcome->name);
        (void)printf("\n");
    } else if (!outcome->passed) {
        (void)printf("%sfailed%s  ", colour("\033[31m"), colour("\033[0m"));
        print_text(stdout, outcome->name);
        (void)printf("  %s:%" PRIu64 "\n", report->path, outcome->line);
        print_indented(outcome->text);
    }
}

/* "rules/account.lua" of "rules/account_test.lua". */
static bool decider_beside(const char *path, char decider[PATH_MAX_])
{
    size_t len = strlen(path);
    size_t ending = strlen(TEST_ENDING);
    if (len <= ending || len >= PATH_MAX_ || strcmp(path + len - ending, TEST_ENDING) != 0) {
        return false;
    }
    (void)snprintf(decider, PATH_MAX_, "%.*s.lua", (int)(len - ending), path);
    return true;
}

/* "account" of "rules/account.lua". */
static void name_of(const char *path, char name[FACTUM_NAME_SIZE_MAX + 1])
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    size_t len = strcspn(base, ".-");
    len = len == 0 || len > FACTUM_NAME_SIZE_MAX ? 0 : len;
    (void)snprintf(name, FACTUM_NAME_SIZE_MAX + 1, "%.*s", len == 0 ? 4 : (int)len,
                   len == 0 ? "test" : base);
}

static int run_cases(const struct options *options, const char *path,
                     const factum_script_decider *decider)
{
    uint8_t *bytes;
    size_t len;
    factum_error err;
    struct report report = {.options = options, .path = path};
    const factum_script_cases cases = {&report, report_case};
    int code = file_read(path, (size_t)1 << 20, &bytes, &len);
    if (code != 0) {
        return code;
    }
    const factum_script tests = {.size = sizeof tests, .text = {bytes, len}, .name = path};
    factum_status status = factum_script_test(decider, &tests, &cases, &err);
    free(bytes);
    if (status != FACTUM_OK) {
        return fail_with_script(status, &err);
    }
    if (!options->json) {
        (void)printf("%" PRIu64 " passed, %" PRIu64 " failed\n", report.passed, report.failed);
    }
    return report.failed > 0 ? EXIT_INVALID : 0;
}

static int run_test(const struct options *options)
{
    char beside[PATH_MAX_];
    char name[FACTUM_NAME_SIZE_MAX + 1];
    const char *path = options->arguments[0];
    const char *script = options->decider;
    factum_script_decider *decider;
    if (script == NULL) {
        if (!decider_beside(path, beside)) {
            return complain("%s does not end in " TEST_ENDING
                            ": name the script that it tests with --decider",
                            path);
        }
        script = beside;
    }
    name_of(script, name);
    int code = open_decider(script, name, &decider);
    if (code == 0) {
        code = run_cases(options, path, decider);
        factum_script_decider_close(decider);
    }
    return code;
}

const struct command command_test = {
    .name = "test",
    .usage = "test FILE_test.lua [options]",
    .summary = "run the tests of a decider in Lua",
    .help = "  --decider FILE     the script that is tested (FILE.lua beside FILE_test.lua)\n"
            "  --json             a line for each test\n",
    .notes = "The exit status is 7 if a test fails.\n",
    .options = "decider json ",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_test,
};
