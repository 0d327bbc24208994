/* models_int.h - what a host of read models holds. Layer: projection. Private to the files models.c
 * and model_*.c.
 *
 * A *host* is a factum_models: a directory, the models in it, and a thread that follows the streams
 * of their definitions. A model's acts are carried out on that thread, one after another; each is
 * one transaction in the model's file with its revision, so that of two hosts one does it, and a
 * host that was killed goes on where it was. After each act the runners are made what the acts say:
 * one for the build in use, one for the one before it, one for what is built beside.
 *
 * Locks. |lock| of the host guards the list of models and what is in them, but for what belongs to
 * the host's thread alone. It is not held while a store, a file or a runner is waited for, except
 * to look at a runner's status. A model is never taken out of the list: pointers to it stay good.
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

/* A build of a model, as its host knows it. Others hold it while they look at it without the lock.
 * */
struct fct_hosted_build {
    uint32_t holders; /* with its place in the model, if it has one */
    struct factum_models *models;
    struct fct_model *model;
    struct fct_build_id id; /* version 0: none */
    factum_arena arena;     /* of |source| */
    struct fct_definition *definition;
    struct fct_source source;
    struct fct_runner *runner;   /* NULL: it is not run here */
    struct fct_model_file *file; /* of the runner's thread alone */
    int64_t fenced_since;        /* it stands still, with something to do; ms; 0: not fenced */
    uint64_t fenced_at;          /* where its checkpoint stands */
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
    bool hosted;          /* its definition names this host */
    bool settled;         /* nothing of an act is under way */
    bool pending;         /* an act waits for something: look again soon */
    uint64_t waits_at;    /* the revision of an act that waits for events, */
    int64_t waits_since;  /* and since when, in monotonic milliseconds; 0: none does */
    factum_projection_mode mode;
    struct fct_hosted_build *builds[FCT_MODEL_ROLES]; /* by role; NULL: none */
    char problem[256]; /* why the acts are not carried out; "": they are */
};

struct factum_models {
    factum_store *store;
    factum_uuid store_id;
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
    factum_subscription *subscription;       /* to be woken */
    struct fct_as_of *as_of[FCT_AS_OF_KEPT]; /* replays that are kept: as_of.h */
    uint64_t as_of_count;                    /* questions, to tell which replay was used last */
    bool stop;
    bool looked;                 /* at every projection that was there */
    _Atomic uint32_t sync_count; /* models of mode sync that are in use */
    _Atomic uint32_t changes;    /* for those who wait for an act or a place */
};

/* The model |name|, or NULL. With the lock or without: models stay. */
struct fct_model *fct_models_find(struct factum_models *models, factum_slice name);
/* Carries out what was recorded in the stream of |model| since the last act, and makes the runners
 * what the acts say. On the host's thread. What fails is in model->problem. */
void fct_model_catch_up(struct factum_models *models, struct fct_model *model);
/* Stops the runners of |model| and forgets its builds and its acts. */
void fct_model_release(struct factum_models *models, struct fct_model *model);
/* Opens the model's file. As fct_model_file_open. */
FCT_MUST_USE factum_status fct_model_open_file(const struct factum_models *models, const char *name,
                                               bool write, bool check, struct fct_model_file **file,
                                               factum_error *err);
/* A build, with its definition parsed, into *build, for fct_hosted_build_free. */
FCT_MUST_USE factum_status fct_hosted_build_create(struct factum_models *models,
                                                   struct fct_model *model, struct fct_build_id id,
                                                   struct fct_hosted_build **build,
                                                   factum_error *err);
/* Stops its runner and gives the caller's hold back. Accepts NULL. Not with the lock. */
void fct_hosted_build_free(struct fct_hosted_build *build);
/* The build of |model| in |role|, held, or NULL. For fct_hosted_build_release. */
struct fct_hosted_build *fct_hosted_build_hold(struct factum_models *models,
                                               struct fct_model *model, enum fct_model_role role);
void fct_hosted_build_release(struct fct_hosted_build *build);
/* Does |build| have all that it wants up to |place|? As factum_read. */
FCT_MUST_USE factum_status fct_hosted_build_has(struct fct_hosted_build *build, uint64_t place,
                                                bool *has, factum_error *err);
/* Tells |applier| the positions of its projection that an operator has skipped. As factum_read. */
FCT_MUST_USE factum_status fct_hosted_build_skipped(struct fct_hosted_build *build,
                                                    struct fct_applier *applier, factum_error *err);
/* Stops its runner, if it has one. */
void fct_hosted_build_stop(struct fct_hosted_build *build);
/* Starts its runner. */
FCT_MUST_USE factum_status fct_hosted_build_run(struct fct_hosted_build *build, factum_error *err);
/* All that is known of it. status->reason is a copy; the model's name lasts as long as the host.
 * As factum_read, and as fct_model_file_open for what is not run here. */
FCT_MUST_USE factum_status fct_hosted_build_status(struct fct_hosted_build *build, bool in_use,
                                                   factum_build_status *status, factum_error *err);
/* The build of the model |name| that is in use, held. NOT_FOUND. */
FCT_MUST_USE factum_status fct_models_in_use(struct factum_models *models, factum_slice name,
                                             struct fct_hosted_build **build, factum_error *err);
/* Tells |each| of the parked events of |key| (empty: all) of this build, until it ends *go_on. */
FCT_MUST_USE factum_status fct_hosted_build_parked(struct fct_hosted_build *build, factum_slice key,
                                                   const factum_parked_each *each, bool *go_on,
                                                   factum_error *err);
/* How much of the build |build| (its name in the file) is parked. */
FCT_MUST_USE factum_status fct_model_parked_counts(struct fct_model_file *file, const char *build,
                                                   struct fct_parked_counts *counts,
                                                   factum_error *err);
/* Counts the models of mode sync. On the host's thread, after builds have changed. */
void fct_models_count_sync(struct factum_models *models);
/* Wakes those who wait for something to change. */
void fct_models_tell(struct factum_models *models);

#endif
