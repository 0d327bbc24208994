/* config_check.c - checks that the values of a configuration fit together. Layer: server. Pure.
 *
 * Each rule prevents an accident that would open the server, or a setting without effect. Whether
 * an address is loopback is decided by its text: a name other than "localhost" is treated as any
 * address, because its meaning may change. factum_server_start checks the real addresses again.
 */
#include "server/config_int.h"

#include "core/error.h"
#include "core/slice.h"

/* Bytes of a path: sockaddr_un of Linux has room for these and a zero byte. */
#define UNIX_PATH_MAX_SIZE 107u

/* "listen = 0.0.0.0:2113 (FACTUM_LISTEN): the mistake, and the remedy" */
static factum_status check_fail(const struct fct_config *config, enum fct_config_key key,
                                const char *text, factum_error *err)
{
    const struct fct_config_value *value = &config->values[key];
    factum_slice shown = factum_slice_from(value->text);
    factum_slice where = factum_slice_from(value->where);
    where.len = where.len > 40 ? 40 : where.len;
    return fct_fail(err, FACTUM_INVALID, "%s = %.*s (%.*s): %s", fct_config_name(key),
                    shown.len > 60 ? 60 : (int)shown.len, value->text, FCT_FMT(where), text);
}

/* Splits "ADDRESS:PORT"; an IPv6 address is in brackets. */
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
    bool bracketed = host->ptr[0] == '[' && host->ptr[host->len - 1] == ']';
    bool has_colon = memchr(host->ptr, ':', host->len) != NULL;
    return digits > 0 && port <= 65535 && bracketed == has_colon;
}

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
        return fct_config_is_set(config, FCT_CONFIG_UNIX)
                   ? FACTUM_OK
                   : check_fail(config, FCT_CONFIG_LISTEN,
                                "without a UNIX socket nobody could connect: set listen or unix",
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
        return fct_config_is_set(config, FCT_CONFIG_INSECURE_ANY_ADDRESS)
                   ? FACTUM_OK
                   : check_fail(config, FCT_CONFIG_LISTEN,
                                "is not loopback, and with insecure everybody who reaches it is "
                                "the admin: set insecure-any-address, too, if this is intended",
                                err);
    }
    return fct_config_is_set(config, FCT_CONFIG_TLS_CERT)
               ? FACTUM_OK
               : check_fail(config, FCT_CONFIG_LISTEN,
                            "is not loopback, and logins would pass in the clear: set tls-cert "
                            "and tls-key, or listen on 127.0.0.1",
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
    if (strlen(config->values[FCT_CONFIG_UNIX].text) > UNIX_PATH_MAX_SIZE) {
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
                          "has an effect with insecure only: set insecure, too, or remove it", err);
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
