/* model_test.c - the embedded engine against the memory engine, by random operations (machine.h).
 *
 *     model_test                        the seeds of CI
 *     FCT_MODEL_SEED=17 model_test      this one, every operation printed
 *     FCT_MODEL_GROUPS=2 model_test     the first groups of them
 *     FCT_MODEL_SECONDS=60 model_test   the seeds of CI, then new ones for so long
 *     FCT_MODEL_FIRST=1000              the first of the new ones (default: from the clock)
 *
 * Prints TAP, one case a group of seeds; a difference prints its seed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "machine.h"
#include "support/tap.h"

enum {
    GROUPS = 8,
    GROUP_SEEDS = 25,
    OPERATIONS = 300,
};

static bool run(uint64_t seed, bool verbose)
{
    static struct machine machine;
    struct choices choices = {.random = {.state = seed}};
    machine_init(&machine, &choices, true, verbose);
    while (machine.operation < OPERATIONS && machine_step(&machine)) {
    }
    machine_end(&machine);
    machine_finish(&machine);
    if (machine.failed) {
        printf("# FCT_MODEL_SEED=%" PRIu64 " shows it\n", seed);
    }
    return !machine.failed;
}

int main(void)
{
    uint64_t seconds = tap_setting("FCT_MODEL_SECONDS", 0);
    uint64_t seed = tap_setting("FCT_MODEL_SEED", 0);
    if (seed != 0) {
        tap_case(run(seed, true), "seed %" PRIu64, seed);
        return tap_end();
    }
    uint64_t groups = tap_setting("FCT_MODEL_GROUPS", GROUPS);
    for (uint64_t group = 0; group < groups; group++) {
        bool same = true;
        for (uint64_t i = 1; i <= GROUP_SEEDS && same; i++) {
            same = run(group * GROUP_SEEDS + i, false);
        }
        tap_case(same, "both engines answer the same, seeds %" PRIu64 " to %" PRIu64,
                 group * GROUP_SEEDS + 1, (group + 1) * GROUP_SEEDS);
    }
    if (seconds > 0) {
        bool same = true;
        uint64_t count = 0;
        time_t end = time(NULL) + (time_t)seconds;
        seed = tap_setting("FCT_MODEL_FIRST", (uint64_t)time(NULL) * 1000);
        printf("# from seed %" PRIu64 "\n", seed);
        while (same && time(NULL) < end) {
            same = run(seed++, false);
            count++;
        }
        tap_case(same, "both engines answer the same, %" PRIu64 " other seeds", count);
    }
    return tap_end();
}
