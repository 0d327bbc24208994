/* definition_value.c - the small values of a definition: names, types, durations, and mappings of
 * known keys. Layer: saga. See definition_int.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "codec/json_number.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/slice.h"
#include "saga/definition_int.h"
#include "saga/names.h"

#define VALUE_DAY (INT64_C(24) * 3600 * 1000000000)
#define VALUE_DAYS_MAX 1000 /* 34 of the longest durations fit into an int64_t */
#define VALUE_TRIES_MAX 10000u
#define VALUE_FACTOR_MAX 100

/* ---- scalars --------------------------------------------------------------------------------- */

/* Describes |node|, for "but here is ...". */
static const char *value_kind(const struct fct_yaml *node)
{
    if (node->kind == FCT_YAML_SCALAR) {
        return node->text.len == 0 ? "nothing" : node->plain ? "a word" : "a text in quotes";
    }
    return node->kind == FCT_YAML_MAP ? "a mapping" : "a list";
}

static FCT_COLD factum_status value_fail(const struct fct_loader *loader,
                                         const struct fct_yaml *node, const char *rule,
                                         const char *right)
{
    if (node->kind == FCT_YAML_SCALAR && node->text.len > 0) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, node->mark, rule,
                                  "\"%.*s\" is not right: %s", FCT_FMT(node->text), right);
    }
    return fct_saga_load_fail(loader, FACTUM_INVALID, node->mark, rule, "here is %s: %s",
                              value_kind(node), right);
}

/* A scalar that is not empty. */
static bool value_is_text(const struct fct_yaml *node)
{
    return node->kind == FCT_YAML_SCALAR && node->text.len > 0;
}

static bool value_is_plain(const struct fct_yaml *node)
{
    return value_is_text(node) && node->plain;
}

factum_status fct_saga_load_name(const struct fct_loader *loader, const struct fct_yaml *node,
                                 const char *what, factum_slice *name)
{
    char right[128];
    if (node->kind != FCT_YAML_SCALAR || !fct_saga_name_valid(node->text)) {
        (void)snprintf(right, sizeof right,
                       "the name of %s is a small letter, then small letters, digits and _, %d at "
                       "most",
                       what, FACTUM_SAGA_NAME_MAX);
        return value_fail(loader, node, "name", right);
    }
    *name = node->text;
    return FACTUM_OK;
}

/* A text of one line that can be stored as a name. */
static bool value_is_line(const struct fct_yaml *node)
{
    bool good = value_is_text(node) && node->text.len <= FACTUM_NAME_SIZE_MAX;
    for (size_t i = 0; good && i < node->text.len; i++) {
        good = node->text.ptr[i] >= ' ' && node->text.ptr[i] != 0x7f;
    }
    return good;
}

static bool value_is_reserved(factum_slice type)
{
    static const char *const reserved[] = {"CommandSucceeded", "CommandFailed", "CommandCancelled"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (fct_slice_equal(type, factum_slice_from(reserved[i]))) {
            return true;
        }
    }
    return type.ptr[0] == '$' || fct_slice_starts(type, FCT_SLICE("Saga"));
}

factum_status fct_saga_load_type(const struct fct_loader *loader, const struct fct_yaml *node,
                                 factum_slice *type)
{
    if (!value_is_line(node)) {
        return value_fail(loader, node, "event-type", "write a type of event, such as OrderPlaced");
    }
    if (value_is_reserved(node->text)) {
        return fct_saga_load_fail(
            loader, FACTUM_INVALID, node->mark, "reserved-type",
            "\"%.*s\" is a type that sagas use themselves: name an event of the "
            "service",
            FCT_FMT(node->text));
    }
    *type = node->text;
    return FACTUM_OK;
}

factum_status fct_saga_load_command(const struct fct_loader *loader, const struct fct_yaml *node,
                                    struct fct_call_text *call)
{
    static const char right[] = "write SERVICE.Command, such as stock.ReserveStock; the service is "
                                "a small letter, then small letters, digits and _";
    const uint8_t *dot = value_is_line(node) ? memchr(node->text.ptr, '.', node->text.len) : NULL;
    if (dot == NULL) {
        return value_fail(loader, node, "command", right);
    }
    factum_slice service = fct_slice(node->text.ptr, (size_t)(dot - node->text.ptr));
    factum_slice name = fct_slice_from(node->text, service.len + 1);
    bool good = fct_saga_name_valid(service) && name.len > 0;
    for (size_t i = 0; i < name.len && good; i++) {
        uint8_t c = name.ptr[i];
        good = c > ' ' && c != '/' && c != '"';
    }
    if (!good) {
        return value_fail(loader, node, "command", right);
    }
    call->name = node->text;
    call->service = service;
    call->mark = node->mark;
    return FACTUM_OK;
}

factum_status fct_saga_load_text(const struct fct_loader *loader, const struct fct_yaml *node,
                                 const char *what, factum_slice *text)
{
    if (!value_is_text(node)) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, node->mark, "value",
                                  "here is %s: write %s", value_kind(node), what);
    }
    *text = node->text;
    return FACTUM_OK;
}

factum_status fct_saga_load_bool(const struct fct_loader *loader, const struct fct_yaml *node,
                                 bool *value)
{
    *value = fct_yaml_is_word(node, "true");
    return *value || fct_yaml_is_word(node, "false")
               ? FACTUM_OK
               : value_fail(loader, node, "value", "write true or false, without quotes");
}

/* The digits at the beginning of |text|, at most 18; *size is their count. */
static uint64_t value_digits(factum_slice text, size_t *size)
{
    uint64_t value = 0;
    size_t at = 0;
    while (at < text.len && at < 18 && text.ptr[at] >= '0' && text.ptr[at] <= '9') {
        value = value * 10 + (uint64_t)(text.ptr[at++] - '0');
    }
    *size = at;
    return value;
}

factum_status fct_saga_load_whole(const struct fct_loader *loader, const struct fct_yaml *node,
                                  uint64_t least, uint64_t most, uint64_t *value)
{
    char right[96];
    size_t digits = 0;
    uint64_t found = value_is_plain(node) ? value_digits(node->text, &digits) : 0;
    if (digits == 0 || digits != node->text.len || found < least || found > most) {
        (void)snprintf(right, sizeof right,
                       "write a whole number from %" PRIu64 " to %" PRIu64 "%s", least, most,
                       node->plain ? "" : ", without quotes");
        return value_fail(loader, node, "number", right);
    }
    *value = found;
    return FACTUM_OK;
}

factum_status fct_saga_load_duration(const struct fct_loader *loader, const struct fct_yaml *node,
                                     int64_t *duration)
{
    static const struct {
        const char *name;
        int64_t size;
    } units[] = {{"ms", 1000000},
                 {"s", INT64_C(1000000000)},
                 {"m", INT64_C(60000000000)},
                 {"h", INT64_C(3600000000000)},
                 {"d", VALUE_DAY}};
    size_t digits = 0;
    uint64_t value = value_is_text(node) ? value_digits(node->text, &digits) : 0;
    for (size_t i = 0; i < sizeof units / sizeof *units && value > 0; i++) {
        uint64_t most = (uint64_t)(VALUE_DAYS_MAX * VALUE_DAY / units[i].size);
        if (fct_slice_equal(fct_slice_from(node->text, digits), factum_slice_from(units[i].name)) &&
            value <= most) {
            *duration = (int64_t)value * units[i].size;
            return FACTUM_OK;
        }
    }
    return value_fail(loader, node, "duration",
                      "write a whole number above 0 and ms, s, m, h or d, such as 30s; 1000d at "
                      "most");
}

factum_status fct_saga_load_word(const struct fct_loader *loader, const struct fct_yaml *node,
                                 const char *const *words, unsigned *index)
{
    char all[96];
    size_t used = 0;
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (fct_yaml_is_text(node, words[i])) {
            *index = i;
            return FACTUM_OK;
        }
    }
    (void)memcpy(all, "write", sizeof "write");
    used = strlen(all);
    for (unsigned i = 0; words[i] != NULL; i++) {
        const char *joint = i == 0 ? " " : words[i + 1] == NULL ? " or " : ", ";
        size_t len = strlen(joint) + strlen(words[i]);
        if (used + len < sizeof all) {
            memcpy(all + used, joint, strlen(joint));
            memcpy(all + used + strlen(joint), words[i], strlen(words[i]) + 1);
            used += len;
        }
    }
    return value_fail(loader, node, "value", all);
}

/* ---- mappings with known keys ---------------------------------------------------------------- */

static FCT_COLD factum_status value_unknown_key(const struct fct_loader *loader,
                                                const struct fct_yaml *key, const char *what,
                                                const struct fct_saga_load_key *keys)
{
    struct fct_nearest nearest;
    fct_nearest_begin(&nearest, key->text);
    for (const struct fct_saga_load_key *k = keys; k->name != NULL; k++) {
        if (k->read != NULL) {
            fct_nearest_offer(&nearest, factum_slice_from(k->name));
        }
    }
    if (nearest.best.len > 0) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, key->mark, "unknown-key",
                                  "%s has no \"%.*s\": did you mean %.*s?", what,
                                  FCT_FMT(key->text), FCT_FMT(nearest.best));
    }
    return fct_saga_load_fail(loader, FACTUM_INVALID, key->mark, "unknown-key",
                              "%s has no \"%.*s\": leave it out, or see docs/guide/sagas.md", what,
                              FCT_FMT(key->text));
}

static factum_status value_read_key(struct fct_loader *loader, const struct fct_yaml *key,
                                    const char *what, const struct fct_saga_load_key *keys,
                                    void *into)
{
    for (const struct fct_saga_load_key *k = keys; k->name != NULL; k++) {
        if (!fct_slice_equal(key->text, factum_slice_from(k->name))) {
            continue;
        }
        if (k->read == NULL) {
            return fct_saga_load_fail(loader, FACTUM_UNSUPPORTED, key->mark, "later",
                                      "\"%s\" comes later: this version does not know it yet",
                                      k->name);
        }
        return k->read(loader, key->value, into);
    }
    return value_unknown_key(loader, key, what, keys);
}

factum_status fct_saga_load_keys(struct fct_loader *loader, const struct fct_yaml *map,
                                 const char *what, const struct fct_saga_load_key *keys, void *into)
{
    if (map->kind != FCT_YAML_MAP) {
        return fct_saga_load_fail(loader, FACTUM_INVALID, map->mark, "value",
                                  "here is %s: %s is a mapping, such as %s: ...", value_kind(map),
                                  what, keys->name);
    }
    factum_status status = FACTUM_OK;
    for (const struct fct_yaml *key = map->first; key != NULL && status == FACTUM_OK;
         key = key->next) {
        status = value_read_key(loader, key, what, keys, into);
    }
    return status;
}

/* ---- retry ----------------------------------------------------------------------------------- */

static factum_status retry_read_times(struct fct_loader *loader, const struct fct_yaml *value,
                                      void *into)
{
    struct fct_retry_parsed *retry = into;
    uint64_t times = 0;
    retry->times = true;
    factum_status status = fct_yaml_is_text(value, "forever")
                               ? FACTUM_OK
                               : fct_saga_load_whole(loader, value, 1, VALUE_TRIES_MAX, &times);
    retry->value.times = (uint32_t)times;
    if (status != FACTUM_OK) {
        return value_fail(loader, value, "number",
                          "write how many tries there are, 1 to 10000, or forever");
    }
    return status;
}

static factum_status retry_read_from(struct fct_loader *loader, const struct fct_yaml *value,
                                     void *into)
{
    struct fct_retry_parsed *retry = into;
    retry->from = true;
    return fct_saga_load_duration(loader, value, &retry->value.from);
}

static factum_status retry_read_to(struct fct_loader *loader, const struct fct_yaml *value,
                                   void *into)
{
    struct fct_retry_parsed *retry = into;
    retry->to = true;
    return fct_saga_load_duration(loader, value, &retry->value.to);
}

static factum_status retry_read_factor(struct fct_loader *loader, const struct fct_yaml *value,
                                       void *into)
{
    struct fct_retry_parsed *retry = into;
    struct fct_json number;
    retry->factor = true;
    if (!value_is_plain(value) || fct_json_parse(value->text, &number, NULL) != FACTUM_OK ||
        number.kind != FACTUM_JSON_NUMBER ||
        fct_json_number_double(number.raw, &retry->value.factor) != FACTUM_OK ||
        retry->value.factor < 1 || retry->value.factor > VALUE_FACTOR_MAX) {
        return value_fail(loader, value, "number", "write a number from 1 to 100, such as 2");
    }
    return FACTUM_OK;
}

static factum_status retry_read_jitter(struct fct_loader *loader, const struct fct_yaml *value,
                                       void *into)
{
    static const char *const words[] = {"full", "equal", "none", NULL};
    struct fct_retry_parsed *retry = into;
    unsigned index = 0;
    factum_status status = fct_saga_load_word(loader, value, words, &index);
    retry->jitter = true;
    retry->value.jitter = (enum fct_jitter)index; /* in the order of the enum */
    return status;
}

factum_status fct_saga_load_retry(struct fct_loader *loader, const struct fct_yaml *node,
                                  struct fct_retry_parsed *retry)
{
    static const struct fct_saga_load_key keys[] = {
        {"times", retry_read_times},   {"from", retry_read_from},     {"to", retry_read_to},
        {"factor", retry_read_factor}, {"jitter", retry_read_jitter}, {NULL, NULL},
    };
    retry->mark = node->mark;
    return fct_saga_load_keys(loader, node, "retry", keys, retry);
}
