/* config_check.c - checks that the values of a configuration fit together. Layer: server. Pure.
 *
 * Each rule refuses values that would open the server by accident, that lack their counterpart, or
 * with which the server could not start. Whether an address is loopback is decided by its text: a
 * name other than "localhost" counts as not loopback, because what it resolves to may change.
 * factum_server_start checks the real addresses again.
 */
#include "server/config_int.h"

#include "core/error.h"
#include "core/slice.h"

/* sun_path of Linux has 108 bytes with the zero byte. net/acceptor.c checks again; here the message
 * names the key. */
#define UNIX_PATH_SIZE_MAX 107u
/* Of a value and of its place in a message, so that all of it fits into a factum_error. */
#define SHOWN_MAX 60u
#define WHERE_MAX 40u

/* "listen = 0.0.0.0:2113 (FACTUM_LISTEN): the mistake, and the remedy" */
static factum_status check_fail(const struct fct_config *config, enum fct_config_key key,
                                const char *mistake, factum_error *err)
{
    const struct fct_config_value *value = &config->values[key];
    factum_slice shown = factum_slice_from(value->text);
    factum_slice where = factum_slice_from(value->where);
    shown.len = shown.len > SHOWN_MAX ? SHOWN_MAX : shown.len;
    while (where.len > WHERE_MAX || (where.len > 0 && (where.ptr[0] & 0xc0) == 0x80)) {
        where = fct_slice_from(where, 1); /* its end has the number of the line */
    }
    return fct_fail(err, FACTUM_INVALID, "%s = %.*s (%.*s): %s", fct_config_name(key),
                    FCT_FMT(shown), FCT_FMT(where), mistake);
}

/* Sets *host to the ADDRESS of "ADDRESS:PORT", with the brackets of an IPv6 address. False if
 * |listen| has another form. Port 0 is allowed: the system chooses one. */
static bool check_split(const char *listen, factum_slice *host)
{
    const char *colon = strrchr(listen, ':');
    if (colon == NULL || colon == listen) {
        return false;
    }
    uint32_t port = 0;
    size_t digits = 0;
    for (const char *at = colon + 1; *at != '\0'; at++, digits++) {
        if (*at < '0' || *at > '9' || digits == 5) {
            return false;
        }
        port = port * 10 + (uint32_t)(*at - '0');
    }
    *host = fct_slice(listen, (size_t)(colon - listen));
    /* Only an IPv6 address has colons, and it needs the brackets. */
    bool bracketed = host->ptr[0] == '[' && host->ptr[host->len - 1] == ']';
    bool has_colon = memchr(host->ptr, ':', host->len) != NULL;
    return digits > 0 && port <= 65535 && bracketed == has_colon;
}

/* By text: "localhost", [::1], or digits and dots that begin with "127." */
static bool check_is_loopback(factum_slice host)
{
    if (fct_slice_equal(host, FCT_SLICE("localhost")) ||
        fct_slice_equal(host, FCT_SLICE("[::1]"))) {
        return true;
    }
    for (size_t i = 0; i < host.len; i++) {
        if (host.ptr[i] != '.' && (host.ptr[i] < '0' || host.ptr[i] > '9')) {
            return false;
        }
    }
    return fct_slice_starts(host, FCT_SLICE("127."));
}

static factum_status check_listen(const struct fct_config *config, factum_error *err)
{
    factum_slice host = {NULL, 0};
    if (!fct_config_is_set(config, FCT_CONFIG_LISTEN)) {
        if (fct_config_is_set(config, FCT_CONFIG_UNIX)) {
            return FACTUM_OK;
        }
        return check_fail(config, FCT_CONFIG_LISTEN,
                          "no UNIX socket is set, so nobody could connect: set listen or unix",
                          err);
    }
    if (!check_split(config->values[FCT_CONFIG_LISTEN].text, &host)) {
        return check_fail(config, FCT_CONFIG_LISTEN,
                          "must be ADDRESS:PORT, such as 127.0.0.1:2113 or [::1]:2113", err);
    }
    if (check_is_loopback(host)) {
        return FACTUM_OK;
    }
    if (fct_config_is_set(config, FCT_CONFIG_INSECURE)) {
        if (fct_config_is_set(config, FCT_CONFIG_INSECURE_ANY_ADDRESS)) {
            return FACTUM_OK;
        }
        return check_fail(config, FCT_CONFIG_LISTEN,
                          "is not loopback, and with insecure everybody who reaches it is the "
                          "admin: set insecure-any-address too, if this is intended",
                          err);
    }
    if (fct_config_is_set(config, FCT_CONFIG_TLS_CERT)) {
        return FACTUM_OK;
    }
    return check_fail(config, FCT_CONFIG_LISTEN,
                      "is not loopback, and logins would pass in the clear: set tls-cert and "
                      "tls-key, or listen on 127.0.0.1",
                      err);
}

static factum_status check_tls(const struct fct_config *config, factum_error *err)
{
    bool cert = fct_config_is_set(config, FCT_CONFIG_TLS_CERT);
    bool key = fct_config_is_set(config, FCT_CONFIG_TLS_KEY);
    if (cert && !key) {
        return check_fail(config, FCT_CONFIG_TLS_CERT, "needs its key: set tls-key", err);
    }
    if (key && !cert) {
        return check_fail(config, FCT_CONFIG_TLS_KEY, "needs its certificate: set tls-cert", err);
    }
    return FACTUM_OK;
}

static factum_status check_unix(const struct fct_config *config, factum_error *err)
{
    if (strlen(config->values[FCT_CONFIG_UNIX].text) > UNIX_PATH_SIZE_MAX) {
        return check_fail(config, FCT_CONFIG_UNIX,
                          "is longer than the 107 bytes that the path of a UNIX socket may have",
                          err);
    }
    return FACTUM_OK;
}

factum_status fct_config_check(const struct fct_config *config, factum_error *err)
{
    if (fct_config_is_set(config, FCT_CONFIG_INSECURE_ANY_ADDRESS) &&
        !fct_config_is_set(config, FCT_CONFIG_INSECURE)) {
        return check_fail(config, FCT_CONFIG_INSECURE_ANY_ADDRESS,
                          "has an effect only with insecure: set insecure too, or remove it", err);
    }
    factum_status status = check_tls(config, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = check_listen(config, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return check_unix(config, err);
}
