/* endpoint_url.c - see endpoint_url.h. Layer: saga. */
#include "saga/endpoint_url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"

static bool url_bytes_valid(factum_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '\\') {
            return false;
        }
    }
    return text.len > 0;
}

/* Copies the part |what| to |to|; false if it is missing, or too long. */
static bool url_part(CURLU *handle, CURLUPart what, unsigned flags, char *to, size_t size)
{
    char *part = NULL;
    CURLUcode code = curl_url_get(handle, what, &part, flags);
    bool found = code == CURLUE_OK && strlen(part) < size;
    if (found) {
        (void)snprintf(to, size, "%s", part);
    }
    curl_free(part);
    return found;
}

static bool url_has(CURLU *handle, CURLUPart what)
{
    char *part = NULL;
    bool has = curl_url_get(handle, what, &part, 0) == CURLUE_OK;
    curl_free(part);
    return has;
}

/* The host without brackets, in lower case, and without a dot at its end. */
static factum_slice plain_host(char *host)
{
    size_t len = strlen(host);
    bool bracket = len >= 2 && host[0] == '[' && host[len - 1] == ']';
    if (bracket) {
        host++;
        len -= 2;
    } else if (len > 1 && host[len - 1] == '.') {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        host[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] + ('a' - 'A') : host[i]);
    }
    return fct_slice(host, len);
}

static factum_status read_parts(CURLU *handle, struct fct_endpoint_url *url, factum_error *err)
{
    char scheme[16];
    char port[8];
    if (!url_part(handle, CURLUPART_SCHEME, 0, scheme, sizeof scheme) ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        return fct_fail(err, FACTUM_INVALID, "endpoint: a URL begins with http:// or https://");
    }
    if (url_has(handle, CURLUPART_USER) || url_has(handle, CURLUPART_PASSWORD)) {
        return fct_fail(err, FACTUM_INVALID,
                        "endpoint: a URL stands in the log, so no user and no password may stand "
                        "in it: let the endpoint check the signature");
    }
    if (url_has(handle, CURLUPART_FRAGMENT)) {
        return fct_fail(err, FACTUM_INVALID,
                        "endpoint: a fragment (#) is never sent: leave it out");
    }
    if (!url_part(handle, CURLUPART_URL, 0, url->text, sizeof url->text) ||
        !url_part(handle, CURLUPART_HOST, 0, url->host, sizeof url->host) ||
        !url_part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof port)) {
        return fct_fail(err, FACTUM_INVALID, "endpoint: the URL has no host, or is too long");
    }
    url->place.host = plain_host(url->host);
    url->place.port = (uint32_t)strtoul(port, NULL, 10);
    url->place.default_port = url->place.port == (strcmp(scheme, "http") == 0 ? 80 : 443);
    return url->place.host.len > 0 ? FACTUM_OK
                                   : fct_fail(err, FACTUM_INVALID, "endpoint: the URL has no host");
}

factum_status fct_endpoint_url_read(factum_slice text, struct fct_endpoint_url *url,
                                    factum_error *err)
{
    if (text.len > FACTUM_ENDPOINT_URL_MAX || !url_bytes_valid(text)) {
        return fct_fail(err, FACTUM_INVALID,
                        "endpoint: a URL has 1 to %d bytes of ASCII, without spaces",
                        FACTUM_ENDPOINT_URL_MAX);
    }
    (void)snprintf(url->text, sizeof url->text, "%.*s", (int)text.len, (const char *)text.ptr);
    CURLU *handle = curl_url();
    if (handle == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "endpoint: out of memory");
    }
    CURLUcode code = curl_url_set(handle, CURLUPART_URL, url->text, CURLU_NON_SUPPORT_SCHEME);
    factum_status status =
        code == CURLUE_OK
            ? read_parts(handle, url, err)
            : fct_fail(err, FACTUM_INVALID, "endpoint: not a URL: %s", curl_url_strerror(code));
    curl_url_cleanup(handle);
    return status;
}
