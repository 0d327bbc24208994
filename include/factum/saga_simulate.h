/* saga_simulate.h - plays a saga on a simulated disk, in simulated time, with simulated services.
 *
 * The manager, the store and the log are the real ones. Everything around them is derived from a
 * seed: answers, silence, duplicates, answers in another order, crashes of the machine that lose
 * what was not synced, a second manager, clocks that jump, operators. The same seed gives the same
 * run.
 *
 * A run has two parts. In the first, faults happen. In the second, none do and every command is
 * answered: then each saga must be done, or completely undone, or stuck with a reason. These rules
 * are checked:
 *
 *     S1  a command has an effect once, however often it is sent
 *     S2  what may have happened is undone, in reverse order, and nothing else
 *     S3  no saga is done and undone
 *     S4  every saga ends, or is stuck with a reason
 *     S5  no timer fires early; in the second part none is late by more than 2 s
 *     S8  an undo that fails is tried again, and then the saga is stuck
 *     and: no command is in the log without the state that it follows from; the state that a
 *     manager has in memory is that of the stream.
 *
 * A script (YAML) fixes what is otherwise drawn; "Simulating" in docs/guide/sagas.md explains it:
 *
 *     given:  [OrderPlaced: {orderId: "42", lines: []}]
 *     script:
 *       stock.ReserveStock: {reply: StockReserved, data: {reservationId: r1}, duplicate: 1}
 *       payment.Charge:     {silent: true}
 *       faults:             {crash: every-write, reorder: true, clock: [+24h, -1h]}
 *     then:
 *       commands: [payment.Refund, stock.ReleaseStock, order.Reject]
 *       status: undone
 *
 * Link libfactum-saga (pkg-config factum-saga). Valid C99 and C++17. Any thread. */
#ifndef FACTUM_SAGA_SIMULATE_H
#define FACTUM_SAGA_SIMULATE_H

#include <factum/sagas.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct factum_saga_simulation {
    size_t size;
    uint64_t seed;
    factum_slice script;     /* empty: everything is drawn, with all faults */
    const char *script_name; /* of its file, for messages; NULL: "script" */
} factum_saga_simulation;

typedef struct factum_saga_simulated {
    size_t size;
    bool passed;
    factum_saga_status status; /* of the first saga, at the end of the last run */
    uint64_t run_count;        /* with `crash: every-write` one for each write; otherwise 1 */
    uint64_t saga_count;       /* of all runs, as are the counts below */
    uint64_t input_count;      /* events that the managers got */
    uint64_t command_count;    /* commands with different ids */
    uint64_t crash_count;
    uint64_t duplicate_count; /* starts and answers that came again */
    uint64_t timer_count;     /* timers that have fired */
    uint64_t conflict_count;  /* commits refused because another was faster */
    uint64_t act_count;       /* of operators */
    const char *commands;     /* of the last run: types in the order of their effects, one a line */
    const char *trace;        /* of the last run, for people */
    const char *broken;       /* what is wrong: "S3 ..." or "then: ..."; "" if it passed */
    void *memory;
} factum_saga_simulated;

/* Plays |saga|, into |report|. OK also if it did not pass. A run that does not pass is the last
 * one. Free the report. Errors: INVALID ("script:3:5: ..."), NO_MEMORY, FAILED (the simulation
 * itself has failed). */
FACTUM_API FACTUM_MUST_USE factum_status
factum_saga_simulate(const factum_saga *saga, const factum_saga_simulation *simulation,
                     factum_saga_simulated *report, factum_error *err);
/* Frees what |report| points to, and zeroes it. Accepts a zeroed one. */
FACTUM_API void factum_saga_simulated_free(factum_saga_simulated *report);

#ifdef __cplusplus
}
#endif
#endif
