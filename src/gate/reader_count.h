/* reader_count.h - counts readers inside, so that a change can wait until all readers of the old
 * state have left. Layer: gate.
 *
 * Readers enter and leave without a lock: a counter for each of two ages, spread over slots so that
 * threads do not share a cache line. A writer publishes the new state, turns the age and waits
 * until the old age is empty: from then on nobody uses the old state (read-copy-update; McKenney
 * and Slingwine 1998, here with counters). One writer at a time.
 */
#ifndef FCT_GATE_READER_COUNT_H
#define FCT_GATE_READER_COUNT_H

#include <stdatomic.h>

#include <factum/base.h>

#define FCT_READER_COUNT_SLOTS 16u

struct fct_reader_count_slot {
    _Atomic uint32_t inside[2];
    uint8_t apart[56]; /* a cache line for each */
};

struct fct_reader_count {
    struct fct_reader_count_slot slots[FCT_READER_COUNT_SLOTS];
    _Atomic uint32_t age;
    _Atomic uint32_t departures; /* counts readers that leave while a writer waits */
    _Atomic uint32_t waiting;
};

/* The counter of a reader that is inside. */
struct fct_pass {
    _Atomic uint32_t *counter;
};

void fct_reader_count_init(struct fct_reader_count *readers);
struct fct_pass fct_reader_count_enter(struct fct_reader_count *readers);
void fct_reader_count_leave(struct fct_reader_count *readers, struct fct_pass pass);
/* Returns when every reader that was inside at the call has left. Not to be called by a reader
 * inside. */
void fct_reader_count_drain(struct fct_reader_count *readers);

#endif
