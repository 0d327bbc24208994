/* removal_test.c - a DELETE and a TOMBSTONE become appends. */
#include "support/test.h"

#include "core/slice.h"
#include "core/uuid.h"
#include "engine/engine.h"
#include "engine/removal.h"
#include "engine/rules.h"

/* An op as the checks leave it. */
static void op_init(factum_append_op *op, factum_append_action action,
                    const factum_expectation *expectation)
{
    const factum_append_request request = {
        .size = sizeof request,
        .expectations = expectation,
        .expectation_count = 1,
        .durability = FACTUM_DURABILITY_OS,
    };
    *op = (factum_append_op){.size = sizeof *op, .action = action};
    memcpy(&op->internal[FCT_OP_REQUEST_WORD], &request, sizeof request);
}

TEST(a_tombstone_is_the_last_event_of_its_stream)
{
    const factum_expectation expectation = {FCT_SLICE("s-1"), factum_at(4)};
    factum_append_op op;
    struct fct_removal removal;
    op_init(&op, FACTUM_ACTION_TOMBSTONE, &expectation);
    fct_removal_init(&removal, &op);
    assert_int_equal(removal.request.event_count, 1);
    assert_int_equal(removal.request.expectation_count, 1);
    assert_int_equal(removal.request.durability, FACTUM_DURABILITY_OS);
    assert_int_equal(removal.request.expectations[0].expected.revision, 4);
    const factum_new_event *event = &removal.request.events[0];
    assert_true(fct_slice_equal(event->stream, FCT_SLICE("s-1")));
    assert_true(fct_slice_equal(event->type, FCT_SLICE("$streamDeleted")));
    assert_true(fct_slice_equal(event->data, FCT_SLICE("{}")));
    assert_true(fct_uuid_is_zero(event->id));
}

TEST(a_deletion_is_metadata_and_expects_something_of_its_stream)
{
    static char name[FACTUM_NAME_SIZE_MAX - 2];
    memset(name, 'n', sizeof name);
    const factum_expectation expectation = {fct_slice(name, sizeof name), factum_stream_exists()};
    factum_append_op op;
    struct fct_removal removal;
    op_init(&op, FACTUM_ACTION_DELETE, &expectation);
    fct_removal_init(&removal, &op);
    assert_int_equal(removal.request.event_count, 1);
    assert_int_equal(removal.request.expectation_count, 2);
    const factum_expectation *expectations = removal.request.expectations;
    assert_true(fct_slice_equal(expectations[0].stream, expectation.stream));
    assert_int_equal(expectations[0].expected.kind, FACTUM_EXPECTED_STREAM_EXISTS);
    assert_int_equal(expectations[1].expected.kind, FACTUM_EXPECTED_ANY);
    const factum_new_event *event = &removal.request.events[0];
    assert_true(fct_slice_equal(event->stream, expectations[1].stream));
    assert_true(fct_slice_equal(fct_metastream_target(event->stream), expectation.stream));
    assert_true(fct_slice_equal(event->type, FCT_SLICE("$metadata")));
    struct fct_stream_metadata metadata;
    fct_stream_metadata_parse(event->data, &metadata);
    assert_true(metadata.soft_deleted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_tombstone_is_the_last_event_of_its_stream),
        CASE(a_deletion_is_metadata_and_expects_something_of_its_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
