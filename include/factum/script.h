/* script.h - deciders as text: Lua 5.4 in a sandbox, for programs that do not compile their rules.
 *
 *     factum_lua_enable();
 *     factum_script script = {.size = sizeof script, .text = text, .name = "account.lua"};
 *     factum_script_decider *decider;
 *     status = factum_script_decider_open(&script, "account", &decider, &err);
 *     ...
 *     factum_script_command command = {.size = sizeof command, .decider = decider,
 *                                      .name = factum_slice_from("Deposit"), ...};
 *     factum_transact_request request = {.size = sizeof request, .stream = stream,
 *                                        .command = &command, .command_id = id};
 *     status = factum_transact(store, factum_script_decider_get(decider), &request, &result, &err);
 *
 * What a script may contain, its functions and its limits: docs/guide/lua.md. A script cannot reach
 * the machine, and the same input always gives the same output. An error of a script is INVALID
 * with its file and line ("account.lua:12: ..."). A script that uses up one of its limits is
 * TOO_BIG with that limit ("account.lua:12: stopped after 1,000,000 instructions"); so is JSON
 * whose values need more than |memory_max|. In both cases nothing is written.
 *
 * Link libfactum-script, which needs Lua. The functions below are in libfactum; factum_lua_enable
 * connects the two. Valid C99 and C++17. Rules of sizes, statuses and pointers: store.h. */
#ifndef FACTUM_SCRIPT_H
#define FACTUM_SCRIPT_H

#include <factum/decider.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Lets scripts in Lua be opened from now on. Any thread; any number of times. */
FACTUM_API void factum_lua_enable(void);

/* A text, and the budget of each call of one of its functions. */
typedef struct factum_script {
    size_t size;
    factum_slice text;         /* UTF-8, at most 256 KiB */
    const char *name;          /* of its file, for messages */
    uint64_t instructions_max; /* of Lua's machine; 0: 1,000,000 */
    uint64_t bytes_max;        /* allocated and handled; 0: 64 MiB */
    uint64_t memory_max;       /* in use at once, the state included; 0: 16 MiB */
    uint64_t elements_max;     /* sorted, joined, moved; 0: 1,000,000 */
    uint64_t cpu_ms_max;       /* processor time; 0: 200 */
} factum_script;

/* A decider of a script. Any thread may use it; each fold and each decision has a Lua state of its
 * own while it lasts. */
typedef struct factum_script_decider factum_script_decider;

/* Loads |script|, which is copied, as the decider |name|: its category. *decider gets the decider,
 * which is yours until factum_script_decider_close; NULL on failure.
 * Errors: INVALID (the script is wrong, or lacks initial, evolve or decide), TOO_BIG, NO_MEMORY,
 * UNSUPPORTED (factum_lua_enable was not called). */
FACTUM_API FACTUM_MUST_USE factum_status factum_script_decider_open(const factum_script *script,
                                                                    const char *name,
                                                                    factum_script_decider **decider,
                                                                    factum_error *err);
/* The decider, for factum_transact and factum_fold_create; lasts as long as |decider|. Its command
 * is a factum_script_command. Its state_version is derived from the text, so a changed script has
 * another one. */
FACTUM_API const factum_decider *factum_script_decider_get(const factum_script_decider *decider);
/* True if |decider| decides over a query: requests then name no stream. */
FACTUM_API bool factum_script_has_query(const factum_script_decider *decider);
/* Frees |decider|. Accepts NULL. Not while a fold or a transaction uses it. */
FACTUM_API void factum_script_decider_close(factum_script_decider *decider);

/* What decide(state, command) sees as command. Begin it as zeros. */
typedef struct factum_script_command {
    size_t size;
    const factum_script_decider *decider;
    factum_slice name; /* command.name: "Deposit" */
    factum_slice id;   /* command.id: what the command is about */
    factum_slice data; /* command.data: JSON; empty: {} */
    int64_t time;      /* command.time; not part of what a command id is compared by */
    /* Of events that name none, for a decider over a query; like the other members, part of what
     * a command id is compared by. */
    factum_slice stream;
} factum_script_command;

/* The state of a fold of this decider (factum_fold_info.state) as JSON, into *json, with members
 * sorted by their bytes: the same state gives the same text. *json lasts until the next call with
 * the same fold or state. Errors: those of a call of the script (above), NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_script_state_json(
    const factum_script_decider *decider, const void *state, factum_slice *json, factum_error *err);

/* ---- blame: which event gave each value of a state its value --------------------------------- */

/* Takes a state after each event, and remembers which event was the last to change each of its
 * values. One thread at a time. */
typedef struct factum_blame factum_blame;

/* A value that contains no others, and the event that gave it. The texts last until the next call
 * with the same blame. */
typedef struct factum_blamed {
    size_t size;
    factum_slice path;  /* ".lines[0].sku"; "." of a state that is one value */
    factum_slice value; /* as JSON */
    bool initial;       /* no event changed it: it is from the decider's initial state */
    uint64_t revision;  /* of the event, as are the members below */
    uint64_t position;
    factum_slice type;
    int64_t time;
    factum_uuid id;
} factum_blamed;

/* Creates a blame, into *blame, which is yours until factum_blame_destroy; NULL on failure.
 * |bytes_max| is the most memory that it takes, including that for comparing a state with the one
 * before; 0: 64 MiB. A value takes some 100 bytes besides its path and its text.
 * Errors: INVALID, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_blame_create(size_t bytes_max, factum_blame **blame,
                                                             factum_error *err);
/* Takes |state|, JSON as factum_script_state_json gives it, as the state after |event|. The first
 * call has |event| NULL and the initial state. Errors, which leave the blame as it was: INVALID
 * (not JSON), TOO_BIG (over |bytes_max|), NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_blame_take(factum_blame *blame, factum_slice state,
                                                           const factum_event *event,
                                                           factum_error *err);
/* The |index|-th value of the newest state, in the order of its text, into |value|. DONE: there are
 * no more. Errors: INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_blame_at(const factum_blame *blame, size_t index,
                                                         factum_blamed *value, factum_error *err);
/* Frees it. Accepts NULL. */
FACTUM_API void factum_blame_destroy(factum_blame *blame);

/* ---- tests ----------------------------------------------------------------------------------- */

/* One case of a file of tests. The texts last until |each| returns. */
typedef struct factum_script_case {
    size_t size;
    factum_slice name;
    uint64_t line; /* in the file of tests */
    bool passed;
    factum_slice text; /* what differs, in lines; empty if it passed */
} factum_script_case;

typedef struct factum_script_cases {
    void *data;
    void (*each)(void *data, const factum_script_case *outcome);
} factum_script_cases;

/* Runs the cases of |tests|, in their order, against |decider|: given events in a store in memory,
 * when a command, expect events or a rejection. Each case is decided twice, and both must give the
 * same. |cases| is called with each outcome; OK also if cases fail.
 * Errors: INVALID and TOO_BIG (the file of tests is wrong), NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_script_test(const factum_script_decider *decider,
                                                            const factum_script *tests,
                                                            const factum_script_cases *cases,
                                                            factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
