/* definitions_test.c - the files in definitions/: sound ones load without a warning and are proved
 * sound; those in wrong/ are refused at the place and by the rule that their first line names, "#
 * LINE:COLUMN RULE". Layer: tests.
 *
 * definitions_test DIRECTORY
 */
#include <dirent.h>
#include <stdlib.h>

#include <factum/saga.h>

#include "support/test.h"

static const char *directory;

/* Reads the file |name| of |dir| into memory that lasts until the next call. */
static factum_slice content(const char *dir, const char *name)
{
    static char text[FACTUM_SAGA_TEXT_MAX + 1];
    char path[1024];
    assert_true(snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    factum_slice found = {(const uint8_t *)text, fread(text, 1, sizeof text - 1, file)};
    assert_int_equal(fclose(file), 0);
    text[found.len] = '\0';
    return found;
}

/* Calls |each| for the files NAME.yaml of |dir|; returns their number. */
static size_t each_file(const char *dir, void (*each)(const char *name, factum_slice text))
{
    size_t count = 0;
    DIR *open = opendir(dir);
    assert_non_null(open);
    for (struct dirent *entry; (entry = readdir(open)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0) {
            each(entry->d_name, content(dir, entry->d_name));
            count++;
        }
    }
    assert_int_equal(closedir(open), 0);
    return count;
}

static void load_sound(const char *name, factum_slice text)
{
    const factum_saga_options options = {.size = sizeof options, .name = name};
    factum_saga_info info = {.size = sizeof info};
    factum_saga *saga = NULL;
    factum_error err = {.text = ""};
    assert_ok(factum_saga_load(text, &options, &saga, &err), err);
    assert_ok(factum_saga_info_get(saga, &info, &err), err);
    assert_string_equal(factum_saga_warning(saga, 0), "");
    assert_true(info.name.len == strlen(name) - 5);
    assert_memory_equal(info.name.ptr, name, info.name.len);
    factum_saga_free(saga);
}

static void load_wrong(const char *name, factum_slice text)
{
    const factum_saga_options options = {.size = sizeof options, .name = name};
    factum_saga *saga = NULL;
    factum_error err = {.text = ""};
    char place[32];
    char rule[64];
    char wanted[512];
    assert_int_equal(sscanf((const char *)text.ptr, "# %31s %63s", place, rule), 2);
    (void)snprintf(wanted, sizeof wanted, "%s:%s: %s: ", name, place, rule);
    factum_status status = factum_saga_load(text, &options, &saga, &err);
    factum_status refused = strcmp(rule, "later") == 0 ? FACTUM_UNSUPPORTED : FACTUM_INVALID;
    if (status != refused || strncmp(err.text, wanted, strlen(wanted)) != 0) {
        print_error("%s \"%s\", not %s \"%s\"\n", factum_status_name(status), err.text,
                    factum_status_name(refused), wanted);
        fail();
    }
}

static void check_sound(const char *name, factum_slice text)
{
    const factum_saga_options options = {.size = sizeof options, .name = name};
    factum_saga_report report = {.size = sizeof report};
    factum_saga *saga = NULL;
    factum_error err = {.text = ""};
    assert_ok(factum_saga_load(text, &options, &saga, &err), err);
    assert_ok(factum_saga_check(saga, NULL, NULL, &report, &err), err);
    printf("# %s: %llu states\n", name, (unsigned long long)report.state_count);
    if (!report.sound || !report.complete) {
        print_error("%s: %s\n%s", name, report.broken_rule, report.table);
        fail();
    }
    assert_true(report.state_count > 0 && report.done_count > 0);
    factum_saga_report_free(&report);
    factum_saga_free(saga);
}

TEST(every_sound_definition_is_proved_sound)
{
    assert_true(each_file(directory, check_sound) >= 12);
}

TEST(every_sound_definition_loads)
{
    assert_true(each_file(directory, load_sound) >= 12);
}

TEST(every_wrong_definition_is_refused_for_its_reason)
{
    char wrong[1024];
    assert_true(snprintf(wrong, sizeof wrong, "%s/wrong", directory) < (int)sizeof wrong);
    assert_true(each_file(wrong, load_wrong) >= 80);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(every_sound_definition_loads),
        CASE(every_sound_definition_is_proved_sound),
        CASE(every_wrong_definition_is_refused_for_its_reason),
    };
    if (argc != 2) {
        (void)fprintf(stderr, "usage: definitions_test DIRECTORY\n");
        return EXIT_FAILURE;
    }
    directory = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
