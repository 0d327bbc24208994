/* projection.h - read models in SQL: their definitions, checked, and deployed in a store.
 *
 * A *projection* is a file of SQL: the tables of a read model, and what each type of event changes
 * in them. docs/guide/read-models.md explains the form:
 *
 *     --@ projection order_summary version 3
 *     --@ from category order
 *     --@ tables
 *     CREATE TABLE {{order_summary}} (order_id TEXT PRIMARY KEY, total_cents BIGINT NOT NULL);
 *     --@ on OrderPlaced
 *     INSERT INTO {{order_summary}} VALUES (:orderId, :totalCents);
 *
 * Loading checks a projection. Deploying it appends its text as an event to the stream
 * "$definition:projection-NAME". Its host (models.h) then keeps its read model.
 *
 *     status = factum_projection_load(text, NULL, &projection, &err);
 *     if (status == FACTUM_OK) {
 *         status = factum_projection_deploy(store, projection, NULL, &done, &err);
 *     }
 *     factum_projection_free(projection);
 *
 * What an operator does to it later (pause, swap, skip a parked event) is an event of that stream
 * too, with who and why. Its host carries it out.
 *
 * These calls work on every kind of store. Link libfactum-sql (pkg-config factum-sql).
 *
 * Valid C99 and C++17. Any thread; a factum_projection does not change. Rules of sizes, statuses
 * and pointers: store.h. */
#ifndef FACTUM_PROJECTION_H
#define FACTUM_PROJECTION_H

#include <factum/registry.h>
#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTUM_PROJECTION_TEXT_MAX (UINT64_C(256) << 10) /* bytes of a definition */
#define FACTUM_PROJECTION_NAME_MAX 63 /* bytes of a name: [a-z][a-z0-9_]*, also of a host's */

/* ---- definitions ----------------------------------------------------------------------------- */

typedef struct factum_projection factum_projection;

/* Whether the answer to an append waits for the model. */
typedef enum factum_projection_mode {
    FACTUM_PROJECTION_ASYNC = 0, /* never */
    FACTUM_PROJECTION_SYNC = 1   /* always; a model that is behind does not refuse the append */
} factum_projection_mode;

typedef struct factum_projection_options {
    size_t size;
    const char *name;              /* of the file, for messages; NULL: "projection" */
    const factum_schemas *schemas; /* to check fields against; NULL: they are not checked */
} factum_projection_options;

/* Loads the definition |text| and checks everything that can be checked without events: its form,
 * its names, that SQLite can prepare its statements, and that they use no clock, no random numbers
 * and nothing that depends on the order of rows. |options| is optional. *projection gets the
 * projection, which is yours until factum_projection_free; NULL on failure.
 * Errors: INVALID ("orders.sql:12:9: what is wrong: what would be right"), UNSUPPORTED (something
 * that this version does not know), TOO_BIG, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_projection_load(factum_slice text, const factum_projection_options *options,
                       factum_projection **projection, factum_error *err);
/* Frees it. Accepts NULL. */
FACTUM_API void factum_projection_free(factum_projection *projection);

/* A loaded definition. The texts last as long as the projection. */
typedef struct factum_projection_info {
    size_t size;
    factum_slice name;
    uint64_t version;
    factum_slice hash; /* SHA-256 of the text, 64 hexadecimal digits */
    factum_slice text;
    factum_projection_mode mode;
    factum_slice host;    /* "server" unless the definition names another one */
    factum_source source; /* ALL, CATEGORY, TYPE (one) or QUERY (several types, or tags) */
    size_t type_count;    /* that it has statements for */
    size_t table_count;
    size_t query_count; /* named ones */
} factum_projection_info;

/* Figures, into |info|. Errors: INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_projection_info_get(
    const factum_projection *projection, factum_projection_info *info, factum_error *err);

/* ---- deploying ------------------------------------------------------------------------------- */

/* Who acts, and why: part of the event that records the act. */
typedef struct factum_act_options {
    size_t size;
    factum_slice by;         /* at most FACTUM_NAME_SIZE_MAX bytes; empty: not recorded */
    factum_slice why;        /* at most 4,096 bytes; empty: not recorded */
    const factum_call *call; /* or NULL */
} factum_act_options;

typedef struct factum_act_result {
    size_t size;
    uint64_t revision; /* of the event in the definition's stream */
    uint64_t position;
    bool already; /* this was the state before: nothing was written */
} factum_act_result;

/* Deploys |projection|: a first version, or a newer one, which is built beside the version in use.
 * |options| and |result| are optional.
 * Errors: EXISTS (this version is deployed with another text: give the file a higher version),
 * INVALID (the version is lower than the newest), WRONG_REVISION (another caller has just deployed
 * or acted: look, and try again), DENIED (a server does not let this caller deploy), and those of
 * factum_read and factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status factum_projection_deploy(
    factum_store *store, const factum_projection *projection, const factum_act_options *options,
    factum_act_result *result, factum_error *err);

typedef enum factum_projection_act {
    FACTUM_ACT_PAUSE = 1,    /* its runners stop */
    FACTUM_ACT_RESUME = 2,   /* its runners go on, also after a stop by a limit or a broken model */
    FACTUM_ACT_REMOVE = 3,   /* the model is deleted; it can be deployed again later */
    FACTUM_ACT_REBUILD = 4,  /* the version in use is built once more, beside it */
    FACTUM_ACT_SWAP = 5,     /* the build beside comes into use, in one transaction, once it has
                                caught up. Refused while paused, or if that build has stopped */
    FACTUM_ACT_ROLLBACK = 6, /* the build in use before comes back, for 24 hours after the swap */
    FACTUM_ACT_RETRY = 7, /* parked events of |key| are applied in their order, until one fails */
    FACTUM_ACT_RETRY_ALL = 8, /* RETRY of every key */
    FACTUM_ACT_SKIP = 9       /* the parked event at |position| is left out; a build that cannot
                                 take it does not park it again */
} factum_projection_act;
/* "pause", "resume" ...; "" for another value. Static. */
FACTUM_API const char *factum_projection_act_name(factum_projection_act act);

typedef struct factum_act_request {
    size_t size;
    factum_projection_act act;
    factum_slice projection;           /* its name */
    factum_slice key;                  /* of RETRY */
    uint64_t position;                 /* of SKIP */
    const factum_act_options *options; /* or NULL */
} factum_act_request;

/* Records the act. The projection's host carries it out: soon if it runs, otherwise when it starts;
 * factum_models_act_wait (models.h) waits for the outcome. |result| is optional.
 * Errors: NOT_FOUND (the projection does not exist), INVALID (it cannot be done now, such as a
 * swap without a build: the text says why), WRONG_REVISION, DENIED, and those of factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_projection_act_record(factum_store *store, const factum_act_request *request,
                             factum_act_result *result, factum_error *err);

/* Checks that |schema|, if it were registered for |subject|, would keep everything that deployed
 * projections need. For those who register schemas (registry.h). A schema that is not JSON passes.
 * Errors: CONDITION_FAILED (the text names the projection, its version and the field), and those of
 * factum_projection_list. */
FACTUM_API FACTUM_MUST_USE factum_status factum_projection_schema_check(factum_store *store,
                                                                        factum_slice subject,
                                                                        factum_slice schema,
                                                                        factum_error *err);

/* ---- what is deployed ------------------------------------------------------------------------ */

/* A deployed projection, as folded from the events of its stream. */
typedef struct factum_projection_state {
    size_t size;
    factum_slice name;
    uint64_t version;  /* the one that was asked for, otherwise the newest */
    uint64_t in_use;   /* the version that queries see; 0: none yet */
    uint64_t previous; /* the version that a rollback returns to, for 24 hours; 0: none */
    bool building;     /* a build is under way beside the one in use */
    bool paused;
    bool removed;
    factum_projection_mode mode; /* ASYNC, and |host| empty, for a text of a later version of
                                    Factum */
    factum_slice host;
    factum_slice hash; /* of |text| */
    factum_slice text; /* of |version|, as are the next three */
    factum_slice by;
    factum_slice why;
    int64_t created;   /* when it was deployed */
    uint64_t revision; /* of the newest event of its stream */
} factum_projection_state;

typedef struct factum_projection_each {
    void *data;
    /* |state| lasts for the call only; false ends the list. */
    bool (*each)(void *data, const factum_projection_state *state);
} factum_projection_each;

/* Calls |each| with the projection |name|; |version| 0: with the text of its newest version.
 * Errors: NOT_FOUND (the projection or the version does not exist), INVALID, and those of
 * factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_projection_find(factum_store *store,
                                                                factum_slice name, uint64_t version,
                                                                const factum_projection_each *each,
                                                                factum_error *err);
/* Calls |each| with every projection, removed ones included, in the order of their first
 * deployments. OK also if |each| has ended the list. Errors: those of factum_list_open and
 * factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_projection_list(factum_store *store,
                                                                const factum_projection_each *each,
                                                                factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
