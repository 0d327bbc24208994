/* passage.h - counts readers inside, so that a change can wait until all readers of the old state
 * have left. Layer: gate.
 *
 * Readers enter and leave without a lock: a counter for each of two ages, spread over slots so that
 * threads do not share a cache line. A writer publishes the new state, turns the age and waits
 * until the old age is empty: from then on nobody uses the old state (read-copy-update; McKenney
 * and Slingwine 1998, here with counters). One writer at a time.
 */
#ifndef FCT_GATE_PASSAGE_H
#define FCT_GATE_PASSAGE_H

#include <stdatomic.h>

#include <factum/base.h>

#define FCT_PASSAGE_SLOTS 16u

struct fct_passage_slot {
    _Atomic uint32_t inside[2];
    uint8_t apart[56]; /* a cache line for each */
};

struct fct_passage {
    struct fct_passage_slot slots[FCT_PASSAGE_SLOTS];
    _Atomic uint32_t age;
    _Atomic uint32_t departures; /* counts readers that leave while a writer waits */
    _Atomic uint32_t waiting;
};

/* The counter of a reader that is inside. */
struct fct_pass {
    _Atomic uint32_t *counter;
};

void fct_passage_init(struct fct_passage *passage);
struct fct_pass fct_passage_enter(struct fct_passage *passage);
void fct_passage_leave(struct fct_passage *passage, struct fct_pass pass);
/* Returns when every reader that was inside at the call has left. Not to be called by a reader
 * inside. */
void fct_passage_drain(struct fct_passage *passage);

#endif
