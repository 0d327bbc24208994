/* deploy.h - deciders kept in a store: deployed for a category, found by whoever decides.
 *
 *     factum_deployment done = {.size = sizeof done};
 *     status = factum_decider_deploy(store, factum_slice_from("account"), text, NULL, &done, &err);
 *     ...
 *     factum_deployed *deployed;
 *     factum_script_decider *decider;
 *     status = factum_decider_find(store, factum_slice_from("account"), NULL, &deployed, &err);
 *     if (status == FACTUM_OK) {
 *         status = factum_deployed_open(deployed, &decider, &err);
 *     }
 *     factum_deployed_free(deployed);
 *
 * A deployed decider is a script (script.h). Its whole text is the data of an event
 * "$DeciderDeployed" in the stream "$definition:decider-CATEGORY". So a definition has a history,
 * and a revision names each version. The data:
 *
 *     {"category": "account", "language": "lua", "hash": SHA-256 of the text in 64 hexadecimal
 *      digits, "by": "ann", "why": "...", "text": "initial = ..."}      "by" and "why" are optional
 *
 * These calls work on every kind of store. A server accepts a deployment only from callers with the
 * right to deploy: over its UNIX socket, or if it was started with --allow-deploy. These calls
 * wait: not from inside a function that the store calls (async.h).
 *
 * Valid C99 and C++17. Any thread. Rules of sizes, statuses and pointers: store.h. */
#ifndef FACTUM_DEPLOY_H
#define FACTUM_DEPLOY_H

#include <factum/script.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTUM_HASH_TEXT_SIZE 65      /* SHA-256 in hexadecimal digits, with the zero byte */
#define FACTUM_DEPLOY_REASON_MAX 4096 /* bytes of "why" */

/* ---- deploying ------------------------------------------------------------------------------- */

typedef struct factum_deploy_options {
    size_t size;
    factum_slice by;  /* who, at most FACTUM_NAME_SIZE_MAX bytes; empty: not recorded */
    factum_slice why; /* at most FACTUM_DEPLOY_REASON_MAX bytes; empty: not recorded */
    const char *name; /* of the file, for messages about the script; NULL: "CATEGORY.lua" */
    /* What must be true of the stream of the definition. Zero or factum_any(): nobody else has
     * deployed since this call has read the newest revision. */
    factum_expected expected;
    const factum_call *call; /* or NULL */
} factum_deploy_options;

typedef struct factum_deployment {
    size_t size;
    uint64_t revision; /* of the definition: 0 is the first */
    uint64_t position;
    bool already; /* the newest revision has this text: nothing was written */
    char hash[FACTUM_HASH_TEXT_SIZE];
} factum_deployment;

/* Deploys the script |text| as the decider of |category|, if it opens as by
 * factum_script_decider_open. |options| and |deployment| are optional.
 * Errors: INVALID (|category| is not a name before the first '-' of a stream's, or begins with '$';
 * or the text does not open: the message has its file and line), TOO_BIG (the text does not open),
 * WRONG_REVISION (another call has deployed another text at the same time: look at it), UNSUPPORTED
 * (factum_lua_enable was not called), DENIED (the server does not let this caller deploy), and
 * those of factum_read and factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status factum_decider_deploy(
    factum_store *store, factum_slice category, factum_slice text,
    const factum_deploy_options *options, factum_deployment *deployment, factum_error *err);

/* ---- finding --------------------------------------------------------------------------------- */

/* A revision of a definition. Its texts last as long as the struct. */
typedef struct factum_deployed {
    size_t size;
    factum_slice category;
    factum_slice text;
    factum_slice hash; /* of the text, and checked against it */
    factum_slice by;   /* empty: not recorded */
    factum_slice why;
    uint64_t revision;
    uint64_t position;
    int64_t created; /* when it was deployed */
} factum_deployed;

/* Finds the decider of |category|: the newest one, or that of |*revision| if |revision| is not
 * NULL. *deployed gets it, and is yours until factum_deployed_free; NULL on failure.
 * Errors: NOT_FOUND (the category has no decider, or none at that revision: the text says what to
 * do), INVALID (|category|, or the event is not a deployed decider), and those of factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_decider_find(factum_store *store,
                                                             factum_slice category,
                                                             const uint64_t *revision,
                                                             factum_deployed **deployed,
                                                             factum_error *err);
/* Opens the script of |deployed|, which messages call "CATEGORY.lua". As
 * factum_script_decider_open. */
FACTUM_API FACTUM_MUST_USE factum_status factum_deployed_open(const factum_deployed *deployed,
                                                              factum_script_decider **decider,
                                                              factum_error *err);
/* Frees it. Accepts NULL. */
FACTUM_API void factum_deployed_free(factum_deployed *deployed);

/* Called with each deployed decider; false ends the list. |deployed| lasts for the call only. */
typedef struct factum_deployed_each {
    void *data;
    bool (*each)(void *data, const factum_deployed *deployed);
} factum_deployed_each;

/* Calls |each| with the newest revision of each deployed decider, in the order of their first
 * deployments. A definition that cannot be read is left out: factum_decider_find says why. Errors:
 * CANCELLED (|each| returned false), and those of factum_list_open and factum_decider_find. */
FACTUM_API FACTUM_MUST_USE factum_status factum_decider_list(factum_store *store,
                                                             const factum_deployed_each *each,
                                                             factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
