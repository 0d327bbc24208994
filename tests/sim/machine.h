/* machine.h - two stores that get the same calls and must answer the same: the memory engine, which
 * is obviously right, and the embedded engine on the simulated disk.
 *
 * A machine takes its decisions from a source of choices: a seed, or bytes (a fuzzer's). Names,
 * ids, keys, tags and times come from small alphabets, so that operations meet each other often.
 * After each operation statuses, results, texts and events are compared; positions, which differ
 * between engines, are mapped by the order of the events. Between operations the embedded engine is
 * flushed, merged, closed, or dropped as by a crash, and opened again.
 *
 * What is not compared: texts that name a position; which of several events refuses an append
 * condition, if it does; with colliding hashes also lists, counts, and ordinals in other lists than
 * streams.
 */
#ifndef FCT_TESTS_SIM_MACHINE_H
#define FCT_TESTS_SIM_MACHINE_H

#include <factum/store.h>

#include "api/store_int.h"
#include "core/random.h"
#include "engine_local/local.h"
#include "sim/sim_disk.h"

enum {
    MACHINE_EVENTS_MAX = 600, /* the run ends when there are more */
    RECIPE_EVENTS_MAX = 10,
    RECIPES_KEPT = 6,
    HANDLES_MAX = 3,
};

struct choices {
    const uint8_t *bytes; /* NULL: random */
    size_t len;
    size_t at;
    struct fct_random random;
};

/* One event, as both engines have it. */
struct place {
    uint64_t memory; /* positions */
    uint64_t local;
    int64_t created;
    int64_t time;
};

/* The same position for each engine. */
struct pair {
    uint64_t memory;
    uint64_t local;
};

/* An append without pointers to anything but static memory and itself (see recipe_request). */
struct recipe {
    factum_new_event events[RECIPE_EVENTS_MAX];
    size_t event_count;
    factum_expectation expectations[RECIPE_EVENTS_MAX];
    size_t expectation_count;
    factum_query_item items[2];
    size_t item_count;
    struct pair after;
    factum_slice key;
    factum_fingerprint fingerprint;
    factum_durability durability;
};

/* The answer of one engine to an append. */
struct answer {
    factum_status status;
    factum_error error;
    factum_append_result result;
    uint64_t revisions[RECIPE_EVENTS_MAX];
};

/* What the requests to both engines point to. */
struct selection {
    factum_query_item items[2];
    factum_query query;
    factum_filter filter;
};

/* A cursor or a subscription that is open on both engines. */
struct handles {
    struct selection selection;
    factum_cursor *cursors[2];
    factum_subscription *subscriptions[2];
    factum_read_request requests[2];
};

struct machine {
    struct choices *choices;
    struct fct_sim_disk *clock; /* the environment of the memory engine */
    struct fct_sim_disk *disk;  /* and of the embedded one */
    factum_store memory;
    factum_store local;
    struct fct_local_options options;
    uint64_t timeline; /* the embedded engine's history; nothing here forks it */
    bool colliding;
    bool unsynced; /* an append with durability `os` may be lost by a crash */
    int64_t now;
    int64_t now_least; /* the clock does not go back before it */
    struct place places[MACHINE_EVENTS_MAX + 64];
    size_t place_count;
    struct recipe recipes[RECIPES_KEPT];
    size_t recipe_count;
    struct handles handles[HANDLES_MAX];
    struct handles followers[HANDLES_MAX];
    size_t operation;
    const char *name; /* the name of the operation under way */
    bool verbose;
    bool failed; /* a difference was found and printed */
};

/* Opens both stores. |choices| outlives the machine. With |threads| some of them are opened with
 * threads, and get appends by completion, several at once. */
void machine_init(struct machine *machine, struct choices *choices, bool threads, bool verbose);
void machine_finish(struct machine *machine);
/* Runs one operation. False if the run is over: a difference, too many events, no bytes left. */
bool machine_step(struct machine *machine);
/* At the end: reopens, reads everything once more, and verifies. */
void machine_end(struct machine *machine);

/* ---- for the parts of the machine ------------------------------------------------------------ */

/* A number below |count|. */
size_t machine_pick(struct machine *machine, size_t count);
/* True once in |in| times on average. */
bool machine_rarely(struct machine *machine, size_t in);
/* Prints what differs, with the operation, and marks the machine as failed. */
FACTUM_PRINTF(2, 3) void machine_differ(struct machine *machine, const char *format, ...);
/* Prints what is done, if |verbose|. */
FACTUM_PRINTF(2, 3) void machine_say(const struct machine *machine, const char *format, ...);

/* Is it the same status and, for a failure whose text has no position, the same text? */
bool machine_same_status(struct machine *machine, const factum_status statuses[2],
                         const factum_error errors[2]);
/* How many events are before this position. */
size_t machine_before(const struct machine *machine, size_t engine, uint64_t position);
/* Do both name the same event, or are both 0? */
bool machine_same_position(const struct machine *machine, uint64_t memory, uint64_t local);
/* The place just after the last visible event. */
uint64_t machine_end_of(factum_store *store);
/* A position at which a read begins or ends: an event's, one beside it, or an extreme. */
struct pair machine_pick_position(struct machine *machine);
/* The same for a place, except for the end itself: whether the next event gets that position is
 * up to each engine. */
struct pair machine_pick_place(struct machine *machine);
/* One or two items of a query. */
size_t machine_pick_items(struct machine *machine, factum_query_item items[2]);
/* |ordinals|: compare them too. */
void machine_same_event(struct machine *machine, const factum_event events[2], bool ordinals);
/* Reads what was appended since the last call, compares it, and records its places. */
void machine_learn(struct machine *machine);

struct name_table {
    const factum_slice *names;
    size_t count;
};
extern const struct name_table machine_streams, machine_types, machine_tags, machine_categories,
    machine_correlations, machine_keys;
factum_slice machine_pick_name(struct machine *machine, const struct name_table *table);
/* Occasionally one that is refused. */
factum_slice machine_pick_stream(struct machine *machine);
int64_t machine_pick_time(struct machine *machine);

/* machine_append.c */
void machine_append(struct machine *machine);
void machine_append_fingerprint(struct machine *machine);
void machine_repeat(struct machine *machine);
void machine_repeat_fingerprint(struct machine *machine);
void machine_metadata(struct machine *machine);
void machine_delete(struct machine *machine);
void machine_tombstone(struct machine *machine);
factum_expected machine_pick_expected(struct machine *machine, factum_slice stream);
struct recipe machine_pick_recipe(struct machine *machine);
/* The same append again, or with one thing changed. */
struct recipe machine_vary_recipe(struct machine *machine, const struct recipe *old);
void machine_say_recipe(const struct machine *machine, const struct recipe *recipe);
/* The request of |recipe| for an engine; |condition| is room for it. Borrows all of them. */
void machine_request(const struct recipe *recipe, size_t engine, factum_append_condition *condition,
                     factum_append_request *request);
void machine_answer_init(struct answer *answer);
/* After machine_learn. */
void machine_same_answers(struct machine *machine, const struct recipe *recipe,
                          const struct answer answers[2]);

/* machine_batch.c */
void machine_batch(struct machine *machine);

/* machine_ask.c */
void machine_ask(struct machine *machine);
/* Calls whose deadline has passed, or has not. */
void machine_be_late(struct machine *machine);

/* machine_list.c */
void machine_list(struct machine *machine);
void machine_list_page(struct machine *machine);

/* machine_read.c */
void machine_read(struct machine *machine);
void machine_read_all(struct machine *machine);
void machine_hold_cursor(struct machine *machine);
void machine_subscribe(struct machine *machine);
/* The same with a query, a filter, or a start after a place. */
void machine_read_selected(struct machine *machine);
void machine_hold_selected(struct machine *machine);
void machine_subscribe_selected(struct machine *machine);
void machine_follow(struct machine *machine);
void machine_stream_info(struct machine *machine);
void machine_single_event(struct machine *machine);
void machine_ends(struct machine *machine);
/* Closes what is open, and after a reopening opens the subscriptions again where they were. */
void machine_let_go(struct machine *machine);
void machine_take_up(struct machine *machine);
void machine_close_handles(struct machine *machine);

#endif
