/* store_vectors.c - the messages of factum.v1.Store for store_wire_test.py.
 *
 * For each line "KIND HEX" of standard input: decodes the message, encodes the result, and
 * prints it, with its frame, in hexadecimal; or the text of the error. */
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "support/store_echo.h"

enum { LINE_SIZE = 1 << 20 };

static int digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

static bool parse_hex(struct fct_buf *buf, const char *text)
{
    for (; text[0] != '\0' && text[0] != '\n'; text += 2) {
        int high = digit(text[0]);
        int low = digit(text[1]);
        if (high < 0 || low < 0) {
            return false;
        }
        uint8_t byte = (uint8_t)(high * 16 + low);
        FCT_ASSERT(fct_buf_add(buf, &byte, 1) == FACTUM_OK);
    }
    return true;
}

static bool echo_line(char *line)
{
    struct fct_buf in, out;
    factum_error err = {.text = ""};
    char *space = strchr(line, ' ');
    bool done = false;
    if (space == NULL) {
        return false;
    }
    *space = '\0';
    fct_buf_init(&in, fct_mem_heap(), LINE_SIZE);
    fct_buf_init(&out, fct_mem_heap(), 2 * LINE_SIZE);
    bool valid = parse_hex(&in, space + 1);
    for (size_t i = 0; valid && i < STORE_ECHO_COUNT; i++) {
        if (strcmp(store_echoes[i].kind, line) == 0) {
            done = true;
            if (store_echoes[i].echo(fct_buf_slice(&in), &out, &err) != FACTUM_OK) {
                printf("%s", err.text);
                fct_buf_clear(&out);
            }
        }
    }
    for (size_t i = 0; i < out.len; i++) {
        printf("%02x", out.ptr[i]);
    }
    printf("\n");
    fct_buf_finish(&in);
    fct_buf_finish(&out);
    return done;
}

int main(void)
{
    static char line[LINE_SIZE];
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (!echo_line(line)) {
            return 2;
        }
    }
    return 0;
}
