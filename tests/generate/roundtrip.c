/* roundtrip.c - linked with the generated types of one category, as C and as C++: reads lines
 * "TYPE", tab, JSON from standard input, parses each, prints the parsed event, and compares both by
 * value.
 *
 * Answers each line with "ok", with "lost" and the print (it lacks members that the type does not
 * name), or with "refused" and the error. HEADER and PREFIX come from the compiler's command line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include HEADER

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define EVENT JOIN(PREFIX, _event)
#define EVENT_PARSE JOIN(PREFIX, _event_parse)
#define EVENT_PRINT JOIN(PREFIX, _event_print)
#define EVENT_TYPE_NAME JOIN(PREFIX, _event_type_name)
#define EVENT_TYPE_OF JOIN(PREFIX, _event_type_of)

enum {
    NODES_MAX = 1 << 16,
    LINE_MAX_ = 1 << 20,
};

static factum_json_node nodes[NODES_MAX];
static factum_json_node nodes_again[NODES_MAX];
static char line[LINE_MAX_];
static char line_again[LINE_MAX_];

/* Collects the writer's output in pieces of 7 bytes. */
struct collected {
    uint8_t bytes[LINE_MAX_];
    size_t len;
};

static struct collected collected;

static factum_status collect(void *data, factum_slice bytes)
{
    struct collected *to = (struct collected *)data;
    if (bytes.len > sizeof to->bytes - to->len) {
        return FACTUM_NO_SPACE;
    }
    memcpy(to->bytes + to->len, bytes.ptr, bytes.len);
    to->len += bytes.len;
    return FACTUM_OK;
}

static factum_status print(const EVENT *event, factum_slice *printed, factum_error *err)
{
    uint8_t piece[7];
    factum_json_writer to;
    collected.len = 0;
    factum_json_writer_to(&to, piece, sizeof piece, collect, &collected);
    EVENT_PRINT(event, &to);
    factum_status status = factum_json_writer_finish(&to, err);
    printed->ptr = collected.bytes;
    printed->len = collected.len;
    return status;
}

/* Parses the printed event again and prints it: nothing may change any more. */
static factum_status check_again(factum_slice type, factum_slice printed, factum_arena *arena,
                                 factum_error *err)
{
    EVENT event;
    factum_json json;
    factum_slice again;
    bool equal = false;
    memcpy(line_again, printed.ptr, printed.len);
    printed.ptr = (const uint8_t *)line_again;
    factum_status status = factum_json_parse(printed, NULL, nodes, NODES_MAX, &json, err);
    if (status == FACTUM_OK) {
        status = EVENT_PARSE(type, &json, arena, &event, err);
    }
    if (status == FACTUM_OK) {
        status = print(&event, &again, err);
    }
    if (status == FACTUM_OK) {
        equal = again.len == printed.len && memcmp(again.ptr, printed.ptr, again.len) == 0;
        (void)snprintf(err->text, sizeof err->text, "printing twice differs");
    }
    return equal ? FACTUM_OK : FACTUM_CORRUPT;
}

static void run_line(factum_slice type, factum_slice text, factum_arena *arena)
{
    EVENT event;
    factum_error err;
    factum_json json;
    factum_json back;
    factum_slice printed = {NULL, 0};
    bool equal = false;
    factum_status status = factum_json_parse(text, NULL, nodes, NODES_MAX, &json, &err);
    if (status == FACTUM_OK) {
        status = EVENT_PARSE(type, &json, arena, &event, &err);
    }
    if (status != FACTUM_OK) {
        printf("refused %s: %s\n", factum_status_name(status), err.text);
        return;
    }
    factum_slice name = EVENT_TYPE_NAME(event.type);
    if (EVENT_TYPE_OF(type) != event.type || name.len != type.len ||
        memcmp(name.ptr, type.ptr, name.len) != 0) {
        printf("broken: the type has another name\n");
        return;
    }
    status = print(&event, &printed, &err);
    if (status == FACTUM_OK) {
        status = factum_json_parse(printed, NULL, nodes_again, NODES_MAX, &back, &err);
    }
    if (status == FACTUM_OK) {
        status = factum_json_equal(&json, FACTUM_JSON_ROOT, &back, FACTUM_JSON_ROOT, &equal);
    }
    if (status != FACTUM_OK) {
        printf("broken: %s\n", err.text);
    } else if (!equal) {
        printf("lost %.*s\n", (int)printed.len, (const char *)printed.ptr);
    } else if (check_again(type, printed, arena, &err) != FACTUM_OK) {
        printf("broken: %s\n", err.text);
    } else {
        printf("ok\n");
    }
}

int main(void)
{
    factum_arena arena;
    factum_arena_init(&arena, 0);
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *tab = strchr(line, '\t');
        size_t len = strlen(line);
        if (tab == NULL || line[len - 1] != '\n') {
            return 2;
        }
        factum_slice type = {(const uint8_t *)line, (size_t)(tab - line)};
        factum_slice text = {(const uint8_t *)tab + 1, len - type.len - 2};
        run_line(type, text, &arena);
        factum_arena_reset(&arena);
    }
    factum_arena_finish(&arena);
    return 0;
}
