/* auth_test.c - logins in a real loop, with a hash that is cheap, so that hundreds are checked. */
#include "support/test.h"

#include <limits.h>

#include <openssl/evp.h>

#include "core/slice.h"
#include "os/os.h"
#include "server/auth.h"
#include "server/login.h"
#include "support/mem_fault.h"
#include "support/scratch.h"
#include "wire/base64.h"

#define PATIENCE_MS 30000u
#define FIELD_SIZE 1024
#define ASKS_MAX 300

struct ask {
    struct fct_auth_check check;
    struct fixture *f;
    factum_status status; /* of fct_auth_ask */
    unsigned done;
};

struct fixture {
    struct fct_loop *loop;
    struct fct_auth *auth;
    struct fct_secret secret;
    struct fct_timer timer;
    unsigned waiting;
    struct ask asks[ASKS_MAX];
    factum_error err;
};

static void on_late(struct fct_timer *timer)
{
    (void)timer;
    fail_msg("%s", "a login was not answered in time");
}

/* |cost_log2| 1: some microseconds. */
static void make_secret(struct fct_secret *secret, unsigned cost_log2)
{
    *secret = (struct fct_secret){.cost_log2 = cost_log2, .block_size = 8, .parallelism = 1};
    assert_int_equal(EVP_PBE_scrypt("sesame", 6, secret->salt, sizeof secret->salt,
                                    (uint64_t)1 << cost_log2, 8, 1, 0, secret->hash,
                                    sizeof secret->hash),
                     1);
}

static void open_auth(struct fixture *f, unsigned cost_log2)
{
    make_secret(&f->secret, cost_log2);
    assert_ok(fct_auth_create(fct_mem_heap(), f->loop, &f->secret, &f->auth, &f->err), f->err);
}

static int set_up(void **state)
{
    struct fixture *f = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *f);
    assert_non_null(f);
    assert_ok(fct_loop_create(fct_mem_heap(), &f->loop, &f->err), f->err);
    f->timer.run = on_late;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fct_auth_close(f->auth);
    fct_loop_destroy(f->loop);
    fct_mem_free(fct_mem_heap(), f);
    return 0;
}

static void on_done(struct fct_auth_check *check)
{
    struct ask *ask = FCT_CONTAINER_OF(check, struct ask, check);
    ask->done++;
    assert_int_equal(ask->done, 1);
    assert_ptr_equal(check->data, ask);
    ask->f->waiting--;
    if (ask->f->waiting == 0) {
        fct_loop_stop(ask->f->loop);
    }
}

/* "Basic " and base64 of |login|. */
static factum_slice field_of(const char *login, char field[FIELD_SIZE])
{
    factum_slice bytes = factum_slice_from(login);
    assert_true(fct_base64_text_size(bytes.len) + 6 <= FIELD_SIZE);
    memcpy(field, "Basic ", 6);
    fct_base64_encode(bytes, field + 6);
    return fct_slice(field, 6 + fct_base64_text_size(bytes.len));
}

static factum_status ask_field(struct fixture *f, size_t i, factum_slice field)
{
    struct ask *ask = &f->asks[i];
    *ask = (struct ask){.f = f, .check = {.done = on_done, .data = ask}};
    f->err = (factum_error){.status = FACTUM_OK};
    ask->status = fct_auth_ask(f->auth, field, &ask->check, &f->err);
    f->waiting += ask->status == FACTUM_PENDING;
    return ask->status;
}

static factum_status ask(struct fixture *f, size_t i, const char *login)
{
    char field[FIELD_SIZE];
    return ask_field(f, i, field_of(login, field));
}

static void run(struct fixture *f)
{
    if (f->waiting > 0) {
        fct_timer_start(f->loop, &f->timer, PATIENCE_MS, 0);
        fct_loop_run(f->loop);
        fct_timer_stop(&f->timer);
    }
    assert_int_equal(f->waiting, 0);
}

/* Returns the final answer to |login|. */
static factum_status answer(struct fixture *f, const char *login)
{
    factum_status status = ask(f, 0, login);
    if (status != FACTUM_PENDING) {
        return status;
    }
    run(f);
    assert_int_equal(f->asks[0].done, 1);
    return fct_auth_result(&f->asks[0].check, &f->err);
}

static bool is_admin(const struct fct_principal *principal)
{
    return principal->right == FCT_RIGHT_ADMIN &&
           fct_slice_equal(principal->name, FCT_SLICE("admin"));
}

static bool is_nobody(const struct fct_principal *principal)
{
    return principal->right == FCT_RIGHT_NONE &&
           fct_slice_equal(principal->name, FCT_SLICE("anonymous"));
}

/* ---- answers --------------------------------------------------------------------------------- */

TEST(the_right_login_is_the_admin_and_is_known_at_once_afterwards)
{
    struct fixture *f = *state;
    open_auth(f, 1);
    assert_status(ask(f, 0, "admin:sesame"), FACTUM_PENDING);
    assert_int_equal(f->asks[0].done, 0);
    run(f);
    assert_status(fct_auth_result(&f->asks[0].check, &f->err), FACTUM_OK);
    assert_true(is_admin(&f->asks[0].check.principal));
    assert_status(ask(f, 1, "admin:sesame"), FACTUM_OK);
    assert_true(is_admin(&f->asks[1].check.principal));
}

TEST(nobody_is_nobody)
{
    struct fixture *f = *state;
    open_auth(f, 1);
    assert_status(ask_field(f, 0, (factum_slice){0}), FACTUM_OK);
    assert_true(is_nobody(&f->asks[0].check.principal));
}

TEST(wrong_users_and_wrong_passwords_are_checked_alike_and_refused_with_one_text)
{
    static const char *const wrong[] = {
        "admin:sesamf",
        "admin:",
        ":sesame",
        "Admin:sesame",
        "root:sesame",
        "root:wrong",
        ":",
        "admin::sesame",
        "admin:sesame:",
        "admin :sesame",
        "admi:nsesame",
        "admin:sesame ",
        "adminx:sesame",
    };
    struct fixture *f = *state;
    open_auth(f, 1);
    assert_status(answer(f, "admin:sesame"), FACTUM_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_status(ask(f, 0, wrong[i]), FACTUM_PENDING);
        run(f);
        assert_status(fct_auth_result(&f->asks[0].check, &f->err), FACTUM_DENIED);
        assert_string_equal(f->err.text, "the user or the password is wrong");
        assert_true(is_nobody(&f->asks[0].check.principal));
    }
}

/* Returns the milliseconds until |login| is refused, with the cost of a real secret. */
static int64_t refusal_ms(struct fixture *f, const char *login)
{
    uint64_t begun = fct_os_monotonic(fct_os_real());
    assert_status(answer(f, login), FACTUM_DENIED);
    return (int64_t)((fct_os_monotonic(fct_os_real()) - begun) / 1000000);
}

TEST(an_unknown_user_costs_a_hash_as_a_wrong_password_does)
{
    struct fixture *f = *state;
    open_auth(f, 14);
    assert_true(refusal_ms(f, "admin:wrong") >= 5); /* some 40 */
    assert_true(refusal_ms(f, "nobody:sesame") >= 5);
    assert_true(refusal_ms(f, ":") >= 5);
}

TEST(a_wrong_login_is_not_remembered)
{
    struct fixture *f = *state;
    open_auth(f, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_status(ask(f, 0, "admin:wrong"), FACTUM_PENDING);
        run(f);
        assert_status(f->asks[0].check.status, FACTUM_DENIED);
    }
}

TEST(a_login_is_forgotten_after_a_minute)
{
    struct fixture *f = *state;
    open_auth(f, 1);
    assert_status(answer(f, "admin:sesame"), FACTUM_OK);
    assert_status(ask(f, 0, "admin:sesame"), FACTUM_OK);
    fct_auth_age(f->auth, FCT_AUTH_CACHE_MS - 1000);
    assert_status(ask(f, 0, "admin:sesame"), FACTUM_OK);
    fct_auth_age(f->auth, 1001);
    assert_status(ask(f, 0, "admin:sesame"), FACTUM_PENDING);
    run(f);
}

TEST(a_password_may_have_colons_and_any_bytes_and_its_longest_size)
{
    struct fixture *f = *state;
    open_auth(f, 1);
    char login[400] = "admin:";
    memset(login + 6, 'p', FCT_LOGIN_PASSWORD_MAX);
    assert_status(answer(f, login), FACTUM_DENIED);
    assert_text(f->err, "the user or the password is wrong");
    login[6 + FCT_LOGIN_PASSWORD_MAX] = 'p';
    assert_status(ask(f, 0, login), FACTUM_DENIED);
    assert_text(f->err, "the login is too long");
    memset(login, 'u', FCT_LOGIN_USER_MAX);
    memcpy(login + FCT_LOGIN_USER_MAX, ":sesame", 8);
    assert_status(answer(f, login), FACTUM_DENIED);
    assert_text(f->err, "the user or the password is wrong");
    memset(login, 'u', FCT_LOGIN_USER_MAX + 1);
    memcpy(login + FCT_LOGIN_USER_MAX + 1, ":sesame", 8);
    assert_status(ask(f, 0, login), FACTUM_DENIED);
    assert_text(f->err, "the login is too long");
    assert_status(answer(f, "admin:a:b:\x01\xff"), FACTUM_DENIED);
    assert_text(f->err, "the user or the password is wrong");
}

/* ---- the field ------------------------------------------------------------------------------- */

TEST(the_scheme_may_be_written_in_any_case_and_with_more_spaces)
{
    /* admin:sesame */
    static const char *const good[] = {"Basic YWRtaW46c2VzYW1l", "basic YWRtaW46c2VzYW1l",
                                       "BASIC   YWRtaW46c2VzYW1l", "bAsIc YWRtaW46c2VzYW1l"};
    struct fixture *f = *state;
    open_auth(f, 1);
    assert_status(answer(f, "admin:sesame"), FACTUM_OK);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_status(ask_field(f, 0, factum_slice_from(good[i])), FACTUM_OK);
        assert_true(is_admin(&f->asks[0].check.principal));
    }
}

TEST(fields_that_are_no_login_are_refused_at_once)
{
    factum_error ignored;
    static const char *const bad[][2] = {
        {"Bearer abc", "knows Basic authentication only"},
        {"Digest username=\"admin\"", "knows Basic authentication only"},
        {"Basic", "knows Basic authentication only"},
        {"BasicYWRtaW46c2VzYW1l", "knows Basic authentication only"},
        {"B", "knows Basic authentication only"},
        {" Basic YWRtaW46c2VzYW1l", "knows Basic authentication only"},
        {"Basic\tYWRtaW46c2VzYW1l", "knows Basic authentication only"},
        {"Basic ", "the login cannot be read"},
        {"Basic  ", "the login cannot be read"},
        {"Basic YWRtaW46c2VzYW1l ", "the login cannot be read"},
        {"Basic YWRtaW46c2VzYW1", "the login cannot be read"},
        {"Basic YWRtaW46c2VzYW1=", "the login cannot be read"},
        {"Basic YWRt\naW46c2VzYW1l", "the login cannot be read"},
        {"Basic YWRtaW4=", "the login cannot be read"}, /* admin, without a colon */
        {"Basic admin:sesame", "the login cannot be read"},
        {"Basic YWRtaW46c2VzYW1l, Basic YWRtaW46c2VzYW1l", "the login cannot be read"},
    };
    struct fixture *f = *state;
    open_auth(f, 1);
    assert_status(answer(f, "admin:sesame"), FACTUM_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        factum_slice field = factum_slice_from(bad[i][0]);
        assert_status(ask_field(f, 0, field), FACTUM_DENIED);
        assert_text(f->err, bad[i][1]);
        assert_true(is_nobody(&f->asks[0].check.principal));
        assert_status(fct_auth_ask(f->auth, field, &f->asks[0].check, &ignored), FACTUM_DENIED);
    }
}

TEST(every_cut_of_a_field_is_refused)
{
    struct fixture *f = *state;
    open_auth(f, 1);
    char field[FIELD_SIZE];
    factum_slice whole = field_of("admin:sesame", field);
    assert_status(answer(f, "admin:sesame"), FACTUM_OK);
    for (size_t cut = 1; cut < whole.len; cut++) {
        factum_status status = ask_field(f, 0, fct_slice(field, cut));
        if (status == FACTUM_PENDING) { /* a whole group of base64 with a colon */
            run(f);
            status = fct_auth_result(&f->asks[0].check, &f->err);
        }
        assert_status(status, FACTUM_DENIED);
    }
}

TEST(a_field_of_any_length_is_refused_without_reading_past_the_room)
{
    static char field[100000] = "Basic ";
    struct fixture *f = *state;
    open_auth(f, 1);
    memset(field + 6, 'Q', sizeof field - 6);
    assert_status(ask_field(f, 0, fct_slice(field, 6 + 99992)), FACTUM_DENIED);
    assert_text(f->err, "the login is too long");
}

/* ---- many at once ---------------------------------------------------------------------------- */

TEST(requests_with_the_same_login_wait_for_one_check)
{
    struct fixture *f = *state;
    open_auth(f, 12); /* slow enough that they overlap */
    for (size_t i = 0; i < ASKS_MAX; i++) {
        assert_status(ask(f, i, "admin:sesame"), FACTUM_PENDING);
    }
    run(f);
    for (size_t i = 0; i < ASKS_MAX; i++) {
        assert_int_equal(f->asks[i].done, 1);
        assert_status(f->asks[i].check.status, FACTUM_OK);
        assert_true(is_admin(&f->asks[i].check.principal));
    }
}

TEST(too_many_different_logins_are_refused_and_the_known_one_is_not_hindered)
{
    struct fixture *f = *state;
    open_auth(f, 12);
    assert_status(answer(f, "admin:sesame"), FACTUM_OK);
    size_t pending = 0;
    for (size_t i = 0; i < 200; i++) {
        char login[32];
        (void)snprintf(login, sizeof login, "admin:guess%zu", i);
        factum_status status = ask(f, i, login);
        pending += status == FACTUM_PENDING;
        if (status != FACTUM_PENDING) {
            assert_status(status, FACTUM_BUSY);
            assert_string_equal(f->err.text,
                                "too many logins wait for their check: try again later");
        }
    }
    assert_int_equal(pending, FCT_AUTH_LOGINS_MAX); /* jobs come back in the loop only */
    assert_status(ask(f, 200, "admin:sesame"), FACTUM_OK);
    run(f);
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(f->asks[i].done, f->asks[i].status == FACTUM_PENDING);
    }
    assert_status(answer(f, "admin:guess0"), FACTUM_DENIED); /* there is room again */
}

TEST(a_check_that_was_forgotten_is_not_answered_and_the_others_are)
{
    struct fixture *f = *state;
    open_auth(f, 10);
    for (size_t i = 0; i < 6; i++) {
        assert_status(ask(f, i, i < 3 ? "admin:sesame" : "admin:wrong"), FACTUM_PENDING);
    }
    fct_auth_forget(&f->asks[1].check);
    fct_auth_forget(&f->asks[1].check);
    f->waiting--;
    for (size_t i = 3; i < 6; i++) { /* all that wait for one job */
        fct_auth_forget(&f->asks[i].check);
        f->waiting--;
    }
    assert_status(ask(f, 6, "admin:wrong"), FACTUM_PENDING);
    run(f);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(f->asks[i].done, i == 0 || i == 2 || i == 6);
    }
}

static void forget_the_other(struct fct_auth_check *check)
{
    struct ask *ask = FCT_CONTAINER_OF(check, struct ask, check);
    struct ask *other = ask == &ask->f->asks[0] ? &ask->f->asks[1] : &ask->f->asks[0];
    assert_int_equal(other->done, 0);
    fct_auth_forget(&other->check);
    ask->f->waiting--;
    on_done(check);
}

TEST(an_answer_may_forget_another_one_that_comes_next)
{
    struct fixture *f = *state;
    open_auth(f, 1);
    assert_status(ask(f, 0, "admin:sesame"), FACTUM_PENDING);
    assert_status(ask(f, 1, "admin:sesame"), FACTUM_PENDING);
    f->asks[0].check.done = forget_the_other;
    f->asks[1].check.done = forget_the_other;
    run(f);
    assert_int_equal(f->asks[0].done + f->asks[1].done, 1);
}

static void ask_again(struct fct_auth_check *check)
{
    struct ask *ask_ = FCT_CONTAINER_OF(check, struct ask, check);
    struct fixture *f = ask_->f;
    f->waiting--;
    assert_status(ask(f, 1, "admin:other"), FACTUM_PENDING);
}

TEST(an_answer_may_ask_the_next_question)
{
    struct fixture *f = *state;
    open_auth(f, 1);
    assert_status(ask(f, 0, "admin:wrong"), FACTUM_PENDING);
    f->asks[0].check.done = ask_again;
    run(f);
    assert_int_equal(f->asks[1].done, 1);
    assert_status(f->asks[1].check.status, FACTUM_DENIED);
}

/* ---- ends ------------------------------------------------------------------------------------ */

TEST(closing_with_checks_under_way_waits_for_one_and_answers_none)
{
    struct fixture *f = *state;
    for (size_t round = 0; round < 20; round++) {
        open_auth(f, 8);
        for (size_t i = 0; i < 20; i++) {
            char login[32];
            (void)snprintf(login, sizeof login, "admin:guess%zu", i);
            assert_status(ask(f, i, login), FACTUM_PENDING);
        }
        fct_auth_close(f->auth); /* sometimes with an answer that is posted already */
        f->auth = NULL;
        for (size_t i = 0; i < 20; i++) {
            assert_int_equal(f->asks[i].done, 0);
            assert_null(f->asks[i].check.slot);
        }
        f->waiting = 0;
    }
    open_auth(f, 1);
    assert_status(answer(f, "admin:sesame"), FACTUM_OK); /* the loop is as it was */
    fct_auth_close(NULL);
}

TEST(without_memory_nothing_is_opened)
{
    struct fixture *f = *state;
    struct fct_mem_fault fault;
    fct_mem_fault_init(&fault);
    make_secret(&f->secret, 1);
    atomic_store(&fault.fail_at, 0);
    assert_status(fct_auth_create(&fault.mem, f->loop, &f->secret, &f->auth, &f->err),
                  FACTUM_NO_MEMORY);
    assert_null(f->auth);
    assert_int_equal(atomic_load(&fault.held), 0);
    atomic_store(&fault.fail_at, ULONG_MAX);
    assert_ok(fct_auth_create(&fault.mem, f->loop, &f->secret, &f->auth, &f->err), f->err);
    fct_auth_close(f->auth);
    f->auth = NULL;
    assert_int_equal(atomic_load(&fault.held), 0);
}

TEST(the_first_start_shows_the_secret_that_opens_and_keeps_it_where_only_its_owner_reads)
{
    struct fixture *f = *state;
    char dir[SCRATCH_SIZE];
    char path[SCRATCH_SIZE + 8];
    char login[FCT_AUTH_SECRET_SIZE + 8];
    char secret[FCT_AUTH_SECRET_SIZE];
    const struct fct_mem *mem = fct_mem_heap();
    assert_true(scratch_make(dir));
    assert_ok(fct_auth_open(mem, f->loop, dir, secret, &f->auth, &f->err), f->err);
    (void)snprintf(login, sizeof login, "admin:%s", secret);
    assert_int_equal(strlen(secret), 52);
    assert_status(answer(f, login), FACTUM_OK);
    fct_auth_close(f->auth);
    (void)snprintf(path, sizeof path, "%s/admin", dir);
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);
    assert_ok(fct_auth_open(mem, f->loop, dir, secret, &f->auth, &f->err), f->err);
    assert_string_equal(secret, "");
    assert_status(answer(f, login), FACTUM_OK);
    fct_auth_close(f->auth);
    f->auth = NULL;
    assert_true(scratch_remove(dir));
    assert_status(fct_auth_open(mem, f->loop, dir, secret, &f->auth, &f->err), FACTUM_NOT_FOUND);
    assert_null(f->auth);
    assert_string_equal(secret, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(the_right_login_is_the_admin_and_is_known_at_once_afterwards),
        FIXTURE_CASE(nobody_is_nobody),
        FIXTURE_CASE(wrong_users_and_wrong_passwords_are_checked_alike_and_refused_with_one_text),
        FIXTURE_CASE(an_unknown_user_costs_a_hash_as_a_wrong_password_does),
        FIXTURE_CASE(a_wrong_login_is_not_remembered),
        FIXTURE_CASE(a_login_is_forgotten_after_a_minute),
        FIXTURE_CASE(a_password_may_have_colons_and_any_bytes_and_its_longest_size),
        FIXTURE_CASE(the_scheme_may_be_written_in_any_case_and_with_more_spaces),
        FIXTURE_CASE(fields_that_are_no_login_are_refused_at_once),
        FIXTURE_CASE(every_cut_of_a_field_is_refused),
        FIXTURE_CASE(a_field_of_any_length_is_refused_without_reading_past_the_room),
        FIXTURE_CASE(requests_with_the_same_login_wait_for_one_check),
        FIXTURE_CASE(too_many_different_logins_are_refused_and_the_known_one_is_not_hindered),
        FIXTURE_CASE(a_check_that_was_forgotten_is_not_answered_and_the_others_are),
        FIXTURE_CASE(an_answer_may_forget_another_one_that_comes_next),
        FIXTURE_CASE(an_answer_may_ask_the_next_question),
        FIXTURE_CASE(closing_with_checks_under_way_waits_for_one_and_answers_none),
        FIXTURE_CASE(without_memory_nothing_is_opened),
        FIXTURE_CASE(
            the_first_start_shows_the_secret_that_opens_and_keeps_it_where_only_its_owner_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
