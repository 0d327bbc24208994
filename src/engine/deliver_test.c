/* deliver_test.c - completers are called once each, and calls that wait are refused inside them. */
#include "support/test.h"

#include "engine/deliver.h"
#include "engine/engine.h"

/* What completers were called with, as text: "a:0 3 6, b:1 4 7". */
struct record {
    char text[256];
    size_t used;
};

struct target {
    factum_completer completer;
    struct record *record;
    char name;
    bool refused;
};

static void note(void *data, factum_append_op *const *ops, size_t count)
{
    struct target *target = data;
    struct record *record = target->record;
    factum_error err;
    target->refused = fct_callback_refuse("append", &err) == FACTUM_INVALID;
    size_t room = sizeof record->text - record->used;
    int len = snprintf(record->text + record->used, room, "%s%c:", record->used > 0 ? ", " : "",
                       target->name);
    record->used += (size_t)len;
    for (size_t i = 0; i < count; i++) {
        room = sizeof record->text - record->used;
        len = snprintf(record->text + record->used, room, "%s%u", i > 0 ? " " : "",
                       (unsigned)(uintptr_t)ops[i]->data);
        record->used += (size_t)len;
    }
    for (size_t i = 0; i < count; i++) {
        memset(ops[i], 0xee, sizeof *ops[i]); /* their owner may have freed the ops */
    }
}

/* Delivers one op for each letter of |whose|. */
static const char *delivered(const char *whose)
{
    static struct record record;
    static struct target targets[26];
    static factum_append_op ops[32];
    factum_append_op *list[32];
    size_t count = strlen(whose);
    record = (struct record){.used = 0};
    for (size_t i = 0; i < count; i++) {
        struct target *target = &targets[whose[i] - 'a'];
        *target = (struct target){.record = &record, .name = whose[i]};
        target->completer = (factum_completer){target, note};
        ops[i] = (factum_append_op){.completer = &target->completer, .data = (void *)(uintptr_t)i};
        list[i] = &ops[i];
    }
    fct_deliver(list, count);
    return record.text;
}

struct counted_tail {
    struct fct_op_tail tail;
    unsigned ends;
    bool before_completer;
    const struct record *record;
};

static void count_end(struct fct_op_tail *tail, factum_append_op *op)
{
    struct counted_tail *counted = (struct counted_tail *)(void *)tail;
    counted->ends++;
    counted->before_completer = counted->record->used == 0 && op->status == FACTUM_EXISTS;
}

TEST(a_tail_is_ended_once_before_the_completer)
{
    struct record record = {.used = 0};
    struct target target = {.record = &record, .name = 'a'};
    struct counted_tail counted = {.tail = {count_end}, .record = &record};
    factum_append_op op = {.completer = &target.completer, .status = FACTUM_EXISTS};
    factum_append_op *list = &op;
    (void)state;
    target.completer = (factum_completer){&target, note};
    fct_op_set_tail(&op, &counted.tail);
    fct_deliver(&list, 1);
    assert_int_equal(counted.ends, 1);
    assert_true(counted.before_completer);
    assert_string_equal(record.text, "a:0");

    fct_op_set_tail(&op, &counted.tail);
    fct_op_end_tail(&op);
    fct_op_end_tail(&op);
    assert_int_equal(counted.ends, 2);
}

TEST(a_completer_is_called_once_with_all_of_its_ops_in_order)
{
    assert_string_equal(delivered(""), "");
    assert_string_equal(delivered("a"), "a:0");
    assert_string_equal(delivered("aaa"), "a:0 1 2");
    assert_string_equal(delivered("aabb"), "a:0 1, b:2 3");
    assert_string_equal(delivered("abcabcabc"), "a:0 3 6, b:1 4 7, c:2 5 8");
    assert_string_equal(delivered("abba"), "a:0 3, b:1 2");
}

static void count_ops(void *data, factum_append_op *const *ops, size_t count)
{
    (void)ops;
    *(size_t *)data += count;
}

TEST(as_many_as_allowed_are_delivered)
{
    static size_t counts[FCT_DELIVER_MAX];
    static factum_completer completers[FCT_DELIVER_MAX];
    static factum_append_op ops[FCT_DELIVER_MAX];
    static factum_append_op *list[FCT_DELIVER_MAX];
    (void)state;
    for (size_t different = 1; different <= FCT_DELIVER_MAX; different *= 32) {
        for (size_t i = 0; i < FCT_DELIVER_MAX; i++) {
            counts[i] = 0;
            completers[i] = (factum_completer){&counts[i], count_ops};
            ops[i] = (factum_append_op){.completer = &completers[i % different]};
            list[i] = &ops[i];
        }
        fct_deliver(list, FCT_DELIVER_MAX);
        for (size_t i = 0; i < FCT_DELIVER_MAX; i++) {
            assert_int_equal(counts[i], i < different ? FCT_DELIVER_MAX / different : 0);
        }
    }
}

TEST(what_waits_is_refused_inside_and_only_there)
{
    factum_error err;
    assert_ok(fct_callback_refuse("append", &err), err);
    struct record record = {.used = 0};
    struct target target = {.record = &record, .name = 'a'};
    target.completer = (factum_completer){&target, note};
    factum_append_op op = {.completer = &target.completer};
    factum_append_op *list = &op;
    fct_deliver(&list, 1);
    assert_true(target.refused);
    assert_ok(fct_callback_refuse("append", &err), err);
}

TEST(calls_of_users_functions_nest)
{
    factum_error err;
    fct_callback_enter();
    fct_callback_enter();
    fct_callback_leave();
    assert_status(fct_callback_refuse("wait", &err), FACTUM_INVALID);
    assert_string_equal(err.text, "wait: a function that the store has called must not wait for "
                                  "the store; use the calls of async.h there, or wait on another "
                                  "thread");
    assert_status(fct_callback_refuse("wait", NULL), FACTUM_INVALID);
    fct_callback_leave();
    assert_ok(fct_callback_refuse("wait", &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_tail_is_ended_once_before_the_completer),
        CASE(a_completer_is_called_once_with_all_of_its_ops_in_order),
        CASE(as_many_as_allowed_are_delivered),
        CASE(what_waits_is_refused_inside_and_only_there),
        CASE(calls_of_users_functions_nest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
