/* models_int.h - the state of a host of read models. Layer: projection. Private to the host:
 * models.c, model_*.c, hosted_build.c, as_of.c and kept_gates.c.
 *
 * A *host* is a factum_models: a directory, its models, and a thread that follows the streams of
 * their definitions. That thread carries out a model's acts one after another. Each act is one
 * transaction in the model's file with the act's revision, so that of two hosts one carries it out,
 * and a host that was killed goes on where it was. After each act the runners match the fold: one
 * for the build in use, one for the previous one, one for the one that is built beside.
 *
 * Invariants:
 *  1. A hosted build has at least one holder. Its place in the model, if it has one, is a holder.
 *  2. Two places of a model never have the same build.
 *  3. A model is never removed from the list: pointers to it stay valid until the host closes.
 *  4. Only the host's thread adds models, changes the builds and the acts of a model, and starts or
 *     stops runners.
 *
 * Locks. The host's |lock| guards the list of models and their fields, except those that only the
 * host's thread uses. No thread waits for a store, a file or a runner while it has the lock; a
 * runner's status may be read.
 */
#ifndef FCT_PROJECTION_MODELS_INT_H
#define FCT_PROJECTION_MODELS_INT_H

#include <factum/model_rows.h>
#include <factum/models.h>

#include "os/os.h"
#include "os/thread.h"
#include "projection/acts.h"
#include "projection/model_build.h"
#include "projection/runner.h"
#include "projection/source.h"

#define FCT_MODEL_ROLES 3u
#define FCT_AS_OF_KEPT 4u
#define FCT_GATES_KEPT 8u

/* A build of a model, as its host knows it. Other threads hold it while they use it without the
 * lock. */
struct fct_hosted_build {
    uint32_t holders; /* its place in the model is one */
    struct factum_models *models;
    struct fct_model *model;
    struct fct_build_id id; /* version 0: none */
    factum_arena arena;     /* of |source| */
    struct fct_definition *definition;
    struct fct_source source;
    struct fct_runner *runner;   /* NULL: it is not run here */
    _Atomic bool ending;         /* the runner is being stopped, even in the middle of an event */
    struct fct_model_file *file; /* of the runner's thread alone */
    /* Since when its checkpoint stands still with something to do, in ms; 0: not fenced. */
    int64_t fenced_since;
    uint64_t fenced_at; /* the place of its checkpoint then */
};

/* A query gate that is kept open, or was taken out for a query: kept_gates.h. */
struct fct_kept_gate {
    struct fct_query_gate *gate; /* NULL: none */
    struct fct_model *model;
    uint64_t drops;     /* model->gate_drops when it was taken */
    uint64_t last_used; /* the value of models->gate_uses */
};

enum fct_model_role {
    FCT_ROLE_IN_USE,
    FCT_ROLE_PREVIOUS,
    FCT_ROLE_BUILDING,
};

struct fct_model {
    char name[FACTUM_PROJECTION_NAME_MAX + 1];
    struct fct_acts acts; /* up to the last act that was carried out */
    bool known;           /* |acts| was read */
    bool hosted;          /* this host runs it, by its definition or by the options */
    bool settled;         /* no act is in progress */
    bool pending;         /* an act waits for something: look again soon */
    uint64_t waits_at;    /* the revision of an act that waits for events, */
    int64_t waits_since;  /* and since when, in monotonic milliseconds; 0: none waits */
    struct fct_hosted_build *builds[FCT_MODEL_ROLES]; /* by role; NULL: none */
    uint64_t gate_drops;                              /* how often its query gates were dropped */
    char problem[256]; /* why the acts are not carried out; "": they are */
};

struct factum_models {
    factum_store *store;
    factum_uuid store_id;
    const struct fct_os *os;       /* has the files of models, as SQLite's default VFS does */
    factum_models_options options; /* its texts are copies */
    char dir[FCT_PATH_SIZE];
    char host[FACTUM_PROJECTION_NAME_MAX + 1];
    char (*names)[FACTUM_PROJECTION_NAME_MAX + 1];
    factum_log_sink log;
    struct fct_thread thread;
    struct fct_mutex lock;
    struct fct_model **models;
    size_t count;
    size_t capacity;
    factum_subscription *subscription;       /* stopped to wake the host's thread */
    struct fct_as_of *as_of[FCT_AS_OF_KEPT]; /* kept replays: as_of.h */
    struct fct_file *as_of_lock;             /* see fct_as_of_sweep */
    bool as_of_locked;                       /* |as_of_lock| has the shared lock */
    uint64_t as_of_count;                    /* replays given back so far: orders them by use */
    struct fct_kept_gate gates[FCT_GATES_KEPT];
    uint64_t gate_uses;
    bool stop;
    bool looked;                 /* at every projection that was deployed at the start */
    _Atomic uint32_t sync_count; /* models of mode sync that are in use */
    _Atomic uint32_t changes;    /* change counter, for threads that wait for an act or a place */
};

/* factum_models_open with the files on the disk of |os|: for tests, whose disk loses data. */
FCT_MUST_USE factum_status fct_models_open(factum_store *store,
                                           const factum_models_options *options,
                                           const struct fct_os *os, factum_models **models,
                                           factum_error *err);
/* The model |name|, or NULL. */
struct fct_model *fct_models_find(struct factum_models *models, factum_slice name);
/* The model number |i|, from 0; NULL if there are no more. Models stay until the host is closed. */
struct fct_model *fct_models_at(struct factum_models *models, size_t i);
/* Asserts invariants 1 and 2 of the model's places. With the lock. */
void fct_model_check(const struct fct_model *model);
/* Carries out the acts since the last one in the stream of |model|, and makes its runners match
 * them. On the host's thread. A failure is in model->problem. */
void fct_model_catch_up(struct factum_models *models, struct fct_model *model);
/* Stops the runners of |model| and forgets its builds and its acts. On the host's thread. */
void fct_model_release(struct factum_models *models, struct fct_model *model);
/* Opens the model's file. Errors: as fct_model_file_open. */
FCT_MUST_USE factum_status fct_model_open_file(const struct factum_models *models, const char *name,
                                               bool write, bool check, struct fct_model_file **file,
                                               factum_error *err);
/* Creates a build and parses its definition. *build is the caller's, for fct_hosted_build_free;
 * NULL on failure. Errors: NO_MEMORY; otherwise as fct_acts_text and fct_projection_parse. */
FCT_MUST_USE factum_status fct_hosted_build_create(struct factum_models *models,
                                                   struct fct_model *model, struct fct_build_id id,
                                                   struct fct_hosted_build **build,
                                                   factum_error *err);
/* Stops its runner and releases the caller's hold. Accepts NULL. Takes the lock. */
void fct_hosted_build_free(struct fct_hosted_build *build);
/* The build of |model| in |role|, held, for fct_hosted_build_release. NULL: none. */
struct fct_hosted_build *fct_hosted_build_hold(struct factum_models *models,
                                               struct fct_model *model, enum fct_model_role role);
void fct_hosted_build_release(struct fct_hosted_build *build);
/* *has: does |build| have all its events up to |place|? Errors: as factum_read. */
FCT_MUST_USE factum_status fct_hosted_build_has(struct fct_hosted_build *build, uint64_t place,
                                                bool *has, factum_error *err);
/* Gives |applier| the positions of its projection that an operator has skipped. Errors: as
 * factum_read. */
FCT_MUST_USE factum_status fct_hosted_build_skipped(struct fct_hosted_build *build,
                                                    struct fct_applier *applier, factum_error *err);
/* Stops its runner, if it has one. */
void fct_hosted_build_stop(struct fct_hosted_build *build);
/* Starts its runner. */
FCT_MUST_USE factum_status fct_hosted_build_run(struct fct_hosted_build *build, factum_error *err);
/* The status of the build. status->model lasts as long as the host. Errors: as factum_read and, for
 * a build that is not run here, fct_model_file_open. */
FCT_MUST_USE factum_status fct_hosted_build_status(struct fct_hosted_build *build, bool in_use,
                                                   factum_build_status *status, factum_error *err);
/* The build of the model |name| that is in use, held. Errors: NOT_FOUND. */
FCT_MUST_USE factum_status fct_models_in_use(struct factum_models *models, factum_slice name,
                                             struct fct_hosted_build **build, factum_error *err);
/* Calls |each| for the parked events of |key| (empty: all) of this build, until it ends *go_on. */
FCT_MUST_USE factum_status fct_hosted_build_parked(struct fct_hosted_build *build, factum_slice key,
                                                   const factum_parked_each *each, bool *go_on,
                                                   factum_error *err);
/* Counts the models of mode sync. On the host's thread, after builds have changed. */
void fct_models_count_sync(struct factum_models *models);
/* Increments the change counter and wakes the threads that wait for it. */
void fct_models_notify(struct factum_models *models);

#endif
