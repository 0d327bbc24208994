/* rules.c - see rules.h. Layer: gate.
 *
 * Open addressing over the hash of category and type; at most half of the slots are used.
 */
#include "gate/rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/slice.h"

struct fct_rules {
    const struct fct_mem *mem;
    size_t count;
    size_t slot_count;              /* a power of two, over twice |count| */
    bool categories;                /* some subject has a category */
    const struct fct_rules *coming; /* the table that may replace this one, or NULL */
    struct fct_rule *slots[];
};

/* ---- rules and editions ---------------------------------------------------------------------- */

static void edition_release(const struct fct_mem *mem, struct fct_edition *edition)
{
    if (edition == NULL || --edition->uses > 0) {
        return;
    }
    fct_program_destroy(edition->program);
    fct_mem_free(mem, edition);
}

static struct fct_edition *edition_share(struct fct_edition *edition)
{
    if (edition != NULL) {
        edition->uses++;
    }
    return edition;
}

static void rule_release(const struct fct_mem *mem, struct fct_rule *rule)
{
    FCT_ASSERT(rule->tables > 0);
    if (--rule->tables > 0) {
        return;
    }
    edition_release(mem, rule->now);
    fct_mem_free(mem, rule);
}

/* A rule for a table, followed by a copy of the subject's text. NULL without memory. */
static struct fct_rule *rule_create(const struct fct_mem *mem, factum_slice subject_text)
{
    factum_error ignored;
    struct fct_rule *rule = fct_mem_zalloc(mem, 1, sizeof *rule + subject_text.len);
    if (rule == NULL) {
        return NULL;
    }
    memcpy(rule + 1, subject_text.ptr, subject_text.len);
    rule->subject_text = fct_slice(rule + 1, subject_text.len);
    factum_status status = fct_subject_parse(rule->subject_text, &rule->subject, &ignored);
    FCT_ASSERT(status == FACTUM_OK);
    rule->tables = 1;
    return rule;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static uint64_t hash_of(factum_slice category, factum_slice type)
{
    return fct_hash64(type, fct_hash64(category, 0));
}

/* The slot of the subject, or the free slot where it would be. */
static size_t place_of(const struct fct_rules *rules, factum_slice category, factum_slice type)
{
    size_t mask = rules->slot_count - 1;
    size_t at = (size_t)hash_of(category, type) & mask;
    while (rules->slots[at] != NULL) {
        const struct fct_subject *subject = &rules->slots[at]->subject;
        if (fct_slice_equal(subject->type, type) && fct_slice_equal(subject->category, category)) {
            break;
        }
        at = (at + 1) & mask;
    }
    return at;
}

static struct fct_rules *table_create(const struct fct_mem *mem, size_t count)
{
    size_t slots = 8;
    while (slots <= 2 * count) {
        slots *= 2;
    }
    struct fct_rules *rules =
        fct_mem_zalloc(mem, 1, sizeof *rules + slots * sizeof rules->slots[0]);
    if (rules != NULL) {
        rules->mem = mem;
        rules->slot_count = slots;
    }
    return rules;
}

struct fct_rules *fct_rules_create(const struct fct_mem *mem)
{
    return table_create(mem, 0);
}

void fct_rules_destroy(struct fct_rules *rules)
{
    if (rules == NULL) {
        return;
    }
    for (size_t i = 0; i < rules->slot_count; i++) {
        if (rules->slots[i] != NULL) {
            rule_release(rules->mem, rules->slots[i]);
        }
    }
    fct_mem_free(rules->mem, rules);
}

size_t fct_rules_count(const struct fct_rules *rules)
{
    return rules->count;
}

/* Adds |rule| to the table and releases the rule of the same subject. */
static void put(struct fct_rules *rules, struct fct_rule *rule)
{
    size_t at = place_of(rules, rule->subject.category, rule->subject.type);
    if (rules->slots[at] != NULL) {
        rule_release(rules->mem, rules->slots[at]);
    } else {
        rules->count++;
    }
    rules->slots[at] = rule;
    rules->categories = rules->categories || rule->subject.category.len > 0;
}

static const struct fct_rule *find(const struct fct_rules *rules, factum_slice category,
                                   factum_slice type)
{
    return rules->slots[place_of(rules, category, type)];
}

static bool has_schema(const struct fct_rule *rule)
{
    return rule != NULL && rule->now != NULL;
}

static factum_schema_mode mode_of(const struct fct_rule *rule)
{
    return rule == NULL ? FACTUM_SCHEMA_MODE_UNSET : rule->mode;
}

struct fct_ruling fct_rules_find(const struct fct_rules *rules, factum_slice category,
                                 factum_slice type)
{
    const factum_slice none = {.len = 0};
    bool by_category = rules->categories && category.len > 0;
    const struct fct_rule *qualified = by_category ? find(rules, category, type) : NULL;
    const struct fct_rule *plain = find(rules, none, type);
    const struct fct_rule *rule = has_schema(qualified) ? qualified : plain;
    if (!has_schema(rule)) {
        return (struct fct_ruling){.rule = NULL};
    }
    factum_schema_mode mode = mode_of(qualified);
    if (mode == FACTUM_SCHEMA_MODE_UNSET) {
        mode = mode_of(plain);
    }
    if (mode == FACTUM_SCHEMA_MODE_UNSET && by_category) {
        mode = mode_of(find(rules, category, none));
    }
    if (mode == FACTUM_SCHEMA_MODE_OFF) {
        return (struct fct_ruling){.rule = NULL};
    }
    return (struct fct_ruling){rule,
                               mode == FACTUM_SCHEMA_MODE_UNSET ? FACTUM_SCHEMA_MODE_REJECT : mode};
}

/* ---- changes --------------------------------------------------------------------------------- */

static factum_status rules_no_memory(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "schemas: out of memory");
}

struct fct_rules *fct_rules_copy(const struct fct_rules *rules)
{
    struct fct_rules *made = table_create(rules->mem, rules->count + 1);
    if (made == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < rules->slot_count; i++) {
        if (rules->slots[i] != NULL) {
            rules->slots[i]->tables++;
            put(made, rules->slots[i]);
        }
    }
    return made;
}

static factum_status edition_create(const struct fct_mem *mem,
                                    const struct fct_registry_event *event, bool lenient,
                                    struct fct_edition **edition, factum_error *err)
{
    const factum_schema_options options = {.size = sizeof options};
    factum_error why = {.status = FACTUM_OK};
    struct fct_edition *made = fct_mem_zalloc(mem, 1, sizeof *made);
    if (made == NULL) {
        return rules_no_memory(err);
    }
    made->uses = 1;
    made->version = event->version;
    int stamp_len =
        snprintf(made->stamp, sizeof made->stamp, FCT_STAMP_NAME ":%" PRIu64, event->id);
    made->stamp_len = (size_t)stamp_len;
    factum_status status = fct_program_create(mem, event->schema, &options, &made->program, &why);
    if (status != FACTUM_OK && (!lenient || status == FACTUM_NO_MEMORY)) {
        fct_mem_free(mem, made);
        *err = why;
        return status;
    }
    (void)snprintf(made->broken, sizeof made->broken, "%s", why.text);
    *edition = made;
    return FACTUM_OK;
}

/* Sets mode and edition of the new |rule| for a subject whose rule so far is |old| (or NULL). */
static factum_status fill(const struct fct_mem *mem, struct fct_rule *rule,
                          const struct fct_rule *old, const struct fct_registry_event *event,
                          bool lenient, factum_error *err)
{
    rule->mode = event->is_mode ? event->mode : mode_of(old);
    if (event->is_mode) {
        rule->now = old == NULL ? NULL : edition_share(old->now);
        return FACTUM_OK;
    }
    return edition_create(mem, event, lenient, &rule->now, err);
}

/* Makes room for another rule. */
static factum_status make_room(struct fct_rules **rules, factum_error *err)
{
    if (2 * ((*rules)->count + 1) < (*rules)->slot_count) {
        return FACTUM_OK;
    }
    struct fct_rules *larger = fct_rules_copy(*rules);
    if (larger == NULL) {
        return rules_no_memory(err);
    }
    fct_rules_destroy(*rules);
    *rules = larger;
    return FACTUM_OK;
}

factum_status fct_rules_apply(struct fct_rules **rules, const struct fct_registry_event *event,
                              bool lenient, factum_error *err)
{
    const struct fct_mem *mem = (*rules)->mem;
    factum_status status = make_room(rules, err);
    if (status != FACTUM_OK) {
        return status;
    }
    const struct fct_rule *old = find(*rules, event->subject.category, event->subject.type);
    if (old == NULL && (*rules)->count >= FCT_RULES_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "there are schemas for %zu subjects: at most %u",
                        (*rules)->count, FCT_RULES_MAX);
    }
    struct fct_rule *rule = rule_create(mem, event->subject_text);
    if (rule == NULL) {
        return rules_no_memory(err);
    }
    status = fill(mem, rule, old, event, lenient, err);
    if (status != FACTUM_OK) {
        rule_release(mem, rule);
        return status;
    }
    put(*rules, rule);
    return FACTUM_OK;
}

struct fct_rules *fct_rules_announce(const struct fct_rules *rules, const struct fct_rules *coming)
{
    struct fct_rules *made = fct_rules_copy(rules);
    if (made != NULL) {
        made->coming = coming;
    }
    return made;
}

const struct fct_rules *fct_rules_coming(const struct fct_rules *rules)
{
    return rules->coming;
}
