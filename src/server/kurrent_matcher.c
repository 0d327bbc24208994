/* kurrent_matcher.c - see kurrent_matcher.h. Layer: server. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "server/kurrent_matcher.h"

#include <pcre2.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"

#define PATTERN_SIZE_MAX 1024
#define MATCH_LIMIT 100000
#define HEAP_LIMIT_KIB 1024

struct fct_kurrent_matcher {
    const struct fct_mem *mem;
    enum fct_kurrent_filter_on on;
    pcre2_code *code; /* NULL: prefixes */
    pcre2_match_context *context;
    pcre2_match_data *match;
    factum_slice prefixes[FCT_KURRENT_PREFIXES_MAX]; /* point into the memory after this struct */
    size_t prefix_count;
};

void fct_kurrent_matcher_destroy(struct fct_kurrent_matcher *matcher)
{
    if (matcher != NULL) {
        pcre2_match_data_free(matcher->match);
        pcre2_match_context_free(matcher->context);
        pcre2_code_free(matcher->code);
        fct_mem_free(matcher->mem, matcher);
    }
}

static factum_status compile(struct fct_kurrent_matcher *matcher, factum_slice pattern,
                             factum_error *err)
{
    int failed;
    PCRE2_SIZE at;
    matcher->code = pcre2_compile(pattern.ptr, pattern.len, PCRE2_UTF, &failed, &at, NULL);
    if (matcher->code == NULL) {
        PCRE2_UCHAR text[120];
        (void)pcre2_get_error_message(failed, text, sizeof text);
        return fct_fail(err, FACTUM_INVALID, "the filter's expression: %s at byte %zu",
                        (const char *)text, (size_t)at);
    }
    matcher->context = pcre2_match_context_create(NULL);
    matcher->match = pcre2_match_data_create(1, NULL);
    if (matcher->context == NULL || matcher->match == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "a filter: out of memory");
    }
    (void)pcre2_set_match_limit(matcher->context, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(matcher->context, HEAP_LIMIT_KIB);
    return FACTUM_OK;
}

static void copy_prefixes(struct fct_kurrent_matcher *matcher,
                          const struct fct_kurrent_filter *filter)
{
    uint8_t *at = (uint8_t *)(matcher + 1);
    for (size_t i = 0; i < filter->prefix_count; i++) {
        if (filter->prefixes[i].len > 0) {
            memcpy(at, filter->prefixes[i].ptr, filter->prefixes[i].len);
        }
        matcher->prefixes[i] = fct_slice(at, filter->prefixes[i].len);
        at += filter->prefixes[i].len;
    }
    matcher->prefix_count = filter->prefix_count;
}

factum_status fct_kurrent_matcher_create(const struct fct_mem *mem,
                                         const struct fct_kurrent_filter *filter,
                                         struct fct_kurrent_matcher **made, factum_error *err)
{
    size_t size = 0;
    if (filter->on == FCT_KURRENT_FILTER_ON_NONE ||
        (filter->regex.len == 0 && filter->prefix_count == 0)) {
        return fct_fail(err, FACTUM_INVALID,
                        "a filter needs an expression or prefixes, for streams or for types");
    }
    if (filter->regex.len > PATTERN_SIZE_MAX) {
        return fct_fail(err, FACTUM_INVALID,
                        "the filter's expression has %zu bytes: the limit is %d", filter->regex.len,
                        PATTERN_SIZE_MAX);
    }
    for (size_t i = 0; i < filter->prefix_count; i++) {
        size += filter->prefixes[i].len;
    }
    struct fct_kurrent_matcher *matcher = fct_mem_zalloc(mem, 1, sizeof *matcher + size);
    if (matcher == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "a filter: out of memory");
    }
    matcher->mem = mem;
    matcher->on = filter->on;
    copy_prefixes(matcher, filter);
    factum_status status = filter->regex.len > 0 ? compile(matcher, filter->regex, err) : FACTUM_OK;
    if (status != FACTUM_OK) {
        fct_kurrent_matcher_destroy(matcher);
        return status;
    }
    *made = matcher;
    return FACTUM_OK;
}

factum_status fct_kurrent_matcher_test(struct fct_kurrent_matcher *matcher,
                                       const factum_event *event, bool *matches, factum_error *err)
{
    factum_slice subject =
        matcher->on == FCT_KURRENT_FILTER_ON_STREAM ? event->stream : event->type;
    if (matcher->code == NULL) {
        *matches = false;
        for (size_t i = 0; i < matcher->prefix_count && !*matches; i++) {
            *matches = fct_slice_starts(subject, matcher->prefixes[i]);
        }
        return FACTUM_OK;
    }
    int found = pcre2_match(matcher->code, subject.ptr, subject.len, 0, 0, matcher->match,
                            matcher->context);
    if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
        return fct_fail(err, FACTUM_TOO_BIG,
                        "the filter's expression needs more than %d steps on the event at position "
                        "%llu: make it simpler",
                        MATCH_LIMIT, (unsigned long long)event->position);
    }
    *matches = found >= 0;
    return FACTUM_OK;
}
