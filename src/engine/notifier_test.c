/* notifier_test.c - listeners and completions, with the thread and without. */
#include "support/test.h"

#include <limits.h>

#include "engine/deliver.h"
#include "engine/notifier.h"
#include "support/mem_fault.h"

#define LISTENERS 40 /* more than fit in the first slots */

struct fixture {
    struct fct_mem_fault mem;
    struct fct_notifier notifier;
    factum_error err;
};

/* A listener that counts, and can be held inside its notify. */
struct ear {
    factum_listener listener;
    struct fct_notifier *notifier;
    _Atomic uint32_t calls;
    _Atomic uint32_t heard; /* all bits so far */
    _Atomic uint32_t held;  /* while 1, notify does not return */
    _Atomic uint32_t inside;
    factum_listener *leaves; /* unlistened by the first call */
    factum_listener *joins;  /* listens from the first call on */
    uint32_t posts;          /* by the first call */
    bool refused;            /* a call that waits was refused inside it */
};

static void wait_for(_Atomic uint32_t *word, uint32_t value)
{
    while (atomic_load(word) != value) {
        fct_cpu_relax();
        (void)fct_word_wait(word, ~value, 1000);
    }
}

static void hear(void *data, uint32_t bits)
{
    struct ear *ear = data;
    factum_error err;
    atomic_store(&ear->inside, 1);
    while (atomic_load(&ear->held) != 0) {
        (void)fct_word_wait(&ear->held, 1, UINT64_C(1000000));
    }
    ear->refused = fct_callback_refuse("test", &err) == FACTUM_INVALID;
    (void)atomic_fetch_or(&ear->heard, bits);
    if (atomic_load(&ear->calls) == 0) {
        if (ear->leaves != NULL) {
            fct_notifier_unlisten(ear->notifier, ear->leaves);
        }
        if (ear->joins != NULL &&
            fct_notifier_listen(ear->notifier, ear->joins, &err) != FACTUM_OK) {
            ear->refused = false;
        }
        if (ear->posts != 0) {
            fct_notifier_post(ear->notifier, ear->posts);
        }
    }
    (void)atomic_fetch_add(&ear->calls, 1);
    atomic_store(&ear->inside, 0);
}

static void ear_init(struct ear *ear, struct fct_notifier *notifier)
{
    *ear = (struct ear){.notifier = notifier};
    ear->listener = (factum_listener){.size = sizeof ear->listener, .data = ear, .notify = hear};
}

static int start(void **state, bool threads)
{
    static struct fixture fixture;
    fixture = (struct fixture){.err = {.status = FACTUM_OK}};
    fct_mem_fault_init(&fixture.mem);
    fct_notifier_init(&fixture.notifier, &fixture.mem.mem, threads);
    *state = &fixture;
    return 0;
}

static int start_threads(void **state)
{
    return start(state, true);
}

static int start_plain(void **state)
{
    return start(state, false);
}

static int stop(void **state)
{
    struct fixture *f = *state;
    fct_notifier_finish(&f->notifier);
    fct_notifier_finish(&f->notifier); /* accepts a finished one */
    return f->mem.held == 0 ? 0 : 1;
}

static void post(struct fixture *f, uint32_t bits)
{
    fct_notifier_post(&f->notifier, bits);
    fct_notifier_deliver(&f->notifier);
}

/* ---- without threads ------------------------------------------------------------------------- */

static void who_posts_delivers_if_there_are_no_threads(void **state)
{
    struct fixture *f = *state;
    struct ear ear;
    ear_init(&ear, &f->notifier);
    assert_ok(fct_notifier_listen(&f->notifier, &ear.listener, &f->err), f->err);
    fct_notifier_post(&f->notifier, FACTUM_NEWS_END);
    assert_int_equal(ear.calls, 0);
    fct_notifier_post(&f->notifier, FACTUM_NEWS_ROOM);
    fct_notifier_deliver(&f->notifier);
    assert_int_equal(ear.calls, 1); /* both bits in one call */
    assert_int_equal(ear.heard, FACTUM_NEWS_END | FACTUM_NEWS_ROOM);
    assert_true(ear.refused);
    fct_notifier_deliver(&f->notifier);
    assert_int_equal(ear.calls, 1);
    fct_notifier_unlisten(&f->notifier, &ear.listener);
    post(f, FACTUM_NEWS_END);
    assert_int_equal(ear.calls, 1);
}

static void what_was_posted_before_anybody_listened_is_not_delivered(void **state)
{
    struct fixture *f = *state;
    struct ear ear;
    ear_init(&ear, &f->notifier);
    fct_notifier_post(&f->notifier, FACTUM_NEWS_END);
    assert_ok(fct_notifier_listen(&f->notifier, &ear.listener, &f->err), f->err);
    fct_notifier_deliver(&f->notifier);
    assert_int_equal(ear.calls, 0);
    fct_notifier_unlisten(&f->notifier, &ear.listener);
}

static void a_listener_listens_once(void **state)
{
    struct fixture *f = *state;
    struct ear ear;
    ear_init(&ear, &f->notifier);
    fct_notifier_unlisten(&f->notifier, &ear.listener); /* does not listen: nothing changes */
    assert_ok(fct_notifier_listen(&f->notifier, &ear.listener, &f->err), f->err);
    assert_status(fct_notifier_listen(&f->notifier, &ear.listener, &f->err), FACTUM_INVALID);
    assert_string_equal(f->err.text, "listen: this listener listens already");
    post(f, FACTUM_NEWS_END);
    assert_int_equal(ear.calls, 1);
    fct_notifier_unlisten(&f->notifier, &ear.listener);
    fct_notifier_unlisten(&f->notifier, &ear.listener);
    assert_ok(fct_notifier_listen(&f->notifier, &ear.listener, &f->err), f->err);
    fct_notifier_unlisten(&f->notifier, &ear.listener);
    assert_int_equal(f->notifier.count, 0);
}

static void listeners_may_end_in_any_order(void **state)
{
    struct fixture *f = *state;
    static struct ear ears[LISTENERS];
    for (size_t i = 0; i < LISTENERS; i++) {
        ear_init(&ears[i], &f->notifier);
        assert_ok(fct_notifier_listen(&f->notifier, &ears[i].listener, &f->err), f->err);
    }
    for (size_t ended = 0; ended < LISTENERS; ended++) {
        post(f, FACTUM_NEWS_END);
        fct_notifier_unlisten(&f->notifier,
                              &ears[ended * 7 % LISTENERS].listener); /* 7 and 40: all */
    }
    post(f, FACTUM_NEWS_END);
    for (size_t ended = 0; ended < LISTENERS; ended++) {
        assert_int_equal(ears[ended * 7 % LISTENERS].calls, ended + 1);
    }
    assert_int_equal(f->notifier.count, 0);
}

static void a_listener_may_end_itself_and_others_inside(void **state)
{
    struct fixture *f = *state;
    struct ear ears[3];
    for (size_t i = 0; i < 3; i++) {
        ear_init(&ears[i], &f->notifier);
        assert_ok(fct_notifier_listen(&f->notifier, &ears[i].listener, &f->err), f->err);
    }
    ears[0].leaves = &ears[1].listener;
    ears[2].leaves = &ears[2].listener;
    post(f, FACTUM_NEWS_END);
    assert_int_equal(ears[0].calls, 1);
    assert_int_equal(ears[1].calls, 0); /* ended before its turn */
    assert_int_equal(ears[2].calls, 1);
    assert_int_equal(f->notifier.count, 1);
    assert_false(f->notifier.emptied);
    post(f, FACTUM_NEWS_END);
    assert_int_equal(ears[0].calls, 2);
    assert_int_equal(ears[1].calls, 0);
    assert_int_equal(ears[2].calls, 1);
    fct_notifier_unlisten(&f->notifier, &ears[0].listener);
}

static void who_joins_inside_hears_what_comes_later(void **state)
{
    struct fixture *f = *state;
    struct ear first;
    struct ear second;
    ear_init(&first, &f->notifier);
    ear_init(&second, &f->notifier);
    first.joins = &second.listener;
    assert_ok(fct_notifier_listen(&f->notifier, &first.listener, &f->err), f->err);
    post(f, FACTUM_NEWS_END);
    assert_true(first.refused);
    assert_int_equal(second.calls, 0);
    post(f, FACTUM_NEWS_ROOM);
    assert_int_equal(second.calls, 1);
    assert_int_equal(second.heard, FACTUM_NEWS_ROOM);
    fct_notifier_unlisten(&f->notifier, &first.listener);
    fct_notifier_unlisten(&f->notifier, &second.listener);
}

static void the_last_may_leave_and_another_join_inside(void **state)
{
    struct fixture *f = *state;
    struct ear first;
    struct ear second;
    ear_init(&first, &f->notifier);
    ear_init(&second, &f->notifier);
    first.leaves = &first.listener;
    first.joins = &second.listener;
    first.posts = FACTUM_NEWS_FAILED;
    assert_ok(fct_notifier_listen(&f->notifier, &first.listener, &f->err), f->err);
    post(f, FACTUM_NEWS_END);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 1);
    assert_int_equal(second.heard, FACTUM_NEWS_FAILED);
    fct_notifier_unlisten(&f->notifier, &second.listener);
}

static void bits_posted_inside_are_delivered_in_the_next_round(void **state)
{
    struct fixture *f = *state;
    struct ear ear;
    ear_init(&ear, &f->notifier);
    ear.posts = FACTUM_NEWS_ROOM;
    assert_ok(fct_notifier_listen(&f->notifier, &ear.listener, &f->err), f->err);
    post(f, FACTUM_NEWS_END);
    assert_int_equal(ear.calls, 2);
    assert_int_equal(ear.heard, FACTUM_NEWS_END | FACTUM_NEWS_ROOM);
    fct_notifier_unlisten(&f->notifier, &ear.listener);
}

struct chain {
    factum_listener listener;
    struct fct_notifier *own;
    struct fct_notifier *next;
    uint32_t calls;
};

static void pass_on(void *data, uint32_t bits)
{
    struct chain *chain = data;
    chain->calls++;
    if (chain->next != NULL) {
        fct_notifier_post(chain->next, bits);
        fct_notifier_deliver(chain->next);
    }
    fct_notifier_unlisten(chain->own, &chain->listener);
}

static void a_listener_of_one_store_may_call_into_another(void **state)
{
    struct fixture *f = *state;
    struct fct_notifier other;
    fct_notifier_init(&other, &f->mem.mem, false);
    struct chain second = {.own = &other};
    struct chain first = {.own = &f->notifier, .next = &other};
    second.listener = (factum_listener){.data = &second, .notify = pass_on};
    first.listener = (factum_listener){.data = &first, .notify = pass_on};
    assert_ok(fct_notifier_listen(&other, &second.listener, &f->err), f->err);
    assert_ok(fct_notifier_listen(&f->notifier, &first.listener, &f->err), f->err);
    post(f, FACTUM_NEWS_END);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 1);
    post(f, FACTUM_NEWS_END);
    assert_int_equal(first.calls, 1);
    fct_notifier_finish(&other);
}

static void without_memory_nobody_begins_to_listen(void **state)
{
    struct fixture *f = *state;
    static struct ear ears[17];
    for (size_t i = 0; i < 17; i++) {
        bool grows = i == 0 || i == 16;
        ear_init(&ears[i], &f->notifier);
        atomic_store(&f->mem.fail_at, grows ? atomic_load(&f->mem.calls) : ULONG_MAX);
        if (grows) {
            assert_status(fct_notifier_listen(&f->notifier, &ears[i].listener, &f->err),
                          FACTUM_NO_MEMORY);
            assert_string_equal(f->err.text, "listen: out of memory");
            post(f, FACTUM_NEWS_END);
            assert_int_equal(ears[i].calls, 0);
        }
        assert_ok(fct_notifier_listen(&f->notifier, &ears[i].listener, &f->err), f->err);
    }
    assert_int_equal(f->mem.failed, 2);
    post(f, FACTUM_NEWS_END);
    for (size_t i = 0; i < 17; i++) {
        assert_int_equal(ears[i].calls, i < 16 ? 2 : 1);
        fct_notifier_unlisten(&f->notifier, &ears[i].listener);
    }
}

static void ignore_bits(void *data, uint32_t bits)
{
    (void)data;
    (void)bits;
}

static void there_are_65536_listeners_and_not_one_more(void **state)
{
    struct fixture *f = *state;
    factum_listener *many = fct_mem_zalloc(fct_mem_heap(), FACTUM_LISTENERS_MAX + 1, sizeof *many);
    assert_non_null(many);
    for (size_t i = 0; i <= FACTUM_LISTENERS_MAX; i++) {
        many[i].notify = ignore_bits;
        if (i < FACTUM_LISTENERS_MAX) {
            assert_ok(fct_notifier_listen(&f->notifier, &many[i], &f->err), f->err);
        }
    }
    assert_status(fct_notifier_listen(&f->notifier, &many[FACTUM_LISTENERS_MAX], &f->err),
                  FACTUM_TOO_BIG);
    assert_string_equal(f->err.text, "listen: 65536 listeners, which is the limit (65536)");
    fct_notifier_unlisten(&f->notifier, &many[7]);
    assert_ok(fct_notifier_listen(&f->notifier, &many[FACTUM_LISTENERS_MAX], &f->err), f->err);
    for (size_t i = 0; i <= FACTUM_LISTENERS_MAX; i++) {
        fct_notifier_unlisten(&f->notifier, &many[i]);
    }
    assert_int_equal(f->notifier.count, 0);
    fct_mem_free(fct_mem_heap(), many);
}

static void the_direct_listener_is_called_by_who_posts(void **state)
{
    struct fixture *f = *state;
    struct ear direct;
    struct ear never;
    ear_init(&direct, &f->notifier);
    ear_init(&never, &f->notifier);
    direct.listener.internal[3] = (void *)1;
    assert_ok(fct_notifier_listen(&f->notifier, &direct.listener, &f->err), f->err);
    fct_notifier_post(&f->notifier, FACTUM_NEWS_END);
    assert_int_equal(direct.calls, 1);
    assert_false(direct.refused); /* the thread is not inside a user's function */
    fct_notifier_deliver(&f->notifier);
    assert_int_equal(direct.calls, 1);
    never.listener.internal[3] = (void *)1; /* one that does not listen */
    fct_notifier_unlisten(&f->notifier, &never.listener);
    fct_notifier_post(&f->notifier, FACTUM_NEWS_END);
    assert_int_equal(direct.calls, 2);
    fct_notifier_unlisten(&f->notifier, &direct.listener);
    fct_notifier_post(&f->notifier, FACTUM_NEWS_END);
    assert_int_equal(direct.calls, 2);
}

static void finish_delivers_what_is_posted(void **state)
{
    struct fixture *f = *state;
    struct ear ear;
    ear_init(&ear, &f->notifier);
    assert_ok(fct_notifier_listen(&f->notifier, &ear.listener, &f->err), f->err);
    fct_notifier_post(&f->notifier, FACTUM_NEWS_END);
    fct_notifier_finish(&f->notifier);
    assert_int_equal(ear.calls, 1);
}

TEST(a_zeroed_one_may_be_finished)
{
    struct fct_notifier notifier = {.mem = NULL};
    fct_notifier_finish(&notifier);
}

/* ---- other threads --------------------------------------------------------------------------- */

/* A call on another thread. */
struct call {
    struct fct_thread thread;
    struct fct_notifier *notifier;
    factum_listener *listener;
    _Atomic uint32_t ended;
    factum_status status;
};

static void run_unlisten(void *data)
{
    struct call *call = data;
    fct_notifier_unlisten(call->notifier, call->listener);
    atomic_store(&call->ended, 1);
}

static void run_listen(void *data)
{
    factum_error ignored;
    struct call *call = data;
    call->status = fct_notifier_listen(call->notifier, call->listener, &ignored);
    atomic_store(&call->ended, 1);
}

static void run_deliver(void *data)
{
    struct call *call = data;
    fct_notifier_post(call->notifier, FACTUM_NEWS_ROOM);
    fct_notifier_deliver(call->notifier);
    atomic_store(&call->ended, 1);
}

static void call_start(struct call *call, struct fixture *f, void (*run)(void *data),
                       factum_listener *listener)
{
    *call = (struct call){.notifier = &f->notifier, .listener = listener};
    assert_ok(fct_thread_start(&call->thread, "test", run, call, &f->err), f->err);
}

static void unlisten_waits_for_its_own_listener_and_for_no_other(void **state)
{
    struct fixture *f = *state;
    struct ear slow;
    struct ear other;
    struct call leave_slow;
    struct call leave_other;
    ear_init(&slow, &f->notifier);
    ear_init(&other, &f->notifier);
    slow.held = 1;
    assert_ok(fct_notifier_listen(&f->notifier, &slow.listener, &f->err), f->err);
    assert_ok(fct_notifier_listen(&f->notifier, &other.listener, &f->err), f->err);
    fct_notifier_post(&f->notifier, FACTUM_NEWS_END);
    wait_for(&slow.inside, 1);
    call_start(&leave_slow, f, run_unlisten, &slow.listener);
    call_start(&leave_other, f, run_unlisten, &other.listener);
    wait_for(&leave_other.ended, 1);
    (void)fct_word_wait(&leave_slow.ended, 0, UINT64_C(20000000));
    assert_int_equal(atomic_load(&leave_slow.ended), 0);
    atomic_store(&slow.held, 0);
    wait_for(&leave_slow.ended, 1);
    assert_int_equal(atomic_load(&slow.inside), 0);
    fct_thread_join(&leave_slow.thread);
    fct_thread_join(&leave_other.thread);
    assert_int_equal(atomic_load(&slow.calls), 1);
    assert_int_equal(atomic_load(&other.calls), 0);
}

/* A listener that ends and frees itself when it is called. */
struct mayfly {
    factum_listener listener;
    struct fct_notifier *notifier;
    _Atomic uint32_t *ended;
};

static void end_and_free(void *data, uint32_t bits)
{
    struct mayfly *mayfly = data;
    _Atomic uint32_t *ended = mayfly->ended;
    (void)bits;
    fct_notifier_unlisten(mayfly->notifier, &mayfly->listener);
    fct_mem_free(fct_mem_heap(), mayfly);
    atomic_store(ended, 1);
}

static void a_listener_may_end_and_free_itself_inside(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        _Atomic uint32_t ended = 0;
        struct mayfly *mayfly = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *mayfly);
        assert_non_null(mayfly);
        *mayfly = (struct mayfly){.notifier = &f->notifier, .ended = &ended};
        mayfly->listener = (factum_listener){.data = mayfly, .notify = end_and_free};
        assert_ok(fct_notifier_listen(&f->notifier, &mayfly->listener, &f->err), f->err);
        post(f, FACTUM_NEWS_END);
        wait_for(&ended, 1);
    }
    assert_int_equal(atomic_load(&f->notifier.listening), 0);
}

static void who_begins_to_listen_does_not_wait_for_a_slow_listener(void **state)
{
    struct fixture *f = *state;
    struct ear slow;
    struct ear other;
    struct call join;
    ear_init(&slow, &f->notifier);
    ear_init(&other, &f->notifier);
    slow.held = 1;
    assert_ok(fct_notifier_listen(&f->notifier, &slow.listener, &f->err), f->err);
    fct_notifier_post(&f->notifier, FACTUM_NEWS_END);
    wait_for(&slow.inside, 1);
    call_start(&join, f, run_listen, &other.listener);
    wait_for(&join.ended, 1);
    fct_thread_join(&join.thread);
    assert_int_equal(join.status, FACTUM_OK);
    fct_notifier_post(&f->notifier, FACTUM_NEWS_ROOM);
    atomic_store(&slow.held, 0);
    while (atomic_load(&other.calls) == 0) {
        fct_cpu_relax();
    }
    fct_notifier_unlisten(&f->notifier, &slow.listener);
    fct_notifier_unlisten(&f->notifier, &other.listener);
    assert_int_equal(atomic_load(&slow.heard), FACTUM_NEWS_END | FACTUM_NEWS_ROOM);
}

static void news_are_coalesced_while_a_listener_is_busy(void **state)
{
    struct fixture *f = *state;
    struct ear ear;
    ear_init(&ear, &f->notifier);
    ear.held = 1;
    assert_ok(fct_notifier_listen(&f->notifier, &ear.listener, &f->err), f->err);
    fct_notifier_post(&f->notifier, FACTUM_NEWS_END);
    wait_for(&ear.inside, 1);
    for (int i = 0; i < 1000; i++) {
        fct_notifier_post(&f->notifier, i == 500 ? FACTUM_NEWS_FAILED : FACTUM_NEWS_END);
    }
    atomic_store(&ear.held, 0);
    while (atomic_load(&ear.calls) < 2) {
        fct_cpu_relax();
    }
    fct_notifier_unlisten(&f->notifier, &ear.listener);
    assert_int_equal(atomic_load(&ear.calls), 2);
    assert_int_equal(atomic_load(&ear.heard), FACTUM_NEWS_END | FACTUM_NEWS_FAILED);
}

static void one_thread_at_a_time_delivers_and_nothing_is_lost(void **state)
{
    struct fixture *f = *state;
    struct ear ear;
    struct call first;
    struct call second;
    ear_init(&ear, &f->notifier);
    ear.held = 1;
    assert_ok(fct_notifier_listen(&f->notifier, &ear.listener, &f->err), f->err);
    call_start(&first, f, run_deliver, NULL);
    wait_for(&ear.inside, 1);
    call_start(&second, f, run_deliver, NULL);
    wait_for(&second.ended, 1); /* the first will do it */
    assert_int_equal(atomic_load(&ear.calls), 0);
    atomic_store(&ear.held, 0);
    fct_thread_join(&first.thread);
    fct_thread_join(&second.thread);
    assert_int_equal(atomic_load(&ear.calls), 2);
    fct_notifier_unlisten(&f->notifier, &ear.listener);
}

#define ROUNDS 60
#define POSTS 100u
#define POSTERS 3u

struct storm {
    struct fct_notifier *notifier;
    _Atomic uint32_t published;
};

static void publish(void *data)
{
    struct storm *storm = data;
    for (unsigned i = 0; i < POSTS; i++) {
        (void)atomic_fetch_add(&storm->published, 1);
        fct_notifier_post(storm->notifier, FACTUM_NEWS_END);
    }
}

struct seer {
    factum_listener listener;
    struct storm *storm;
    uint32_t looked;       /* what was published when it began to listen */
    _Atomic uint32_t seen; /* when it was called last */
};

static void see(void *data, uint32_t bits)
{
    struct seer *seer = data;
    (void)bits;
    atomic_store(&seer->seen, atomic_load(&seer->storm->published));
}

static void seer_start(struct seer *seer, struct fixture *f, struct storm *storm)
{
    *seer = (struct seer){.storm = storm};
    seer->listener = (factum_listener){.data = seer, .notify = see};
    assert_ok(fct_notifier_listen(&f->notifier, &seer->listener, &f->err), f->err);
    seer->looked = atomic_load(&storm->published);
}

/* A thread that listens first and then looks misses nothing: the look or a call shows it. */
static void no_news_is_lost_while_listeners_come_and_go(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < ROUNDS; round++) {
        struct storm storm = {.notifier = &f->notifier};
        struct fct_thread posters[POSTERS] = {{.started = false}};
        struct seer first; /* the only one for a moment */
        struct seer second;
        for (size_t i = 0; i < POSTERS; i++) {
            assert_ok(fct_thread_start(&posters[i], "test", publish, &storm, &f->err), f->err);
        }
        seer_start(&first, f, &storm);
        seer_start(&second, f, &storm);
        fct_notifier_unlisten(&f->notifier, &first.listener);
        for (size_t i = 0; i < POSTERS; i++) {
            fct_thread_join(&posters[i]);
        }
        if (second.looked < POSTS * POSTERS) {
            wait_for(&second.seen, POSTS * POSTERS);
        }
        fct_notifier_unlisten(&f->notifier, &second.listener);
    }
}

/* ---- completions ----------------------------------------------------------------------------- */

#define OPS 2000

struct ended {
    factum_completer completer;
    _Atomic uint32_t count;
    uint32_t calls;
    size_t most;
    bool in_order;
    size_t next;
    _Atomic uint32_t held;
    _Atomic uint32_t inside;
};

static void note_ended(void *data, factum_append_op *const *ops, size_t count)
{
    struct ended *ended = data;
    atomic_store(&ended->inside, 1);
    while (atomic_load(&ended->held) != 0) {
        (void)fct_word_wait(&ended->held, 1, UINT64_C(1000000));
    }
    for (size_t i = 0; i < count; i++) {
        ended->in_order = ended->in_order && ops[i]->data == (void *)(uintptr_t)ended->next;
        ended->next++;
    }
    ended->calls++;
    ended->most = count > ended->most ? count : ended->most;
    (void)atomic_fetch_add(&ended->count, (uint32_t)count);
}

static factum_append_op *complete_many(struct fixture *f, struct ended *ended)
{
    factum_append_op *ops = fct_mem_zalloc(fct_mem_heap(), OPS, sizeof *ops);
    assert_non_null(ops);
    *ended = (struct ended){.in_order = true, .held = 1};
    ended->completer = (factum_completer){ended, note_ended};
    assert_ok(fct_notifier_start(&f->notifier, &f->err), f->err);
    assert_ok(fct_notifier_start(&f->notifier, &f->err), f->err);
    for (size_t i = 0; i < OPS; i++) {
        ops[i].completer = &ended->completer;
        ops[i].data = (void *)(uintptr_t)i;
        fct_notifier_complete(&f->notifier, &ops[i]);
        if (i == 0) {
            wait_for(&ended->inside, 1);
        }
    }
    return ops;
}

static void ops_end_in_order_and_many_at_once(void **state)
{
    struct fixture *f = *state;
    struct ended ended;
    factum_append_op *ops = complete_many(f, &ended);
    atomic_store(&ended.held, 0);
    while (atomic_load(&ended.count) < OPS) {
        fct_cpu_relax();
    }
    fct_notifier_finish(&f->notifier);
    assert_true(ended.in_order);
    assert_int_equal(ended.calls, 3); /* the first, 1,024, and the rest */
    assert_int_equal(ended.most, FCT_DELIVER_MAX);
    fct_mem_free(fct_mem_heap(), ops);
}

static void finish_ends_the_ops_that_are_left(void **state)
{
    struct fixture *f = *state;
    struct ended ended;
    factum_append_op *ops = complete_many(f, &ended);
    atomic_store(&ended.held, 0);
    fct_notifier_finish(&f->notifier);
    assert_int_equal(atomic_load(&ended.count), OPS);
    assert_true(ended.in_order);
    fct_mem_free(fct_mem_heap(), ops);
}

struct first_ops {
    struct ended ended;
    factum_listener listener;
    _Atomic uint32_t ended_when_heard;
    _Atomic uint32_t heard;
};

static void note_order(void *data, uint32_t bits)
{
    struct first_ops *first = data;
    (void)bits;
    atomic_store(&first->ended_when_heard, atomic_load(&first->ended.count));
    atomic_store(&first->heard, 1);
}

static void ops_end_before_listeners_hear_of_them(void **state)
{
    struct fixture *f = *state;
    static struct first_ops first;
    static factum_append_op ops[2];
    first = (struct first_ops){.ended = {.in_order = true, .held = 1}};
    first.ended.completer = (factum_completer){&first.ended, note_ended};
    first.listener = (factum_listener){.data = &first, .notify = note_order};
    assert_ok(fct_notifier_listen(&f->notifier, &first.listener, &f->err), f->err);
    for (size_t i = 0; i < 2; i++) {
        ops[i] =
            (factum_append_op){.completer = &first.ended.completer, .data = (void *)(uintptr_t)i};
        fct_notifier_complete(&f->notifier, &ops[i]);
    }
    wait_for(&first.ended.inside, 1);
    fct_notifier_post(&f->notifier, FACTUM_NEWS_END);
    assert_int_equal(atomic_load(&first.heard), 0);
    atomic_store(&first.ended.held, 0);
    wait_for(&first.heard, 1);
    assert_true(atomic_load(&first.ended_when_heard) >= 1);
    fct_notifier_unlisten(&f->notifier, &first.listener);
    fct_notifier_finish(&f->notifier);
    assert_int_equal(atomic_load(&first.ended.count), 2);
}

#define PLAIN(name) cmocka_unit_test_setup_teardown(name, start_plain, stop)
#define THREADS(name) cmocka_unit_test_setup_teardown(name, start_threads, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(who_posts_delivers_if_there_are_no_threads),
        PLAIN(what_was_posted_before_anybody_listened_is_not_delivered),
        PLAIN(a_listener_listens_once),
        PLAIN(listeners_may_end_in_any_order),
        PLAIN(a_listener_may_end_itself_and_others_inside),
        PLAIN(who_joins_inside_hears_what_comes_later),
        PLAIN(the_last_may_leave_and_another_join_inside),
        PLAIN(bits_posted_inside_are_delivered_in_the_next_round),
        PLAIN(a_listener_of_one_store_may_call_into_another),
        PLAIN(without_memory_nobody_begins_to_listen),
        PLAIN(there_are_65536_listeners_and_not_one_more),
        PLAIN(the_direct_listener_is_called_by_who_posts),
        PLAIN(finish_delivers_what_is_posted),
        CASE(a_zeroed_one_may_be_finished),
        THREADS(unlisten_waits_for_its_own_listener_and_for_no_other),
        PLAIN(a_listener_may_end_and_free_itself_inside),
        THREADS(a_listener_may_end_and_free_itself_inside),
        THREADS(who_begins_to_listen_does_not_wait_for_a_slow_listener),
        THREADS(news_are_coalesced_while_a_listener_is_busy),
        PLAIN(one_thread_at_a_time_delivers_and_nothing_is_lost),
        THREADS(no_news_is_lost_while_listeners_come_and_go),
        THREADS(ops_end_in_order_and_many_at_once),
        THREADS(finish_ends_the_ops_that_are_left),
        THREADS(ops_end_before_listeners_hear_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
