/* address.c - the address of a server: where the server is, and as whom to log in.
 * Layer: engine_remote.
 *
 *     factum://[USER[:SECRET]@]HOST[:PORT]    factums://...    factum+unix://[USER[:SECRET]@]/PATH
 *
 * Syntax: RFC 3986, of which HOST in brackets for IPv6, and %XX in USER and SECRET. The
 * authorization field is that of RFC 7617 (Basic). No error text shows the part before the '@', and
 * every copy of a secret is wiped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "engine_remote/remote_int.h"
#include "wire/base64.h"

#define ADDRESS_SIZE_MAX 4096u
#define ADDRESS_PORT "2113"
#define ADDRESS_USER "admin"
#define LOGIN_SIZE_MAX 512u

/* The parts of an address, borrowed from it. */
struct address_parts {
    bool secure;
    bool is_unix;
    bool has_login;
    factum_slice login; /* "USER" or "USER:SECRET", encoded */
    factum_slice rest;  /* after the '@' */
};

static void address_wipe(void *bytes, size_t size)
{
    volatile uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++) {
        at[i] = 0;
    }
}

static factum_status address_refuse(factum_error *err, const char *why)
{
    return fct_fail(err, FACTUM_INVALID,
                    "an address is factum://HOST:PORT, factums://HOST:PORT or "
                    "factum+unix:///PATH: %s",
                    why);
}

static size_t address_find(factum_slice text, char wanted)
{
    size_t i = 0;
    while (i < text.len && text.ptr[i] != (uint8_t)wanted) {
        i++;
    }
    return i;
}

static factum_status address_split(factum_slice address, struct address_parts *parts,
                                   factum_error *err)
{
    static const char *const schemes[] = {"factum://", "factums://", "factum+unix://"};
    size_t i = 0;
    while (i < 3 && !fct_slice_starts(address, factum_slice_from(schemes[i]))) {
        i++;
    }
    if (i == 3) {
        return address_refuse(err, "this is neither");
    }
    *parts = (struct address_parts){.secure = i == 1, .is_unix = i == 2};
    factum_slice rest = fct_slice_from(address, strlen(schemes[i]));
    factum_slice authority = fct_slice(rest.ptr, address_find(rest, '/'));
    /* The last '@', so that an '@' in a secret does not leak a part of it. */
    size_t at = authority.len;
    while (at > 0 && authority.ptr[at - 1] != '@') {
        at--;
    }
    if (at > 0) {
        parts->has_login = true;
        parts->login = fct_slice(authority.ptr, at - 1);
        rest = fct_slice_from(rest, at);
    }
    for (size_t j = 0; j < rest.len; j++) {
        if (rest.ptr[j] <= ' ' || rest.ptr[j] == 0x7f) {
            return address_refuse(err, "it has a blank or control byte in it");
        }
    }
    parts->rest = rest;
    return FACTUM_OK;
}

/* ---- the place ------------------------------------------------------------------------------- */

static bool address_is_port(factum_slice port)
{
    unsigned number = 0;
    for (size_t i = 0; i < port.len; i++) {
        if (port.ptr[i] < '0' || port.ptr[i] > '9' || i == 5) {
            return false;
        }
        number = number * 10 + (unsigned)(port.ptr[i] - '0');
    }
    return number > 0 && number <= 65535;
}

/* Appends |text| and a zero byte to *to. */
static const char *address_add(char **to, factum_slice text)
{
    char *begin = *to;
    if (text.len > 0) {
        memcpy(begin, text.ptr, text.len);
    }
    begin[text.len] = '\0';
    *to = begin + text.len + 1;
    return begin;
}

static factum_status address_read_host(struct distant_address *address, factum_slice rest, char *to,
                                       factum_error *err)
{
    while (rest.len > 0 && rest.ptr[rest.len - 1] == '/') {
        rest.len--;
    }
    bool bracket = rest.len > 0 && rest.ptr[0] == '[';
    size_t len = bracket ? address_find(rest, ']') : address_find(rest, ':');
    factum_slice host = fct_slice(rest.ptr, len);
    factum_slice after = fct_slice_from(rest, len);
    if (bracket && after.len == 0) {
        return address_refuse(err, "a bracket is open");
    }
    if (bracket) {
        host = fct_slice_from(host, 1);
        after = fct_slice_from(after, 1);
    }
    factum_slice port = FCT_SLICE(ADDRESS_PORT);
    if (after.len > 0) {
        port = fct_slice_from(after, 1);
    }
    if (host.len == 0 || address_find(rest, '/') < rest.len) {
        return address_refuse(err, "a host is needed, and nothing after its port");
    }
    if ((after.len > 0 && after.ptr[0] != ':') || !address_is_port(port)) {
        return address_refuse(err, "the port is a number from 1 to 65535");
    }
    address->host = address_add(&to, host);
    address->port = address_add(&to, port);
    address->authority = to;
    (void)snprintf(to, rest.len + sizeof ":" ADDRESS_PORT, bracket ? "[%s]:%s" : "%s:%s",
                   address->host, address->port);
    return FACTUM_OK;
}

/* ---- the login ------------------------------------------------------------------------------- */

static int address_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes "%41b" to "Ab". Returns the size, or SIZE_MAX if the text is malformed or too long. */
static size_t address_decode(factum_slice text, uint8_t *to, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = text.ptr[i];
        if (c == '%') {
            int high = text.len - i > 2 ? address_digit(text.ptr[i + 1]) : -1;
            int low = high >= 0 ? address_digit(text.ptr[i + 2]) : -1;
            c = low >= 0 ? high * 16 + low : -1;
            i += 2;
        }
        if (c < 0 || len == size) {
            return SIZE_MAX;
        }
        to[len++] = (uint8_t)c;
    }
    return len;
}

/* Reads a secret from a file: its first line. */
static factum_status address_read_file(const struct fct_os *os, const char *path, char *to,
                                       size_t size, factum_error *err)
{
    factum_error ignored;
    struct fct_file *file = NULL;
    uint64_t len = 0;
    factum_status status = fct_file_open(os, path, FCT_OPEN_READ, &file, err);
    if (status == FACTUM_OK) {
        status = fct_file_size(file, &len, err);
    }
    if (status == FACTUM_OK && len >= size) {
        status = fct_fail(err, FACTUM_INVALID, "%s is longer than a secret", path);
    }
    if (status == FACTUM_OK) {
        status = fct_file_read(file, 0, to, (size_t)len, err);
    }
    if (status == FACTUM_OK) {
        to[len] = '\0';
        to[strcspn(to, "\r\n")] = '\0';
    }
    (void)fct_file_close(&file, &ignored);
    return status == FACTUM_OK ? status : fct_wrap(err, status, "FACTUM_SECRET_FILE");
}

static char *address_basic(const struct fct_mem *mem, const uint8_t *login, size_t len)
{
    static const char scheme[] = "Basic ";
    size_t text_size = fct_base64_text_size(len);
    char *text = fct_mem_alloc(mem, sizeof scheme + text_size);
    if (text != NULL) {
        memcpy(text, scheme, sizeof scheme - 1);
        fct_base64_encode(fct_slice(login, len), text + sizeof scheme - 1);
        text[sizeof scheme - 1 + text_size] = '\0';
    }
    return text;
}

/* Decodes USER:SECRET into |login|; *len 0: no login. */
static factum_status address_find_login(const struct address_parts *parts, const struct fct_os *os,
                                        uint8_t login[LOGIN_SIZE_MAX], size_t *len,
                                        factum_error *err)
{
    const char *environment = getenv("FACTUM_SECRET");
    const char *file = getenv("FACTUM_SECRET_FILE");
    size_t colon = address_find(parts->login, ':');
    bool has_secret = colon < parts->login.len;
    factum_slice user = parts->has_login ? fct_slice(parts->login.ptr, colon) : FCT_SLICE("");
    *len = address_decode(user.len == 0 ? FCT_SLICE(ADDRESS_USER) : user, login,
                          LOGIN_SIZE_MAX / 2 - 1);
    if (*len == SIZE_MAX) {
        return address_refuse(err, "the user is too long or not percent-encoded");
    }
    login[(*len)++] = ':';
    char *to = (char *)login + *len;
    size_t room = LOGIN_SIZE_MAX - *len;
    if (has_secret) {
        size_t size = address_decode(fct_slice_from(parts->login, colon + 1), (uint8_t *)to, room);
        *len += size == SIZE_MAX ? 0 : size;
        return size == SIZE_MAX
                   ? address_refuse(err, "the secret is too long or not percent-encoded")
                   : FACTUM_OK;
    }
    if (environment != NULL && environment[0] != '\0') {
        size_t size = strlen(environment);
        if (size >= room) {
            return fct_fail(err, FACTUM_INVALID, "FACTUM_SECRET is longer than a secret");
        }
        memcpy(to, environment, size);
        *len += size;
        return FACTUM_OK;
    }
    if (file != NULL && file[0] != '\0') {
        factum_status status = address_read_file(os, file, to, room, err);
        *len += status == FACTUM_OK ? strlen(to) : 0;
        return status;
    }
    *len = 0;
    return FACTUM_OK;
}

static factum_status address_read_login(struct distant_address *address,
                                        const struct address_parts *parts,
                                        const struct fct_engine_remote_options *options,
                                        factum_error *err)
{
    uint8_t login[LOGIN_SIZE_MAX];
    size_t len = 0;
    factum_status status = address_find_login(parts, options->os, login, &len, err);
    if (status == FACTUM_OK && len > 0) {
        address->authorization = address_basic(options->mem, login, len);
        if (address->authorization == NULL) {
            status = fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory");
        }
    }
    address_wipe(login, sizeof login);
    return status;
}

factum_status fct_distant_address_read(struct distant_address *address,
                                       const struct fct_engine_remote_options *options,
                                       factum_error *err)
{
    struct address_parts parts = {.rest = FCT_SLICE("")};
    factum_slice text = factum_slice_from(options->address);
    if (text.len > ADDRESS_SIZE_MAX) {
        return address_refuse(err, "it is too long");
    }
    factum_status status = address_split(text, &parts, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const char *ca_file = getenv("FACTUM_CA_FILE");
    size_t ca_len = ca_file == NULL ? 0 : strlen(ca_file);
    char *to = fct_mem_alloc(options->mem, 2 * parts.rest.len + ca_len + 32);
    if (to == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory");
    }
    address->memory = to;
    address->secure = parts.secure;
    if (ca_len > 0) {
        address->ca_file = address_add(&to, fct_slice(ca_file, ca_len));
    }
    if (!parts.is_unix) {
        status = address_read_host(address, parts.rest, to, err);
    } else if (parts.rest.len < 2 || parts.rest.ptr[0] != '/') {
        status = address_refuse(err, "the path of a socket begins with /");
    } else {
        address->path = address_add(&to, parts.rest);
        address->authority = "localhost";
    }
    return status == FACTUM_OK ? address_read_login(address, &parts, options, err) : status;
}

void fct_distant_address_finish(struct distant_address *address, const struct fct_mem *mem)
{
    if (address->authorization != NULL) {
        address_wipe(address->authorization, strlen(address->authorization));
        fct_mem_free(mem, address->authorization);
    }
    fct_mem_free(mem, address->memory);
    *address = (struct distant_address){.memory = NULL};
}
