/* script.c - see script.h. Layer: cli. */
#include "cli/script.h"

#include <stdlib.h>
#include <string.h>

#include "cli/input.h"
#include "cli/whole_file.h"

int fail_with_script(factum_status status, const factum_error *err)
{
    int code = fail_with(status, err);
    return status == FACTUM_INVALID || status == FACTUM_TOO_BIG || status == FACTUM_NEWER_FORMAT
               ? EXIT_INVALID
               : code;
}

int open_text(const char *path, factum_slice text, const char *name,
              factum_script_decider **decider)
{
    factum_error err;
    const factum_script script = {.size = sizeof script, .text = text, .name = input_name(path)};
    factum_lua_enable();
    factum_status status = factum_script_decider_open(&script, name, decider, &err);
    return status == FACTUM_OK ? 0 : fail_with_script(status, &err);
}

int open_decider(const char *path, const char *name, factum_script_decider **decider)
{
    uint8_t *bytes;
    size_t len;
    int code = file_read(path, (size_t)1 << 20, &bytes, &len);
    if (code != 0) {
        return code;
    }
    code = open_text(path, (factum_slice){bytes, len}, name, decider);
    free(bytes);
    return code;
}

static int find_deployed(factum_store *store, const char *category, factum_script_decider **decider)
{
    factum_error err;
    factum_deployed *deployed = NULL;
    factum_status status =
        factum_decider_find(store, factum_slice_from(category), NULL, &deployed, &err);
    int code = 0;
    if (status == FACTUM_OK) {
        factum_lua_enable();
        status = factum_deployed_open(deployed, decider, &err);
        code = status == FACTUM_OK ? 0 : fail_with_script(status, &err);
    } else {
        code = fail_with(status, &err);
    }
    factum_deployed_free(deployed);
    if (status == FACTUM_NOT_FOUND) {
        (void)fputs("factum: or name a script with --decider FILE.lua\n", stderr);
    }
    return code;
}

int open_store_and_decider(const struct options *options, bool write, const char *category,
                           factum_store **store, factum_script_decider **decider)
{
    int code = 0;
    *decider = NULL;
    if (options->decider != NULL) {
        code = open_decider(options->decider, category, decider);
    }
    if (code == 0) { /* only a command with a script of its own creates a store */
        code = open_store(options, write && *decider != NULL, store);
        if (code == 0 && *decider == NULL) {
            code = find_deployed(*store, category, decider);
            code = code == 0 ? 0 : close_store(*store, code);
        }
    }
    if (code != 0) {
        factum_script_decider_close(*decider);
        *decider = NULL;
    }
    return code;
}

bool category_of(const char *stream, char name[FACTUM_NAME_SIZE_MAX + 1])
{
    size_t len = strcspn(stream, "-");
    if (len == 0 || len > FACTUM_NAME_SIZE_MAX || stream[len] == '\0') {
        (void)complain("\"%s\" is not a stream of a category: CATEGORY-ID", stream);
        return false;
    }
    memcpy(name, stream, len);
    name[len] = '\0';
    return true;
}

static void new_line(FILE *to, size_t level)
{
    (void)fprintf(to, "\n%*s", (int)(2 * level), "");
}

/* |json| has no white space, like states and emitted events. */
void print_pretty(FILE *to, factum_slice json)
{
    size_t level = 0;
    for (size_t i = 0; i < json.len; i++) {
        uint8_t c = json.ptr[i];
        bool empty = i + 1 < json.len && (c == '{' || c == '[') && json.ptr[i + 1] == c + 2;
        if (c == '"') {
            size_t end = i + 1;
            while (json.ptr[end] != '"') {
                end += json.ptr[end] == '\\' ? 2 : 1;
            }
            print_text(to, (factum_slice){json.ptr + i, end + 1 - i});
            i = end;
        } else if (empty) {
            (void)fprintf(to, "%c%c", c, c + 2);
            i++;
        } else if (c == '{' || c == '[') {
            (void)fputc(c, to);
            new_line(to, ++level);
        } else if (c == '}' || c == ']') {
            new_line(to, --level);
            (void)fputc(c, to);
        } else if (c == ',') {
            (void)fputc(c, to);
            new_line(to, level);
        } else {
            (void)fprintf(to, c == ':' ? ": " : "%c", c);
        }
    }
}
