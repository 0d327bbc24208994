/* config.h - the configuration of `factum serve`: one table of keys, three sources, one precedence.
 * Layer: server. Pure: environment and file are arguments.
 *
 * A flag is obeyed before the environment, that before the file, that before the default:
 *
 *     --listen 127.0.0.1:2113      FACTUM_LISTEN=127.0.0.1:2113      listen = 127.0.0.1:2113
 *
 * The file has lines of "key = value"; a '#' at the start of a line or after a blank begins a
 * comment. KurrentDB's names in the environment (KURRENTDB_..., before EVENTSTORE_...) come between
 * FACTUM_... and the file: config_kurrent.c. Nothing is ignored silently: what is unknown,
 * contradicts itself or would open the server by accident is refused.
 */
#ifndef FCT_SERVER_CONFIG_H
#define FCT_SERVER_CONFIG_H

#include <factum/server.h>

#include "core/mem.h"

/* Key, name, kind, default ("none": not set, and may be given to unset it). */
#define FCT_CONFIG_LIST(X)                                                                         \
    X(STORE, "store", TEXT, "factum-data")                                                         \
    X(LISTEN, "listen", TEXT, "127.0.0.1:2113") /* none: no TCP */                                 \
    X(UNIX, "unix", TEXT, "none")                                                                  \
    X(TLS_CERT, "tls-cert", TEXT, "none")                                                          \
    X(TLS_KEY, "tls-key", TEXT, "none")                                                            \
    X(SECRET_DIR, "secret-dir", TEXT, "none") /* none: the store's directory */                    \
    X(INSECURE, "insecure", SWITCH, "false")                                                       \
    X(INSECURE_ANY_ADDRESS, "insecure-any-address", SWITCH, "false")                               \
    X(ALLOW_DEPLOY, "allow-deploy", SWITCH, "false")                                               \
    X(NO_RUN, "no-run", SWITCH, "false")                                                           \
    X(ADVERTISE_HOST, "advertise-host", TEXT, "none")                                              \
    X(ADVERTISE_PORT, "advertise-port", NUMBER, "none")                                            \
    X(CONNECTIONS_MAX, "connections-max", NUMBER, "10000")                                         \
    X(CONNECTIONS_PER_ADDRESS_MAX, "connections-per-address-max", NUMBER, "1000")                  \
    X(ENDPOINTS_ALLOW, "endpoints-allow", TEXT, "none") /* none: no endpoint is called */          \
    X(ENDPOINTS_ALLOW_PRIVATE, "endpoints-allow-private", SWITCH, "false")                         \
    X(ENDPOINTS_SECRETS, "endpoints-secrets", TEXT, "none")                                        \
    X(ENDPOINTS_CA, "endpoints-ca", TEXT, "none") /* none: the system's */

enum fct_config_key {
#define FCT_CONFIG_ENUM(key, name, kind, value) FCT_CONFIG_##key,
    FCT_CONFIG_LIST(FCT_CONFIG_ENUM)
#undef FCT_CONFIG_ENUM
        FCT_CONFIG_COUNT
};

#define FCT_CONFIG_VALUE_MAX 4000u            /* bytes of a value */
#define FCT_CONFIG_FILE_MAX ((size_t)1 << 16) /* bytes of the file */
#define FCT_CONFIG_WHERE_SIZE 128
/* Bytes of a line of fct_config_print, with the zero byte. */
#define FCT_CONFIG_LINE_SIZE (FCT_CONFIG_VALUE_MAX + FCT_CONFIG_WHERE_SIZE + 128)

struct fct_config_value {
    char *text;                        /* owned; "none" if it is not set */
    char where[FCT_CONFIG_WHERE_SIZE]; /* "default", "factum.conf:3", "FACTUM_LISTEN", "--listen" */
};

struct fct_config {
    factum_server_options options; /* points into |values| */
    const char *store;
    bool run_models; /* read models are kept and asked */
    struct {         /* HTTP endpoints that take commands; NULL: not set */
        const char *allow;
        const char *secrets_file;
        const char *ca_file;
        bool allow_private;
    } endpoints;
    /* This module's. */
    const struct fct_mem *mem;
    struct fct_config_value values[FCT_CONFIG_COUNT];
};

struct fct_config_flag {
    const char *name;  /* "listen" */
    const char *value; /* NULL: a switch that is on */
};

struct fct_config_input {
    const struct fct_config_flag *flags;
    size_t flag_count;
    const char *const *environment; /* "NAME=value", ends with NULL; NULL: none */
    const char *file_name;          /* for texts; NULL: no file */
    factum_slice file;
    void *data;
    void (*warn)(void *data, const char *text); /* NULL: nobody listens */
};

/* INVALID, with a text that says which key, from where, and what would be right; NO_MEMORY.
 * |input| is needed for the call only. *config is for fct_config_finish after OK. */
FCT_MUST_USE factum_status fct_config_read(const struct fct_mem *mem,
                                           const struct fct_config_input *input,
                                           struct fct_config *config, factum_error *err);
/* Accepts a zeroed and a finished one. */
void fct_config_finish(struct fct_config *config);

/* Each value with where it comes from, a line each without a line end: "listen = 127.0.0.1:2113  #
 * default". The lines are a file that gives the same configuration. */
void fct_config_print(const struct fct_config *config, void (*line)(void *data, const char *text),
                      void *data);

/* The name of a key, as in flags and files; static. */
const char *fct_config_name(enum fct_config_key key);

#endif
