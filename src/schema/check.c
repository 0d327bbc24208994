/* check.c - keywords that look at one value alone. Layer: schema.
 *
 * They have the lowest bits, so that one walk over the bits meets their operands in order.
 */
#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "schema/format.h"
#include "schema/run_int.h"
#include "schema/value.h"

#define OWN_KEYWORDS (FCT_BIT(FCT_K_MEMBERS) - 1)
#define EVERY_KIND                                                                                 \
    (FCT_BIT(FCT_K_FALSE) | FCT_BIT(FCT_K_TYPE) | FCT_BIT(FCT_K_ENUM) | FCT_BIT(FCT_K_CONST))
#define OF_NUMBERS                                                                                 \
    (FCT_BIT(FCT_K_MULTIPLE_OF) | FCT_BIT(FCT_K_MAXIMUM) | FCT_BIT(FCT_K_EXCLUSIVE_MAXIMUM) |      \
     FCT_BIT(FCT_K_MINIMUM) | FCT_BIT(FCT_K_EXCLUSIVE_MINIMUM))
#define OF_TEXTS                                                                                   \
    (FCT_BIT(FCT_K_MAX_LENGTH) | FCT_BIT(FCT_K_MIN_LENGTH) | FCT_BIT(FCT_K_PATTERN) |              \
     FCT_BIT(FCT_K_FORMAT))
#define OF_ARRAYS                                                                                  \
    (FCT_BIT(FCT_K_MAX_ITEMS) | FCT_BIT(FCT_K_MIN_ITEMS) | FCT_BIT(FCT_K_UNIQUE_ITEMS))
#define OF_OBJECTS (FCT_BIT(FCT_K_MAX_PROPERTIES) | FCT_BIT(FCT_K_MIN_PROPERTIES))

#define PATTERN_READS_PER_STEP 2

/* A value and the keyword that it is checked against. */
struct look {
    struct fct_run *run;
    const struct fct_rule *rule;
    const struct fct_operand *operand;
    uint32_t value;
    uint8_t flags;
};

#define REPORT(look, ...)                                                                          \
    fct_fault((look)->run, (look)->rule, (look)->operand->node, (look)->value, (look)->flags,      \
              __VA_ARGS__)

static uint64_t keywords_of_kind(uint8_t kind)
{
    static const uint64_t keywords[] = {
        [FACTUM_JSON_NULL] = EVERY_KIND,
        [FACTUM_JSON_FALSE] = EVERY_KIND,
        [FACTUM_JSON_TRUE] = EVERY_KIND,
        [FACTUM_JSON_NUMBER] = EVERY_KIND | OF_NUMBERS,
        [FACTUM_JSON_TEXT] = EVERY_KIND | OF_TEXTS,
        [FACTUM_JSON_ARRAY] = EVERY_KIND | OF_ARRAYS,
        [FACTUM_JSON_OBJECT] = EVERY_KIND | OF_OBJECTS,
    };
    return keywords[kind];
}

static void show(const struct look *look, char shown[FCT_SHOWN_SIZE])
{
    fct_fault_show(look->run->json, look->value, shown);
}

/* ---- any value ------------------------------------------------------------------------------- */

/* "a number, a string or null" */
static void show_types(uint8_t types, char text[FCT_SHOWN_SIZE])
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
        {1u << FCT_TYPE_INTEGER, "a whole number"}, {1u << FACTUM_JSON_NUMBER, "a number"},
        {1u << FACTUM_JSON_TEXT, "a string"},       {1u << FACTUM_JSON_TRUE, "true or false"},
        {1u << FACTUM_JSON_OBJECT, "an object"},    {1u << FACTUM_JSON_ARRAY, "an array"},
        {1u << FACTUM_JSON_NULL, "null"},
    };
    size_t len = 0;
    unsigned left = types;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((left & names[i].bit) == 0) {
            continue;
        }
        left &= ~names[i].bit;
        left &= names[i].bit == 1u << FACTUM_JSON_TRUE ? ~(1u << FACTUM_JSON_FALSE) : ~0u;
        const char *between = len == 0 ? "" : left == 0 ? " or " : ", ";
        size_t size = strlen(between) + strlen(names[i].name);
        if (len + size >= FCT_SHOWN_SIZE) {
            return;
        }
        memcpy(text + len, between, strlen(between));
        memcpy(text + len + strlen(between), names[i].name, strlen(names[i].name) + 1);
        len += size;
    }
}

static bool check_type(const struct look *look)
{
    char shown[FCT_SHOWN_SIZE];
    char types[FCT_SHOWN_SIZE];
    const factum_json_node *node = &look->run->json->nodes[look->value];
    unsigned allowed = look->rule->types;
    if ((allowed >> node->kind & 1) != 0) {
        return true;
    }
    if (node->kind == FACTUM_JSON_NUMBER && (allowed >> FCT_TYPE_INTEGER & 1) != 0) {
        struct fct_decimal number;
        if ((node->flags & FACTUM_JSON_INTEGER) != 0) {
            return true;
        }
        number = fct_value_decimal(look->run->json, look->value);
        if (fct_decimal_is_integer(&number)) {
            return true;
        }
    }
    if ((look->flags & FCT_FRAME_QUIET) == 0) {
        show(look, shown);
        show_types(look->rule->types, types);
        REPORT(look, "must be %s, but is %s", types, shown);
    }
    return false;
}

static bool check_false(const struct look *look)
{
    REPORT(look, "is not allowed");
    return false;
}

static struct fct_value schema_value(const struct look *look, uint32_t node)
{
    return (struct fct_value){&fct_document_at(look->run->program, look->rule->document)->json,
                              node};
}

/* Is the value equal to that at |node| of the schema? */
static bool equals(const struct look *look, uint32_t node)
{
    uint64_t steps = 0;
    struct fct_value value = {look->run->json, look->value};
    bool equal = fct_value_equal(value, schema_value(look, node), &steps);
    (void)fct_run_charge(look->run, steps);
    return equal;
}

static void report_enum(const struct look *look)
{
    char list[160] = "";
    char shown[FCT_SHOWN_SIZE];
    size_t len = 0;
    struct fct_value values = schema_value(look, look->operand->value);
    uint32_t end = values.json->nodes[values.node].next;
    for (uint32_t at = values.node + 1; at < end; at = values.json->nodes[at].next) {
        bool last = values.json->nodes[at].next >= end;
        const char *between = len == 0 ? "" : last ? " or " : ", ";
        fct_fault_show(values.json, at, shown);
        size_t size = strlen(between) + strlen(shown);
        if (len + size + 5 >= sizeof list) {
            memcpy(list + len, ", ...", 6);
            break;
        }
        memcpy(list + len, between, strlen(between));
        memcpy(list + len + strlen(between), shown, strlen(shown) + 1);
        len += size;
    }
    show(look, shown);
    REPORT(look, len == 0 ? "must be one of no values%s, but is %s" : "must be %s, but is %s", list,
           shown);
}

static bool check_enum(const struct look *look)
{
    struct fct_value values = schema_value(look, look->operand->value);
    uint32_t end = values.json->nodes[values.node].next;
    for (uint32_t at = values.node + 1; at < end; at = values.json->nodes[at].next) {
        if (equals(look, at)) {
            return true;
        }
    }
    if ((look->flags & FCT_FRAME_QUIET) == 0) {
        report_enum(look);
    }
    return false;
}

static bool check_const(const struct look *look)
{
    char wanted[FCT_SHOWN_SIZE];
    char shown[FCT_SHOWN_SIZE];
    if (equals(look, look->operand->value)) {
        return true;
    }
    if ((look->flags & FCT_FRAME_QUIET) == 0) {
        struct fct_value value = schema_value(look, look->operand->value);
        bool container = value.json->nodes[value.node].kind >= FACTUM_JSON_ARRAY;
        fct_fault_show(value.json, value.node, wanted);
        show(look, shown);
        REPORT(look,
               container ? "must be %s equal to the one in \"const\", but is %s"
                         : "must be %s, but is %s",
               wanted, shown);
    }
    return false;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool small_number(const struct look *look, int64_t *number)
{
    const factum_json_node *node = &look->run->json->nodes[look->value];
    const uint8_t *text = look->run->json->text.ptr + node->start;
    if ((node->flags & FACTUM_JSON_INTEGER) == 0 || node->len > 18) {
        return false;
    }
    uint32_t at = text[0] == '-' ? 1 : 0;
    *number = 0;
    for (; at < node->len; at++) {
        *number = *number * 10 + (text[at] - '0');
    }
    *number = text[0] == '-' ? -*number : *number;
    return true;
}

/* Compares the value with the bound: below 0, 0, above 0. */
static int compare(const struct look *look)
{
    const struct fct_bound *bound =
        FCT_AT(look->run->program->bounds, const struct fct_bound, look->operand->value);
    int64_t number;
    if (bound->is_small && small_number(look, &number)) {
        return number < bound->small ? -1 : number > bound->small;
    }
    struct fct_decimal decimal = fct_value_decimal(look->run->json, look->value);
    (void)fct_run_charge(look->run, decimal.count / 64);
    return fct_decimal_compare(&decimal, &bound->decimal);
}

/* Reports the bound as written in the schema. */
static bool report_bound(const struct look *look, const char *must)
{
    char shown[FCT_SHOWN_SIZE];
    char bound[FCT_SHOWN_SIZE];
    if ((look->flags & FCT_FRAME_QUIET) == 0) {
        struct fct_value value = schema_value(look, look->operand->node);
        fct_fault_show(value.json, value.node, bound);
        show(look, shown);
        REPORT(look, "must be %s %s, but is %s", must, bound, shown);
    }
    return false;
}

static bool check_multiple(const struct look *look)
{
    const struct fct_divisor *divisor =
        FCT_AT(look->run->program->divisors, const struct fct_divisor, look->operand->value);
    struct fct_decimal number = fct_value_decimal(look->run->json, look->value);
    (void)fct_run_charge(look->run, number.count / 16);
    return fct_decimal_is_multiple(&number, divisor) || report_bound(look, "a multiple of");
}

static bool check_maximum(const struct look *look)
{
    return compare(look) <= 0 || report_bound(look, "at most");
}

static bool check_exclusive_maximum(const struct look *look)
{
    return compare(look) < 0 || report_bound(look, "less than");
}

static bool check_minimum(const struct look *look)
{
    return compare(look) >= 0 || report_bound(look, "at least");
}

static bool check_exclusive_minimum(const struct look *look)
{
    return compare(look) > 0 || report_bound(look, "more than");
}

/* ---- counts ---------------------------------------------------------------------------------- */

static bool report_count(const struct look *look, const char *must, const char *thing, size_t count)
{
    uint32_t wanted = look->operand->value;
    REPORT(look, "must have %s %" PRIu32 " %s%s, but has %zu", must, wanted, thing,
           wanted == 1 ? "" : "s", count);
    return false;
}

/* The length as text.c counts it; most often the number of bytes decides. */
static size_t length_of(const struct look *look)
{
    struct fct_text text = fct_value_text(look->run->json, look->value);
    (void)fct_run_charge(look->run, text.raw.len / 64);
    return fct_text_length(text);
}

static bool check_max_length(const struct look *look)
{
    if (look->run->json->nodes[look->value].len <= look->operand->value) {
        return true; /* a text has at most as many characters as bytes */
    }
    size_t count = length_of(look);
    return count <= look->operand->value || report_count(look, "at most", "character", count);
}

static bool check_min_length(const struct look *look)
{
    /* A character has at most 12 bytes: two escapes. */
    if (look->run->json->nodes[look->value].len / 12 >= look->operand->value) {
        return true;
    }
    size_t count = length_of(look);
    return count >= look->operand->value || report_count(look, "at least", "character", count);
}

static uint32_t count_of(const struct look *look)
{
    uint32_t count = factum_json_count(look->run->json, look->value);
    (void)fct_run_charge(look->run, count / 8);
    return count;
}

static bool check_max_items(const struct look *look)
{
    uint32_t count = count_of(look);
    return count <= look->operand->value || report_count(look, "at most", "item", count);
}

static bool check_min_items(const struct look *look)
{
    uint32_t count = count_of(look);
    return count >= look->operand->value || report_count(look, "at least", "item", count);
}

/* "1 property", "2 properties" */
static bool report_properties(const struct look *look, const char *must, uint32_t count)
{
    REPORT(look, "must have %s %" PRIu32 " propert%s, but has %" PRIu32, must, look->operand->value,
           look->operand->value == 1 ? "y" : "ies", count);
    return false;
}

static bool check_max_properties(const struct look *look)
{
    uint32_t count = count_of(look);
    return count <= look->operand->value || report_properties(look, "at most", count);
}

static bool check_min_properties(const struct look *look)
{
    uint32_t count = count_of(look);
    return count >= look->operand->value || report_properties(look, "at least", count);
}

/* ---- texts ----------------------------------------------------------------------------------- */

bool fct_check_pattern(struct fct_run *run, uint32_t pattern, uint32_t node)
{
    const struct fct_pattern *compiled =
        *FCT_AT(run->program->patterns, struct fct_pattern *const, pattern);
    if (!fct_run_charge(run, 16 + run->json->nodes[node].len / 4)) {
        return false;
    }
    factum_slice text = fct_run_plain(run, node);
    if (text.ptr == NULL) {
        return false;
    }
    enum fct_pattern_answer answer = fct_pattern_match(compiled, run->scratch, text);
    if (!fct_run_charge(run, fct_pattern_reads(run->scratch) / PATTERN_READS_PER_STEP)) {
        return false;
    }
    if (answer == FCT_PATTERN_MATCH || answer == FCT_PATTERN_NO_MATCH) {
        return answer == FCT_PATTERN_MATCH;
    }
    char shown[FCT_SHOWN_SIZE];
    fct_fault_show(run->json, node, shown);
    factum_status status = answer == FCT_PATTERN_NOT_UTF8    ? FACTUM_INVALID
                           : answer == FCT_PATTERN_NO_MEMORY ? FACTUM_NO_MEMORY
                                                             : FACTUM_TOO_BIG;
    fct_run_end(run, status, "cannot be matched with a pattern: the string %s %s", shown,
                fct_pattern_answer_text(answer));
    return false;
}

static bool check_pattern(const struct look *look)
{
    char shown[FCT_SHOWN_SIZE];
    if (fct_check_pattern(look->run, look->operand->value, look->value)) {
        return true;
    }
    if ((look->flags & FCT_FRAME_QUIET) == 0 && look->run->status == FACTUM_OK) {
        struct fct_value pattern = schema_value(look, look->operand->node);
        show(look, shown);
        REPORT(look, "must match the pattern %.*s, but is %s",
               FCT_FMT(fct_value_raw(pattern.json, pattern.node)), shown);
    }
    return false;
}

static bool is_regex(struct fct_run *run, factum_slice text)
{
    factum_error ignored;
    struct fct_pattern *pattern;
    factum_status status = fct_pattern_compile(run->mem, text, &pattern, &ignored);
    if (status == FACTUM_OK) {
        fct_pattern_destroy(pattern);
    } else if (status == FACTUM_NO_MEMORY) {
        fct_run_end(run, status, "a regular expression: out of memory");
    }
    /* A pattern that is not supported is still a regular expression. */
    return status != FACTUM_INVALID;
}

static bool check_format(const struct look *look)
{
    char shown[FCT_SHOWN_SIZE];
    enum fct_format format = (enum fct_format)look->operand->value;
    factum_slice text = fct_run_plain(look->run, look->value);
    if (text.ptr == NULL || !fct_run_charge(look->run, text.len / 16)) {
        return false;
    }
    bool ok =
        format == FCT_FORMAT_REGEX ? is_regex(look->run, text) : fct_format_matches(format, text);
    if (!ok && (look->flags & FCT_FRAME_QUIET) == 0) {
        show(look, shown);
        REPORT(look, "must be of the format %s, but is %s", fct_format_name(format), shown);
    }
    return ok;
}

/* ---- unique items ---------------------------------------------------------------------------- */

struct slot {
    uint32_t hash;
    uint32_t node; /* 0: empty */
    uint32_t index;
};

static bool same(const struct look *look, uint32_t a, uint32_t b)
{
    uint64_t steps = 0;
    bool equal = fct_value_equal((struct fct_value){look->run->json, a},
                                 (struct fct_value){look->run->json, b}, &steps);
    (void)fct_run_charge(look->run, steps);
    return equal;
}

/* An empty table with at least twice as many slots as items. */
static struct slot *slots_for(struct fct_run *run, uint32_t count, uint32_t *mask)
{
    uint32_t size = 16;
    while (size < count * 2) {
        size *= 2;
    }
    fct_buf_clear(&run->unique);
    if (fct_buf_reserve(&run->unique, size * sizeof(struct slot)) != FACTUM_OK) {
        fct_run_end(run, FACTUM_NO_MEMORY, "unique items: out of memory");
        return NULL;
    }
    memset(run->unique.ptr, 0, size * sizeof(struct slot));
    *mask = size - 1;
    return FCT_FIRST(run->unique, struct slot);
}

static bool check_unique(const struct look *look)
{
    struct fct_run *run = look->run;
    uint32_t end = run->json->nodes[look->value].next;
    uint32_t count = count_of(look);
    uint32_t mask;
    uint32_t index = 0;
    if (count < 2 || !fct_run_charge(run, count)) {
        return true;
    }
    struct slot *slots = slots_for(run, count, &mask);
    for (uint32_t at = look->value + 1; at < end && slots != NULL && run->status == FACTUM_OK;
         at = run->json->nodes[at].next) {
        uint64_t steps = 0;
        uint32_t hash =
            (uint32_t)fct_value_hash((struct fct_value){run->json, at}, run->program->seed, &steps);
        (void)fct_run_charge(run, steps + run->json->nodes[at].len / 64);
        uint32_t slot = hash & mask;
        for (; slots[slot].node != 0; slot = (slot + 1) & mask) {
            if (slots[slot].hash == hash && same(look, slots[slot].node, at)) {
                REPORT(look,
                       "must not have the same item twice, but items %" PRIu32 " and %" PRIu32
                       " are equal",
                       slots[slot].index, index);
                return false;
            }
        }
        slots[slot] = (struct slot){.hash = hash, .node = at, .index = index};
        index++;
    }
    return true;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool (*const checks[])(const struct look *) = {
    [FCT_K_FALSE] = check_false,
    [FCT_K_TYPE] = check_type,
    [FCT_K_ENUM] = check_enum,
    [FCT_K_CONST] = check_const,
    [FCT_K_MULTIPLE_OF] = check_multiple,
    [FCT_K_MAXIMUM] = check_maximum,
    [FCT_K_EXCLUSIVE_MAXIMUM] = check_exclusive_maximum,
    [FCT_K_MINIMUM] = check_minimum,
    [FCT_K_EXCLUSIVE_MINIMUM] = check_exclusive_minimum,
    [FCT_K_MAX_LENGTH] = check_max_length,
    [FCT_K_MIN_LENGTH] = check_min_length,
    [FCT_K_PATTERN] = check_pattern,
    [FCT_K_FORMAT] = check_format,
    [FCT_K_MAX_ITEMS] = check_max_items,
    [FCT_K_MIN_ITEMS] = check_min_items,
    [FCT_K_UNIQUE_ITEMS] = check_unique,
    [FCT_K_MAX_PROPERTIES] = check_max_properties,
    [FCT_K_MIN_PROPERTIES] = check_min_properties,
};
static_assert(sizeof checks / sizeof checks[0] == FCT_K_MEMBERS, "one for each own keyword");

bool fct_check_value(struct fct_run *run, const struct fct_rule *rule, uint32_t value,
                     uint8_t flags)
{
    uint64_t left = rule->keywords & OWN_KEYWORDS;
    uint64_t wanted = keywords_of_kind(run->json->nodes[value].kind);
    bool first = run->first_only || (flags & (FCT_FRAME_QUIET | FCT_FRAME_EXPLAIN)) != 0;
    bool ok = true;
    struct look look = {.run = run, .rule = rule, .value = value, .flags = flags};
    if ((left & wanted) == 0) {
        return true;
    }
    look.operand = FCT_AT(run->program->operands, const struct fct_operand, rule->operands);
    for (; (left & wanted) != 0; look.operand++) {
        uint32_t keyword = (uint32_t)FCT_LOWEST_BIT64(left);
        left &= left - 1;
        if ((wanted >> keyword & 1) == 0) {
            continue;
        }
        bool met = checks[keyword](&look);
        ok = ok && met;
        if (!ok && (first || keyword == FCT_K_FALSE || run->status != FACTUM_OK)) {
            return false;
        }
    }
    return ok;
}
