/* fold_cases.c - states without decisions: now and in the past, strict and lenient. On every
 * kind of store. Run by decider_test.c. */
#include "fixture.h"

static factum_read_request reading(const char *stream)
{
    return (factum_read_request){.size = sizeof(factum_read_request),
                                 .source = FACTUM_SOURCE_STREAM,
                                 .name = factum_slice_from(stream)};
}

/* The sum after the read; |info| is the fold's. */
static int64_t sum_of(struct fixture *f, const factum_read_request *request, bool lenient,
                      factum_fold_info *info)
{
    const factum_fold_options options = {.size = sizeof options, .lenient = lenient};
    factum_fold *fold;
    *info = (factum_fold_info){.size = sizeof *info};
    OK(factum_fold_create(&counter_decider, &options, &fold, &f->err));
    OK(factum_fold_read(fold, f->store, request, &f->err));
    OK(factum_fold_get(fold, info, &f->err));
    int64_t sum = ((const counter_state *)info->state)->sum;
    factum_fold_destroy(fold);
    return sum;
}

TEST(a_state_is_as_of_a_revision_or_a_time)
{
    struct fixture *f = *state;
    factum_fold_info info;
    for (int64_t i = 0; i < 4; i++) {
        const counter_command add = {.act = COUNTER_ADD, .number = 1 << i};
        factum_transact_request request = request_of(f, "c-1", &add, NULL);
        request.has_time = true;
        request.time = 1000 * i;
        OK(send_request(f, &request));
    }
    factum_read_request request = reading("c-1");
    assert_int_equal(sum_of(f, &request, false, &info), 15);
    assert_int_equal(info.event_count, 4);
    assert_int_equal(info.revision, 3);
    assert_true(info.place >= info.position);
    request.until_revision_set = true;
    request.until_revision = 1;
    assert_int_equal(sum_of(f, &request, false, &info), 3);
    request = reading("c-1");
    request.until_time_set = true;
    request.until_time = 2000;
    assert_int_equal(sum_of(f, &request, false, &info), 7);
    request.until_time = -1;
    assert_int_equal(sum_of(f, &request, false, &info), 0);
    assert_int_equal(info.event_count, 0);
}

TEST(an_unknown_type_is_skipped_and_counted_on_request)
{
    struct fixture *f = *state;
    factum_fold_info info;
    factum_fold *fold;
    append(f, "c-1", "Added", "{\"n\":1}", NULL);
    append(f, "c-1", "Multiplied", "{}", NULL);
    append(f, "c-1", "Divided", "{}", NULL);
    append(f, "c-1", "Added", "{\"n\":2}", NULL);
    const factum_read_request request = reading("c-1");
    assert_int_equal(sum_of(f, &request, true, &info), 3);
    assert_int_equal(info.event_count, 4);
    assert_int_equal(info.skipped_count, 2);
    assert_string_equal(info.skipped_type, "Multiplied");
    assert_int_equal(info.skipped_position, position_of(f, "c-1", 1));
    OK(factum_fold_create(&counter_decider, NULL, &fold, &f->err));
    assert_status(factum_fold_read(fold, f->store, &request, &f->err), FACTUM_NEWER_FORMAT);
    info = (factum_fold_info){.size = sizeof info};
    OK(factum_fold_get(fold, &info, &f->err));
    assert_int_equal(((const counter_state *)info.state)->sum, 1); /* as before the fold */
    assert_int_equal(info.event_count, 1);
    factum_fold_reset(fold);
    OK(factum_fold_get(fold, &info, &f->err));
    assert_int_equal(((const counter_state *)info.state)->sum, 0);
    factum_fold_destroy(fold);
}

TEST(an_initial_state_may_be_given)
{
    struct fixture *f = *state;
    static const counter_state ten = {.sum = 10};
    factum_decider decider = counter_decider;
    const factum_event event = {.type = FCT_SLICE("Added"), .data = FCT_SLICE("{\"n\":5}")};
    factum_fold_info info = {.size = sizeof info};
    factum_fold *fold;
    decider.initial = &ten;
    OK(factum_fold_create(&decider, NULL, &fold, &f->err));
    OK(factum_fold_add(fold, &event, &f->err));
    OK(factum_fold_get(fold, &info, &f->err));
    assert_int_equal(((const counter_state *)info.state)->sum, 15);
    factum_fold_destroy(fold);
}

TEST(a_fold_over_its_limit_stays_broken_until_a_reset)
{
    struct fixture *f = *state;
    const factum_fold_options options = {.size = sizeof options, .state_size_max = 64};
    const factum_event note = {.type = FCT_SLICE("Noted"),
                               .data = FCT_SLICE("{\"text\":\"0123456789abcdef0123456789\"}")};
    const factum_event one = {.type = FCT_SLICE("Added"), .data = FCT_SLICE("{\"n\":5}")};
    factum_fold *fold;
    OK(factum_fold_create(&counter_decider, &options, &fold, &f->err));
    OK(factum_fold_add(fold, &one, &f->err));
    OK(factum_fold_add(fold, &note, &f->err));
    assert_status(factum_fold_add(fold, &note, &f->err), FACTUM_TOO_BIG);
    assert_status(factum_fold_add(fold, &one, &f->err), FACTUM_TOO_BIG);
    assert_text(f->err, "an earlier event could not be folded");
    factum_fold_reset(fold);
    OK(factum_fold_add(fold, &one, &f->err));
    factum_fold_destroy(fold);
}

TEST(what_a_fold_is_given_is_checked)
{
    struct fixture *f = *state;
    factum_fold *fold;
    factum_fold_info info = {.size = 0};
    factum_read_request request = reading("none-1");
    assert_status(factum_fold_create(NULL, NULL, &fold, &f->err), FACTUM_INVALID);
    assert_null(fold);
    assert_status(factum_fold_create(&counter_decider, NULL, NULL, &f->err), FACTUM_INVALID);
    OK(factum_fold_create(&counter_decider, NULL, &fold, &f->err));
    assert_status(factum_fold_read(fold, f->store, &request, &f->err), FACTUM_STREAM_NOT_FOUND);
    request.backwards = true;
    assert_status(factum_fold_read(fold, f->store, &request, &f->err), FACTUM_INVALID);
    assert_status(factum_fold_read(fold, NULL, &request, &f->err), FACTUM_INVALID);
    assert_status(factum_fold_add(fold, NULL, &f->err), FACTUM_INVALID);
    assert_status(factum_fold_get(fold, &info, &f->err), FACTUM_INVALID);
    factum_fold_destroy(fold);
    factum_fold_destroy(NULL);
    factum_fold_reset(NULL);
}

const struct CMUnitTest fold_cases[] = {
    FIXTURE_CASE(a_state_is_as_of_a_revision_or_a_time),
    FIXTURE_CASE(an_unknown_type_is_skipped_and_counted_on_request),
    FIXTURE_CASE(an_initial_state_may_be_given),
    FIXTURE_CASE(a_fold_over_its_limit_stays_broken_until_a_reset),
    FIXTURE_CASE(what_a_fold_is_given_is_checked),
};
const size_t fold_case_count = sizeof fold_cases / sizeof fold_cases[0];
