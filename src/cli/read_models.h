/* read_models.h - what the commands of read models share: a store with its models, waiting for
 * them, and acts on them. Layer: cli.
 *
 * The models of a store directory are in its folder "models". Only a process that has the store
 * open can keep them, so a command hosts the models that it needs. On an address a server keeps the
 * models and is asked (served.h), unless --models names a directory for models of this process.
 */
#ifndef FACTUM_CLI_READ_MODELS_H
#define FACTUM_CLI_READ_MODELS_H

#include <factum/model_rows.h>

#include "cli/progress.h"
#include "cli/row_changes.h"
#include "cli/served.h"

struct read_models {
    const struct options *options;
    factum_store *store;
    factum_models *models; /* NULL until read_models_host */
    char *path;            /* the models' directory; NULL: a server keeps them */
    /* Of the projection that was looked up last. */
    char host[FACTUM_PROJECTION_NAME_MAX + 1];
    bool elsewhere; /* on an address: another host keeps it, and not the server */
};

/* Opens the store, which must exist. 0, or the exit code after a message, with nothing open. */
int read_models_open(const struct options *options, struct read_models *models);
/* Looks |name| up. 0 if it is deployed and not removed, or the exit code after a message. */
int read_models_look_up(struct read_models *models, const char *name);
/* Prints which host keeps the model. Returns EXIT_USAGE. */
int read_models_not_here(const struct read_models *models);
/* Starts to host |names| in this process; |no_run|: only to look at them, without applying
 * events. */
int read_models_start(struct read_models *models, const factum_slice *names, size_t count,
                      bool no_run);
/* Hosts |name|, which was looked up, in this process, unless a server keeps it, and returns when
 * its build in use exists. 0, or the exit code after a message. */
int read_models_host(struct read_models *models, const char *name);
/* Hosts every projection in this process without applying events. Otherwise as read_models_host. */
int read_models_look(struct read_models *models);
/* Hosts the projections |arguments| or, without any, all those of the host --host. *hosted is how
 * many there are. Returns as read_models_host. */
int read_models_keep(struct read_models *models, const char *const *arguments, size_t count,
                     size_t *hosted);
/* Waits until the build in use of |name| exists: a host needs time to find its models. */
int read_models_ready(const struct read_models *models, factum_slice name);
/* Closes everything. Returns |code|, or the exit code of a failure. */
int read_models_close(struct read_models *models, int code);

/* How long a command waits. */
struct wait_limit {
    bool limited; /* by --timeout */
    double end;   /* seconds_now */
};
/* False after a message. */
bool wait_limit_begin(const struct options *options, struct wait_limit *limit);
/* Milliseconds until the next look; 0: the time is over. */
int64_t wait_limit_next(const struct wait_limit *limit);
/* Call before a busy server is asked again. */
void pause_a_little(void);
/* Prints |err|'s text; EXIT_NOT_YET. */
int fail_late(const factum_error *err);

/* Shows how many events the builds of |name| (empty: all) are behind. */
void models_progress(const struct read_models *models, factum_slice name,
                     struct progress *progress);

/* Parses a position. False after a message. */
bool argument_position(const char *text, uint64_t *position);
/* Does |text| have the form of a projection's name? False after a message. */
bool check_name(const char *text);

/* Records the act on arguments[0], carries it out here or lets the server do it, and waits for it.
 * Reads the options --why, --by, --timeout, --json, --quiet. Returns the exit code. */
int act_run(struct read_models *models, factum_projection_act act, factum_slice key,
            uint64_t position);

/* Has a build of |name| that is not in use stopped with an error? If so, prints the reason. */
bool act_has_stopped(const struct read_models *models, factum_slice name);

/* read_models_ask.c: as the functions with these names in models.h and model_rows.h. */
factum_status models_list(const struct read_models *models, factum_slice name,
                          const factum_build_each *each, factum_error *err);
factum_status models_parked(const struct read_models *models, factum_slice name, factum_slice key,
                            const factum_parked_each *each, factum_error *err);
factum_status models_query(const struct read_models *models, const factum_model_query *query,
                           const factum_rows *rows, factum_model_answer *answer, factum_error *err);
factum_status models_diff(const struct read_models *models, factum_slice name,
                          struct row_changes *changes, const factum_progress *progress,
                          factum_error *err);
factum_status models_try(const struct read_models *models, factum_slice name, uint64_t position,
                         struct row_changes *changes, factum_error *err);
factum_status models_wait(const struct read_models *models, factum_slice name, uint64_t place,
                          int64_t timeout_ms, factum_build_status *status, factum_error *err);
factum_status models_act_record(const struct read_models *models, const factum_act_request *request,
                                factum_act_result *result, factum_error *err);
factum_status models_act_wait(const struct read_models *models, factum_slice name,
                              uint64_t revision, int64_t timeout_ms, factum_error *err);

#endif
