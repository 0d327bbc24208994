/* names_test.c - names of sagas, streams and commands, printed and read back. Layer: saga. */
#include "saga/names.h"

#include "core/slice.h"
#include "support/test.h"

static void assert_slice(factum_slice slice, const char *text)
{
    assert_int_equal(slice.len, strlen(text));
    assert_memory_equal(slice.ptr, text, slice.len);
}

TEST(a_name_is_small_letters_digits_and_underscores)
{
    static const char *const right[] = {"a", "order_fulfilment", "a1_", "z9"};
    static const char *const wrong[] = {"", "A", "1a", "_a", "a-b", "a b", "a.b", "\xc3\xa4"};
    char longest[FACTUM_SAGA_NAME_MAX + 2];
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_true(fct_saga_name_valid(factum_slice_from(right[i])));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(fct_saga_name_valid(factum_slice_from(wrong[i])));
    }
    memset(longest, 'a', sizeof longest);
    assert_true(fct_saga_name_valid(fct_slice(longest, FACTUM_SAGA_NAME_MAX)));
    assert_false(fct_saga_name_valid(fct_slice(longest, FACTUM_SAGA_NAME_MAX + 1)));
}

/* Ids that could be mistaken for something else. */
static const char *const ids[] = {"1",        "-",       "a-b",          "a/do/1",       "/",
                                  "saga:x-1", "x/do/2/", "\xe2\x82\xac", "undone/undo/9"};

TEST(an_id_may_hold_anything)
{
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char stream[FCT_SAGA_STREAM_SIZE];
        char text[FCT_COMMAND_ID_SIZE];
        struct fct_saga_key key = {FCT_SLICE("shop"), factum_slice_from(ids[i])};
        struct fct_saga_key read;
        struct fct_command_id id;
        assert_true(fct_saga_stream_read(fct_saga_stream(&key, stream), &read));
        assert_slice(read.name, "shop");
        assert_slice(read.id, ids[i]);
        for (int undo = 0; undo < 2; undo++) {
            assert_true(fct_command_id_read(
                fct_command_id(&key, FCT_SLICE("pay"), undo == 1, UINT16_MAX, text), &id));
            assert_slice(id.saga.id, ids[i]);
            assert_slice(id.step, "pay");
            assert_slice(id.saga_id, stream + strlen(FCT_SAGA_PREFIX));
            assert_int_equal(id.undo, undo);
            assert_int_equal(id.generation, UINT16_MAX);
        }
    }
}

TEST(the_longest_names_fit)
{
    char name[FACTUM_SAGA_NAME_MAX] = "";
    char id[FACTUM_SAGA_ID_MAX + 1] = "";
    char stream[FCT_SAGA_STREAM_SIZE];
    char commands[FCT_COMMAND_STREAM_SIZE];
    char text[FCT_COMMAND_ID_SIZE];
    struct fct_saga_key key = {fct_slice(name, sizeof name), fct_slice(id, FACTUM_SAGA_ID_MAX)};
    struct fct_saga_key read;
    struct fct_command_id command;
    (void)state;
    memset(name, 'n', sizeof name);
    memset(id, 'i', sizeof id);
    assert_true(fct_saga_stream_read(fct_saga_stream(&key, stream), &read));
    assert_int_equal(read.id.len, FACTUM_SAGA_ID_MAX);
    (void)fct_command_stream(key.name, &key, commands);
    assert_true(strlen(commands) < sizeof commands);
    assert_true(
        fct_command_id_read(fct_command_id(&key, key.name, true, UINT16_MAX, text), &command));
    assert_int_equal(command.step.len, sizeof name);
    char over[sizeof "saga:n-" + sizeof id];
    int len = snprintf(over, sizeof over, "saga:n-%.*s", (int)sizeof id, id);
    assert_false(fct_saga_stream_read(fct_slice(over, (size_t)len), &read));
}

TEST(invalid_command_ids_are_refused)
{
    static const char *const wrong[] = {
        "",
        "shop-1/pay/do/1",
        "saga:shop-1/pay/do",
        "saga:shop-1/pay/do/",
        "saga:shop-1/pay/do/0",
        "saga:shop-1/pay/do/01",
        "saga:shop-1/pay/do/65536",
        "saga:shop-1/pay/do/99999999999",
        "saga:shop-1/pay/do/1x",
        "saga:shop-1/pay/redo/1",
        "saga:shop-1/Pay/do/1",
        "saga:shop-1//do/1",
        "saga:shop-/pay/do/1",
        "saga:shop/pay/do/1",
        "saga:-1/pay/do/1",
    };
    struct fct_command_id id;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (fct_command_id_read(factum_slice_from(wrong[i]), &id)) {
            print_error("\"%s\"\n", wrong[i]);
            fail();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_name_is_small_letters_digits_and_underscores),
        CASE(an_id_may_hold_anything),
        CASE(the_longest_names_fit),
        CASE(invalid_command_ids_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
