/* acts.h - the stream of a projection's definition, folded: which versions there are, and what an
 * operator wants of them. Layer: projection. Knows no database.
 *
 * Stream "$definition:projection-NAME". Its events, each with "by" and "why" where they were said:
 *
 *     $ProjectionDeployed    {"name", "version", "hash", "text"}
 *     $ProjectionPaused      {}           $ProjectionResumed     {}
 *     $ProjectionRemoved     {}           $ProjectionRebuilt     {}
 *     $ProjectionSwapped     {}           $ProjectionRolledBack  {}
 *     $ParkedRetried         {"key"}, or {} for all keys
 *     $ParkedSkipped         {"position"}
 *     $ProjectionActRefused  by the host: refused.h
 *
 * A *build* is one set of tables: the version that it is of, and its run, 2 for the first rebuild
 * of the version. The first version that is deployed comes into use at once; a later one, and a
 * rebuild, is built beside and comes into use by a swap.
 *
 * Invariants: |previous| and |building| have a version only if |in_use| has; nothing has one when
 * |removed|.
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
/* What was in use before is kept so long, for a rollback. Nanoseconds. */
#define FCT_PREVIOUS_KEPT (INT64_C(24) * 3600 * 1000000000)

struct fct_build_id {
    uint64_t version; /* 0: none */
    uint64_t run;     /* from 1 */
    uint64_t text_at; /* the revision of the event that has its text */
};

struct fct_acts {
    struct fct_build_id in_use;
    struct fct_build_id previous;
    struct fct_build_id building;
    bool paused;
    bool removed;
    bool deployed;     /* there is a definition at all */
    uint64_t version;  /* of the newest deployment */
    uint64_t text_at;  /* its revision */
    uint64_t revision; /* of the last event; valid if |any| */
    uint64_t position; /* its position */
    bool any;
    int64_t in_use_since; /* when the build in use came into use */
    char hash[65];        /* of the newest text */
};

/* One event of the stream, parsed. Its texts are in the arena that it was parsed into. */
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

/* The name of the stream of |name|. INVALID: no name of a projection. */
FCT_MUST_USE factum_status fct_acts_stream(factum_slice name,
                                           char stream[FCT_PROJECTION_STREAM_SIZE],
                                           factum_error *err);
/* The type of an act's event: "$ProjectionPaused". Static. */
const char *fct_act_type(factum_projection_act act);
/* The data of an act's event, in |arena|. INVALID: a text is not UTF-8. TOO_BIG, NO_MEMORY. */
FCT_MUST_USE factum_status fct_act_format(const struct fct_act *act, factum_arena *arena,
                                          factum_slice *data, factum_error *err);
/* Parses |event|. INVALID: it has another type, its members are wrong, or its text has another
 * hash; the text names its position. TOO_BIG, NO_MEMORY: of the arena. */
FCT_MUST_USE factum_status fct_act_parse(const factum_event *event, factum_arena *arena,
                                         struct fct_act *act, factum_error *err);

/* |acts| as they are at |now|: what was in use before is kept for FCT_PREVIOUS_KEPT. */
void fct_acts_at(struct fct_acts *acts, int64_t now);
/* May |act| happen now? OK, DONE (it is so already), or INVALID with the reason and what to do. */
FCT_MUST_USE factum_status fct_acts_judge(const struct fct_acts *acts, const struct fct_act *act,
                                          factum_error *err);
/* |acts| after the event at |revision|, |position|, recorded at |created|. */
void fct_acts_add(struct fct_acts *acts, const struct fct_act *act, uint64_t revision,
                  uint64_t position, int64_t created);

/* |acts| after an event that changes nothing. */
void fct_acts_pass(struct fct_acts *acts, uint64_t revision, uint64_t position);

/* A cursor over the stream of |name| from revision |from| to |upto|. As factum_read. */
FCT_MUST_USE factum_status fct_acts_open(factum_store *store, factum_slice name, uint64_t from,
                                         uint64_t upto, const factum_call *call,
                                         factum_cursor **cursor, factum_error *err);
/* Reads the stream of |name| up to |upto| (UINT64_MAX: its end) and folds it, as it is now. Acts
 * that the host has refused, and events that cannot be parsed, are left out. A stream that is not
 * there gives |any| false. As factum_read. */
FCT_MUST_USE factum_status fct_acts_read(factum_store *store, factum_slice name, uint64_t upto,
                                         const factum_call *call, struct fct_acts *acts,
                                         factum_error *err);
/* The deployment at |revision| of the stream of |name|, parsed into |arena|. NOT_FOUND: there is
 * none; otherwise as fct_act_parse and factum_read. |created| is optional. */
FCT_MUST_USE factum_status fct_acts_text(factum_store *store, factum_slice name, uint64_t revision,
                                         const factum_call *call, factum_arena *arena,
                                         struct fct_act *act, int64_t *created, factum_error *err);

#endif
