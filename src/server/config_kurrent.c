/* config_kurrent.c - the environment variables of KurrentDB and EventStoreDB.
 * Layer: server. Pure.
 *
 * A variable with a counterpart here sets the counterpart. A variable that asks for what this
 * server always does is accepted with a warning. Every other one is refused by name, with what to
 * use instead: a setting that is ignored silently would be discovered in production.
 */
#include "server/config_int.h"

#include "core/error.h"
#include "core/slice.h"

enum foreign_action { OBEY, ALWAYS, REFUSE };

struct foreign_name {
    const char *name;
    enum foreign_action action;
    enum fct_config_key key; /* OBEY */
    const char *only;        /* ALWAYS: with this value; NULL: with any */
    /* ALWAYS: what the server does. REFUSE, and ALWAYS with another value: what to do */
    const char *text;
};

#define PROJECTIONS_TEXT                                                                           \
    "the streams of the standard projections ($ce-, $et-, $bc-) are always there; projections in " \
    "JavaScript are not run"
#define LISTEN_TEXT "set FACTUM_LISTEN=ADDRESS:PORT instead"
#define LIMIT_TEXT "the limits of an append are fixed: remove it"
#define SECRET_TEXT "the admin's secret is made at the first start and shown once: remove it"
#define ANONYMOUS_TEXT "without a login nothing is served but health and features"

static const struct foreign_name foreign_names[] = {
    {"INSECURE", OBEY, FCT_CONFIG_INSECURE, NULL, NULL},
    {"ADVERTISE_HOST_TO_CLIENT_AS", OBEY, FCT_CONFIG_ADVERTISE_HOST, NULL, NULL},
    {"ADVERTISE_NODE_PORT_TO_CLIENT_AS", OBEY, FCT_CONFIG_ADVERTISE_PORT, NULL, NULL},
    {"ADVERTISE_HTTP_PORT_TO_CLIENT_AS", OBEY, FCT_CONFIG_ADVERTISE_PORT, NULL, NULL},
    {"CERTIFICATE_FILE", OBEY, FCT_CONFIG_TLS_CERT, NULL, NULL},
    {"CERTIFICATE_PRIVATE_KEY_FILE", OBEY, FCT_CONFIG_TLS_KEY, NULL, NULL},
    {"RUN_PROJECTIONS", ALWAYS, FCT_CONFIG_COUNT, NULL, PROJECTIONS_TEXT},
    {"START_STANDARD_PROJECTIONS", ALWAYS, FCT_CONFIG_COUNT, NULL, PROJECTIONS_TEXT},
    {"CLUSTER_SIZE", ALWAYS, FCT_CONFIG_COUNT, "1", "a server is one node"},
    {"ENABLE_ATOM_PUB_OVER_HTTP", ALWAYS, FCT_CONFIG_COUNT, NULL,
     "the HTTP interface is always there, in JSON; AtomPub is not spoken"},
    {"ENABLE_EXTERNAL_TCP", ALWAYS, FCT_CONFIG_COUNT, "false",
     "the TCP protocol is not spoken: clients use gRPC"},
    {"TELEMETRY_OPTOUT", ALWAYS, FCT_CONFIG_COUNT, NULL, "nothing is ever sent to anybody"},
    {"ALLOW_ANONYMOUS_ENDPOINT_ACCESS", ALWAYS, FCT_CONFIG_COUNT, "false", ANONYMOUS_TEXT},
    {"ALLOW_ANONYMOUS_STREAM_ACCESS", ALWAYS, FCT_CONFIG_COUNT, "false", ANONYMOUS_TEXT},
    {"MEM_DB", ALWAYS, FCT_CONFIG_COUNT, "false",
     "everything is kept on disk: for tests, set FACTUM_STORE to a directory that you remove"},
    {"DEV", REFUSE, FCT_CONFIG_COUNT, NULL, "set FACTUM_INSECURE=true instead"},
    {"DISABLE_TLS", REFUSE, FCT_CONFIG_COUNT, NULL,
     "TLS is on where FACTUM_TLS_CERT is set: remove it"},
    {"DB", REFUSE, FCT_CONFIG_COUNT, NULL,
     "the files of KurrentDB are not read: set FACTUM_STORE to a directory of its own"},
    {"CONFIG", REFUSE, FCT_CONFIG_COUNT, NULL,
     "set FACTUM_CONFIG to a file with lines of \"key = value\""},
    {"LOG", REFUSE, FCT_CONFIG_COUNT, NULL, "messages go to standard error: remove it"},
    {"NODE_IP", REFUSE, FCT_CONFIG_COUNT, NULL, LISTEN_TEXT},
    {"INT_IP", REFUSE, FCT_CONFIG_COUNT, NULL, LISTEN_TEXT},
    {"EXT_IP", REFUSE, FCT_CONFIG_COUNT, NULL, LISTEN_TEXT},
    {"NODE_PORT", REFUSE, FCT_CONFIG_COUNT, NULL, LISTEN_TEXT},
    {"HTTP_PORT", REFUSE, FCT_CONFIG_COUNT, NULL, LISTEN_TEXT},
    {"EXT_HTTP_PORT", REFUSE, FCT_CONFIG_COUNT, NULL, LISTEN_TEXT},
    {"MAX_APPEND_SIZE", REFUSE, FCT_CONFIG_COUNT, NULL, LIMIT_TEXT},
    {"MAX_APPEND_EVENT_SIZE", REFUSE, FCT_CONFIG_COUNT, NULL, LIMIT_TEXT},
    {"DEFAULT_ADMIN_PASSWORD", REFUSE, FCT_CONFIG_COUNT, NULL, SECRET_TEXT},
    {"DEFAULT_OPS_PASSWORD", REFUSE, FCT_CONFIG_COUNT, NULL, SECRET_TEXT},
    {"TRUSTED_ROOT_CERTIFICATES_PATH", REFUSE, FCT_CONFIG_COUNT, NULL,
     "clients have no certificates yet: remove it"},
    {"CERTIFICATE_PRIVATE_KEY_PASSWORD", REFUSE, FCT_CONFIG_COUNT, NULL,
     "a key is read without a passphrase: keep it in a file of mode 0600"},
};

static const struct foreign_name *foreign_find(factum_slice name)
{
    for (size_t i = 0; i < sizeof foreign_names / sizeof foreign_names[0]; i++) {
        if (fct_slice_equal(name, factum_slice_from(foreign_names[i].name))) {
            return &foreign_names[i];
        }
    }
    return NULL;
}

/* Compares values of switches in any case, like KurrentDB. */
static bool foreign_has_value(const struct foreign_name *known, factum_slice value)
{
    bool wanted = false;
    bool given = false;
    if (known->only == NULL) {
        return true;
    }
    if (fct_config_parse_switch(factum_slice_from(known->only), &wanted)) {
        return fct_config_parse_switch(value, &given) && given == wanted;
    }
    return fct_slice_equal(value, factum_slice_from(known->only));
}

factum_status fct_config_set_foreign(struct fct_config *config,
                                     const struct fct_config_foreign *foreign, factum_error *err)
{
    const struct foreign_name *known = foreign_find(foreign->rest);
    if (known == NULL) {
        return fct_fail(err, FACTUM_INVALID,
                        "%s: unknown setting: remove it, or see factum serve --help",
                        foreign->variable);
    }
    if (known->action == OBEY) {
        const struct fct_config_given given = {known->key, foreign->value, foreign->variable};
        return fct_config_set(config, &given, err);
    }
    if (known->action == ALWAYS && foreign_has_value(known, foreign->value)) {
        fct_config_warn(foreign->input, "%s=%.*s is not needed: %s", foreign->variable,
                        FCT_FMT(foreign->value), known->text);
        return FACTUM_OK;
    }
    factum_slice shown = foreign->value;
    shown.len = shown.len > 40 ? 40 : shown.len;
    if (known->action == REFUSE) { /* the value is not shown: it may be a password */
        return fct_fail(err, FACTUM_INVALID, "%s cannot be obeyed: %s", foreign->variable,
                        known->text);
    }
    return fct_fail(err, FACTUM_INVALID, "%s=%.*s cannot be obeyed: %s", foreign->variable,
                    FCT_FMT(shown), known->text);
}
