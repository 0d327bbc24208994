/* saga.h - sagas: their definitions, checked and deployed in a store.
 *
 * A *saga* is a file of YAML: steps that are commands to services, the events that answer them, and
 * for each step how to undo it. docs/guide/sagas.md explains the form:
 *
 *     saga: order_fulfilment
 *     version: 1
 *     start: OrderPlaced
 *     id: .orderId
 *     keep: {orderId, lines}
 *     steps:
 *       - reserve_stock: {do: stock.ReserveStock, with: {orderId, lines}, ok: StockReserved,
 *                         fail: StockUnavailable, undo: stock.ReleaseStock,
 *                         undo_with: {orderId}}
 *       - ship: {do: shipping.HandOver, with: {orderId}, ok: OrderShipped, pivot: true}
 *
 * Loading checks the file. factum_saga_check explores every possible run of it, within bounds.
 * Deploying does so too, and refuses a saga that can end half done. A host of sagas (sagas.h) then
 * runs an instance for each event of the type |start|.
 *
 * Link libfactum-saga (pkg-config factum-saga).
 *
 * Valid C99 and C++17. Any thread may call these functions. A factum_saga does not change: several
 * threads may use one at once; free it when none does. Rules of sizes, statuses and pointers:
 * store.h. */
#ifndef FACTUM_SAGA_H
#define FACTUM_SAGA_H

#include <factum/projection.h>
#include <factum/registry.h>
#include <factum/store.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTUM_SAGA_TEXT_MAX (UINT64_C(256) << 10) /* bytes of a definition */
#define FACTUM_SAGA_NAME_MAX 63 /* bytes of the name of a saga or a step: [a-z][a-z0-9_]* */
#define FACTUM_SAGA_ID_MAX 256  /* bytes of the value that |id| selects, which names an instance */
#define FACTUM_SAGA_STEPS_MAX 32

/* ---- definitions ----------------------------------------------------------------------------- */

typedef struct factum_saga factum_saga;

typedef struct factum_saga_options {
    size_t size;
    const char *name; /* of the file, for messages; NULL: "saga" */
    /* To check |with|, |keep| and types against; NULL: not checked. */
    const factum_schemas *schemas;
} factum_saga_options;

/* Loads the definition |text|. *saga gets it; it is yours until factum_saga_free; NULL on failure.
 * |options| is optional. |text|, the options and what they point to are needed during the call
 * only.
 * Errors: INVALID ("order.yaml:12:9: rule: what is wrong: what would be right"), UNSUPPORTED (a
 * word that is reserved for later versions: the text names it), TOO_BIG (the text has more than
 * FACTUM_SAGA_TEXT_MAX bytes, is nested too deeply, or has too many values; or the schemas are too
 * big to compare with), NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_saga_load(factum_slice text,
                                                          const factum_saga_options *options,
                                                          factum_saga **saga, factum_error *err);
/* Frees |saga|. Accepts NULL. */
FACTUM_API void factum_saga_free(factum_saga *saga);

/* A loaded definition. The texts last as long as the saga. */
typedef struct factum_saga_info {
    size_t size;
    factum_slice name;
    uint64_t version;
    factum_slice hash; /* SHA-256 of the text, 64 hexadecimal digits */
    factum_slice text;
    factum_slice start; /* the type of event that starts an instance */
    factum_slice host;  /* "server" unless the definition names another one */
    size_t step_count;
    bool has_pivot;
    size_t warning_count;
} factum_saga_info;

/* Describes |saga|, into |info|. */
FACTUM_API FACTUM_MUST_USE factum_status factum_saga_info_get(const factum_saga *saga,
                                                              factum_saga_info *info,
                                                              factum_error *err);
/* The warning number |index| of the load, from 0: "order.yaml:7:5: ...". Lasts as long as |saga|;
 * "" beyond the last one. */
FACTUM_API const char *factum_saga_warning(const factum_saga *saga, size_t index);

/* ---- the checker ----------------------------------------------------------------------------- */

#define FACTUM_SAGA_GENERATIONS_MAX 4u
#define FACTUM_SAGA_GENERATIONS_DEFAULT 2u
#define FACTUM_SAGA_ACTS_MAX 4u
#define FACTUM_SAGA_ACTS_DEFAULT 1u
#define FACTUM_SAGA_STATES_MAX UINT64_C(2000000000)
#define FACTUM_SAGA_STATES_DEFAULT UINT64_C(20000000)

/* How far a check goes. 0 means the default. */
typedef struct factum_saga_bounds {
    size_t size;
    uint32_t generations; /* how many ids a command may get. When a step after the pivot, or an
                             undo, has failed, it is sent again under a new id: a generation. At
                             most FACTUM_SAGA_GENERATIONS_MAX */
    uint32_t acts; /* of operators in one run, at most FACTUM_SAGA_ACTS_MAX; UINT32_MAX: none */
    uint64_t state_max; /* states to explore; a higher value means FACTUM_SAGA_STATES_MAX */
} factum_saga_bounds;

typedef struct factum_saga_report {
    size_t size;
    bool sound;           /* every run within the bounds ends well */
    bool complete;        /* false: |state_max| was reached before the check could decide. True also
                             if the check ended early, at a broken rule */
    uint64_t state_count; /* explored */
    uint64_t run_length;  /* inputs on the shortest run to the most distant state */
    /* States at an end: the saga is done, is undone, or waits for an operator. */
    uint64_t done_count;
    uint64_t undone_count;
    uint64_t stuck_count;
    int64_t duration;     /* nanoseconds */
    char broken_rule[64]; /* "S3 a step was undone although the pivot is done"; empty if no rule is
                             broken */
    /* The shortest run that breaks the rule, as a text for people and as a script for `factum saga
     * simulate`. Each ends with a zero byte, which is not counted. NULL if no rule is broken. */
    size_t table_len;
    const char *table; /* lasts until factum_saga_report_free, as does |script| */
    size_t script_len;
    const char *script;
    void *memory; /* of the texts; the library's */
} factum_saga_report;

typedef struct factum_saga_progress {
    void *data;
    /* Called now and then, on the thread of the check. |state_count|: states found so far;
     * |waiting_count|: how many of these are not explored yet. Returns false to end the check:
     * CANCELLED. */
    bool (*step)(void *data, uint64_t state_count, uint64_t waiting_count);
} factum_saga_progress;

/* Explores every interleaving of answers, silence, duplicates, reordering, crashes, time-outs, late
 * replies and operators' acts, within |bounds| (NULL: defaults). |report| says whether every run
 * ends done or completely undone, or is stuck only where an undo fails or an operator is asked. OK
 * also if the saga is not sound. |progress| is optional. The check runs on the caller's thread and
 * may take minutes. Free the report.
 * Errors: INVALID (a bound is too high), CANCELLED, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_saga_check(const factum_saga *saga,
                                                           const factum_saga_bounds *bounds,
                                                           const factum_saga_progress *progress,
                                                           factum_saga_report *report,
                                                           factum_error *err);
/* Frees what |report| points to, and zeroes it except for |size|. Accepts NULL and a zeroed report.
 */
FACTUM_API void factum_saga_report_free(factum_saga_report *report);

/* ---- deploying ------------------------------------------------------------------------------- */

typedef struct factum_saga_deploy_options {
    size_t size;
    factum_act_options act; /* by, why, call: projection.h; set its size too */
    bool forced;            /* also if the check fails or is not complete; needs |act.why| */
    const factum_saga_bounds *bounds;
} factum_saga_deploy_options;

/* Deploys |saga|: checks it, as factum_saga_check does, then deploys the read model
 * "saga_instances", which the lists of sagas.h need, unless it is deployed, then appends the event
 * of the definition to "$definition:saga-NAME". Instances begin with events after that one; running
 * instances keep the version that they began with. |options|, |result| and |report| are optional.
 *
 * |report| is filled whenever the check has run to its end, also if the call then fails, and is
 * zeroed otherwise: free it in any case. If this text is deployed already, result->already is true
 * and nothing is checked: the report is zeroed, so report->sound is false.
 * Errors: EXISTS (this version is deployed with another text), INVALID (the version is lower than
 * the newest), CONDITION_FAILED (the check refuses it; |report| says why), WRONG_REVISION (somebody
 * else has just deployed the saga: look, and try again), DENIED (a server does not let this caller
 * deploy), and those of factum_saga_check, factum_projection_deploy, factum_read and factum_append.
 */
FACTUM_API FACTUM_MUST_USE factum_status factum_saga_deploy(
    factum_store *store, const factum_saga *saga, const factum_saga_deploy_options *options,
    factum_act_result *result, factum_saga_report *report, factum_error *err);

/* A deployed version, as folded from the events of its stream. */
typedef struct factum_saga_deployed {
    size_t size;
    factum_slice name;
    uint64_t version;
    factum_slice hash;
    factum_slice text;
    factum_slice host;
    factum_slice by;
    factum_slice why;
    bool forced;
    uint64_t state_count; /* explored by the check when it was deployed */
    int64_t created;
    uint64_t revision;
    uint64_t position; /* instances begin with events after it */
} factum_saga_deployed;

typedef struct factum_saga_deployed_each {
    void *data;
    /* |deployed| lasts for the call only; false ends the list. */
    bool (*each)(void *data, const factum_saga_deployed *deployed);
} factum_saga_deployed_each;

/* Calls |each| with the deployed versions of |name|, or of all sagas if it is empty: saga by saga
 * in the order of their first deployments, the versions of each in rising order.
 * Errors: NOT_FOUND (|name| was never deployed), INVALID (|name| cannot be the name of a saga), and
 * those of factum_list_open and factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status
factum_saga_deployments(factum_store *store, factum_slice name,
                        const factum_saga_deployed_each *each, factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
