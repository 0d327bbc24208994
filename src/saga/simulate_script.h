/* simulate_script.h - the script of a simulation: given events, answers, faults, expectations.
 * Layer: saga. Pure.
 *
 *     given:  [OrderPlaced: {orderId: "42"}]     # {}: filled with what the saga's paths need
 *     script:                                    # every key is optional
 *       stock.ReserveStock: {reply: StockReserved, data: {}, duplicate: 1}
 *       payment.Charge: {silent: true}           # or {fail: 2}: two ids fail; true: all
 *       faults: {crash: drawn, reorder: true, clock: [+24h, -1h]}
 *     then: {commands: [order.Reject], status: undone}
 *     run: [...]                                 # as the checker prints it: check_table.h
 *
 * `crash` is none, drawn or every-write. A script may name its saga (`saga`, `version`), and the
 * rule that its run breaks (`breaks`), as the checker does.
 */
#ifndef FCT_SAGA_SIMULATE_SCRIPT_H
#define FCT_SAGA_SIMULATE_SCRIPT_H

#include <factum/sagas.h>

#include "saga/definition.h"
#include "saga/names.h"

#define FCT_SCRIPT_GIVEN_MAX 4u
#define FCT_SCRIPT_ANSWERS_MAX 128u
#define FCT_SCRIPT_COMMANDS_MAX 256u
#define FCT_SCRIPT_RUN_MAX 1024u
#define FCT_SCRIPT_DUPLICATES_MAX 16u

struct fct_script_event {
    factum_slice type;
    factum_slice data; /* JSON; empty: to be generated */
};

struct fct_script_answer {
    factum_slice command; /* "stock.ReserveStock" */
    factum_slice reply;   /* type of the answer; empty: that of the step */
    factum_slice data;    /* JSON; empty: to be generated */
    uint32_t duplicate;   /* number of repetitions */
    uint32_t fail;        /* ids that fail; UINT32_MAX: all */
    bool silent;
};

enum fct_script_what {
    FCT_RUN_START,
    FCT_RUN_HANDLE,
    FCT_RUN_DELIVER,
    FCT_RUN_TIMER,
    FCT_RUN_RETRY,
    FCT_RUN_SKIP,
    FCT_RUN_UNDO,
    FCT_RUN_CANCEL
};

struct fct_script_run {
    enum fct_script_what what;
    uint8_t slot; /* FCT_SLOT_NONE: the saga */
    bool undo;
    bool ok;
    bool outside;
    uint16_t generation;
    struct fct_mark mark;
};

enum fct_script_crash { FCT_SCRIPT_CRASH_NONE, FCT_SCRIPT_CRASH_DRAWN, FCT_SCRIPT_CRASH_EVERY };

struct fct_saga_script {
    size_t given_count;
    struct fct_script_event given[FCT_SCRIPT_GIVEN_MAX];
    size_t answer_count;
    struct fct_script_answer *answers;
    enum fct_script_crash crash;
    bool reorder;
    bool has_faults;
    size_t clock_count;
    int64_t clock[8]; /* jumps in nanoseconds */
    bool has_commands;
    size_t command_count;
    factum_slice *commands;
    factum_saga_status status; /* ANY: not given */
    size_t run_count;
    struct fct_script_run *run;
};

/* Reads |text|, a script for |saga|, into |arena|. Errors: INVALID ("NAME:LINE:COLUMN: ..."),
 * TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_script_read(const struct factum_saga *saga, factum_slice text,
                                           const char *name, factum_arena *arena,
                                           struct fct_saga_script *script, factum_error *err);
/* The script's answer to |command|, or NULL. |script| may be NULL. */
const struct fct_script_answer *fct_script_answer(const struct fct_saga_script *script,
                                                  factum_slice command);

/* Generates an object in which every path of |id| (or NULL) and |pick| finds a value: |text| at
 * |id|, other texts elsewhere. In |arena|. Errors: TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_script_fill(const struct fct_path *id, factum_slice text,
                                           const struct fct_pick *pick, factum_arena *arena,
                                           factum_slice *data, factum_error *err);

#endif
