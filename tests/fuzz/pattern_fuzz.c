/* pattern_fuzz.c - any bytes up to a line end as a pattern, and the rest as a text. Neither may
 * exceed its limits, and a pattern that is valid here must be valid to PCRE2. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "core/slice.h"
#include "schema/pattern.h"

/* Far above what compiling and matching may take, for sanitizers and busy machines. */
#define SECONDS_MAX 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_match(const struct fct_pattern *pattern, factum_slice text)
{
    static struct fct_pattern_scratch *scratch;
    if (scratch == NULL) {
        FCT_ASSERT(fct_pattern_scratch_create(fct_mem_heap(), &scratch, NULL) == FACTUM_OK);
    }
    enum fct_pattern_answer first = fct_pattern_match(pattern, scratch, text);
    FCT_ASSERT((first == FCT_PATTERN_NOT_UTF8) ==
               (!fct_utf8_valid(text) && text.len <= FCT_PATTERN_TEXT_SIZE_MAX));
    FCT_ASSERT(first != FCT_PATTERN_NO_MEMORY);
    FCT_ASSERT(fct_pattern_match(pattern, scratch, text) == first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t pattern_size = end != NULL ? (size_t)(end - data) : size;
    factum_slice text =
        end != NULL ? fct_slice(end + 1, size - pattern_size - 1) : fct_slice("", 0);
    struct fct_pattern *pattern = NULL;
    factum_error err = {0};
    clock_t began = clock();
    factum_status status =
        fct_pattern_compile(fct_mem_heap(), fct_slice(data, pattern_size), &pattern, &err);
    if (status == FACTUM_OK) {
        check_match(pattern, text);
    } else {
        FCT_ASSERT(status == FACTUM_INVALID || status == FACTUM_UNSUPPORTED ||
                   status == FACTUM_TOO_BIG);
        FCT_ASSERT(err.text[0] != '\0');
        FCT_ASSERT(pattern == NULL);
        FCT_ASSERT(strncmp(err.text, "a pattern that cannot be", 24) != 0);
    }
    fct_pattern_destroy(pattern);
    FCT_ASSERT((clock() - began) / CLOCKS_PER_SEC < SECONDS_MAX);
    return 0;
}
