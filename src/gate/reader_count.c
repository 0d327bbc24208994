/* reader_count.c - see reader_count.h. Layer: gate.
 *
 * A reader that has read the age and not yet counted itself may count itself in an age that a
 * writer has just found empty. After counting, the reader reads the age again, and leaves and
 * enters again if the age has turned. So a reader that stays inside has seen what was published
 * before the turn.
 */
#include "gate/reader_count.h"

#include "os/thread.h"

static _Atomic uint32_t threads_seen;
static _Thread_local uint32_t slot_here; /* number + 1; 0: not assigned yet */

static uint32_t slot_number(void)
{
    if (slot_here == 0) {
        slot_here = atomic_fetch_add(&threads_seen, 1) % FCT_READER_COUNT_SLOTS + 1;
    }
    return slot_here - 1;
}

void fct_reader_count_init(struct fct_reader_count *readers)
{
    for (size_t i = 0; i < FCT_READER_COUNT_SLOTS; i++) {
        atomic_store(&readers->slots[i].inside[0], 0);
        atomic_store(&readers->slots[i].inside[1], 0);
    }
    atomic_store(&readers->age, 0);
    atomic_store(&readers->departures, 0);
    atomic_store(&readers->waiting, 0);
}

static void step_out(struct fct_reader_count *readers, _Atomic uint32_t *counter)
{
    atomic_fetch_sub(counter, 1);
    if (atomic_load(&readers->waiting) != 0) {
        atomic_fetch_add(&readers->departures, 1);
        fct_word_wake(&readers->departures, 1);
    }
}

struct fct_pass fct_reader_count_enter(struct fct_reader_count *readers)
{
    struct fct_reader_count_slot *slot = &readers->slots[slot_number()];
    for (;;) {
        uint32_t age = atomic_load(&readers->age);
        _Atomic uint32_t *counter = &slot->inside[age % 2];
        atomic_fetch_add(counter, 1);
        if (atomic_load(&readers->age) == age) {
            return (struct fct_pass){counter};
        }
        step_out(readers, counter);
    }
}

void fct_reader_count_leave(struct fct_reader_count *readers, struct fct_pass pass)
{
    step_out(readers, pass.counter);
}

static bool is_empty(const struct fct_reader_count *readers, uint32_t age)
{
    for (size_t i = 0; i < FCT_READER_COUNT_SLOTS; i++) {
        if (atomic_load(&readers->slots[i].inside[age % 2]) != 0) {
            return false;
        }
    }
    return true;
}

void fct_reader_count_drain(struct fct_reader_count *readers)
{
    uint32_t old = atomic_fetch_add(&readers->age, 1);
    atomic_store(&readers->waiting, 1);
    for (;;) {
        uint32_t seen = atomic_load(&readers->departures);
        if (is_empty(readers, old)) {
            break;
        }
        (void)fct_word_wait(&readers->departures, seen, UINT64_MAX);
    }
    atomic_store(&readers->waiting, 0);
}
