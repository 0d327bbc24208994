/* pattern_answers.c - answers lines of {"pattern": "...", "texts": ["...", ...]} on standard input
 * with the results of schema/pattern.h, for pattern_test.mjs to compare with a JavaScript engine.
 *
 * A line of the answer is "OK" and a letter for each text, 1 (matches), 0 (does not) or the first
 * letter of the limit, T, S, R, H or B; or the name of a status and the text of the error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <factum/json.h>

#include "core/slice.h"
#include "schema/pattern.h"

#define LINE_SIZE_MAX (4 * 1024 * 1024)

static struct fct_pattern_scratch *scratch;
static char line[LINE_SIZE_MAX];
static char pattern_text[LINE_SIZE_MAX];
static char text[LINE_SIZE_MAX];

/* A line of another form is a mistake of the test. */
static void quit(const char *why)
{
    fprintf(stderr, "pattern_answers: %s: %.200s\n", why, line);
    exit(2);
}

static factum_slice unescape(const factum_json *json, uint32_t value, char *to)
{
    size_t len;
    if (factum_json_unescape(json, value, to, LINE_SIZE_MAX, &len) != FACTUM_OK) {
        quit("not a text");
    }
    return fct_slice(to, len);
}

static void answer_texts(const struct fct_pattern *pattern, const factum_json *json, uint32_t texts)
{
    static const char letters[] = {
        [FCT_PATTERN_NO_MATCH] = '0',       [FCT_PATTERN_MATCH] = '1',
        [FCT_PATTERN_OVER_TEXT_SIZE] = 'T', [FCT_PATTERN_OVER_STEPS] = 'S',
        [FCT_PATTERN_OVER_READS] = 'R',     [FCT_PATTERN_OVER_HEAP] = 'H',
        [FCT_PATTERN_OVER_BACKTRACK] = 'B', [FCT_PATTERN_NOT_UTF8] = '8',
        [FCT_PATTERN_NO_MEMORY] = 'M',
    };
    printf("OK ");
    for (uint32_t at = factum_json_first(json, texts); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, texts, at)) {
        putchar(letters[fct_pattern_match(pattern, scratch, unescape(json, at, text))]);
    }
    putchar('\n');
}

static void answer(factum_slice input)
{
    static factum_json_node nodes[LINE_SIZE_MAX / 64];
    factum_json json;
    struct fct_pattern *pattern;
    factum_error err;
    if (factum_json_parse(input, NULL, nodes, sizeof nodes / sizeof *nodes, &json, &err) !=
        FACTUM_OK) {
        quit("not a question");
    }
    uint32_t value = factum_json_find(&json, FACTUM_JSON_ROOT, FCT_SLICE("pattern"));
    uint32_t texts = factum_json_find(&json, FACTUM_JSON_ROOT, FCT_SLICE("texts"));
    if (value == FACTUM_JSON_NONE || texts == FACTUM_JSON_NONE) {
        quit("not a question");
    }
    factum_status status =
        fct_pattern_compile(fct_mem_heap(), unescape(&json, value, pattern_text), &pattern, &err);
    if (status != FACTUM_OK) {
        printf("%s %s\n", factum_status_name(status), err.text);
        return;
    }
    answer_texts(pattern, &json, texts);
    fct_pattern_destroy(pattern);
}

int main(void)
{
    factum_error err;
    if (fct_pattern_scratch_create(fct_mem_heap(), &scratch, &err) != FACTUM_OK) {
        quit(err.text);
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t len = strlen(line);
        if (len == 0 || line[len - 1] != '\n') {
            quit("a line without its end");
        }
        answer(fct_slice(line, len - 1));
    }
    fct_pattern_scratch_destroy(scratch);
    return 0;
}
