/* operations_fuzz.c - bytes as operations on two engines, which must answer the same: the
 * machine of tests/sim. The embedded engine runs without threads, so that an input always does
 * the same. */
#include "core/check.h"
#include "sim/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Longer inputs find nothing new and take longer. */
#define INPUT_SIZE_USED ((size_t)4096)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct machine machine;
    struct choices choices = {
        .bytes = data == NULL ? (const uint8_t *)"" : data,
        .len = size < INPUT_SIZE_USED ? size : INPUT_SIZE_USED,
    };
    machine_init(&machine, &choices, false, false);
    while (machine_step(&machine)) {
    }
    machine_end(&machine);
    machine_finish(&machine);
    FCT_ASSERT(!machine.failed);
    return 0;
}
