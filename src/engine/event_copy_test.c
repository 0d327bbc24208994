/* event_copy_test.c - a copied event outlives its original, and its memory is used again. */
#include "support/test.h"

#include "core/slice.h"
#include "engine/event_copy.h"

/* An event over |bytes|, which a test may spoil; |tags| has room for two. */
static factum_event event_of(char bytes[16], factum_slice tags[2], size_t tag_count)
{
    memcpy(bytes, "streamTYPEdatatu", 16);
    tags[0] = fct_slice(bytes + 14, 1);
    tags[1] = fct_slice(bytes + 15, 1);
    return (factum_event){
        .stream = fct_slice(bytes, 6),
        .type = fct_slice(bytes + 6, 4),
        .data = fct_slice(bytes + 10, 4),
        .content_type = FCT_SLICE("application/json"),
        .tags = tags,
        .tag_count = tag_count,
        .revision = 3,
        .position = 77,
        .last_of_commit = true,
    };
}

TEST(a_copy_outlives_its_original)
{
    char bytes[16];
    factum_slice tags[2];
    factum_error err;
    factum_event_copy copy = {.memory = NULL};
    char key_bytes[] = "key";
    factum_slice key = factum_slice_from(key_bytes);
    factum_event event = event_of(bytes, tags, 2);
    event.key = &key;
    assert_ok(fct_event_copy_set(&copy, &event, &err), err);
    memset(key_bytes, 0xee, sizeof key_bytes);
    memset(&key, 0xee, sizeof key);
    memset(bytes, 0xee, sizeof bytes);
    memset(tags, 0xee, sizeof tags);
    assert_true(fct_slice_equal(copy.event.stream, FCT_SLICE("stream")));
    assert_true(fct_slice_equal(copy.event.type, FCT_SLICE("TYPE")));
    assert_true(fct_slice_equal(copy.event.data, FCT_SLICE("data")));
    assert_true(fct_slice_equal(copy.event.content_type, FCT_SLICE("application/json")));
    assert_int_equal(copy.event.metadata.len, 0);
    assert_int_equal(copy.event.tag_count, 2);
    assert_true(fct_slice_equal(copy.event.tags[0], FCT_SLICE("t")));
    assert_true(fct_slice_equal(copy.event.tags[1], FCT_SLICE("u")));
    assert_int_equal(copy.event.revision, 3);
    assert_int_equal(copy.event.position, 77);
    assert_true(copy.event.last_of_commit);
    assert_true(fct_slice_equal(*copy.event.key, FCT_SLICE("key")));
    fct_event_copy_finish(&copy);
    assert_null(copy.memory);
    fct_event_copy_finish(&copy);
    fct_event_copy_finish(NULL);
}

TEST(a_smaller_event_uses_the_memory_of_a_larger_one)
{
    char bytes[16];
    factum_slice tags[2];
    factum_error err;
    factum_event_copy copy = {.memory = NULL};
    factum_event event = event_of(bytes, tags, 2);
    assert_ok(fct_event_copy_set(&copy, &event, &err), err);
    const void *memory = copy.memory;
    size_t capacity = copy.capacity;
    event = event_of(bytes, tags, 0);
    assert_ok(fct_event_copy_set(&copy, &event, &err), err);
    assert_ptr_equal(copy.memory, memory);
    assert_int_equal(copy.capacity, capacity);
    assert_null(copy.event.tags);
    assert_true(fct_slice_equal(copy.event.stream, FCT_SLICE("stream")));
    fct_event_copy_finish(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_copy_outlives_its_original),
        CASE(a_smaller_event_uses_the_memory_of_a_larger_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
