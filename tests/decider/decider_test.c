/* decider_test.c - what commands do on every kind of store: each case on each (fixture.h).
 *
 *     decider_test [--engine=NAME] [TEXT...]
 *
 * Runs only the cases on that kind of store whose names contain one of the texts.
 */
#include "fixture.h"

struct case_list {
    const struct CMUnitTest *cases;
    const size_t *count;
};

/* clang-format off */
#define LIST(name) {name##_cases, &name##_case_count}
static const struct case_list lists[] = {
    LIST(transact),
    LIST(cached),
#ifdef FCT_WITH_LUA
    LIST(deploy),
#endif
    LIST(fold),
    LIST(query),
    LIST(rival),
};
/* clang-format on */

enum { CASES_MAX = 1024 };

static struct CMUnitTest all[CASES_MAX];
static char names[CASES_MAX][160];
static size_t all_count;

static bool is_wanted(const char *name, int argc, char **argv)
{
    bool named = false;
    bool found = false;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--engine=", 9) != 0) {
            named = true;
            found = found || strstr(name, argv[i]) != NULL;
        }
    }
    return found || !named;
}

static void add_cases(enum store_kind *kind, int argc, char **argv)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (size_t j = 0; j < *lists[i].count; j++) {
            assert_true(all_count < CASES_MAX);
            (void)snprintf(names[all_count], sizeof names[0], "%s: %s", store_names[*kind],
                           lists[i].cases[j].name);
            if (is_wanted(names[all_count], argc, argv)) {
                all[all_count] = lists[i].cases[j];
                all[all_count].name = names[all_count];
                all[all_count++].initial_state = kind;
            }
        }
    }
}

int main(int argc, char **argv)
{
    static enum store_kind kinds[STORE_KINDS];
    for (int kind = 0; kind < STORE_KINDS; kind++) {
        bool chosen = true;
        for (int i = 1; i < argc; i++) {
            chosen = chosen && (strncmp(argv[i], "--engine=", 9) != 0 ||
                                strcmp(argv[i] + 9, store_names[kind]) == 0);
        }
        kinds[kind] = (enum store_kind)kind;
        if (chosen && store_is_built(kinds[kind])) {
            add_cases(&kinds[kind], argc, argv);
        }
    }
    return _cmocka_run_group_tests("decider", all, all_count, NULL, NULL);
}
