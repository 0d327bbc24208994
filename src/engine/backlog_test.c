/* backlog_test.c - a backlog takes, refuses and removes ops. */
#include "support/test.h"

#include "core/slice.h"
#include "engine/backlog.h"

static const struct fct_limits limits = {.queue_max = 3, .queue_size_max = 100};
static const factum_completer own = {NULL, NULL};
static const factum_completer engines = {NULL, NULL};

struct waiting {
    factum_new_event event;
    factum_append_op op;
};

/* An append of |size| bytes in all. */
static void make(struct waiting *waiting, size_t size)
{
    static uint8_t bytes[1000];
    *waiting = (struct waiting){.event = {.stream = FCT_SLICE("s"), .type = FCT_SLICE("T")}};
    waiting->event.data = (factum_slice){bytes, size - 2};
    waiting->op = (factum_append_op){.size = sizeof waiting->op, .completer = &own};
    factum_append_request request = {
        .size = sizeof request, .events = &waiting->event, .event_count = 1};
    memcpy(&waiting->op.internal[FCT_OP_REQUEST_WORD], &request,
           sizeof request); /* as the checks */
}

TEST(an_op_gets_its_own_completer_back)
{
    struct fct_backlog backlog = {.count = 0};
    struct waiting one;
    factum_append_op *op = &one.op;
    factum_error err;
    (void)state;
    make(&one, 40);
    assert_ok(fct_backlog_add(&backlog, &limits, op, &engines, &err), err);
    assert_ptr_equal(op->completer, &engines);
    assert_int_equal(backlog.count, 1);
    assert_int_equal(backlog.size, 40);
    assert_false(fct_backlog_remove(&backlog, &op, 1));
    assert_ptr_equal(op->completer, &own);
    assert_int_equal(backlog.count, 0);
    assert_int_equal(backlog.size, 0);
}

TEST(beyond_a_limit_an_op_is_refused_and_stays_as_it_was)
{
    struct fct_backlog backlog = {.count = 0};
    struct waiting all[4];
    factum_append_op *ops[3];
    factum_error err;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        make(&all[i], 20);
        ops[i] = &all[i].op;
        assert_ok(fct_backlog_add(&backlog, &limits, ops[i], &engines, &err), err);
    }
    make(&all[3], 20);
    assert_status(fct_backlog_add(&backlog, &limits, &all[3].op, &engines, &err), FACTUM_BUSY);
    assert_string_equal(err.text, "3 appends are waiting, which is the limit: try again later");
    assert_ptr_equal(all[3].op.completer, &own);
    assert_true(fct_backlog_remove(&backlog, ops, 2));
    assert_false(fct_backlog_remove(&backlog, &ops[2], 1)); /* reported once */
}

TEST(bytes_are_limited_but_one_append_is_always_taken)
{
    struct fct_backlog backlog = {.count = 0};
    struct waiting big, small;
    factum_append_op *op = &big.op;
    factum_error err;
    (void)state;
    make(&big, 1000);
    make(&small, 2);
    assert_ok(fct_backlog_add(&backlog, &limits, op, &engines, &err), err);
    assert_status(fct_backlog_add(&backlog, &limits, &small.op, &engines, &err), FACTUM_BUSY);
    assert_string_equal(err.text, "appends of 1000 bytes are waiting: the limit is 100 "
                                  "(queue_size_max); try again later");
    assert_true(fct_backlog_remove(&backlog, &op, 1));
    assert_ok(fct_backlog_add(&backlog, &limits, &small.op, &engines, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_op_gets_its_own_completer_back),
        CASE(beyond_a_limit_an_op_is_refused_and_stays_as_it_was),
        CASE(bytes_are_limited_but_one_append_is_always_taken),
    };
    return cmocka_run_group_tests_name("backlog", tests, NULL, NULL);
}
