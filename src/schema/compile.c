/* compile.c - keywords into operands, one rule at a time. Layer: schema.
 *
 * Each keyword's value is checked here; the error for a wrong one names its place. The subschemas
 * inside are rules already; only references may add rules.
 */
#include <inttypes.h>

#include "core/check.h"
#include "core/error.h"
#include "schema/build_int.h"
#include "schema/format.h"
#include "schema/keywords.h"
#include "schema/members.h"
#include "schema/value.h"

/* A rule that is being compiled. */
struct emit {
    struct fct_build *build;
    struct fct_program *program;
    uint32_t document;
    uint32_t number; /* of the rule */
    uint8_t draft;
    uint8_t types;
    uint64_t keywords;
    struct fct_operand operands[FCT_K_COUNT];
    uint32_t nodes[FCT_WORD_COUNT]; /* the value of each keyword, or FACTUM_JSON_NONE */
};

/* Not kept in |emit|: a document may move when another one is loaded. */
static const factum_json *json_of(const struct emit *emit)
{
    return &fct_document_at(emit->program, emit->document)->json;
}

static uint8_t kind_of(const struct emit *emit, uint32_t node)
{
    return json_of(emit)->nodes[node].kind;
}

static bool has_word(const struct emit *emit, enum fct_word word)
{
    return emit->nodes[word] != FACTUM_JSON_NONE;
}

static void set(struct emit *emit, enum fct_keyword keyword, uint32_t node, uint32_t value)
{
    emit->keywords |= FCT_BIT(keyword);
    emit->operands[keyword] = (struct fct_operand){.node = node, .value = value};
}

#define FAIL(emit, node, ...)                                                                      \
    fct_build_fail((emit)->build, (struct fct_place){(emit)->document, (node)}, FACTUM_INVALID,    \
                   __VA_ARGS__)

/* Fails with "must be <wanted>, but is <the value>". */
static factum_status wrong_kind(struct emit *emit, uint32_t node, const char *wanted)
{
    uint8_t kind = kind_of(emit, node);
    factum_slice raw = fct_value_raw(json_of(emit), node);
    if (kind == FACTUM_JSON_NUMBER) {
        return FAIL(emit, node, "must be %s, but is %.*s", wanted, FCT_FMT(raw));
    }
    return FAIL(emit, node, "must be %s, but is %s", wanted, fct_kind_text(kind));
}

/* Adds an item to an array of the program; *index is its number. */
static factum_status emit_add(struct emit *emit, struct fct_buf *array, const void *item,
                              size_t size, uint32_t *index)
{
    *index = (uint32_t)(array->len / size);
    factum_status status = fct_buf_add(array, item, size);
    return status == FACTUM_OK ? FACTUM_OK : fct_build_no_room(emit->build, status);
}

factum_status fct_compile_list(struct fct_build *build, const uint32_t *numbers, uint32_t count,
                               uint32_t *at)
{
    struct fct_buf *words = &build->program->words;
    *at = FCT_COUNT_OF(*words, uint32_t);
    factum_status status = fct_buf_add(words, &count, sizeof count);
    if (status == FACTUM_OK && count > 0) {
        status = fct_buf_add(words, numbers, count * sizeof *numbers);
    }
    return status == FACTUM_OK ? FACTUM_OK : fct_build_no_room(build, status);
}

static factum_status list_add(struct emit *emit, uint32_t number)
{
    factum_status status = fct_buf_add(&emit->build->list, &number, sizeof number);
    return status == FACTUM_OK ? FACTUM_OK : fct_build_no_room(emit->build, status);
}

/* Makes the list of list_add the operand. */
static factum_status set_list(struct emit *emit, enum fct_keyword keyword, uint32_t node)
{
    uint32_t at;
    const struct fct_buf *list = &emit->build->list;
    factum_status status = fct_compile_list(emit->build, FCT_FIRST(*list, const uint32_t),
                                            FCT_COUNT_OF(*list, uint32_t), &at);
    set(emit, keyword, node, at);
    return status;
}

/* The number in texts of the name at |node|. */
static factum_status intern(struct emit *emit, uint32_t node, uint32_t *text)
{
    factum_slice name;
    if (kind_of(emit, node) != FACTUM_JSON_TEXT) {
        return wrong_kind(emit, node, "a string");
    }
    factum_status status =
        fct_load_text(emit->build, (struct fct_place){emit->document, node}, &name);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_names_add(&emit->program->texts, name, text);
    return status == FACTUM_OK ? FACTUM_OK : fct_build_no_room(emit->build, status);
}

/* The rule of a subschema that the walk over the document has found. */
static uint32_t rule_at(const struct emit *emit, uint32_t node)
{
    const struct fct_document *document = fct_document_at(emit->program, emit->document);
    FCT_ASSERT(document->rule_of[node] != FCT_RULE_NONE);
    return document->json.nodes[node].kind == FACTUM_JSON_TRUE ? FCT_RULE_ANY
                                                               : document->rule_of[node];
}

/* ---- values of keywords that hold no schemas ------------------------------------------------- */

static factum_status type_bit(struct emit *emit, uint32_t node)
{
    static const struct {
        const char *name;
        unsigned bits;
    } types[] = {
        {"null", 1u << FACTUM_JSON_NULL},
        {"boolean", 1u << FACTUM_JSON_FALSE | 1u << FACTUM_JSON_TRUE},
        {"number", 1u << FACTUM_JSON_NUMBER},
        {"integer", 1u << FCT_TYPE_INTEGER},
        {"string", 1u << FACTUM_JSON_TEXT},
        {"array", 1u << FACTUM_JSON_ARRAY},
        {"object", 1u << FACTUM_JSON_OBJECT},
    };
    const factum_json *json = json_of(emit);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (json->nodes[node].kind == FACTUM_JSON_TEXT &&
            fct_text_is(fct_value_text(json, node), factum_slice_from(types[i].name))) {
            emit->types |= (uint8_t)types[i].bits;
            return FACTUM_OK;
        }
    }
    return kind_of(emit, node) != FACTUM_JSON_TEXT
               ? wrong_kind(emit, node, "the name of a type")
               : FAIL(emit, node,
                      "must be null, boolean, number, integer, string, array or object, but is "
                      "\"%.*s\"",
                      FCT_FMT(fct_value_raw(json, node)));
}

static factum_status compile_type(struct emit *emit)
{
    uint32_t node = emit->nodes[FCT_WORD_TYPE];
    const factum_json *json = json_of(emit);
    factum_status status = FACTUM_OK;
    if (!has_word(emit, FCT_WORD_TYPE)) {
        return FACTUM_OK;
    }
    emit->types = 0;
    set(emit, FCT_K_TYPE, node, 0);
    if (kind_of(emit, node) != FACTUM_JSON_ARRAY) {
        return type_bit(emit, node);
    }
    uint32_t end = json->nodes[node].next;
    if (end == node + 1) {
        return FAIL(emit, node, "must name one type at least");
    }
    for (uint32_t at = node + 1; at < end && status == FACTUM_OK; at = json->nodes[at].next) {
        uint8_t before = emit->types;
        status = type_bit(emit, at);
        if (status == FACTUM_OK && emit->types == before) {
            status = FAIL(emit, at, "appears twice");
        }
    }
    return status;
}

static factum_status compile_count(struct emit *emit, enum fct_word word, enum fct_keyword keyword)
{
    uint32_t node = emit->nodes[word];
    uint32_t count;
    if (!has_word(emit, word)) {
        return FACTUM_OK;
    }
    struct fct_decimal number = {.count = 0};
    if (kind_of(emit, node) == FACTUM_JSON_NUMBER) {
        number = fct_value_decimal(json_of(emit), node);
    }
    if (kind_of(emit, node) != FACTUM_JSON_NUMBER || !fct_decimal_count(&number, &count)) {
        return wrong_kind(emit, node, "a whole number of 0 or more");
    }
    set(emit, keyword, node, count);
    return FACTUM_OK;
}

static factum_status compile_bound(struct emit *emit, enum fct_word word, enum fct_keyword keyword)
{
    uint32_t node = emit->nodes[word];
    uint32_t index;
    if (!has_word(emit, word)) {
        return FACTUM_OK;
    }
    if (kind_of(emit, node) != FACTUM_JSON_NUMBER) {
        return wrong_kind(emit, node, "a number");
    }
    factum_slice raw = fct_value_raw(json_of(emit), node);
    struct fct_bound bound = {.decimal = fct_decimal_parse(raw)};
    bound.is_small = fct_decimal_small(&bound.decimal, &bound.small);
    factum_status status = emit_add(emit, &emit->program->bounds, &bound, sizeof bound, &index);
    set(emit, keyword, node, index);
    return status;
}

static factum_status compile_multiple(struct emit *emit)
{
    uint32_t node = emit->nodes[FCT_WORD_MULTIPLE_OF];
    uint32_t index;
    struct fct_divisor divisor;
    if (!has_word(emit, FCT_WORD_MULTIPLE_OF)) {
        return FACTUM_OK;
    }
    if (kind_of(emit, node) != FACTUM_JSON_NUMBER) {
        return wrong_kind(emit, node, "a number above 0");
    }
    struct fct_decimal number = fct_value_decimal(json_of(emit), node);
    if (number.count == 0 || number.negative) {
        return wrong_kind(emit, node, "a number above 0");
    }
    if (!fct_divisor_from(&number, &divisor)) {
        return fct_build_fail(emit->build, (struct fct_place){emit->document, node}, FACTUM_TOO_BIG,
                              "over the limit of %d digits", FCT_DIVISOR_DIGITS_MAX);
    }
    factum_status status =
        emit_add(emit, &emit->program->divisors, &divisor, sizeof divisor, &index);
    set(emit, FCT_K_MULTIPLE_OF, node, index);
    return status;
}

static factum_status compile_numbers(struct emit *emit)
{
    static const struct {
        enum fct_word word;
        enum fct_keyword keyword;
    } counts[] =
        {
            {FCT_WORD_MAX_LENGTH, FCT_K_MAX_LENGTH},
            {FCT_WORD_MIN_LENGTH, FCT_K_MIN_LENGTH},
            {FCT_WORD_MAX_ITEMS, FCT_K_MAX_ITEMS},
            {FCT_WORD_MIN_ITEMS, FCT_K_MIN_ITEMS},
            {FCT_WORD_MAX_PROPERTIES, FCT_K_MAX_PROPERTIES},
            {FCT_WORD_MIN_PROPERTIES, FCT_K_MIN_PROPERTIES},
            {FCT_WORD_MAX_CONTAINS, FCT_K_MAX_CONTAINS},
            {FCT_WORD_MIN_CONTAINS, FCT_K_MIN_CONTAINS},
        },
      bounds[] = {
          {FCT_WORD_MAXIMUM, FCT_K_MAXIMUM},
          {FCT_WORD_EXCLUSIVE_MAXIMUM, FCT_K_EXCLUSIVE_MAXIMUM},
          {FCT_WORD_MINIMUM, FCT_K_MINIMUM},
          {FCT_WORD_EXCLUSIVE_MINIMUM, FCT_K_EXCLUSIVE_MINIMUM},
      };
    factum_status status = compile_multiple(emit);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && status == FACTUM_OK; i++) {
        status = compile_count(emit, counts[i].word, counts[i].keyword);
    }
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0] && status == FACTUM_OK; i++) {
        status = compile_bound(emit, bounds[i].word, bounds[i].keyword);
    }
    return status;
}

/* Compiles the pattern of the text at |node|. */
static factum_status compile_pattern(struct emit *emit, uint32_t node, uint32_t *index)
{
    factum_slice text;
    struct fct_pattern *pattern;
    factum_error why;
    struct fct_place place = {emit->document, node};
    if (kind_of(emit, node) != FACTUM_JSON_TEXT) {
        return wrong_kind(emit, node, "a string");
    }
    factum_status status = fct_load_text(emit->build, place, &text);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_pattern_compile(emit->program->mem, text, &pattern, &why);
    if (status != FACTUM_OK) {
        return fct_build_fail(emit->build, place, status, "%s", why.text);
    }
    status = emit_add(emit, &emit->program->patterns, &pattern, sizeof pattern, index);
    if (status != FACTUM_OK) {
        fct_pattern_destroy(pattern);
    }
    return status;
}

static factum_status compile_format(struct emit *emit)
{
    uint32_t node = emit->nodes[FCT_WORD_FORMAT];
    factum_slice name;
    if (!has_word(emit, FCT_WORD_FORMAT)) {
        return FACTUM_OK;
    }
    if (kind_of(emit, node) != FACTUM_JSON_TEXT) {
        return wrong_kind(emit, node, "a string");
    }
    factum_status status =
        fct_load_text(emit->build, (struct fct_place){emit->document, node}, &name);
    enum fct_format format = status == FACTUM_OK ? fct_format_of(name) : FCT_FORMAT_COUNT;
    if (emit->program->formats && format != FCT_FORMAT_COUNT) {
        set(emit, FCT_K_FORMAT, node, (uint32_t)format);
    }
    return status;
}

static factum_status compile_values(struct emit *emit)
{
    uint32_t values = emit->nodes[FCT_WORD_ENUM];
    uint32_t unique = emit->nodes[FCT_WORD_UNIQUE_ITEMS];
    uint32_t tag = emit->nodes[FCT_WORD_TAG];
    uint32_t index = 0;
    factum_status status = compile_type(emit);
    if (status == FACTUM_OK && has_word(emit, FCT_WORD_ENUM)) {
        set(emit, FCT_K_ENUM, values, values);
        status = kind_of(emit, values) == FACTUM_JSON_ARRAY ? FACTUM_OK
                                                            : wrong_kind(emit, values, "an array");
    }
    if (has_word(emit, FCT_WORD_CONST)) {
        set(emit, FCT_K_CONST, emit->nodes[FCT_WORD_CONST], emit->nodes[FCT_WORD_CONST]);
    }
    if (status == FACTUM_OK && has_word(emit, FCT_WORD_UNIQUE_ITEMS)) {
        uint8_t kind = kind_of(emit, unique);
        if (kind != FACTUM_JSON_TRUE && kind != FACTUM_JSON_FALSE) {
            status = wrong_kind(emit, unique, "true or false");
        } else if (kind == FACTUM_JSON_TRUE) {
            set(emit, FCT_K_UNIQUE_ITEMS, unique, 0);
        }
    }
    if (status == FACTUM_OK && has_word(emit, FCT_WORD_PATTERN)) {
        status = compile_pattern(emit, emit->nodes[FCT_WORD_PATTERN], &index);
        set(emit, FCT_K_PATTERN, emit->nodes[FCT_WORD_PATTERN], index);
    }
    if (status == FACTUM_OK && has_word(emit, FCT_WORD_TAG) &&
        kind_of(emit, tag) != FACTUM_JSON_TEXT) {
        status = wrong_kind(emit, tag, "a string");
    }
    emit->program->has_tags = emit->program->has_tags || has_word(emit, FCT_WORD_TAG);
    return status == FACTUM_OK ? compile_format(emit) : status;
}

/* ---- objects --------------------------------------------------------------------------------- */

/* The member |name| of the current table, added if it is new. */
static factum_status table_add(struct emit *emit, struct fct_table *table, uint32_t text,
                               uint32_t *number)
{
    struct fct_program *program = emit->program;
    const struct fct_name *name = fct_names_at(&program->texts, text);
    struct fct_member member = {
        .offset = name->offset, .len = name->len, .rule = FCT_RULE_NONE, .required = FCT_RULE_NONE};
    factum_slice bytes = fct_names_text(&program->texts, text);
    member.hash = fct_member_hash(bytes, program->seed);
    uint32_t slot = fct_member_slot(program, table, bytes, member.hash);
    uint32_t *slots = FCT_AT(program->words, uint32_t, table->slots);
    *number = table->members + slots[slot];
    if (slots[slot] != FCT_RULE_NONE) {
        return FACTUM_OK;
    }
    slots[slot] = table->count++;
    return emit_add(emit, &program->members, &member, sizeof member, number);
}

static struct fct_member *member_at(struct emit *emit, uint32_t number)
{
    return FCT_AT(emit->program->members, struct fct_member, number);
}

/* An empty table with room for |count| names. */
static factum_status table_begin(struct emit *emit, uint32_t count, struct fct_table *table)
{
    struct fct_program *program = emit->program;
    uint32_t size = 4;
    while (size < count * 2) {
        size *= 2;
    }
    *table = (struct fct_table){.slots = FCT_COUNT_OF(program->words, uint32_t),
                                .mask = size - 1,
                                .members = FCT_COUNT_OF(program->members, struct fct_member)};
    factum_status status = fct_buf_reserve(&program->words, size * sizeof(uint32_t));
    if (status == FACTUM_OK) {
        status = fct_buf_reserve(&program->members, 1); /* so that the array is not at NULL */
    }
    if (status != FACTUM_OK) {
        return fct_build_no_room(emit->build, status);
    }
    memset(program->words.ptr + program->words.len, 0xff, size * sizeof(uint32_t));
    program->words.len += size * sizeof(uint32_t);
    return FACTUM_OK;
}

static factum_status table_properties(struct emit *emit, struct fct_table *table)
{
    uint32_t node = emit->nodes[FCT_WORD_PROPERTIES];
    const factum_json *json = json_of(emit);
    factum_status status = FACTUM_OK;
    for (uint32_t at = node + 1; at < json->nodes[node].next;) {
        uint32_t text = 0;
        uint32_t number = 0;
        status = intern(emit, at, &text);
        if (status != FACTUM_OK) {
            return status;
        }
        status = table_add(emit, table, text, &number);
        if (status != FACTUM_OK) {
            return status;
        }
        member_at(emit, number)->rule = rule_at(emit, at + 1);
        at = json->nodes[at + 1].next;
    }
    return FACTUM_OK;
}

static factum_status table_required(struct emit *emit, struct fct_table *table)
{
    uint32_t node = emit->nodes[FCT_WORD_REQUIRED];
    const factum_json *json = json_of(emit);
    factum_status status = FACTUM_OK;
    uint32_t count = 0;
    fct_buf_clear(&emit->build->list);
    for (uint32_t at = node + 1; at < json->nodes[node].next; at++) {
        uint32_t text = 0;
        uint32_t number = 0;
        status = intern(emit, at, &text);
        if (status != FACTUM_OK) {
            return status;
        }
        status = table_add(emit, table, text, &number);
        if (status != FACTUM_OK) {
            return status;
        }
        if (member_at(emit, number)->required != FCT_RULE_NONE) {
            return FAIL(emit, at, "appears twice");
        }
        member_at(emit, number)->required = count++;
        status = list_add(emit, text);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    return set_list(emit, FCT_K_REQUIRED, node);
}

static factum_status compile_members(struct emit *emit)
{
    const factum_json *json = json_of(emit);
    uint32_t properties = emit->nodes[FCT_WORD_PROPERTIES];
    uint32_t required = emit->nodes[FCT_WORD_REQUIRED];
    struct fct_table table;
    uint32_t index;
    uint32_t count = 0;
    if (!has_word(emit, FCT_WORD_PROPERTIES) && !has_word(emit, FCT_WORD_REQUIRED)) {
        return FACTUM_OK;
    }
    if (has_word(emit, FCT_WORD_REQUIRED) && kind_of(emit, required) != FACTUM_JSON_ARRAY) {
        return wrong_kind(emit, required, "an array of names");
    }
    count += has_word(emit, FCT_WORD_PROPERTIES) ? factum_json_count(json, properties) : 0;
    count += has_word(emit, FCT_WORD_REQUIRED) ? factum_json_count(json, required) : 0;
    factum_status status = table_begin(emit, count, &table);
    if (status != FACTUM_OK) {
        return status;
    }
    if (has_word(emit, FCT_WORD_PROPERTIES)) {
        status = table_properties(emit, &table);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (has_word(emit, FCT_WORD_REQUIRED)) {
        status = table_required(emit, &table);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = emit_add(emit, &emit->program->tables, &table, sizeof table, &index);
    set(emit, FCT_K_MEMBERS, properties, index);
    return status;
}

static factum_status compile_pattern_properties(struct emit *emit)
{
    uint32_t node = emit->nodes[FCT_WORD_PATTERN_PROPERTIES];
    const factum_json *json = json_of(emit);
    factum_status status = FACTUM_OK;
    if (!has_word(emit, FCT_WORD_PATTERN_PROPERTIES)) {
        return FACTUM_OK;
    }
    fct_buf_clear(&emit->build->list);
    for (uint32_t at = node + 1; at < json->nodes[node].next && status == FACTUM_OK;) {
        uint32_t pattern = 0;
        status = compile_pattern(emit, at, &pattern);
        status = status == FACTUM_OK ? list_add(emit, pattern) : status;
        status = status == FACTUM_OK ? list_add(emit, rule_at(emit, at + 1)) : status;
        at = json->nodes[at + 1].next;
    }
    return status == FACTUM_OK ? set_list(emit, FCT_K_PATTERN_PROPERTIES, node) : status;
}

/* Adds the names in the array at |node| to words, as a list. */
static factum_status compile_names(struct emit *emit, uint32_t node, uint32_t *at_words)
{
    const factum_json *json = json_of(emit);
    uint32_t count = factum_json_count(json, node);
    factum_status status = FACTUM_OK;
    *at_words = FCT_COUNT_OF(emit->program->words, uint32_t);
    if (fct_buf_add(&emit->program->words, &count, sizeof count) != FACTUM_OK) {
        return fct_build_no_room(emit->build, FACTUM_NO_MEMORY);
    }
    for (uint32_t at = node + 1; at < json->nodes[node].next && status == FACTUM_OK; at++) {
        uint32_t text;
        if (kind_of(emit, at) != FACTUM_JSON_TEXT) {
            return wrong_kind(emit, at, "a string");
        }
        status = intern(emit, at, &text);
        if (status == FACTUM_OK) {
            status = fct_buf_add(&emit->program->words, &text, sizeof text);
            status = status == FACTUM_OK ? status : fct_build_no_room(emit->build, status);
        }
    }
    return status;
}

/* Four numbers for each member: its name, a rule, a list of names, the node of its value. */
static factum_status add_dependents(struct emit *emit, enum fct_word word)
{
    uint32_t node = emit->nodes[word];
    const factum_json *json = json_of(emit);
    factum_status status = FACTUM_OK;
    if (!has_word(emit, word)) {
        return FACTUM_OK;
    }
    if (kind_of(emit, node) != FACTUM_JSON_OBJECT) {
        return wrong_kind(emit, node, "an object");
    }
    for (uint32_t at = node + 1; at < json->nodes[node].next && status == FACTUM_OK;) {
        uint32_t value = at + 1;
        bool names = word == FCT_WORD_DEPENDENT_REQUIRED ||
                     (word == FCT_WORD_DEPENDENCIES && kind_of(emit, value) == FACTUM_JSON_ARRAY);
        uint32_t entry[4] = {0, FCT_RULE_NONE, FCT_RULE_NONE, value};
        status = intern(emit, at, &entry[0]);
        if (status == FACTUM_OK && names && kind_of(emit, value) != FACTUM_JSON_ARRAY) {
            status = wrong_kind(emit, value, "an array of names");
        } else if (status == FACTUM_OK && names) {
            status = compile_names(emit, value, &entry[2]);
        } else if (status == FACTUM_OK) {
            entry[1] = rule_at(emit, value);
        }
        for (size_t i = 0; i < 4 && status == FACTUM_OK; i++) {
            status = list_add(emit, entry[i]);
        }
        at = json->nodes[value].next;
    }
    return status;
}

static factum_status compile_dependents(struct emit *emit)
{
    static const enum fct_word words[] = {FCT_WORD_DEPENDENT_REQUIRED, FCT_WORD_DEPENDENT_SCHEMAS,
                                          FCT_WORD_DEPENDENCIES};
    factum_status status = FACTUM_OK;
    fct_buf_clear(&emit->build->list);
    for (size_t i = 0; i < 3 && status == FACTUM_OK; i++) {
        status = add_dependents(emit, words[i]);
    }
    return status == FACTUM_OK && emit->build->list.len > 0
               ? set_list(emit, FCT_K_DEPENDENTS, FACTUM_JSON_NONE)
               : status;
}

/* ---- subschemas ------------------------------------------------------------------------------ */

static factum_status compile_array(struct emit *emit, enum fct_word word, enum fct_keyword keyword)
{
    uint32_t node = emit->nodes[word];
    const factum_json *json = json_of(emit);
    factum_status status = FACTUM_OK;
    if (!has_word(emit, word)) {
        return FACTUM_OK;
    }
    uint32_t end = json->nodes[node].next;
    if (end == node + 1 && keyword != FCT_K_PREFIX_ITEMS) {
        return FAIL(emit, node, "must have one schema at least");
    }
    fct_buf_clear(&emit->build->list);
    for (uint32_t at = node + 1; at < end && status == FACTUM_OK; at = json->nodes[at].next) {
        status = list_add(emit, rule_at(emit, at));
    }
    return status == FACTUM_OK ? set_list(emit, keyword, node) : status;
}

static void compile_schema(struct emit *emit, enum fct_word word, enum fct_keyword keyword)
{
    if (has_word(emit, word)) {
        set(emit, keyword, emit->nodes[word], rule_at(emit, emit->nodes[word]));
    }
}

static factum_status compile_items(struct emit *emit)
{
    uint32_t items = emit->nodes[FCT_WORD_ITEMS];
    bool tuple = emit->draft <= FACTUM_SCHEMA_2019_09 && has_word(emit, FCT_WORD_ITEMS) &&
                 kind_of(emit, items) == FACTUM_JSON_ARRAY;
    if (tuple) {
        compile_schema(emit, FCT_WORD_ADDITIONAL_ITEMS, FCT_K_ITEMS);
        return compile_array(emit, FCT_WORD_ITEMS, FCT_K_PREFIX_ITEMS);
    }
    compile_schema(emit, FCT_WORD_ITEMS, FCT_K_ITEMS);
    return compile_array(emit, FCT_WORD_PREFIX_ITEMS, FCT_K_PREFIX_ITEMS);
}

static factum_status compile_applicators(struct emit *emit)
{
    compile_schema(emit, FCT_WORD_ADDITIONAL_PROPERTIES, FCT_K_ADDITIONAL_PROPERTIES);
    compile_schema(emit, FCT_WORD_PROPERTY_NAMES, FCT_K_PROPERTY_NAMES);
    compile_schema(emit, FCT_WORD_CONTAINS, FCT_K_CONTAINS);
    compile_schema(emit, FCT_WORD_NOT, FCT_K_NOT);
    compile_schema(emit, FCT_WORD_UNEVALUATED_ITEMS, FCT_K_UNEVALUATED_ITEMS);
    compile_schema(emit, FCT_WORD_UNEVALUATED_PROPERTIES, FCT_K_UNEVALUATED_PROPERTIES);
    compile_schema(emit, FCT_WORD_IF, FCT_K_IF);
    if (has_word(emit, FCT_WORD_IF)) {
        compile_schema(emit, FCT_WORD_THEN, FCT_K_THEN);
        compile_schema(emit, FCT_WORD_ELSE, FCT_K_ELSE);
    }
    factum_status status = compile_items(emit);
    status = status == FACTUM_OK ? compile_array(emit, FCT_WORD_ALL_OF, FCT_K_ALL_OF) : status;
    status = status == FACTUM_OK ? compile_array(emit, FCT_WORD_ANY_OF, FCT_K_ANY_OF) : status;
    return status == FACTUM_OK ? compile_array(emit, FCT_WORD_ONE_OF, FCT_K_ONE_OF) : status;
}

/* ---- references ------------------------------------------------------------------------------ */

static factum_status compile_dynamic(struct emit *emit, enum fct_word word)
{
    uint32_t node = emit->nodes[word];
    struct fct_dynamic dynamic = {.rule = emit->number, .node = node};
    if (!has_word(emit, word)) {
        return FACTUM_OK;
    }
    factum_status status =
        fct_refs_resolve(emit->build, emit->number, (struct fct_place){emit->document, node},
                         &dynamic.target, &dynamic.anchor);
    if (status != FACTUM_OK) {
        return status;
    }
    set(emit, FCT_K_DYNAMIC_REF, node, FCT_RULE_NONE); /* link.c fills in the list */
    status = fct_buf_add(&emit->build->dynamic, &dynamic, sizeof dynamic);
    return status == FACTUM_OK ? FACTUM_OK : fct_build_no_room(emit->build, status);
}

static factum_status compile_refs(struct emit *emit)
{
    uint32_t node = emit->nodes[FCT_WORD_REF];
    uint32_t target;
    uint32_t anchor;
    factum_status status = FACTUM_OK;
    if (has_word(emit, FCT_WORD_REF)) {
        status = fct_refs_resolve(emit->build, emit->number,
                                  (struct fct_place){emit->document, node}, &target, &anchor);
        if (status == FACTUM_OK) {
            set(emit, FCT_K_REF, node, target);
        }
    }
    status = status == FACTUM_OK ? compile_dynamic(emit, FCT_WORD_DYNAMIC_REF) : status;
    return status == FACTUM_OK ? compile_dynamic(emit, FCT_WORD_RECURSIVE_REF) : status;
}

/* ---- a rule ---------------------------------------------------------------------------------- */

static uint16_t phases_of(uint64_t keywords)
{
    static const struct {
        enum fct_phase phase;
        uint64_t keywords;
    } phases[] = {
        {FCT_PHASE_MEMBERS, FCT_BIT(FCT_K_MEMBERS) | FCT_BIT(FCT_K_PATTERN_PROPERTIES) |
                                FCT_BIT(FCT_K_ADDITIONAL_PROPERTIES) |
                                FCT_BIT(FCT_K_PROPERTY_NAMES)},
        {FCT_PHASE_ITEMS, FCT_BIT(FCT_K_PREFIX_ITEMS) | FCT_BIT(FCT_K_ITEMS)},
        {FCT_PHASE_CONTAINS, FCT_BIT(FCT_K_CONTAINS)},
        {FCT_PHASE_REF, FCT_BIT(FCT_K_REF)},
        {FCT_PHASE_DYNAMIC_REF, FCT_BIT(FCT_K_DYNAMIC_REF)},
        {FCT_PHASE_ALL_OF, FCT_BIT(FCT_K_ALL_OF)},
        {FCT_PHASE_ANY_OF, FCT_BIT(FCT_K_ANY_OF)},
        {FCT_PHASE_ONE_OF, FCT_BIT(FCT_K_ONE_OF)},
        {FCT_PHASE_NOT, FCT_BIT(FCT_K_NOT)},
        {FCT_PHASE_IF, FCT_BIT(FCT_K_IF)},
        {FCT_PHASE_DEPENDENTS, FCT_BIT(FCT_K_DEPENDENTS)},
        {FCT_PHASE_REST_ITEMS, FCT_BIT(FCT_K_UNEVALUATED_ITEMS)},
        {FCT_PHASE_REST_MEMBERS, FCT_BIT(FCT_K_UNEVALUATED_PROPERTIES)},
    };
    unsigned set = 0;
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        set |= (keywords & phases[i].keywords) != 0 ? 1u << phases[i].phase : 0;
    }
    return (uint16_t)set;
}

/* Finds the keywords of the object. */
static factum_status find_words(struct emit *emit, uint32_t object)
{
    const factum_json *json = json_of(emit);
    for (size_t i = 0; i < FCT_WORD_COUNT; i++) {
        emit->nodes[i] = FACTUM_JSON_NONE;
    }
    for (uint32_t at = object + 1; at < json->nodes[object].next;) {
        factum_slice name;
        factum_status status =
            fct_load_text(emit->build, (struct fct_place){emit->document, at}, &name);
        if (status != FACTUM_OK) {
            return status;
        }
        enum fct_word word = fct_word_of(name, emit->draft);
        if (word != FCT_WORD_COUNT) {
            emit->nodes[word] = at + 1;
        }
        at = json->nodes[at + 1].next;
    }
    uint32_t ref = emit->nodes[FCT_WORD_REF];
    if (emit->draft <= FACTUM_SCHEMA_DRAFT_07 && ref != FACTUM_JSON_NONE) {
        uint32_t tag = emit->nodes[FCT_WORD_TAG];
        for (size_t i = 0; i < FCT_WORD_COUNT; i++) {
            emit->nodes[i] = FACTUM_JSON_NONE; /* a reference hides the keywords beside it */
        }
        emit->nodes[FCT_WORD_REF] = ref;
        emit->nodes[FCT_WORD_TAG] = tag;
    }
    return FACTUM_OK;
}

static factum_status compile_object(struct emit *emit, uint32_t object)
{
    static factum_status (*const parts[])(struct emit *) = {
        compile_values,     compile_numbers,     compile_members, compile_pattern_properties,
        compile_dependents, compile_applicators, compile_refs,
    };
    factum_status status = find_words(emit, object);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == FACTUM_OK; i++) {
        status = parts[i](emit);
    }
    return status;
}

/* Makes the operands those of the rule. */
static factum_status publish(struct emit *emit)
{
    struct fct_program *program = emit->program;
    struct fct_rule *rule = FCT_AT(program->rules, struct fct_rule, emit->number);
    rule->operands = FCT_COUNT_OF(program->operands, struct fct_operand);
    rule->keywords = emit->keywords;
    rule->members = emit->operands[FCT_K_MEMBERS].value;
    rule->types = emit->types;
    rule->phases = phases_of(emit->keywords);
    rule->tracks = has_word(emit, FCT_WORD_UNEVALUATED_ITEMS) ||
                   has_word(emit, FCT_WORD_UNEVALUATED_PROPERTIES);
    program->tracks = program->tracks || rule->tracks;
    for (size_t i = 0; i < FCT_K_COUNT; i++) {
        if ((emit->keywords & FCT_BIT(i)) != 0) {
            factum_status status =
                fct_buf_add(&program->operands, &emit->operands[i], sizeof emit->operands[i]);
            if (status != FACTUM_OK) {
                return fct_build_no_room(emit->build, status);
            }
        }
    }
    return FACTUM_OK;
}

factum_status fct_compile_rule(struct fct_build *build, uint32_t number)
{
    const struct fct_rule *rule = fct_rule_at(build->program, number);
    struct emit emit = {.build = build,
                        .program = build->program,
                        .document = rule->document,
                        .number = number,
                        .draft = rule->draft,
                        .types = FCT_TYPES_ALL};
    uint32_t node = rule->node;
    uint8_t kind = kind_of(&emit, node);
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < FCT_WORD_COUNT; i++) {
        emit.nodes[i] = FACTUM_JSON_NONE;
    }
    if (kind == FACTUM_JSON_FALSE) {
        set(&emit, FCT_K_FALSE, node, 0);
    } else if (kind == FACTUM_JSON_OBJECT) {
        status = compile_object(&emit, node);
    }
    return status == FACTUM_OK ? publish(&emit) : status;
}
