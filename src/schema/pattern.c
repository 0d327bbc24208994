/* pattern.c - patterns: compiled by the translator and PCRE2, matched within limits. Layer: schema.
 *
 * See pattern.h for the contract and pattern_int.h for the parts. Only PCRE2's interpreter is used:
 * its JIT counts steps in another way and has no limit of memory.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "schema/pattern.h"

#include <assert.h>
#include <pcre2.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "schema/pattern_int.h"

/* Groups inside each other in the text for PCRE2, including the one around everything. */
#define WRITTEN_DEPTH_MAX (FCT_PATTERN_DEPTH_MAX + 1)

struct fct_pattern {
    const struct fct_mem *mem;
    pcre2_code *code;
};

struct fct_pattern_scratch {
    const struct fct_mem *mem;
    uint64_t reads; /* of the current match, so far */
    size_t began;   /* where the piece that is being read began */
    bool reading;   /* the piece is read for the first time since then: PCRE2 is not going back */
    pcre2_match_data *data;
    pcre2_match_context *context;
};

/* The size in bytes of the longest group so far. */
static uint64_t pattern_longest(const pcre2_callout_block *block)
{
    uint64_t longest = 0;
    for (uint32_t i = 1; i < block->capture_top; i++) {
        PCRE2_SIZE from = block->offset_vector[2 * i];
        PCRE2_SIZE to = block->offset_vector[2 * i + 1];
        longest = from != PCRE2_UNSET && to - from > longest ? to - from : longest;
    }
    return longest + block->capture_top;
}

/* The callout, in the places that pattern_write.c has chosen. */
static int pattern_count(pcre2_callout_block *block, void *data)
{
    struct fct_pattern_scratch *scratch = data;
    uint32_t number = block->callout_number;
    if (number == FCT_PATTERN_CALL_BEGIN) {
        scratch->began = block->current_position;
        scratch->reading = true;
    } else if (number == FCT_PATTERN_CALL_REF) {
        scratch->reads += pattern_longest(block);
    } else if (number < FCT_PATTERN_CALL_BEGIN) {
        scratch->reads += (uint64_t)1 << number;
    } else if (scratch->reading) {
        /* An end before the beginning belongs to an earlier piece: the last one failed. */
        if (block->current_position > scratch->began) {
            scratch->reads += (uint64_t)(block->current_position - scratch->began)
                              << (number - FCT_PATTERN_CALL_END);
        }
        scratch->reading = false;
    }
    return scratch->reads > FCT_PATTERN_READS_MAX ? PCRE2_ERROR_CALLOUT : 0;
}

static void *pattern_allocate(size_t size, void *data)
{
    return fct_mem_alloc((const struct fct_mem *)data, size);
}

static void pattern_release(void *block, void *data)
{
    fct_mem_free((const struct fct_mem *)data, block);
}

pcre2_general_context *fct_pattern_memory(const struct fct_mem *mem)
{
    /* PCRE2 only passes the pointer back: the two functions above add the const again. */
    return pcre2_general_context_create(pattern_allocate, pattern_release, (void *)(uintptr_t)mem);
}

static factum_status pattern_no_memory(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "a pattern: out of memory");
}

/* Turns PCRE2's refusal of a text of ours into an error. */
static factum_status pattern_refused(int failed, factum_error *err)
{
    PCRE2_UCHAR text[160];
    switch (failed) {
    case PCRE2_ERROR_HEAP_FAILED:
        return pattern_no_memory(err);
    case PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH:
        return fct_fail(err, FACTUM_UNSUPPORTED,
                        "a pattern with a look-behind of variable length is not supported");
    case PCRE2_ERROR_PATTERN_TOO_LARGE:
    case PCRE2_ERROR_LOOKBEHIND_TOO_COMPLICATED:
    case PCRE2_ERROR_PATTERN_TOO_COMPLICATED:
    case PCRE2_ERROR_LOOKBEHIND_TOO_LONG:
        return fct_fail(err, FACTUM_TOO_BIG,
                        "a pattern that is too large when its repetitions are written out: the "
                        "limit is 64 KiB of PCRE2's code");
    default:
        /* UNTESTED: a mistake of the translator, for which no client should stop the process. */
        (void)pcre2_get_error_message(failed, text, sizeof text);
        return fct_fail(err, FACTUM_UNSUPPORTED, "a pattern that cannot be translated: %s",
                        (const char *)text);
    }
}

static factum_status pattern_compile_written(const struct fct_mem *mem, factum_slice written,
                                             pcre2_code **code, factum_error *err)
{
    const uint32_t options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED | PCRE2_DOTALL |
                             PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;
    int failed = PCRE2_ERROR_HEAP_FAILED;
    PCRE2_SIZE at;
    pcre2_general_context *memory = fct_pattern_memory(mem);
    pcre2_compile_context *context = memory != NULL ? pcre2_compile_context_create(memory) : NULL;
    *code = NULL;
    if (context != NULL) {
        (void)pcre2_set_parens_nest_limit(context, WRITTEN_DEPTH_MAX);
        *code = pcre2_compile(written.ptr, written.len, options, &failed, &at, context);
    }
    pcre2_compile_context_free(context);
    pcre2_general_context_free(memory);
    return *code != NULL ? FACTUM_OK : pattern_refused(failed, err);
}

static factum_status pattern_translate(struct fct_pattern_parse *parse, struct fct_buf *written,
                                       factum_error *err)
{
    factum_status status = fct_pattern_parse_all(parse);
    if (status == FACTUM_OK) {
        status = fct_pattern_refs_resolve(parse);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (parse->unsupported.status != FACTUM_OK) {
        return fct_fail(err, FACTUM_UNSUPPORTED, "%s", parse->unsupported.text);
    }
    status = fct_pattern_write(parse, written);
    return status == FACTUM_OK ? status : fct_pattern_full(parse, status);
}

/* Allocates as many nodes, groups and names as a text of this size can have. */
static bool pattern_make_room(struct fct_pattern_parse *parse)
{
    size_t count = parse->text.len + 1;
    parse->nodes = fct_mem_zalloc(parse->mem, count, sizeof *parse->nodes);
    parse->captures = fct_mem_zalloc(parse->mem, count, sizeof *parse->captures);
    parse->group_names = fct_mem_zalloc(parse->mem, count, sizeof *parse->group_names);
    return parse->nodes != NULL && parse->captures != NULL && parse->group_names != NULL;
}

static factum_status pattern_code_of(const struct fct_mem *mem, factum_slice ecma,
                                     pcre2_code **code, factum_error *err)
{
    struct fct_pattern_parse parse = {.mem = mem, .text = ecma, .err = err};
    struct fct_buf written;
    fct_buf_init(&written, mem, FCT_PATTERN_WRITTEN_SIZE_MAX);
    fct_buf_init(&parse.pieces, mem, FCT_PATTERN_WRITTEN_SIZE_MAX);
    fct_buf_init(&parse.names, mem, FCT_PATTERN_WRITTEN_SIZE_MAX);
    factum_status status = pattern_make_room(&parse) ? pattern_translate(&parse, &written, err)
                                                     : pattern_no_memory(err);
    fct_mem_free(mem, parse.nodes);
    fct_mem_free(mem, parse.captures);
    fct_mem_free(mem, parse.group_names);
    fct_buf_finish(&parse.names);
    fct_buf_finish(&parse.pieces);
    if (status == FACTUM_OK) {
        status = pattern_compile_written(mem, fct_buf_slice(&written), code, err);
    }
    fct_buf_finish(&written);
    return status;
}

factum_status fct_pattern_compile(const struct fct_mem *mem, factum_slice ecma,
                                  struct fct_pattern **made, factum_error *err)
{
    if (ecma.len > FCT_PATTERN_SIZE_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "a pattern has %zu bytes: the limit is %d", ecma.len,
                        FCT_PATTERN_SIZE_MAX);
    }
    if (!fct_utf8_valid(ecma)) {
        return fct_fail(err, FACTUM_INVALID, "not a valid pattern: not UTF-8 at byte %zu",
                        fct_utf8_prefix(ecma));
    }
    struct fct_pattern *pattern = fct_mem_zalloc(mem, 1, sizeof *pattern);
    if (pattern == NULL) {
        return pattern_no_memory(err);
    }
    pattern->mem = mem;
    factum_status status = pattern_code_of(mem, ecma, &pattern->code, err);
    if (status != FACTUM_OK) {
        fct_pattern_destroy(pattern);
        return status;
    }
    *made = pattern;
    return FACTUM_OK;
}

void fct_pattern_destroy(struct fct_pattern *pattern)
{
    if (pattern != NULL) {
        pcre2_code_free(pattern->code);
        fct_mem_free(pattern->mem, pattern);
    }
}

factum_status fct_pattern_scratch_create(const struct fct_mem *mem,
                                         struct fct_pattern_scratch **made, factum_error *err)
{
    struct fct_pattern_scratch *scratch = fct_mem_zalloc(mem, 1, sizeof *scratch);
    if (scratch == NULL) {
        return pattern_no_memory(err);
    }
    scratch->mem = mem;
    pcre2_general_context *memory = fct_pattern_memory(mem);
    if (memory != NULL) {
        /* One pair: the places of groups are not needed. */
        scratch->data = pcre2_match_data_create(1, memory);
        scratch->context = pcre2_match_context_create(memory);
        pcre2_general_context_free(memory);
    }
    if (scratch->data == NULL || scratch->context == NULL) {
        fct_pattern_scratch_destroy(scratch);
        return pattern_no_memory(err);
    }
    (void)pcre2_set_heap_limit(scratch->context, FCT_PATTERN_HEAP_KIB_MAX);
    (void)pcre2_set_callout(scratch->context, pattern_count, scratch);
    (void)pcre2_set_depth_limit(scratch->context, FCT_PATTERN_BACKTRACK_MAX);
    *made = scratch;
    return FACTUM_OK;
}

void fct_pattern_scratch_destroy(struct fct_pattern_scratch *scratch)
{
    if (scratch != NULL) {
        pcre2_match_data_free(scratch->data);
        pcre2_match_context_free(scratch->context);
        fct_mem_free(scratch->mem, scratch);
    }
}

static enum fct_pattern_answer pattern_failed(int found)
{
    switch (found) {
    case PCRE2_ERROR_MATCHLIMIT:
        return FCT_PATTERN_OVER_STEPS;
    case PCRE2_ERROR_CALLOUT:
        return FCT_PATTERN_OVER_READS;
    case PCRE2_ERROR_HEAPLIMIT:
        return FCT_PATTERN_OVER_HEAP;
    case PCRE2_ERROR_DEPTHLIMIT:
        return FCT_PATTERN_OVER_BACKTRACK;
    case PCRE2_ERROR_NOMEMORY:
        return FCT_PATTERN_NO_MEMORY;
    default:
        /* All other errors concern arguments and options, which are ours. */
        FCT_ASSERT(found <= PCRE2_ERROR_UTF8_ERR1 && found >= PCRE2_ERROR_UTF8_ERR21);
        return FCT_PATTERN_NOT_UTF8;
    }
}

enum fct_pattern_answer fct_pattern_match(const struct fct_pattern *pattern,
                                          struct fct_pattern_scratch *scratch, factum_slice text)
{
    if (text.len > FCT_PATTERN_TEXT_SIZE_MAX) {
        return FCT_PATTERN_OVER_TEXT_SIZE;
    }
    uint32_t steps = FCT_PATTERN_STEPS_MAX + FCT_PATTERN_STEPS_PER_BYTE * (uint32_t)text.len;
    (void)pcre2_set_match_limit(scratch->context, steps);
    scratch->reads = 0;
    scratch->reading = false;
    const uint8_t *ptr = text.len > 0 ? text.ptr : (const uint8_t *)"";
    int found = pcre2_match(pattern->code, ptr, text.len, 0, 0, scratch->data, scratch->context);
    if (found >= 0) {
        return FCT_PATTERN_MATCH;
    }
    return found == PCRE2_ERROR_NOMATCH ? FCT_PATTERN_NO_MATCH : pattern_failed(found);
}

uint64_t fct_pattern_reads(const struct fct_pattern_scratch *scratch)
{
    return scratch->reads;
}

const char *fct_pattern_answer_text(enum fct_pattern_answer answer)
{
    switch (answer) {
    case FCT_PATTERN_NO_MATCH:
        return "does not match the pattern";
    case FCT_PATTERN_MATCH:
        return "matches the pattern";
    case FCT_PATTERN_OVER_TEXT_SIZE:
        return "has more than 65536 bytes, the limit for a pattern";
    case FCT_PATTERN_OVER_STEPS:
        return "needs more than 100000 steps and 16 a byte to match the pattern";
    case FCT_PATTERN_OVER_READS:
        return "needs more than 67108864 comparisons of characters to match the pattern";
    case FCT_PATTERN_OVER_HEAP:
        return "needs more than 1024 KiB of memory to match the pattern";
    case FCT_PATTERN_OVER_BACKTRACK:
        return "needs more than 10000 open choices to match the pattern";
    case FCT_PATTERN_NOT_UTF8:
        return "is not UTF-8";
    case FCT_PATTERN_NO_MEMORY:
        return "cannot be matched with the pattern: out of memory";
    }
    return "unknown answer";
}
static_assert(FCT_PATTERN_TEXT_SIZE_MAX == 65536, "the texts above");
static_assert(FCT_PATTERN_STEPS_MAX == 100000, "the texts above");
static_assert(FCT_PATTERN_STEPS_PER_BYTE == 16, "the texts above");
static_assert(FCT_PATTERN_READS_MAX == 67108864, "the texts above");
static_assert(FCT_PATTERN_HEAP_KIB_MAX == 1024, "the texts above");
static_assert(FCT_PATTERN_BACKTRACK_MAX == 10000, "the texts above");
