/* config.c - see config.h. Layer: server. Neither opens files nor reads the environment.
 *
 * Sources are applied from the weakest to the strongest, each over the values before. So an
 * overridden value is still checked: a mistake in a file does not appear only when the variable
 * that hides it is removed.
 *
 * Invariants.
 *  1. Every value has a text once the defaults are set.
 *  2. No text of a value contains a control character: it may be printed and logged.
 */
#include "server/config.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/check.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/slice.h"
#include "server/config_int.h"

#define NAME_MAX_SIZE 40u /* bytes of a name that is compared with the keys */
#define DISTANCE_MAX 3u   /* of a name from a key that may have been meant */
#define CONNECTIONS_LIMIT 1000000u
#define VARIABLE_SIZE 96

enum config_kind { KIND_TEXT, KIND_SWITCH, KIND_NUMBER };

struct config_key {
    const char *name;
    enum config_kind kind;
    const char *value;
};

static const struct config_key config_keys[FCT_CONFIG_COUNT] = {
#define CONFIG_ENTRY(key, name, kind, value) [FCT_CONFIG_##key] = {name, KIND_##kind, value},
    FCT_CONFIG_LIST(CONFIG_ENTRY)
#undef CONFIG_ENTRY
};

const char *fct_config_name(enum fct_config_key key)
{
    FCT_ASSERT((unsigned)key < FCT_CONFIG_COUNT);
    return config_keys[key].name;
}

void fct_config_warn(const struct fct_config_input *input, const char *format, ...)
{
    char text[512];
    va_list arguments;
    if (input->warn == NULL) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fct_text_clean(text);
    input->warn(input->data, text);
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool config_is(factum_slice text, const char *word)
{
    return fct_slice_equal(text, factum_slice_from(word));
}

static char config_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool fct_config_parse_switch(factum_slice text, bool *on)
{
    char word[6] = "";
    for (size_t i = 0; i < text.len && i < sizeof word - 1; i++) {
        word[i] = config_lower((char)text.ptr[i]);
    }
    *on = text.len == 4 && strcmp(word, "true") == 0;
    return *on || (text.len == 5 && strcmp(word, "false") == 0);
}

static bool config_parse_number(factum_slice text, uint32_t *number)
{
    uint32_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || value > CONNECTIONS_LIMIT) {
            return false;
        }
        value = value * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    *number = value;
    return text.len > 0;
}

static factum_status config_check_number(const struct fct_config_given *given, factum_error *err)
{
    const struct config_key *key = &config_keys[given->key];
    uint32_t max = given->key == FCT_CONFIG_ADVERTISE_PORT ? 65535 : CONNECTIONS_LIMIT;
    uint32_t number = 0;
    if (!config_parse_number(given->value, &number) || number == 0 || number > max) {
        return fct_fail(err, FACTUM_INVALID,
                        "%s: %s takes a whole number from 1 to %u, not \"%.*s\"", given->where,
                        key->name, max, FCT_FMT(given->value));
    }
    return FACTUM_OK;
}

/* Accepts the texts that a file can contain: invariant 2, and no blank at an end or before a
 * '#'. */
static factum_status config_check_text(const struct fct_config_given *given, factum_error *err)
{
    const char *name = config_keys[given->key].name;
    factum_slice value = given->value;
    if (value.len == 0) {
        return fct_fail(err, FACTUM_INVALID, "%s: %s has no value: give it one, or leave it out",
                        given->where, name);
    }
    if (value.len > FCT_CONFIG_VALUE_MAX) {
        return fct_fail(err, FACTUM_INVALID, "%s: the value of %s has %zu bytes: at most %u",
                        given->where, name, value.len, FCT_CONFIG_VALUE_MAX);
    }
    if (!fct_utf8_valid(value)) {
        return fct_fail(err, FACTUM_INVALID, "%s: the value of %s is not UTF-8", given->where,
                        name);
    }
    bool blank_before = true;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < 0x20 || value.ptr[i] == 0x7f) {
            return fct_fail(err, FACTUM_INVALID, "%s: the value of %s has a control character",
                            given->where, name);
        }
        bool blank = value.ptr[i] == ' ';
        if ((blank_before && value.ptr[i] == '#') || (blank && (i == 0 || i + 1 == value.len))) {
            return fct_fail(
                err, FACTUM_INVALID,
                "%s: the value of %s begins or ends with a blank, or has a # that would "
                "begin a comment",
                given->where, name);
        }
        blank_before = blank;
    }
    return FACTUM_OK;
}

static factum_status config_check_value(const struct fct_config_given *given, factum_error *err)
{
    const struct config_key *key = &config_keys[given->key];
    bool on = false;
    bool may_be_none = given->key != FCT_CONFIG_CONNECTIONS_MAX &&
                       given->key != FCT_CONFIG_CONNECTIONS_PER_ADDRESS_MAX &&
                       given->key != FCT_CONFIG_STORE;
    factum_status status = config_check_text(given, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (key->kind == KIND_SWITCH && !fct_config_parse_switch(given->value, &on)) {
        return fct_fail(err, FACTUM_INVALID, "%s: %s takes true or false, not \"%.*s\"",
                        given->where, key->name, FCT_FMT(given->value));
    }
    if (key->kind == KIND_NUMBER && !(may_be_none && config_is(given->value, "none"))) {
        return config_check_number(given, err);
    }
    if (key->kind == KIND_TEXT && !may_be_none && config_is(given->value, "none")) {
        return fct_fail(err, FACTUM_INVALID, "%s: %s cannot be none", given->where, key->name);
    }
    return FACTUM_OK;
}

factum_status fct_config_set(struct fct_config *config, const struct fct_config_given *given,
                             factum_error *err)
{
    FCT_ASSERT((unsigned)given->key < FCT_CONFIG_COUNT);
    factum_status status = config_check_value(given, err);
    if (status != FACTUM_OK) {
        return status;
    }
    char *text = fct_mem_alloc(config->mem, given->value.len + 1);
    if (text == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "configuration: out of memory");
    }
    bool is_switch = config_keys[given->key].kind == KIND_SWITCH;
    for (size_t i = 0; i < given->value.len; i++) {
        char c = (char)given->value.ptr[i];
        text[i] = (char)(is_switch ? config_lower(c) : c);
    }
    text[given->value.len] = '\0';
    struct fct_config_value *value = &config->values[given->key];
    fct_mem_free(config->mem, value->text);
    value->text = text;
    (void)snprintf(value->where, sizeof value->where, "%s", given->where);
    fct_text_clean(value->where);
    return FACTUM_OK;
}

bool fct_config_is_set(const struct fct_config *config, enum fct_config_key key)
{
    const char *text = config->values[key].text;
    return strcmp(text, config_keys[key].kind == KIND_SWITCH ? "false" : "none") != 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool config_find(factum_slice name, enum fct_config_key *key)
{
    for (size_t i = 0; i < FCT_CONFIG_COUNT; i++) {
        if (config_is(name, config_keys[i].name)) {
            *key = (enum fct_config_key)i;
            return true;
        }
    }
    return false;
}

/* Returns the key that |name| probably means; empty: none is near. Stricter than other searches for
 * names: what is near a key is refused, and other programs have variables too. */
static factum_slice config_nearest(factum_slice name)
{
    struct fct_nearest nearest;
    size_t least = name.len < 6 ? 2 : DISTANCE_MAX + 1;
    fct_nearest_begin(&nearest, name);
    nearest.least = nearest.least < least ? nearest.least : least;
    for (size_t i = 0; i < FCT_CONFIG_COUNT; i++) {
        fct_nearest_offer(&nearest, factum_slice_from(config_keys[i].name));
    }
    return nearest.best;
}

static factum_status config_unknown(factum_slice name, const char *where, factum_error *err)
{
    factum_slice nearest = config_nearest(name);
    if (nearest.len == 0) {
        return fct_fail(err, FACTUM_INVALID,
                        "%s: unknown key \"%.*s\"; factum serve --help lists the keys", where,
                        FCT_FMT(name));
    }
    return fct_fail(err, FACTUM_INVALID, "%s: unknown key \"%.*s\"; did you mean \"%.*s\"?", where,
                    FCT_FMT(name), FCT_FMT(nearest));
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool config_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static factum_slice config_trim(factum_slice text)
{
    while (text.len > 0 && config_is_blank(text.ptr[0])) {
        text = fct_slice_from(text, 1);
    }
    while (text.len > 0 && config_is_blank(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

static factum_slice config_without_comment(factum_slice line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == '#' && (i == 0 || config_is_blank(line.ptr[i - 1]))) {
            line.len = i;
        }
    }
    return config_trim(line);
}

static factum_status config_read_line(struct fct_config *config, factum_slice line,
                                      const char *where, bool seen[FCT_CONFIG_COUNT],
                                      factum_error *err)
{
    struct fct_config_given given = {.where = where};
    line = config_without_comment(line);
    if (line.len == 0) {
        return FACTUM_OK;
    }
    const uint8_t *equals = memchr(line.ptr, '=', line.len);
    if (equals == NULL) {
        return fct_fail(err, FACTUM_INVALID, "%s: a line is \"key = value\", not \"%.*s\"", where,
                        FCT_FMT(line));
    }
    size_t len = (size_t)(equals - line.ptr);
    factum_slice name = config_trim(fct_slice(line.ptr, len));
    given.value = config_trim(fct_slice_from(line, len + 1));
    if (!config_find(name, &given.key)) {
        return config_unknown(name, where, err);
    }
    if (seen[given.key]) {
        return fct_fail(err, FACTUM_INVALID, "%s: %s is set a second time in this file", where,
                        fct_config_name(given.key));
    }
    seen[given.key] = true;
    return fct_config_set(config, &given, err);
}

static factum_status config_read_file(struct fct_config *config,
                                      const struct fct_config_input *input, factum_error *err)
{
    bool seen[FCT_CONFIG_COUNT] = {false};
    factum_slice rest = input->file;
    if (rest.len > FCT_CONFIG_FILE_MAX) {
        return fct_fail(err, FACTUM_INVALID, "%s has %zu bytes: at most %zu", input->file_name,
                        rest.len, FCT_CONFIG_FILE_MAX);
    }
    if (fct_slice_starts(rest, FCT_SLICE("\xef\xbb\xbf"))) { /* a byte order mark, which some
                                                              * editors write */
        rest = fct_slice_from(rest, 3);
    }
    for (unsigned number = 1; rest.len > 0; number++) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        factum_slice line = fct_slice(rest.ptr, end == NULL ? rest.len : (size_t)(end - rest.ptr));
        rest = fct_slice_from(rest, line.len + (end != NULL));
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        char where[FCT_CONFIG_WHERE_SIZE];
        (void)snprintf(where, sizeof where, "%.100s:%u", input->file_name, number);
        factum_status status = config_read_line(config, line, where, seen, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

/* ---- environment and flags ------------------------------------------------------------------- */

/* Kubernetes gives every container the addresses of the services beside it: variables such as
 * FACTUM_PORT for a service "factum", which nobody has set on purpose. */
static bool config_is_service_link(factum_slice name, factum_slice value)
{
    return config_is(name, "SERVICE_HOST") || config_is(name, "SERVICE_PORT") ||
           fct_slice_starts(name, FCT_SLICE("SERVICE_PORT_")) ||
           (config_is(name, "PORT") && fct_slice_starts(value, FCT_SLICE("tcp://"))) ||
           (fct_slice_starts(name, FCT_SLICE("PORT_")) && name.len > 5 && name.ptr[5] >= '0' &&
            name.ptr[5] <= '9');
}

/* "TLS_CERT" is "tls-cert". A name that resembles no key may belong to another program. */
static factum_status config_set_own(struct fct_config *config, const struct fct_config_foreign *own,
                                    factum_error *err)
{
    char name[NAME_MAX_SIZE + 1];
    struct fct_config_given given = {.value = own->value, .where = own->variable};
    size_t len = own->rest.len < NAME_MAX_SIZE ? own->rest.len : NAME_MAX_SIZE;
    for (size_t i = 0; i < len; i++) {
        char c = (char)own->rest.ptr[i];
        name[i] = (char)(c == '_' ? '-' : config_lower(c));
    }
    factum_slice made = fct_slice(name, len);
    if (config_is(made, "config")) {
        return FACTUM_OK; /* the path of the file, which the caller has read */
    }
    if (own->rest.len <= NAME_MAX_SIZE && config_find(made, &given.key)) {
        return fct_config_set(config, &given, err);
    }
    if (config_nearest(made).len > 0) {
        return config_unknown(made, own->variable, err);
    }
    fct_config_warn(own->input, "%s is set, and no setting of this server", own->variable);
    return FACTUM_OK;
}

static factum_status config_read_environment(struct fct_config *config,
                                             const struct fct_config_input *input,
                                             const char *prefix, factum_error *err)
{
    bool is_own = strcmp(prefix, "FACTUM_") == 0;
    for (size_t i = 0; input->environment != NULL && input->environment[i] != NULL; i++) {
        const char *text = input->environment[i];
        const char *equals = strchr(text, '=');
        if (equals == NULL || strncmp(text, prefix, strlen(prefix)) != 0) {
            continue;
        }
        size_t len = (size_t)(equals - text);
        char variable[VARIABLE_SIZE];
        (void)snprintf(variable, sizeof variable, "%.*s",
                       (int)(len < sizeof variable ? len : sizeof variable - 1), text);
        struct fct_config_foreign given = {
            .variable = variable,
            .rest = fct_slice(text + strlen(prefix), len - strlen(prefix)),
            .value = factum_slice_from(equals + 1),
            .input = input,
        };
        factum_status status = FACTUM_OK;
        if (!config_is_service_link(given.rest, given.value)) {
            status = is_own ? config_set_own(config, &given, err)
                            : fct_config_set_foreign(config, &given, err);
        }
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

static factum_status config_read_flags(struct fct_config *config,
                                       const struct fct_config_input *input, factum_error *err)
{
    for (size_t i = 0; i < input->flag_count; i++) {
        const struct fct_config_flag *flag = &input->flags[i];
        char where[FCT_CONFIG_WHERE_SIZE];
        (void)snprintf(where, sizeof where, "--%.100s", flag->name);
        struct fct_config_given given = {
            .value = factum_slice_from(flag->value == NULL ? "true" : flag->value),
            .where = where,
        };
        if (!config_find(factum_slice_from(flag->name), &given.key)) {
            return config_unknown(factum_slice_from(flag->name), where, err);
        }
        factum_status status = fct_config_set(config, &given, err);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return FACTUM_OK;
}

/* ---- all together ---------------------------------------------------------------------------- */

static const char *config_text(const struct fct_config *config, enum fct_config_key key)
{
    return fct_config_is_set(config, key) ? config->values[key].text : NULL;
}

static uint32_t config_number(const struct fct_config *config, enum fct_config_key key)
{
    uint32_t number = 0;
    if (fct_config_is_set(config, key)) {
        bool good = config_parse_number(factum_slice_from(config->values[key].text), &number);
        FCT_ASSERT(good); /* checked when it was set */
    }
    return number;
}

static void config_fill(struct fct_config *config)
{
    const char *listen = config_text(config, FCT_CONFIG_LISTEN);
    const char *secret_dir = config_text(config, FCT_CONFIG_SECRET_DIR);
    config->store = config->values[FCT_CONFIG_STORE].text;
    config->run_models = !fct_config_is_set(config, FCT_CONFIG_NO_RUN);
    config->endpoints.allow = config_text(config, FCT_CONFIG_ENDPOINTS_ALLOW);
    config->endpoints.secrets_file = config_text(config, FCT_CONFIG_ENDPOINTS_SECRETS);
    config->endpoints.ca_file = config_text(config, FCT_CONFIG_ENDPOINTS_CA);
    config->endpoints.allow_private = fct_config_is_set(config, FCT_CONFIG_ENDPOINTS_ALLOW_PRIVATE);
    config->options = (factum_server_options){
        .size = sizeof config->options,
        .listen = listen == NULL ? "" : listen,
        .unix_path = config_text(config, FCT_CONFIG_UNIX),
        .tls_cert_file = config_text(config, FCT_CONFIG_TLS_CERT),
        .tls_key_file = config_text(config, FCT_CONFIG_TLS_KEY),
        .secret_dir = secret_dir == NULL ? config->store : secret_dir,
        .insecure = fct_config_is_set(config, FCT_CONFIG_INSECURE),
        .insecure_any_address = fct_config_is_set(config, FCT_CONFIG_INSECURE_ANY_ADDRESS),
        .allow_deploy = fct_config_is_set(config, FCT_CONFIG_ALLOW_DEPLOY),
        .advertised_host = config_text(config, FCT_CONFIG_ADVERTISE_HOST),
        .advertised_port = (uint16_t)config_number(config, FCT_CONFIG_ADVERTISE_PORT),
        .connections_max = config_number(config, FCT_CONFIG_CONNECTIONS_MAX),
        .connections_per_address_max =
            config_number(config, FCT_CONFIG_CONNECTIONS_PER_ADDRESS_MAX),
    };
}

static factum_status config_read_all(struct fct_config *config,
                                     const struct fct_config_input *input, factum_error *err)
{
    static const char *const prefixes[] = {"EVENTSTORE_", "KURRENTDB_", "FACTUM_"};
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < FCT_CONFIG_COUNT && status == FACTUM_OK; i++) {
        struct fct_config_given given = {
            .key = (enum fct_config_key)i,
            .value = factum_slice_from(config_keys[i].value),
            .where = "default",
        };
        status = fct_config_set(config, &given, err);
    }
    if (status == FACTUM_OK && input->file_name != NULL) {
        status = config_read_file(config, input, err);
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0] && status == FACTUM_OK; i++) {
        status = config_read_environment(config, input, prefixes[i], err);
    }
    if (status == FACTUM_OK) {
        status = config_read_flags(config, input, err);
    }
    if (status == FACTUM_OK) {
        status = fct_config_check(config, err);
    }
    if (status == FACTUM_OK && fct_config_is_set(config, FCT_CONFIG_INSECURE) &&
        fct_config_is_set(config, FCT_CONFIG_TLS_CERT)) {
        fct_config_warn(input,
                        "insecure with tls-cert: connections are encrypted, and everybody who "
                        "connects is the admin");
    }
    return status;
}

factum_status fct_config_read(const struct fct_mem *mem, const struct fct_config_input *input,
                              struct fct_config *config, factum_error *err)
{
    struct fct_config fresh = {.mem = mem};
    factum_status status = config_read_all(&fresh, input, err);
    if (status != FACTUM_OK) {
        fct_config_finish(&fresh);
        return status;
    }
    config_fill(&fresh);
    *config = fresh; /* the options point to texts on the heap, not into |fresh| */
    return FACTUM_OK;
}

void fct_config_finish(struct fct_config *config)
{
    for (size_t i = 0; i < FCT_CONFIG_COUNT && config->mem != NULL; i++) {
        fct_mem_free(config->mem, config->values[i].text);
    }
    *config = (struct fct_config){.mem = NULL};
}

void fct_config_print(const struct fct_config *config, void (*line)(void *data, const char *text),
                      void *data)
{
    char text[FCT_CONFIG_LINE_SIZE];
    for (size_t i = 0; i < FCT_CONFIG_COUNT; i++) {
        const struct fct_config_value *value = &config->values[i];
        int size = snprintf(text, sizeof text, "%s = %s  # %s", config_keys[i].name, value->text,
                            value->where);
        FCT_ASSERT(size > 0);
        FCT_ASSERT((size_t)size < sizeof text);
        line(data, text);
    }
}
