/* model_world.h - a store, a read model and its host on a simulated disk: events made from a seed,
 * crashes, and what the model has to be, folded in plain C. For model_crash.c.
 *
 * Accounts are opened, moved, linked and given lines; all of it in streams "acct-KEY". Some moves
 * overdraw an account: such an event is poison, it and all later ones of its key stay parked. A
 * link to an account that is not open yet fails too, until that one is: a retry applies it.
 */
#ifndef FCT_TESTS_CRASH_MODEL_WORLD_H
#define FCT_TESTS_CRASH_MODEL_WORLD_H

#include <factum/model_rows.h>
#include <factum/models.h>

#include "core/buf.h"
#include "sim/sim_disk.h"

#define WORLD_EVENTS_MAX 2000
#define WORLD_KEYS 12
#define WORLD_LINES_MAX 3
#define WORLD_BUILDS_MAX 4
#define WORLD_MODEL "ledger"
#define WORLD_DEFINITION_SIZE 4096
#define WORLD_PATIENCE UINT64_C(120000000000) /* nanoseconds: then a test waits for nothing */

enum spec_kind { SPEC_OPENED, SPEC_MOVED, SPEC_LINKED, SPEC_LISTED };

/* An event that is stored, or is going to be. */
struct spec {
    enum spec_kind kind;
    unsigned key;
    unsigned other;
    int amount;
    bool poison;
    unsigned line_count;
    unsigned skus[WORLD_LINES_MAX];
    unsigned quantities[WORLD_LINES_MAX];
};

/* Events that a build had committed before a crash, which it has afterwards. */
struct world_floor {
    uint64_t version;
    uint64_t event_count;
    unsigned builds; /* of this version */
};

struct world {
    uint64_t seed;
    struct fct_random random;
    struct fct_sim_disk *disk;
    struct fct_os os; /* of the store, if it is |local| */
    struct fct_os_ops os_ops;
    bool local; /* the store is on the disk too; otherwise in memory, and survives */
    uint32_t batch;
    factum_store *store;
    factum_models *models;
    struct spec specs[WORLD_EVENTS_MAX];
    size_t spec_count;
    uint64_t positions[WORLD_EVENTS_MAX]; /* of the |known| that the store has */
    size_t known;
    struct world_floor floors[WORLD_BUILDS_MAX];
    unsigned floor_count;
};

/* Ends the program with "not ok": what the test itself needs has failed, or the model is wrong. */
void world_die(const struct world *world, const char *what, const char *why);

/* A disk, a store with |events| events to come and version 1 deployed; no host yet. */
void world_make(struct world *world, uint64_t seed, size_t events, bool local);
void world_drop(struct world *world);
/* The host of the models. OK, or what it says; a disk that crashes in it is no failure. */
factum_status world_open(struct world *world, factum_error *err);
/* The text of |version|. Versions differ in what every row has, and odd ones have a table more. */
void world_definition(unsigned version, char *text, size_t size);
/* Deploys |version| of the model. */
factum_status world_deploy(struct world *world, unsigned version, factum_error *err);
/* Records the act; *revision is its place in the definition's stream. */
factum_status world_act(struct world *world, factum_projection_act act, uint64_t *revision,
                        factum_error *err);
/* Appends events until the store has |count| of them; false: it fails, because the disk does. */
bool world_append(struct world *world, size_t count);
/* The disk crashes at its changing call number |after| from now on. */
void world_crash_after(struct world *world, uint64_t after);
bool world_has_crashed(const struct world *world);
/* Nanoseconds of the system's clock that does not go back; the disk's stands still. */
uint64_t world_clock(void);
/* Until the model has every event, or the disk has crashed: false. */
bool world_wait(struct world *world);
/* Prints the builds, for whoever looks for the cause of a failure. */
void world_list(struct world *world);
/* Notes what was committed. */
void world_note_floors(struct world *world);
/* Closes everything, cuts the power, and opens the store again. The host is closed. */
void world_cut_power(struct world *world, enum fct_crash_mode mode);
/* What is wrong with the model's file as the last crash has left it, before anybody opens it: NULL,
 * nothing. The disk is not changed. */
const char *world_examine(struct world *world);
/* What is wrong with the answers of the public queries after every event counts: NULL, nothing.
 * |hash|, optional, is that of all rows. */
const char *world_compare(struct world *world, unsigned version, uint64_t *hash);

/* The rows that |version| has after the events up to |position| without those at |parked|, rising.
 * False: an event among them cannot have been applied. */
bool world_fold(const struct world *world, unsigned version, uint64_t position,
                const uint64_t *parked, size_t parked_count, struct fct_buf *rows,
                uint64_t *event_count);
/* Is |parked| what can be parked at |position|: of a key all events from one that can fail on? */
bool world_may_be_parked(const struct world *world, uint64_t position, const uint64_t *parked,
                         size_t parked_count);
/* What stays parked for good: of a key all events from its first poison on. Returns how many. */
size_t world_poison(const struct world *world, uint64_t *parked);

#endif
