/* acts.h - the stream of a projection's definition, folded: which versions exist, and what an
 * operator wants of them. Layer: projection. Knows no database.
 *
 * Stream "$definition:projection-NAME". Each event also has "by" and "why" if the operator gave
 * them:
 *
 *     $ProjectionDeployed    {"name", "version", "hash", "text"}
 *     $ProjectionPaused      {}           $ProjectionResumed     {}
 *     $ProjectionRemoved     {}           $ProjectionRebuilt     {}
 *     $ProjectionSwapped     {}           $ProjectionRolledBack  {}
 *     $ParkedRetried         {"key"}, or {} for all keys
 *     $ParkedSkipped         {"position"}
 *     $ProjectionActRefused  written by the host: refused.h
 *
 * A *build* is one set of tables. Its identity is a version and a run; run 2 is the first rebuild
 * of the version. The first deployed version comes into use at once. A later version, and a
 * rebuild, is built beside it and comes into use by a swap.
 *
 * Invariants:
 *  1. |previous| and |building| have a version only if |in_use| has one.
 *  2. A projection that is |removed| has no version in any of the three.
 */
#ifndef FCT_PROJECTION_ACTS_H
#define FCT_PROJECTION_ACTS_H

#include <factum/arena.h>
#include <factum/projection.h>

#include "core/compiler.h"

#define FCT_PROJECTION_PREFIX "$definition:projection-"
#define FCT_PROJECTION_DEPLOYED "$ProjectionDeployed"
#define FCT_PARKED_RETRIED "$ParkedRetried"
#define FCT_PARKED_SKIPPED "$ParkedSkipped"
#define FCT_PROJECTION_STREAM_SIZE                                                                 \
    (sizeof FCT_PROJECTION_PREFIX + FACTUM_PROJECTION_NAME_MAX) /* with the zero byte */
#define FCT_ACT_WHY_MAX 4096u
/* How long the previous build is kept for a rollback, in nanoseconds. */
#define FCT_PREVIOUS_KEPT (INT64_C(24) * 3600 * 1000000000)

struct fct_build_id {
    uint64_t version; /* 0: none */
    uint64_t run;     /* from 1 */
    uint64_t text_at; /* the revision of the event that contains its text */
};

struct fct_acts {
    struct fct_build_id in_use;
    struct fct_build_id previous;
    struct fct_build_id building;
    bool paused;
    bool removed;
    bool deployed;     /* the stream has a deployment */
    uint64_t version;  /* of the newest deployment */
    uint64_t text_at;  /* its revision */
    uint64_t revision; /* of the last event; valid if |any| */
    uint64_t position; /* its position */
    bool any;
    int64_t in_use_since; /* when the build in use came into use */
    char hash[65];        /* of the newest text */
};

/* One event of the stream, parsed. Its texts are in the arena that was given to the parser. */
struct fct_act {
    factum_projection_act act; /* 0: a deployment */
    factum_slice name;         /* of a deployment; so are the next two */
    factum_slice hash;
    factum_slice text;
    uint64_t version;  /* of a deployment or a SKIP */
    factum_slice key;  /* of a RETRY; RETRY_ALL has none */
    uint64_t position; /* of a SKIP */
    factum_slice by;
    factum_slice why;
};

/* The name of the stream of |name|. Errors: INVALID (|name| is not a name of a projection). */
FCT_MUST_USE factum_status fct_acts_stream(factum_slice name,
                                           char stream[FCT_PROJECTION_STREAM_SIZE],
                                           factum_error *err);
/* The type of an act's event: "$ProjectionPaused". A static string. */
const char *fct_act_type(factum_projection_act act);
/* The data of an act's event, in |arena|. Errors: INVALID (a text is not UTF-8), TOO_BIG,
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_act_format(const struct fct_act *act, factum_arena *arena,
                                          factum_slice *data, factum_error *err);
/* Parses |event|; *act points into |arena|. Errors: INVALID (another type, wrong members, or a
 * text that does not match its hash; the message names the position), TOO_BIG and NO_MEMORY (the
 * arena). */
FCT_MUST_USE factum_status fct_act_parse(const factum_event *event, factum_arena *arena,
                                         struct fct_act *act, factum_error *err);

/* Updates |acts| to the time |now|: the previous build is dropped after FCT_PREVIOUS_KEPT. */
void fct_acts_at(struct fct_acts *acts, int64_t now);
/* Is |act| allowed now? Returns OK, or DONE (the state is already the wanted one). Errors: INVALID,
 * with the reason and what to do. */
FCT_MUST_USE factum_status fct_acts_judge(const struct fct_acts *acts, const struct fct_act *act,
                                          factum_error *err);
/* Folds the event at |revision|, |position|, recorded at |created|, into |acts|. */
void fct_acts_add(struct fct_acts *acts, const struct fct_act *act, uint64_t revision,
                  uint64_t position, int64_t created);

/* Folds an event that changes nothing but the revision and the position. */
void fct_acts_pass(struct fct_acts *acts, uint64_t revision, uint64_t position);

/* A cursor over the stream of |name| from revision |from| to |upto|. Errors: as factum_read. */
FCT_MUST_USE factum_status fct_acts_open(factum_store *store, factum_slice name, uint64_t from,
                                         uint64_t upto, const factum_call *call,
                                         factum_cursor **cursor, factum_error *err);
/* Reads the stream of |name| up to |upto| (UINT64_MAX: its end) and folds it, as of now. Leaves out
 * acts that the host has refused and events that cannot be parsed. A stream that does not exist
 * gives |any| false. Errors: as factum_read. */
FCT_MUST_USE factum_status fct_acts_read(factum_store *store, factum_slice name, uint64_t upto,
                                         const factum_call *call, struct fct_acts *acts,
                                         factum_error *err);
/* The deployment at |revision| of the stream of |name|, parsed into |arena|. |created| is optional.
 * Errors: NOT_FOUND (no deployment there); otherwise as fct_act_parse and factum_read. */
FCT_MUST_USE factum_status fct_acts_text(factum_store *store, factum_slice name, uint64_t revision,
                                         const factum_call *call, factum_arena *arena,
                                         struct fct_act *act, int64_t *created, factum_error *err);

#endif
