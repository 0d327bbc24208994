/* group_test.c - group commit without an engine: who joins while a group is at work is worked on
 * next, all at once, in the order of joining; nobody is lost, told twice or told too early.
 */
#include "support/test.h"

#include <unistd.h>

#include "engine_local/group.h"

#define TEST(name) static void name(void **state)

enum {
    FEW = 8,
    MANY = 120,
    ROUNDS = 200,
    CROWD = 40,
    SHORT_ROUNDS = 20000,
    LONG_ROUNDS = 20,
    OPS = 50
};

/* The work: counts, and may be held at a gate. */
struct work {
    struct fct_group group;
    _Atomic uint32_t allowed; /* so many groups may pass the gate */
    _Atomic uint32_t arrived;
    _Atomic uint32_t under_way; /* 0 or 1 */
    _Atomic uint32_t overlaps;
    _Atomic uint32_t done;
    uint32_t group_count;
    uint32_t biggest;
    useconds_t pause_us; /* how long a group takes */
};

static void do_work(void *data, struct fct_group_request *list)
{
    struct work *work = data;
    uint32_t count = 0;
    if (atomic_fetch_add(&work->under_way, 1) != 0) {
        atomic_fetch_add(&work->overlaps, 1);
    }
    uint32_t arrived = atomic_fetch_add(&work->arrived, 1) + 1;
    fct_word_wake(&work->arrived, UINT32_MAX >> 1);
    uint32_t allowed = atomic_load(&work->allowed);
    while (allowed < arrived) {
        (void)fct_word_wait(&work->allowed, allowed, UINT64_MAX);
        allowed = atomic_load(&work->allowed);
    }
    if (work->pause_us > 0) {
        (void)usleep(work->pause_us);
    }
    for (struct fct_group_request *r = list; r != NULL; r = r->next) {
        r->status = r->payload_max == 13 ? FACTUM_INVALID : FACTUM_OK;
        r->result.position = ++count;
        if (r->status != FACTUM_OK) {
            r->err = (factum_error){.status = FACTUM_INVALID, .text = "thirteen"};
        }
    }
    work->group_count++;
    work->biggest = count > work->biggest ? count : work->biggest;
    atomic_fetch_sub(&work->under_way, 1);
}

static void begin(struct work *work, uint64_t queue_max)
{
    *work = (struct work){.allowed = UINT32_MAX};
    fct_group_init(&work->group, fct_os_real(), fct_mem_heap(), queue_max, do_work, work);
}

static void allow(struct work *work, uint32_t groups)
{
    atomic_store(&work->allowed, groups);
    fct_word_wake(&work->allowed, UINT32_MAX >> 1);
}

static void await(_Atomic uint32_t *word, uint32_t value)
{
    uint32_t seen = atomic_load(word);
    while (seen != value) {
        (void)fct_word_wait(word, seen, UINT64_MAX);
        seen = atomic_load(word);
    }
}

TEST(one_caller_leads_itself)
{
    struct work work;
    factum_error err;
    (void)state;
    begin(&work, 4);
    struct fct_group_request request = {.payload_max = 1};
    assert_ok(fct_group_run(&work.group, &request, &err), err);
    assert_int_equal(request.result.position, 1);
    assert_int_equal(work.group_count, 1);
    request = (struct fct_group_request){.payload_max = 13};
    assert_status(fct_group_run(&work.group, &request, &err), FACTUM_INVALID);
    assert_string_equal(err.text, "thirteen");
    assert_status(fct_group_run(&work.group, &request, NULL), FACTUM_INVALID);
    fct_group_finish(&work.group);
    fct_group_finish(&work.group); /* a finished one */
}

struct caller {
    struct work *work;
    struct fct_thread thread;
    struct fct_group_request request;
    factum_status status;
    factum_error err;
    size_t rounds;
};

static void call(void *data)
{
    struct caller *caller = data;
    for (size_t i = 0; i < caller->rounds; i++) {
        caller->request = (struct fct_group_request){.payload_max = 1};
        caller->status = fct_group_run(&caller->work->group, &caller->request, &caller->err);
        if (caller->status != FACTUM_OK || caller->request.result.position == 0) {
            return;
        }
        atomic_fetch_add(&caller->work->done, 1);
    }
}

static void start(struct caller *caller, struct work *work, size_t rounds)
{
    *caller = (struct caller){.work = work, .rounds = rounds};
    assert_ok(fct_thread_start(&caller->thread, "caller", call, caller, &caller->err), caller->err);
}

/* |count| callers, of |rounds| each. */
static void start_all(struct caller *callers, size_t count, struct work *work, size_t rounds)
{
    for (size_t i = 0; i < count; i++) {
        start(&callers[i], work, rounds);
    }
}

static void join_all(struct caller *callers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fct_thread_join(&callers[i].thread);
        assert_int_equal(callers[i].status, FACTUM_OK);
    }
}

/* |count| callers that have joined the group that forms when this returns. */
static void start_joined(struct caller *callers, size_t count, struct work *work)
{
    start_all(callers, count, work, 1);
    for (bool all = false; !all;) {
        fct_mutex_lock(&work->group.lock);
        all = work->group.count == count;
        fct_mutex_unlock(&work->group.lock);
        (void)usleep(1000);
    }
}

/* The first of the callers is at work until it is allowed to go on; |count| others wait. */
static void begin_held(struct work *work, struct caller *callers, size_t count)
{
    begin(work, 1000);
    allow(work, 0);
    start(&callers[0], work, 1);
    await(&work->arrived, 1);
    if (count > 0) {
        start_joined(&callers[1], count, work);
    }
}

TEST(who_comes_while_a_group_is_at_work_is_in_the_next_one)
{
    static struct caller callers[4];
    struct work work;
    (void)state;
    begin_held(&work, callers, 3);
    assert_int_equal(work.done, 0);
    allow(&work, UINT32_MAX);
    join_all(callers, 4);
    assert_int_equal(work.done, 4);
    assert_int_equal(work.group_count, 2);
    assert_int_equal(work.biggest, 3);
    assert_false(work.group.committer.started);
    fct_group_finish(&work.group);
}

/* Each group takes so long that its members sleep. */
TEST(those_who_wait_long_are_woken)
{
    static struct caller callers[FEW];
    struct work work;
    (void)state;
    begin(&work, 1000);
    work.pause_us = 3000;
    start_all(callers, FEW, &work, LONG_ROUNDS);
    join_all(callers, FEW);
    assert_int_equal(work.done, FEW * LONG_ROUNDS);
    assert_int_equal(work.overlaps, 0);
    fct_group_finish(&work.group);
}

TEST(callers_wait_awake_where_the_work_is_short)
{
    (void)state;
    const uint64_t us = 1000;
    struct fct_group group = {.processors = 2};
    group.crowd = 1;
    group.work_ns = 60 * us;
    assert_true(fct_group_patience(&group) >= 2 * group.work_ns); /* few */
    group.work_ns = 5000 * us;
    assert_int_equal(fct_group_patience(&group), 0);
    group.crowd = 100;
    assert_int_equal(fct_group_patience(&group), 0); /* a slow device */
    group.work_ns = 300 * us;
    assert_in_range(fct_group_patience(&group), 600 * us, 1000 * us);
    group.processors = 64; /* that many awake would cost more than the wake-ups */
    assert_int_equal(fct_group_patience(&group), 0);
    group.processors = 2;
    group.crowd = 8;
    assert_int_equal(fct_group_patience(&group), 0); /* it does not pay for so few */
}

static void serve(size_t count)
{
    static struct caller callers[MANY];
    struct work work;
    begin(&work, 1000);
    start_all(callers, count, &work, ROUNDS);
    join_all(callers, count);
    assert_int_equal(work.done, count * ROUNDS);
    assert_int_equal(work.overlaps, 0);
    fct_group_finish(&work.group);
}

TEST(few_callers_are_all_served_one_group_at_a_time)
{
    (void)state;
    serve(FEW);
}

TEST(many_callers_are_all_served_one_group_at_a_time)
{
    (void)state;
    serve(MANY);
}

/* Groups so short that a leader may be put aside for many of them between its work and its last
 * word: what it says then must not undo what later ones said of the same slot. */
static void do_nothing(void *data, struct fct_group_request *list)
{
    (void)data;
    for (struct fct_group_request *r = list; r != NULL; r = r->next) {
        r->status = FACTUM_OK;
        r->result.position = 1;
    }
}

TEST(a_leader_that_is_late_undoes_nothing)
{
    static struct caller callers[MANY];
    struct work work;
    (void)state;
    begin(&work, 1000);
    work.group.work = do_nothing;
    start_all(callers, MANY, &work, SHORT_ROUNDS);
    join_all(callers, MANY);
    assert_int_equal(work.done, MANY * SHORT_ROUNDS);
    fct_group_finish(&work.group);
}

/* ---- by completion --------------------------------------------------------------------------- */

struct told {
    struct work *work;
    factum_append_op op;
    factum_status status;
    uint64_t position;
    bool has_err;
    _Atomic uint32_t calls;
};

static void tell(factum_append_op *op, factum_status status, const factum_append_result *result,
                 const factum_error *err)
{
    struct told *told = op->data;
    struct work *work = told->work;
    told->status = status;
    told->position = result->position;
    told->has_err = err != NULL;
    atomic_fetch_add(&told->calls, 1);
    atomic_fetch_add(&work->done, 1);
    fct_word_wake(&work->done, 1);
}

static factum_status submit(struct work *work, struct told *told, size_t payload, factum_error *err)
{
    *told = (struct told){.work = work, .op = {.data = told, .done = tell}};
    struct fct_group_request request = {.op = &told->op, .payload_max = payload};
    return fct_group_submit(&work->group, &request, err);
}

TEST(each_op_is_told_once_with_its_own_answer)
{
    static struct told told[OPS];
    struct work work;
    factum_error err;
    (void)state;
    begin(&work, 1000);
    for (size_t i = 0; i < OPS; i++) {
        assert_ok(submit(&work, &told[i], i, &err), err);
    }
    await(&work.done, OPS);
    for (size_t i = 0; i < OPS; i++) {
        assert_int_equal(told[i].calls, 1);
        assert_int_equal(told[i].status, i == 13 ? FACTUM_INVALID : FACTUM_OK);
        assert_int_equal(told[i].has_err, i == 13);
        assert_true(told[i].position > 0);
    }
    fct_group_finish(&work.group);
}

static void serve_beside_completions(size_t count)
{
    static struct caller callers[MANY];
    static struct told told[OPS];
    struct work work;
    factum_error err;
    begin(&work, 1000);
    start_all(callers, count, &work, ROUNDS);
    for (size_t i = 0; i < OPS; i++) {
        assert_ok(submit(&work, &told[i], 1, &err), err);
        (void)usleep(50);
    }
    join_all(callers, count);
    await(&work.done, (uint32_t)count * ROUNDS + OPS);
    for (size_t i = 0; i < OPS; i++) {
        assert_int_equal(told[i].calls, 1);
    }
    assert_int_equal(work.overlaps, 0);
    fct_group_finish(&work.group);
}

TEST(callers_and_completions_are_served_beside_each_other)
{
    (void)state;
    serve_beside_completions(FEW);
    serve_beside_completions(MANY);
}

/* Nothing is submitted later that would wake the committer. */
TEST(what_a_caller_led_to_its_end_is_told)
{
    static struct caller callers[2];
    static struct told told;
    struct work work;
    factum_error err;
    (void)state;
    begin_held(&work, callers, 1);
    assert_ok(submit(&work, &told, 1, &err), err);
    allow(&work, UINT32_MAX);
    join_all(callers, 2);
    await(&work.done, 3);
    assert_int_equal(told.calls, 1);
    assert_int_equal(work.group_count, 2);
    fct_group_finish(&work.group);
}

TEST(a_crowd_is_forgotten)
{
    static struct caller callers[1 + CROWD];
    struct work work;
    (void)state;
    begin_held(&work, callers, CROWD);
    assert_true(work.group.processors >= 1);
    allow(&work, UINT32_MAX);
    join_all(callers, 1 + CROWD);
    assert_int_equal(work.group.crowd, CROWD);
    for (size_t i = 0; i < 100; i++) {
        start(&callers[0], &work, 1);
        join_all(callers, 1);
    }
    assert_int_equal(work.group.crowd, 1);
    fct_group_finish(&work.group);
}

/* They have no threads that could sleep. */
TEST(completions_are_no_crowd)
{
    static struct caller caller;
    static struct told told[OPS];
    struct work work;
    factum_error err;
    (void)state;
    begin_held(&work, &caller, 0);
    for (size_t i = 0; i < OPS; i++) {
        assert_ok(submit(&work, &told[i], 1, &err), err);
    }
    allow(&work, UINT32_MAX);
    join_all(&caller, 1);
    await(&work.done, 1 + OPS);
    fct_group_finish(&work.group);
    assert_int_equal(work.biggest, OPS);
    assert_true(work.group.crowd <= 1);
}

TEST(finishing_completes_what_was_submitted)
{
    static struct told told[OPS];
    struct work work;
    factum_error err;
    (void)state;
    begin(&work, 1000);
    for (size_t i = 0; i < OPS; i++) {
        assert_ok(submit(&work, &told[i], 1, &err), err);
    }
    fct_group_finish(&work.group);
    assert_int_equal(work.done, OPS);
}

TEST(beyond_the_limit_it_is_busy_and_says_so)
{
    static struct told told[4];
    struct work work;
    factum_error err;
    (void)state;
    begin(&work, 3);
    allow(&work, 0);
    for (size_t i = 0; i < 3; i++) { /* the first is at work, and counts until it is to be told */
        assert_ok(submit(&work, &told[i], 1, &err), err);
    }
    assert_status(submit(&work, &told[3], 1, &err), FACTUM_BUSY);
    assert_string_equal(err.text, "3 appends are waiting, which is the limit: try again later");
    allow(&work, UINT32_MAX);
    await(&work.done, 3);
    assert_int_equal(told[3].calls, 0);
    factum_status status = FACTUM_BUSY;
    while (status == FACTUM_BUSY) { /* there is room again */
        status = submit(&work, &told[3], 1, &err);
    }
    assert_ok(status, err);
    await(&work.done, 4);
    fct_group_finish(&work.group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_caller_leads_itself),
        cmocka_unit_test(who_comes_while_a_group_is_at_work_is_in_the_next_one),
        cmocka_unit_test(those_who_wait_long_are_woken),
        cmocka_unit_test(callers_wait_awake_where_the_work_is_short),
        cmocka_unit_test(what_a_caller_led_to_its_end_is_told),
        cmocka_unit_test(a_crowd_is_forgotten),
        cmocka_unit_test(completions_are_no_crowd),
        cmocka_unit_test(few_callers_are_all_served_one_group_at_a_time),
        cmocka_unit_test(callers_and_completions_are_served_beside_each_other),
        cmocka_unit_test(a_leader_that_is_late_undoes_nothing),
        cmocka_unit_test(many_callers_are_all_served_one_group_at_a_time),
        cmocka_unit_test(each_op_is_told_once_with_its_own_answer),
        cmocka_unit_test(finishing_completes_what_was_submitted),
        cmocka_unit_test(beyond_the_limit_it_is_busy_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
