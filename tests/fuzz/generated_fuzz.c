/* generated_fuzz.c - a generated parser compared with the validator, on any bytes.
 *
 * The type is generated/Everything.json, with unknown members kept. The parser must parse whatever
 * the validator accepts, except for the three things that docs/guide/generated.md names: whole
 * numbers over 64 bits, lone surrogates, and events that need more than the arena's maximum. What
 * was parsed is printed, and the print is equal by value.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <factum/schema.h>

#include "core/check.h"
#include "core/slice.h"
#include "everything.gen.h"

#define NODES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static factum_json_node nodes[NODES_MAX];
static factum_json_node nodes_back[NODES_MAX];
static uint8_t printed[1 << 20];
static factum_schema *schema;
static factum_schema_checker *checker;
static factum_arena arena;

static void prepare(void)
{
    static uint8_t text[1 << 16];
    factum_error err;
    FILE *file = fopen(SCHEMA_FILE, "rb");
    FCT_ASSERT(file != NULL);
    size_t len = fread(text, 1, sizeof text, file);
    (void)fclose(file);
    FCT_ASSERT(factum_schema_compile(fct_slice(text, len), NULL, &schema, &err) == FACTUM_OK);
    FCT_ASSERT(factum_schema_checker_create(&checker, &err) == FACTUM_OK);
    factum_arena_init(&arena, 0);
}

/* Is the refusal one of the exceptions? */
static bool may_refuse(factum_status status, const factum_error *err)
{
    return (status == FACTUM_INVALID && (strstr(err->text, ": not a whole number from") != NULL ||
                                         strstr(err->text, ": a lone surrogate") != NULL)) ||
           (status == FACTUM_TOO_BIG && strstr(err->text, "maximum of the arena") != NULL);
}

static void check_printed(const factum_json *json, const everything_event *event)
{
    factum_json_writer to;
    factum_json back;
    factum_error err;
    bool equal = false;
    factum_json_writer_init(&to, printed, sizeof printed);
    (void)everything_event_print(event, &to);
    FCT_ASSERT(factum_json_writer_finish(&to, &err) == FACTUM_OK);
    FCT_ASSERT(factum_json_parse(fct_slice(printed, to.used), NULL, nodes_back, NODES_MAX, &back,
                                 &err) == FACTUM_OK);
    factum_status status =
        factum_json_equal(json, FACTUM_JSON_ROOT, &back, FACTUM_JSON_ROOT, &equal);
    FCT_ASSERT(status == FACTUM_TOO_BIG || equal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    factum_json json;
    factum_error err;
    factum_error refusal;
    everything_event event;
    factum_schema_result result = {.size = sizeof result};
    if (schema == NULL) {
        prepare();
    }
    if (factum_json_parse(fct_slice(data, size), NULL, nodes, NODES_MAX, &json, &err) !=
        FACTUM_OK) {
        return 0;
    }
    factum_arena_reset(&arena);
    factum_status status =
        everything_event_parse(FCT_SLICE("Everything"), &json, &arena, &event, &refusal);
    if (status == FACTUM_OK) {
        check_printed(&json, &event);
    } else if (factum_schema_check_json(schema, checker, &json, 1, &result, &err) == FACTUM_OK) {
        FCT_ASSERT(!result.valid || may_refuse(status, &refusal));
    }
    return 0;
}
