/* passage.c - see passage.h. Layer: gate.
 *
 * A reader that has read the age and not yet counted itself may count itself in an age that a
 * writer has just found empty. After counting, the reader reads the age again, and leaves and
 * enters again if the age has turned. So a reader that stays inside has seen what was published
 * before the turn.
 */
#include "gate/passage.h"

#include "os/thread.h"

static _Atomic uint32_t threads_seen;
static _Thread_local uint32_t slot_here; /* number + 1; 0: not assigned yet */

static uint32_t slot_number(void)
{
    if (slot_here == 0) {
        slot_here = atomic_fetch_add(&threads_seen, 1) % FCT_PASSAGE_SLOTS + 1;
    }
    return slot_here - 1;
}

void fct_passage_init(struct fct_passage *passage)
{
    for (size_t i = 0; i < FCT_PASSAGE_SLOTS; i++) {
        atomic_store(&passage->slots[i].inside[0], 0);
        atomic_store(&passage->slots[i].inside[1], 0);
    }
    atomic_store(&passage->age, 0);
    atomic_store(&passage->departures, 0);
    atomic_store(&passage->waiting, 0);
}

static void step_out(struct fct_passage *passage, _Atomic uint32_t *counter)
{
    atomic_fetch_sub(counter, 1);
    if (atomic_load(&passage->waiting) != 0) {
        atomic_fetch_add(&passage->departures, 1);
        fct_word_wake(&passage->departures, 1);
    }
}

struct fct_pass fct_passage_enter(struct fct_passage *passage)
{
    struct fct_passage_slot *slot = &passage->slots[slot_number()];
    for (;;) {
        uint32_t age = atomic_load(&passage->age);
        _Atomic uint32_t *counter = &slot->inside[age % 2];
        atomic_fetch_add(counter, 1);
        if (atomic_load(&passage->age) == age) {
            return (struct fct_pass){counter};
        }
        step_out(passage, counter);
    }
}

void fct_passage_leave(struct fct_passage *passage, struct fct_pass pass)
{
    step_out(passage, pass.counter);
}

static bool is_empty(const struct fct_passage *passage, uint32_t age)
{
    for (size_t i = 0; i < FCT_PASSAGE_SLOTS; i++) {
        if (atomic_load(&passage->slots[i].inside[age % 2]) != 0) {
            return false;
        }
    }
    return true;
}

void fct_passage_drain(struct fct_passage *passage)
{
    uint32_t old = atomic_fetch_add(&passage->age, 1);
    atomic_store(&passage->waiting, 1);
    for (;;) {
        uint32_t seen = atomic_load(&passage->departures);
        if (is_empty(passage, old)) {
            break;
        }
        (void)fct_word_wait(&passage->departures, seen, UINT64_MAX);
    }
    atomic_store(&passage->waiting, 0);
}
