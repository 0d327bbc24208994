/* generate_fuzz.c - any bytes as a schema: the generator ends, refuses with a text or gives two
 * texts in which nothing from the schema stands outside of comments, names and literals. */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "schema/generate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The place after a comment, a literal or one byte at |at|. Checks what it passes. */
static size_t skip(factum_slice text, size_t at)
{
    uint8_t c = text.ptr[at++];
    if (c == '/' && at < text.len && text.ptr[at] == '*') {
        for (at++; text.ptr[at] != '*' || text.ptr[at + 1] != '/'; at++) {
            FCT_ASSERT(at + 2 < text.len);
            FCT_ASSERT(text.ptr[at] != '/' || text.ptr[at + 1] != '*');
            FCT_ASSERT(text.ptr[at] != '\\' || text.ptr[at + 1] != '\n');
        }
        return at + 2;
    }
    if (c == '"') {
        for (; text.ptr[at] != '"'; at++) {
            FCT_ASSERT(at + 1 < text.len);
            FCT_ASSERT(text.ptr[at] >= 0x20 && text.ptr[at] < 0x7f);
            FCT_ASSERT(text.ptr[at] != '?' || text.ptr[at + 1] != '?');
            at += text.ptr[at] == '\\' ? 1 : 0;
        }
        return at + 1;
    }
    FCT_ASSERT(c == '\n' || (c >= 0x20 && c < 0x7f));
    FCT_ASSERT(c != '\'' && c != '`' && c != '$' && c != '@' && c != '?');
    return at;
}

static void check_text(factum_slice text)
{
    int braces = 0;
    FCT_ASSERT(fct_utf8_valid(text));
    for (size_t at = 0; at < text.len; at = skip(text, at)) {
        braces += text.ptr[at] == '{' ? 1 : text.ptr[at] == '}' ? -1 : 0;
        FCT_ASSERT(braces >= 0 || text.ptr[at] == '#');
    }
    FCT_ASSERT(braces == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    factum_generated *generated;
    factum_error err;
    factum_generate_schema schema = {FCT_SLICE("T"), fct_slice(data, size)};
    factum_generate_request request = {.size = sizeof request,
                                       .category = FCT_SLICE("fuzz"),
                                       .schemas = &schema,
                                       .schema_count = 1,
                                       .keep_unknown = size % 2 != 0};
    if (size == 0) {
        return 0;
    }
    if (fct_generate(&request, fct_mem_heap(), &generated, &err) == FACTUM_OK) {
        check_text(factum_generated_header(generated));
        check_text(factum_generated_source(generated));
        factum_generated_free(generated);
    } else {
        FCT_ASSERT(err.text[0] != '\0');
    }
    return 0;
}
