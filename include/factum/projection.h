/* projection.h - read models in SQL: their definitions, checked, and deployed in a store.
 *
 * A *projection* is a file of SQL: the tables of a read model, and what each type of event does to
 * them. docs/guide/read-models.md explains the form:
 *
 *     --@ projection order_summary version 3
 *     --@ from category order
 *     --@ tables
 *     CREATE TABLE {{order_summary}} (order_id TEXT PRIMARY KEY, total_cents BIGINT NOT NULL);
 *     --@ on OrderPlaced
 *     INSERT INTO {{order_summary}} VALUES (:orderId, :totalCents);
 *
 * A projection is loaded, which checks it, and deployed, which makes it an event of its stream
 * "$definition:projection-NAME". Whoever hosts it (models.h) then keeps its read model.
 *
 *     status = factum_projection_load(text, NULL, &projection, &err);
 *     if (status == FACTUM_OK) {
 *         status = factum_projection_deploy(store, projection, NULL, &done, &err);
 *     }
 *     factum_projection_free(projection);
 *
 * What an operator does to it later (pause, swap, skip a parked event) is an event of that stream
 * too, with who and why, and its host carries it out.
 *
 * These calls work on every kind of store. Link libfactum-sql (pkg-config factum-sql).
 *
 * Valid C99 and C++17. Any thread; a factum_projection does not change. Rules of sizes, statuses
 * and pointers: store.h.
 */
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

/* When does an answer to an append wait for the model? */
typedef enum factum_projection_mode {
    FACTUM_PROJECTION_ASYNC = 0, /* never */
    FACTUM_PROJECTION_SYNC = 1   /* always; a model that is behind does not refuse the append */
} factum_projection_mode;

typedef struct factum_projection_options {
    size_t size;
    const char *name;              /* of the file, for messages; NULL: "projection" */
    const factum_schemas *schemas; /* fields are checked against them; NULL: they are not */
} factum_projection_options;

/* Loads the definition |text|, after all has been checked that can be without events: its form, its
 * names, that its statements prepare in SQLite, that they use no clock, no random numbers and
 * nothing that depends on the order of rows. |options| may be NULL. *projection is the caller's,
 * for factum_projection_free; NULL on failure. INVALID: "orders.sql:12:9: what is wrong: what would
 * be right". UNSUPPORTED: something that this version does not know. TOO_BIG, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_projection_load(factum_slice text, const factum_projection_options *options,
                       factum_projection **projection, factum_error *err);
/* Accepts NULL. */
FACTUM_API void factum_projection_free(factum_projection *projection);

/* Of a loaded definition. The texts last as long as it does. */
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

/* Into |info|. INVALID. */
FACTUM_API FACTUM_MUST_USE factum_status factum_projection_info_get(
    const factum_projection *projection, factum_projection_info *info, factum_error *err);

/* ---- deploying ------------------------------------------------------------------------------- */

/* Who does something, and why: parts of the event that records it. */
typedef struct factum_act_options {
    size_t size;
    factum_slice by;         /* at most FACTUM_NAME_SIZE_MAX bytes; empty: not said */
    factum_slice why;        /* at most 4,096 bytes; empty: not said */
    const factum_call *call; /* or NULL */
} factum_act_options;

typedef struct factum_act_result {
    size_t size;
    uint64_t revision; /* of the event in the definition's stream */
    uint64_t position;
    bool already; /* it was so: nothing was written */
} factum_act_result;

/* Deploys |projection|: a first version, or a newer one, which is built beside the one in use.
 * |options| and |result| may be NULL. EXISTS: this version is deployed with another text: give the
 * file a higher version. INVALID: the version is lower than the newest. WRONG_REVISION: somebody
 * else has just deployed or acted: look, and try again. DENIED: a server does not let this caller
 * deploy. Otherwise as factum_read and factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status factum_projection_deploy(
    factum_store *store, const factum_projection *projection, const factum_act_options *options,
    factum_act_result *result, factum_error *err);

typedef enum factum_projection_act {
    FACTUM_ACT_PAUSE = 1,    /* its runners stop */
    FACTUM_ACT_RESUME = 2,   /* they go on; after a stop by a limit or a broken model too */
    FACTUM_ACT_REMOVE = 3,   /* the model goes; it can be deployed again later */
    FACTUM_ACT_REBUILD = 4,  /* the version in use is built once more, beside it */
    FACTUM_ACT_SWAP = 5,     /* what was built beside comes into use, in one transaction, once
                                it has caught up. Refused while paused, or if it has stopped */
    FACTUM_ACT_ROLLBACK = 6, /* what was in use before comes back, for 24 hours after the swap */
    FACTUM_ACT_RETRY = 7, /* parked events of |key| are applied in their order, until one fails */
    FACTUM_ACT_RETRY_ALL = 8, /* of every key */
    FACTUM_ACT_SKIP = 9       /* the parked event at |position| is left out: no build that cannot
                                take it parks it again */
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

/* Records the act. Its host carries it out: soon if it runs, otherwise when it starts; what has
 * become of it is told by models.h. |result| may be NULL. NOT_FOUND: no such projection. INVALID:
 * it cannot be done now (nothing to swap to), says the text. WRONG_REVISION, DENIED, and as
 * factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_projection_act_record(factum_store *store, const factum_act_request *request,
                             factum_act_result *result, factum_error *err);

/* Would |schema|, registered for |subject|, take away what a deployed projection needs? OK: no.
 * CONDITION_FAILED: yes, and the text names the projection, its version and the field. A schema
 * that is not JSON says nothing. For those who register schemas (registry.h). As
 * factum_projection_list. */
FACTUM_API FACTUM_MUST_USE factum_status factum_projection_schema_check(factum_store *store,
                                                                        factum_slice subject,
                                                                        factum_slice schema,
                                                                        factum_error *err);

/* ---- what is deployed ------------------------------------------------------------------------ */

/* A deployed projection, as the events of its stream say. */
typedef struct factum_projection_state {
    size_t size;
    factum_slice name;
    uint64_t version;  /* the one that was asked for, otherwise the newest */
    uint64_t in_use;   /* the version that queries see; 0: none yet */
    uint64_t previous; /* the one that a rollback returns to, for 24 hours; 0: none */
    bool building;     /* something is built beside the one in use */
    bool paused;
    bool removed;
    factum_projection_mode mode; /* these two are empty for a text of a later version of Factum */
    factum_slice host;
    factum_slice hash; /* of |text| */
    factum_slice text; /* of |version|; so are the next three */
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

/* Tells |each| of one projection; |version| 0: with the text of its newest version. NOT_FOUND: no
 * such projection or version. INVALID; otherwise as factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_projection_find(factum_store *store,
                                                                factum_slice name, uint64_t version,
                                                                const factum_projection_each *each,
                                                                factum_error *err);
/* Tells |each| of every projection, removed ones too, in the order of their first deployments. OK
 * also if |each| has ended it. As factum_list_open and factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_projection_list(factum_store *store,
                                                                const factum_projection_each *each,
                                                                factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
