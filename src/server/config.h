/* config.h - the configuration of `factum serve`: one table of keys, three sources, one precedence.
 * Layer: server. Pure: environment and file are arguments.
 *
 * A flag overrides the environment, which overrides the file, which overrides the default:
 *
 *     --listen 127.0.0.1:2113      FACTUM_LISTEN=127.0.0.1:2113      listen = 127.0.0.1:2113
 *
 * The file has lines of "key = value"; a '#' at the start of a line or after a blank begins a
 * comment. KurrentDB's names in the environment (KURRENTDB_..., which overrides EVENTSTORE_...)
 * come between FACTUM_... and the file: config_kurrent.c. Nothing is ignored silently: a value that
 * is unknown, that contradicts another or that would open the server by accident is refused.
 */
#ifndef FCT_SERVER_CONFIG_H
#define FCT_SERVER_CONFIG_H

#include <factum/server.h>

#include "core/mem.h"

/* Key, name, kind, default ("none": not set; may also be given to unset the key). */
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
    X(ENDPOINTS_CA, "endpoints-ca", TEXT, "none") /* none: the system's certificates */

enum fct_config_key {
#define FCT_CONFIG_ENUM(key, name, kind, value) FCT_CONFIG_##key,
    FCT_CONFIG_LIST(FCT_CONFIG_ENUM)
#undef FCT_CONFIG_ENUM
        FCT_CONFIG_COUNT
};

#define FCT_CONFIG_VALUE_MAX 4000u            /* bytes of a value */
#define FCT_CONFIG_FILE_MAX ((size_t)1 << 16) /* bytes of the file */
#define FCT_CONFIG_WHERE_SIZE 128
/* The size of a line of fct_config_print, including the zero byte. */
#define FCT_CONFIG_LINE_SIZE (FCT_CONFIG_VALUE_MAX + FCT_CONFIG_WHERE_SIZE + 128)

struct fct_config_value {
    char *text;                        /* owned; "none": not set */
    char where[FCT_CONFIG_WHERE_SIZE]; /* "default", "factum.conf:3", "FACTUM_LISTEN", "--listen" */
};

struct fct_config {
    factum_server_options options; /* points into |values| */
    const char *store;
    bool run_models; /* read models are kept and may be queried */
    struct {         /* HTTP endpoints that take commands; NULL: not set */
        const char *allow;
        const char *secrets_file;
        const char *ca_file;
        bool allow_private;
    } endpoints;
    /* Private. */
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
    void (*warn)(void *data, const char *text); /* NULL: warnings are dropped */
};

/* Reads the configuration. |input| is needed during the call only. After OK, *config is released by
 * fct_config_finish. Errors: INVALID (the text names the key, its source and a correct value);
 * NO_MEMORY. */
FCT_MUST_USE factum_status fct_config_read(const struct fct_mem *mem,
                                           const struct fct_config_input *input,
                                           struct fct_config *config, factum_error *err);
/* Accepts a zeroed or finished configuration. */
void fct_config_finish(struct fct_config *config);

/* Prints each value and its source, one line each, without a line end: "listen = 127.0.0.1:2113  #
 * default". A file of these lines gives the same configuration. */
void fct_config_print(const struct fct_config *config, void (*line)(void *data, const char *text),
                      void *data);

/* Returns the name of a key, as in flags and files; static. */
const char *fct_config_name(enum fct_config_key key);

#endif
