/* conformance_test.c - what every engine must do: each case on each kind of engine, with appends
 * that wait and with appends by completion (fixture.h).
 *
 *     conformance_test [--engine=NAME] [TEXT...]
 *
 * Runs only the cases of that kind of engine whose names contain one of the texts.
 */
#include "fixture.h"

#include <stdlib.h>

struct case_list {
    const struct CMUnitTest *cases;
    const size_t *count;
};

#define LIST(name)                                                                                 \
    {                                                                                              \
        name##_cases, &name##_case_count                                                           \
    }
/* clang-format off */
static const struct case_list lists[] = {
    LIST(append),
    LIST(async),
    LIST(capability),
    LIST(condition),
    LIST(deletion),
    LIST(growth),
    LIST(limit),
    LIST(list),
    LIST(news),
    LIST(pending),
    LIST(pressure),
    LIST(query),
    LIST(question),
    LIST(race),
    LIST(read),
    LIST(schema),
    LIST(token),
};
/* clang-format on */

enum { CASES_MAX = 4096 };

static struct CMUnitTest all[CASES_MAX];
static size_t all_count;

static bool is_chosen(const char *engine, const char *name, int argc, char **argv)
{
    static const char option[] = "--engine=";
    const size_t len = sizeof option - 1;
    bool wanted = true;
    bool named = false;
    bool found = false;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], option, len) == 0) {
            wanted = strcmp(engine, argv[i] + len) == 0;
        } else {
            named = true;
            found = found || strstr(name, argv[i]) != NULL;
        }
    }
    return wanted && (found || !named);
}

static void add_case(const struct CMUnitTest *test, struct variant *variant, int argc, char **argv)
{
    static char names[CASES_MAX][160];
    char *name = names[all_count];
    assert_true(all_count < CASES_MAX);
    (void)snprintf(name, sizeof names[0], "%s%s: %s", engine_names[variant->kind],
                   form_names[variant->form], test->name);
    if (is_chosen(engine_names[variant->kind], name, argc, argv)) {
        all[all_count] = *test;
        all[all_count].name = name;
        all[all_count++].initial_state = variant;
    }
}

static void add_cases(struct variant *variant, int argc, char **argv)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (size_t j = 0; j < *lists[i].count; j++) {
            const struct CMUnitTest *test = &lists[i].cases[j];
            if (test->initial_state != once || variant->form == FORM_BLOCKING) {
                add_case(test, variant, argc, argv);
            }
        }
    }
}

int main(int argc, char **argv)
{
    static struct variant variants[ENGINE_KINDS][APPEND_FORMS];
    for (size_t kind = 0; kind < ENGINE_KINDS; kind++) {
        for (size_t form = 0; form < APPEND_FORMS; form++) {
            struct variant *variant = &variants[kind][form];
            *variant = (struct variant){(enum engine_kind)kind, (enum append_form)form};
            if (kind_is_built(variant->kind) &&
                (form == FORM_BLOCKING || kind_has_threads(variant->kind))) {
                add_cases(variant, argc, argv);
            }
        }
    }
    return _cmocka_run_group_tests("conformance", all, all_count, NULL, NULL);
}
