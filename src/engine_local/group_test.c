/* group_test.c - group commit without an engine: members that join while a group is at work are
 * the next group, in the order of joining; no member is lost, and no completion is delivered
 * twice or too early. The members are requests of the test's own. */
#include "support/test.h"

#include <unistd.h>

#include "engine_local/group.h"

enum {
    FEW = 8,
    MANY = 120,
    ROUNDS = 200,
    CALLERS = 40,
    SHORT_ROUNDS = 20000,
    LONG_ROUNDS = 20,
    OPS = 50
};

/* A member, and what the work does with it. */
struct request {
    struct fct_group_member member; /* must be the first member */
    struct work *work;
    uint64_t number; /* its place in its group, from 1; 0: not worked on */
    _Atomic uint32_t deliveries;
};

/* The work: counts, and can be held at a gate. */
struct work {
    struct fct_group group;
    _Atomic uint32_t allowed; /* groups that may pass the gate */
    _Atomic uint32_t arrived;
    _Atomic uint32_t under_way; /* 0 or 1 */
    _Atomic uint32_t overlaps;
    _Atomic uint32_t done;
    _Atomic uint32_t rooms;    /* how often there was room again */
    _Atomic uint32_t answered; /* groups whose members know their outcome */
    _Atomic uint32_t group_count;
    uint32_t biggest;
    useconds_t pause_us; /* how long a group takes */
};

static void do_work(void *data, struct fct_group_member *list)
{
    struct work *work = data;
    uint32_t count = 0;
    if (atomic_fetch_add(&work->under_way, 1) != 0) {
        atomic_fetch_add(&work->overlaps, 1);
    }
    uint32_t arrived = atomic_fetch_add(&work->arrived, 1) + 1;
    fct_word_wake(&work->arrived, FCT_WAKE_ALL);
    uint32_t allowed = atomic_load(&work->allowed);
    while (allowed < arrived) {
        (void)fct_word_wait(&work->allowed, allowed, UINT64_MAX);
        allowed = atomic_load(&work->allowed);
    }
    if (work->pause_us > 0) {
        (void)usleep(work->pause_us);
    }
    for (struct fct_group_member *member = list; member != NULL; member = member->next) {
        ((struct request *)(void *)member)->number = ++count;
    }
    work->group_count++;
    work->biggest = count > work->biggest ? count : work->biggest;
    atomic_fetch_sub(&work->under_way, 1);
}

static void deliver(void *data, struct fct_group_member *list)
{
    struct work *work = data;
    while (list != NULL) {
        struct request *request = (struct request *)(void *)list;
        list = list->next;
        atomic_fetch_add(&request->deliveries, 1);
        atomic_fetch_add(&work->done, 1);
        fct_word_wake(&work->done, 1);
    }
}

static void note_room(void *data)
{
    struct work *work = data;
    atomic_fetch_add(&work->rooms, 1);
    fct_word_wake(&work->rooms, 1);
}

static void note_answered(void *data)
{
    struct work *work = data;
    atomic_store(&work->answered, work->group_count);
}

static void begin_sized(struct work *work, uint64_t queue_max, uint64_t queue_size_max)
{
    *work = (struct work){.allowed = UINT32_MAX};
    const struct fct_group_options options = {
        .os = fct_os_real(),
        .queue_max = queue_max,
        .queue_size_max = queue_size_max,
        .data = work,
        .work = do_work,
        .deliver = deliver,
        .room = note_room,
        .answered = note_answered,
    };
    fct_group_init(&work->group, &options);
}

static void begin(struct work *work, uint64_t queue_max)
{
    begin_sized(work, queue_max, 1 << 20);
}

static void allow(struct work *work, uint32_t groups)
{
    atomic_store(&work->allowed, groups);
    fct_word_wake(&work->allowed, FCT_WAKE_ALL);
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
    factum_error ignored;
    struct work work;
    factum_error err;
    (void)state;
    begin(&work, 4);
    struct request request = {.number = 0};
    assert_ok(fct_group_run(&work.group, &request.member, &err), err);
    assert_int_equal(request.number, 1);
    assert_int_equal(work.group_count, 1);
    assert_int_equal(atomic_load(&work.answered), 1);
    assert_ok(fct_group_run(&work.group, &request.member, &ignored), err);
    assert_int_equal(work.group_count, 2);
    assert_int_equal(atomic_load(&work.answered), 2);
    fct_group_finish(&work.group);
    fct_group_finish(&work.group); /* a finished one */
}

struct caller {
    struct work *work;
    struct fct_thread thread;
    struct request request;
    factum_status status;
    factum_error err;
    size_t rounds;
    uint64_t size; /* of each request */
};

static void call(void *data)
{
    struct caller *caller = data;
    for (size_t i = 0; i < caller->rounds; i++) {
        caller->request = (struct request){.member = {.size = caller->size}};
        caller->status = fct_group_run(&caller->work->group, &caller->request.member, &caller->err);
        if (caller->status != FACTUM_OK || caller->request.number == 0) {
            return;
        }
        atomic_fetch_add(&caller->work->done, 1);
    }
}

static void start_sized(struct caller *caller, struct work *work, size_t rounds, uint64_t size)
{
    *caller = (struct caller){.work = work, .rounds = rounds, .size = size};
    assert_ok(fct_thread_start(&caller->thread, "caller", call, caller, &caller->err), caller->err);
}

static void start(struct caller *caller, struct work *work, size_t rounds)
{
    start_sized(caller, work, rounds, 1);
}

/* Starts |count| callers, of |rounds| each. */
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

/* Waits until |count| have joined the group that forms. */
static void await_joined(struct work *work, size_t count)
{
    for (bool all = false; !all;) {
        fct_mutex_lock(&work->group.lock);
        all = work->group.count == count;
        fct_mutex_unlock(&work->group.lock);
        (void)usleep(1000);
    }
}

/* Starts |count| callers, and returns when they have joined the group that forms. */
static void start_joined(struct caller *callers, size_t count, struct work *work)
{
    start_all(callers, count, work, 1);
    await_joined(work, count);
}

/* The first caller is held at work; |count| others wait. */
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

TEST(callers_during_a_groups_work_are_in_the_next_group)
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
TEST(callers_that_wait_long_are_woken)
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

TEST(callers_spin_where_the_work_is_short)
{
    const uint64_t us = 1000;
    struct fct_group group = {.processors = 2};
    group.callers_peak = 1;
    group.work_ns = 60 * us;
    assert_true(fct_group_spin_budget(&group) >= 2 * group.work_ns); /* few */
    group.work_ns = 5000 * us;
    assert_int_equal(fct_group_spin_budget(&group), 0);
    group.callers_peak = 100;
    assert_int_equal(fct_group_spin_budget(&group), 0); /* a slow device */
    group.work_ns = 300 * us;
    assert_in_range(fct_group_spin_budget(&group), 600 * us, 1000 * us);
    group.processors = 64; /* so many callers awake would cost more than the wake-ups */
    assert_int_equal(fct_group_spin_budget(&group), 0);
    group.processors = 2;
    group.callers_peak = 8;
    assert_int_equal(fct_group_spin_budget(&group), 0); /* it is not worth it for so few */
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
    serve(FEW);
}

TEST(many_callers_are_all_served_one_group_at_a_time)
{
    serve(MANY);
}

/* The groups are so short that many pass while a leader is preempted between its work and its last
 * store. That store must not undo what later leaders have stored in the same slot. */
static void do_nothing(void *data, struct fct_group_member *list)
{
    (void)data;
    for (struct fct_group_member *member = list; member != NULL; member = member->next) {
        ((struct request *)(void *)member)->number = 1;
    }
}

TEST(a_leader_that_is_late_undoes_nothing)
{
    static struct caller callers[MANY];
    struct work work;
    (void)state;
    begin(&work, 1000);
    work.group.options.work = do_nothing;
    start_all(callers, MANY, &work, SHORT_ROUNDS);
    join_all(callers, MANY);
    assert_int_equal(work.done, MANY * SHORT_ROUNDS);
    fct_group_finish(&work.group);
}

/* ---- by completion --------------------------------------------------------------------------- */

static factum_status submit_sized(struct work *work, struct request *request, uint64_t size,
                                  factum_error *err)
{
    *request = (struct request){.member = {.size = size}, .work = work};
    return fct_group_submit(&work->group, &request->member, err);
}

static factum_status submit(struct work *work, struct request *request, factum_error *err)
{
    return submit_sized(work, request, 1, err);
}

TEST(each_submitted_request_is_delivered_once)
{
    static struct request requests[OPS];
    struct work work;
    factum_error err;
    (void)state;
    begin(&work, 1000);
    for (size_t i = 0; i < OPS; i++) {
        assert_ok(submit(&work, &requests[i], &err), err);
    }
    await(&work.done, OPS);
    for (size_t i = 0; i < OPS; i++) {
        assert_int_equal(requests[i].deliveries, 1);
        assert_true(requests[i].number > 0);
    }
    fct_group_finish(&work.group);
}

static void serve_beside_completions(size_t count)
{
    static struct caller callers[MANY];
    static struct request requests[OPS];
    struct work work;
    factum_error err;
    begin(&work, 1000);
    start_all(callers, count, &work, ROUNDS);
    for (size_t i = 0; i < OPS; i++) {
        assert_ok(submit(&work, &requests[i], &err), err);
        (void)usleep(50);
    }
    join_all(callers, count);
    await(&work.done, (uint32_t)count * ROUNDS + OPS);
    for (size_t i = 0; i < OPS; i++) {
        assert_int_equal(requests[i].deliveries, 1);
    }
    assert_int_equal(work.overlaps, 0);
    fct_group_finish(&work.group);
}

TEST(callers_and_completions_are_served_beside_each_other)
{
    serve_beside_completions(FEW);
    serve_beside_completions(MANY);
}

/* No later submission wakes the committer. */
TEST(what_a_caller_led_to_its_end_is_delivered)
{
    static struct caller callers[2];
    static struct request request;
    struct work work;
    factum_error err;
    (void)state;
    begin_held(&work, callers, 1);
    assert_ok(submit(&work, &request, &err), err);
    allow(&work, UINT32_MAX);
    join_all(callers, 2);
    await(&work.done, 3);
    assert_int_equal(request.deliveries, 1);
    assert_int_equal(work.group_count, 2);
    fct_group_finish(&work.group);
}

TEST(the_recent_peak_of_callers_decays)
{
    static struct caller callers[1 + CALLERS];
    struct work work;
    (void)state;
    begin_held(&work, callers, CALLERS);
    assert_true(work.group.processors >= 1);
    allow(&work, UINT32_MAX);
    join_all(callers, 1 + CALLERS);
    assert_int_equal(work.group.callers_peak, CALLERS);
    for (size_t i = 0; i < 100; i++) {
        start(&callers[0], &work, 1);
        join_all(callers, 1);
    }
    assert_int_equal(work.group.callers_peak, 1);
    fct_group_finish(&work.group);
}

/* Members by completion have no threads that could sleep. */
TEST(completions_do_not_count_as_waiting_callers)
{
    static struct caller caller;
    static struct request requests[OPS];
    struct work work;
    factum_error err;
    (void)state;
    begin_held(&work, &caller, 0);
    for (size_t i = 0; i < OPS; i++) {
        assert_ok(submit(&work, &requests[i], &err), err);
    }
    allow(&work, UINT32_MAX);
    join_all(&caller, 1);
    await(&work.done, 1 + OPS);
    fct_group_finish(&work.group);
    assert_int_equal(work.biggest, OPS);
    assert_true(work.group.callers_peak <= 1);
}

TEST(finishing_completes_what_was_submitted)
{
    static struct request requests[OPS];
    struct work work;
    factum_error err;
    (void)state;
    begin(&work, 1000);
    for (size_t i = 0; i < OPS; i++) {
        assert_ok(submit(&work, &requests[i], &err), err);
    }
    fct_group_finish(&work.group);
    assert_int_equal(work.done, OPS);
    assert_int_equal(work.answered, work.group_count);
}

TEST(beyond_the_limit_it_is_busy_with_a_reason)
{
    static struct request requests[5];
    struct work work;
    factum_error err;
    (void)state;
    begin(&work, 3);
    allow(&work, 0);
    /* The first is at work, and uses up room until its delivery. */
    for (size_t i = 0; i < 3; i++) {
        assert_ok(submit(&work, &requests[i], &err), err);
    }
    assert_status(submit(&work, &requests[3], &err), FACTUM_BUSY);
    assert_string_equal(err.text, "3 appends are waiting, which is the limit: try again later");
    allow(&work, UINT32_MAX);
    await(&work.done, 3);
    assert_int_equal(requests[3].deliveries, 0);
    await(&work.rooms, 1); /* it is posted after the completions */
    factum_status status = FACTUM_BUSY;
    while (status == FACTUM_BUSY) { /* there is room again */
        status = submit(&work, &requests[3], &err);
    }
    assert_ok(status, err);
    await(&work.done, 4);
    fct_group_finish(&work.group);
}

TEST(requests_without_a_size_are_never_refused)
{
    static struct request requests[3];
    struct request task = {.number = 0};
    struct work work;
    factum_error err;
    (void)state;
    begin(&work, 2);
    allow(&work, 0);
    for (size_t i = 0; i < 2; i++) {
        assert_ok(submit(&work, &requests[i], &err), err);
    }
    assert_status(submit(&work, &requests[2], &err), FACTUM_BUSY);
    task.member.size = 0;
    assert_ok(fct_group_submit(&work.group, &task.member, &err), err);
    allow(&work, UINT32_MAX);
    await(&work.done, 3);
    fct_group_finish(&work.group);
}

/* A task that waits among appends, for example a heartbeat, uses up no room. */
TEST(requests_without_a_size_take_no_room)
{
    static struct caller callers[2];
    static struct request requests[3];
    struct work work;
    factum_error err;
    (void)state;
    begin_held(&work, callers, 0);
    work.group.options.queue_max = 2;
    start_sized(&callers[1], &work, 1, 0);
    await_joined(&work, 1);
    for (size_t i = 0; i < 2; i++) {
        assert_ok(submit(&work, &requests[i], &err), err);
    }
    assert_status(submit(&work, &requests[2], &err), FACTUM_BUSY);
    allow(&work, UINT32_MAX);
    join_all(callers, 2);
    await(&work.done, 4);
    fct_group_finish(&work.group);
}

TEST(beyond_the_limit_of_bytes_it_is_busy_with_a_reason)
{
    static struct request requests[4];
    struct work work;
    factum_error err;
    (void)state;
    begin_sized(&work, 1000, 100);
    allow(&work, 0);
    assert_ok(submit_sized(&work, &requests[0], 1000, &err),
              err); /* alone it may be larger than the limit */
    assert_status(submit_sized(&work, &requests[1], 1, &err), FACTUM_BUSY);
    assert_string_equal(err.text, "appends of 1000 bytes are waiting: the limit is 100 "
                                  "(queue_size_max); try again later");
    allow(&work, UINT32_MAX);
    await(&work.rooms, 1);
    assert_ok(submit_sized(&work, &requests[1], 60, &err), err);
    await(&work.done, 2);
    allow(&work, 0);
    assert_ok(submit_sized(&work, &requests[2], 60, &err), err);
    assert_status(submit_sized(&work, &requests[3], 41, &err), FACTUM_BUSY);
    assert_ok(submit_sized(&work, &requests[3], 40, &err), err);
    allow(&work, UINT32_MAX);
    await(&work.done, 4);
    fct_group_finish(&work.group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_caller_leads_itself),
        CASE(callers_during_a_groups_work_are_in_the_next_group),
        CASE(callers_that_wait_long_are_woken),
        CASE(callers_spin_where_the_work_is_short),
        CASE(what_a_caller_led_to_its_end_is_delivered),
        CASE(the_recent_peak_of_callers_decays),
        CASE(completions_do_not_count_as_waiting_callers),
        CASE(few_callers_are_all_served_one_group_at_a_time),
        CASE(callers_and_completions_are_served_beside_each_other),
        CASE(a_leader_that_is_late_undoes_nothing),
        CASE(many_callers_are_all_served_one_group_at_a_time),
        CASE(each_submitted_request_is_delivered_once),
        CASE(finishing_completes_what_was_submitted),
        CASE(beyond_the_limit_it_is_busy_with_a_reason),
        CASE(requests_without_a_size_are_never_refused),
        CASE(requests_without_a_size_take_no_room),
        CASE(beyond_the_limit_of_bytes_it_is_busy_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
