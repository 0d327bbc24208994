/* read_models.h - what the commands of read models share: a store with its models, waiting for
 * them, and acts on them. Layer: cli.
 *
 * The models of a store directory are in its folder "models", and only a process that has the store
 * open can keep them: so a command hosts the models that it needs by itself. On an address a server
 * keeps them, unless --models names a directory for models of this process.
 */
#ifndef FACTUM_CLI_READ_MODELS_H
#define FACTUM_CLI_READ_MODELS_H

#include <factum/model_rows.h>

#include "cli/cli.h"

struct read_models {
    const struct options *options;
    factum_store *store;
    factum_models *models; /* NULL until read_models_host */
    char *path;            /* of their directory; NULL: a server keeps them */
};

/* Opens the store, which must exist. 0, or the exit code after a message; then nothing is open. */
int read_models_open(const struct options *options, struct read_models *models);
/* 0 if |name| is deployed and not removed, or the exit code after a message. */
int read_models_look_up(const struct read_models *models, const char *name);
/* Hosts |name| in this process, after it was looked up, and returns when its build in use is
 * there. 0, or the exit code after a message. */
int read_models_host(struct read_models *models, const char *name);
/* Hosts every projection in this process, to look at them: no event is applied. As the other. */
int read_models_look(struct read_models *models);
/* Hosts the projections |arguments|, or without any all of the host of --host. *hosted is how many
 * there are now. As the others. */
int read_models_keep(struct read_models *models, const char *const *arguments, size_t count,
                     size_t *hosted);
/* Waits until the build in use of |name| is there: a host finds its models by itself. */
int read_models_ready(const struct read_models *models, factum_slice name);
/* Closes all; |code|, or the exit code of a failure. */
int read_models_close(struct read_models *models, int code);

/* How long a command waits. */
struct patience {
    bool limited; /* by --timeout */
    double end;   /* seconds_now */
};
/* False after a message. */
bool patience_begin(const struct options *options, struct patience *patience);
/* Milliseconds until the next look, 0: no time is left. */
int64_t patience_next(const struct patience *patience);
/* Not done in time: EXIT_NOT_YET after |err|'s text. */
int fail_late(const factum_error *err);

/* Shows how far the builds of |name| (empty: all) still are from their ends. */
void models_progress(const struct read_models *models, factum_slice name,
                     struct progress *progress);

/* A position as an argument. False after a message. */
bool argument_position(const char *text, uint64_t *position);
/* False after a message: |text| is not the form of a projection's name. */
bool check_name(const char *text);

/* Records the act on arguments[0], and carries it out here unless a server does that. The options
 * --why, --by, --timeout, --json, --quiet count. Returns the exit code. */
int act_run(struct read_models *models, factum_projection_act act, factum_slice key,
            uint64_t position);

/* One place for what a server will answer when it can be asked: until then EXIT_USAGE, after a
 * message that says what to do instead. */
int ask_server(const struct options *options, const char *command);

#endif
