/* serve_endpoints.c - see serve_endpoints.h. Layer: cli.
 *
 * Secrets come from a file of their own that no other user may read: not from flags or the
 * environment, which other users can see, and not from the configuration, which is printed.
 */
#include "cli/serve_endpoints.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ALLOW_MAX 256
#define SECRETS_MAX 64
#define SECRETS_FILE_MAX 65536

__attribute__((format(printf, 2, 3))) static factum_status refuse(factum_error *err,
                                                                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    err->status = FACTUM_INVALID;
    err->os_error = 0;
    return FACTUM_INVALID;
}

static factum_slice trimmed(const char *from, const char *end)
{
    while (from < end && strchr(" \t\r", *from) != NULL) {
        from++;
    }
    while (end > from && strchr(" \t\r", end[-1]) != NULL) {
        end--;
    }
    return (factum_slice){(const uint8_t *)from, (size_t)(end - from)};
}

/* ---- what may be called ---------------------------------------------------------------------- */

/* Splits "a.example.com, *.b.example.com:8443". */
static factum_status split_allow(const char *text, factum_slice allow[ALLOW_MAX], size_t *count,
                                 factum_error *err)
{
    for (*count = 0; *text != '\0';) {
        const char *end = text + strcspn(text, ",");
        if (*count == ALLOW_MAX) {
            return refuse(err, "endpoints-allow has more than %d entries", ALLOW_MAX);
        }
        allow[(*count)++] = trimmed(text, end);
        text = *end == ',' ? end + 1 : end;
    }
    return FACTUM_OK;
}

/* ---- secrets --------------------------------------------------------------------------------- */

static factum_status read_secrets_file(const char *name, char *text, factum_error *err)
{
    struct stat info;
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        return refuse(err, "%s: %s", name, strerror(errno));
    }
    factum_status status = FACTUM_OK;
    (void)setvbuf(file, NULL, _IONBF, 0); /* no copy of the secrets stays in a buffer */
    if (fstat(fileno(file), &info) != 0 || !S_ISREG(info.st_mode)) {
        status = refuse(err, "%s is not a file", name);
    } else if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        status = refuse(err, "%s contains secrets, and others may read it: chmod 600 it", name);
    } else {
        size_t len = fread(text, 1, SECRETS_FILE_MAX, file);
        text[len] = '\0';
        if (ferror(file) != 0 || len == SECRETS_FILE_MAX || strlen(text) != len) {
            status = refuse(err, "%s cannot be read, is too big, or is not a text", name);
        }
    }
    (void)fclose(file);
    return status;
}

static factum_status split_secrets(const char *name, const char *text,
                                   factum_endpoint_secret secrets[SECRETS_MAX], size_t *count,
                                   factum_error *err)
{
    int number = 0;
    for (*count = 0; *text != '\0';) {
        const char *end = text + strcspn(text, "\n");
        const char *equals = memchr(text, '=', (size_t)(end - text));
        factum_slice line = trimmed(text, end);
        number++;
        if (line.len > 0 && line.ptr[0] != '#') {
            if (equals == NULL || *count == SECRETS_MAX) {
                return refuse(err, "%s:%d: not NAME = SECRET, or more than %d of them", name,
                              number, SECRETS_MAX);
            }
            secrets[(*count)++] =
                (factum_endpoint_secret){trimmed(text, equals), trimmed(equals + 1, end)};
        }
        text = *end == '\n' ? end + 1 : end;
    }
    return FACTUM_OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

struct serve_endpoints {
    char path[PATH_MAX];
    factum_slice allow[ALLOW_MAX];
    factum_endpoint_secret secrets[SECRETS_MAX];
    char text[SECRETS_FILE_MAX + 1]; /* of the file of secrets */
    factum_endpoints_options options;
};

static factum_status fill_options(struct serve_endpoints *s, const struct fct_config *config,
                                  factum_error *err)
{
    size_t count = 0;
    int len = snprintf(s->path, sizeof s->path, "%s/models", config->store);
    if (len < 0 || (size_t)len >= sizeof s->path) {
        return refuse(err, "the path of the store is too long");
    }
    s->options.path = s->path;
    s->options.allow = s->allow;
    s->options.secrets = s->secrets;
    s->options.allow_private = config->endpoints.allow_private;
    s->options.ca_file = config->endpoints.ca_file;
    factum_status status = split_allow(config->endpoints.allow, s->allow, &count, err);
    s->options.allow_count = count;
    if (status == FACTUM_OK && config->endpoints.secrets_file != NULL) {
        status = read_secrets_file(config->endpoints.secrets_file, s->text, err);
        if (status == FACTUM_OK) {
            status =
                split_secrets(config->endpoints.secrets_file, s->text, s->secrets, &count, err);
            s->options.secret_count = count;
        }
    }
    return status;
}

factum_status serve_endpoints_open(factum_store *store, const struct fct_config *config,
                                   const factum_log_sink *log, factum_endpoints **endpoints,
                                   factum_error *err)
{
    static struct serve_endpoints s;
    *endpoints = NULL;
    if (config->endpoints.allow == NULL || !config->run_models) {
        return FACTUM_OK;
    }
    memset(&s, 0, sizeof s);
    s.options.size = sizeof s.options;
    s.options.log = log;
    factum_status status = fill_options(&s, config, err);
    if (status == FACTUM_OK) {
        status = factum_endpoints_open(store, &s.options, endpoints, err);
    }
    OPENSSL_cleanse(s.text, sizeof s.text);
    return status;
}
