/* printer_test.c - JSON that is printed, and read back. */
#include "support/test.h"

#include <factum/ndjson.h>

#include "core/arena.h"
#include "core/slice.h"
#include "decider/printer.h"

#define TEST(name) static void name(void **state)
#define CASE(name) cmocka_unit_test(name)

static const char *text_of(const struct factum_printer *out)
{
    static char text[2048];
    factum_slice printed;
    factum_error err;
    assert_ok(fct_printer_end(out, "the event", &printed, &err), err);
    (void)snprintf(text, sizeof text, "%.*s", (int)printed.len, (const char *)printed.ptr);
    return text;
}

TEST(an_object_is_printed_piece_by_piece)
{
    struct factum_arena arena;
    struct factum_printer out;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    fct_printer_init(&out, &arena);
    factum_print_type(&out, "Made");
    factum_print_raw(&out, "{\"a\":");
    factum_print_int64(&out, INT64_MIN);
    factum_print_raw(&out, ",\"b\":");
    factum_print_bool(&out, true);
    factum_print_raw(&out, ",\"c\":");
    factum_print_json(&out, FCT_SLICE("[1,2]"));
    factum_print_raw(&out, ",\"d\":");
    factum_print_text(&out, (factum_slice){.ptr = NULL});
    factum_print_raw(&out, "}");
    assert_string_equal(text_of(&out),
                        "{\"a\":-9223372036854775808,\"b\":true,\"c\":[1,2],\"d\":\"\"}");
    assert_true(fct_slice_equal(out.type, FCT_SLICE("Made")));
    factum_arena_finish(&arena);
}

TEST(every_character_comes_back_as_it_was)
{
    struct factum_arena arena;
    struct factum_printer out;
    uint8_t text[160];
    char back[sizeof text + 1];
    size_t len = 0;
    (void)state;
    for (uint8_t c = 0; c < 0x80; c++) {
        text[len++] = c;
    }
    memcpy(text + len, "\xc3\xa4\xf0\x9f\x98\x80", 6);
    len += 6;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    fct_printer_init(&out, &arena);
    factum_print_text(&out, fct_slice(text + 1, len - 1)); /* NUL does not come back in C */
    const char *printed = text_of(&out);
    assert_int_equal(factum_json_text(factum_slice_from(printed), back, sizeof back), FACTUM_OK);
    assert_memory_equal(back, text + 1, len - 1);
    fct_printer_init(&out, &arena);
    factum_print_text(&out, fct_slice(text, 1));
    assert_string_equal(text_of(&out), "\"\\u0000\"");
    factum_arena_finish(&arena);
}

TEST(what_is_no_text_is_refused)
{
    struct factum_arena arena;
    struct factum_printer out;
    factum_slice printed;
    factum_error err;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    fct_printer_init(&out, &arena);
    factum_print_text(&out, FCT_SLICE("\xff"));
    factum_print_text(&out, FCT_SLICE("fine"));
    assert_status(fct_printer_end(&out, "the event", &printed, &err), FACTUM_INVALID);
    assert_string_equal(err.text, "the event has a text that is not UTF-8");
    factum_arena_finish(&arena);
}

TEST(what_is_too_long_is_refused)
{
    struct factum_arena arena;
    struct factum_printer out;
    factum_slice printed;
    factum_error err;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 2000);
    fct_printer_init(&out, &arena);
    for (int i = 0; i < 1000; i++) {
        factum_print_raw(&out, "0123456789");
    }
    assert_status(fct_printer_end(&out, "the event", &printed, &err), FACTUM_TOO_BIG);
    factum_arena_finish(&arena);
}

/* As a generated event does. */
static void print_note(struct factum_printer *out, factum_slice text)
{
    uint8_t buffer[8]; /* several pieces */
    factum_json_writer to;
    factum_print_generated(out, FCT_SLICE("Noted"), &to, buffer, sizeof buffer);
    factum_json_put_object(&to);
    factum_json_put_name(&to, "text", 4);
    factum_json_put_text(&to, text);
    factum_json_put_end(&to);
    factum_print_generated_end(out, &to);
}

TEST(a_generated_event_is_printed)
{
    struct factum_arena arena;
    struct factum_printer out;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    fct_printer_init(&out, &arena);
    print_note(&out, FCT_SLICE("a \"long\" text"));
    assert_string_equal(text_of(&out), "{\"text\":\"a \\\"long\\\" text\"}");
    assert_true(fct_slice_equal(out.type, FCT_SLICE("Noted")));
    factum_arena_finish(&arena);
}

TEST(a_generated_event_that_cannot_be_printed_is_refused)
{
    struct factum_arena arena;
    struct factum_printer out;
    factum_slice printed;
    factum_error err;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    fct_printer_init(&out, &arena);
    print_note(&out, FCT_SLICE("\xff"));
    assert_status(fct_printer_end(&out, "the event", &printed, &err), FACTUM_INVALID);
    assert_true(strncmp(err.text, "the event cannot be printed: ", 29) == 0);
    factum_arena_finish(&arena);
}

TEST(a_tape_takes_memory_only_if_the_nodes_are_too_few)
{
    static const char text[] = "[1,2,3,4,5,6,7,8,9]";
    struct factum_arena arena;
    factum_json_node few[4];
    factum_json json;
    factum_error err;
    (void)state;
    fct_arena_init(&arena, fct_mem_heap(), 16);
    assert_ok(factum_generated_tape(FCT_SLICE("[1]"), &arena, few, 4, &json, &err), err);
    assert_ptr_equal(json.nodes, few);
    assert_status(factum_generated_tape(factum_slice_from(text), &arena, few, 4, &json, &err),
                  FACTUM_TOO_BIG);
    factum_arena_finish(&arena);
    fct_arena_init(&arena, fct_mem_heap(), 1 << 20);
    assert_ok(factum_generated_tape(factum_slice_from(text), &arena, few, 4, &json, &err), err);
    assert_int_equal(factum_json_count(&json, FACTUM_JSON_ROOT), 9);
    assert_status(factum_generated_tape(FCT_SLICE("[1,2,3,4,5,6,7,"), &arena, few, 4, &json, &err),
                  FACTUM_INVALID);
    factum_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_object_is_printed_piece_by_piece),
        CASE(every_character_comes_back_as_it_was),
        CASE(what_is_no_text_is_refused),
        CASE(what_is_too_long_is_refused),
        CASE(a_generated_event_is_printed),
        CASE(a_generated_event_that_cannot_be_printed_is_refused),
        CASE(a_tape_takes_memory_only_if_the_nodes_are_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
