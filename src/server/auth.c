/* auth.c - see auth.h. Layer: server. Knows neither requests nor what a right is for.
 *
 * The happy path: fct_auth_ask finds the login's digest in no cache and no job, fills a job and
 * queues it; auth_worker_run checks the password; auth_on_checked, in the loop, remembers the
 * digest and calls |done| of every check that waits for the job. Failure modes: the password is
 * wrong (DENIED, nothing is remembered); no memory for scrypt (BUSY); the owner of a check ends
 * (fct_auth_forget); auth ends (fct_auth_close).
 *
 * Invariants.
 *  1. A job is in one of three lists, free (loop's thread), waiting and checked (under |lock|), or
 *     the worker has it.
 *  2. Only the loop's thread uses checks; the worker uses jobs.
 *  3. A password is in memory only while its job is under way, and is wiped afterwards. The cache
 *     contains hashes under a key that exists in this process alone.
 *  4. Only correct logins are cached: wrong ones cannot displace them.
 *  5. Unknown users cost the same scrypt as the known one, and the answer is combined without a
 *     branch.
 */
#include "server/auth.h"

#include <stdatomic.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "os/thread.h"
#include "server/login.h"

#define DIGEST_SIZE 32u
#define KEY_SIZE 32u
#define CACHE_WAYS 4u
#define CACHE_SETS (FCT_AUTH_CACHE_MAX / CACHE_WAYS)

static const struct fct_principal auth_admin = {.right = FCT_RIGHT_ADMIN,
                                                .name = {(const uint8_t *)FCT_AUTH_USER, 5}};
static const struct fct_principal auth_nobody = {.right = FCT_RIGHT_NONE,
                                                 .name = {(const uint8_t *)"anonymous", 9}};

struct auth_job {
    struct auth_job *next;
    struct fct_auth_check *checks; /* checks that wait for this job */
    uint8_t digest[DIGEST_SIZE];
    struct fct_login login;
    factum_status status; /* set by the worker */
};

struct auth_entry {
    uint64_t expires_ms; /* 0: empty */
    uint8_t digest[DIGEST_SIZE];
};

struct fct_auth {
    const struct fct_mem *mem;
    struct fct_loop *loop;
    struct fct_secret secret;
    EVP_MAC_CTX *keyed; /* loop's thread */
    struct auth_job *free_jobs;
    struct fct_auth_check *answered; /* checks whose |done| is called next */
    struct fct_task task;
    struct auth_entry cache[CACHE_SETS][CACHE_WAYS];
    struct auth_job jobs[FCT_AUTH_LOGINS_MAX];
    /* Shared with the worker, under |lock|. */
    struct fct_mutex lock;
    struct auth_job *waiting;
    struct auth_job **waiting_last;
    struct auth_job *checked;
    bool stop;
    _Atomic uint32_t changes; /* counts changes of |waiting| and |stop|: the worker sleeps on it */
    struct fct_thread worker;
};

/* ---- the worker ------------------------------------------------------------------------------ */

/* Compares the same number of bytes for every user. */
static bool auth_is_user(const struct fct_login *login)
{
    static const uint8_t known[FCT_LOGIN_USER_MAX + 1] = FCT_AUTH_USER;
    uint8_t user[FCT_LOGIN_USER_MAX + 1] = {0};
    memcpy(user, login->bytes, login->user_len);
    return CRYPTO_memcmp(user, known, sizeof user) == 0;
}

static void auth_check_job(const struct fct_auth *auth, struct auth_job *job)
{
    factum_error ignored;
    const struct fct_login *login = &job->login;
    bool right = false;
    bool known = auth_is_user(login);
    factum_status status = fct_secret_check(
        &auth->secret, fct_slice(login->bytes + login->user_len + 1, login->password_len), &right,
        &ignored);
    right = right & known;
    if (status == FACTUM_OK) {
        job->status = right ? FACTUM_OK : FACTUM_DENIED;
    } else {
        job->status = FACTUM_BUSY; /* no memory now: the login may be tried again */
    }
}

/* Returns the next job; NULL: stop. Sleeps while no job waits. */
static struct auth_job *auth_next_job(struct fct_auth *auth)
{
    for (;;) {
        uint32_t changes = atomic_load(&auth->changes);
        fct_mutex_lock(&auth->lock);
        bool stop = auth->stop;
        struct auth_job *job = auth->waiting;
        if (job != NULL && !stop) {
            auth->waiting = job->next;
            auth->waiting_last = job->next == NULL ? &auth->waiting : auth->waiting_last;
            job->next = NULL;
        }
        fct_mutex_unlock(&auth->lock);
        if (stop || job != NULL) {
            return stop ? NULL : job;
        }
        (void)fct_word_wait(&auth->changes, changes, UINT64_MAX);
    }
}

static void auth_worker_run(void *data)
{
    struct fct_auth *auth = data;
    struct auth_job *job;
    while ((job = auth_next_job(auth)) != NULL) {
        auth_check_job(auth, job);
        fct_mutex_lock(&auth->lock);
        job->next = auth->checked;
        auth->checked = job;
        fct_mutex_unlock(&auth->lock);
        fct_loop_post(auth->loop, &auth->task);
    }
}

static void auth_wake_worker(struct fct_auth *auth)
{
    atomic_fetch_add(&auth->changes, 1);
    fct_word_wake(&auth->changes, 1);
}

/* ---- what is remembered ---------------------------------------------------------------------- */

static factum_status auth_digest(struct fct_auth *auth, const struct fct_login *login,
                                 uint8_t digest[DIGEST_SIZE], factum_error *err)
{
    size_t size = 0;
    size_t len = login->user_len + 1 + login->password_len;
    if (EVP_MAC_init(auth->keyed, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(auth->keyed, login->bytes, len) != 1 ||
        EVP_MAC_final(auth->keyed, digest, &size, DIGEST_SIZE) != 1 || size != DIGEST_SIZE) {
        ERR_clear_error();
        /* UNTESTED: libcrypto fails here only without memory. */
        return fct_fail(err, FACTUM_NO_MEMORY, "check a login: out of memory");
    }
    return FACTUM_OK;
}

static struct auth_entry *auth_cache_set(struct fct_auth *auth, const uint8_t digest[DIGEST_SIZE])
{
    return auth->cache[(digest[0] | (unsigned)digest[1] << 8) % CACHE_SETS];
}

static bool auth_is_remembered(struct fct_auth *auth, const uint8_t digest[DIGEST_SIZE])
{
    const struct auth_entry *set = auth_cache_set(auth, digest);
    uint64_t now_ms = fct_loop_now_ms(auth->loop);
    bool found = false;
    for (size_t i = 0; i < CACHE_WAYS; i++) {
        found = found || (set[i].expires_ms > now_ms &&
                          CRYPTO_memcmp(set[i].digest, digest, DIGEST_SIZE) == 0);
    }
    return found;
}

static void auth_remember(struct fct_auth *auth, const uint8_t digest[DIGEST_SIZE])
{
    struct auth_entry *set = auth_cache_set(auth, digest);
    struct auth_entry *oldest = &set[0];
    for (size_t i = 1; i < CACHE_WAYS; i++) {
        oldest = set[i].expires_ms < oldest->expires_ms ? &set[i] : oldest;
    }
    oldest->expires_ms = fct_loop_now_ms(auth->loop) + FCT_AUTH_CACHE_MS;
    memcpy(oldest->digest, digest, DIGEST_SIZE);
}

void fct_auth_age(struct fct_auth *auth, uint64_t by_ms)
{
    for (size_t set = 0; set < CACHE_SETS; set++) {
        for (size_t i = 0; i < CACHE_WAYS; i++) {
            struct auth_entry *entry = &auth->cache[set][i];
            entry->expires_ms = entry->expires_ms > by_ms ? entry->expires_ms - by_ms : 0;
        }
    }
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void auth_link(struct fct_auth_check **first, struct fct_auth_check *check)
{
    FCT_ASSERT(check->slot == NULL);
    check->next = *first;
    check->slot = first;
    if (check->next != NULL) {
        check->next->slot = &check->next;
    }
    *first = check;
}

void fct_auth_forget(struct fct_auth_check *check)
{
    if (check->slot != NULL) {
        *check->slot = check->next;
        if (check->next != NULL) {
            check->next->slot = check->slot;
        }
        check->slot = NULL;
        check->next = NULL;
    }
}

/* Finds an unanswered job with this login. The worker changes no member that is read here, and the
 * search uses the array of jobs, not the worker's lists. */
static struct auth_job *auth_find_job(struct fct_auth *auth, const uint8_t digest[DIGEST_SIZE])
{
    for (size_t i = 0; i < FCT_AUTH_LOGINS_MAX; i++) {
        struct auth_job *job = &auth->jobs[i];
        if (job->checks != NULL && CRYPTO_memcmp(job->digest, digest, DIGEST_SIZE) == 0) {
            return job;
        }
    }
    return NULL;
}

static struct auth_job *auth_queue_job(struct fct_auth *auth, const struct fct_login *login,
                                       const uint8_t digest[DIGEST_SIZE])
{
    struct auth_job *job = auth->free_jobs;
    if (job == NULL) {
        return NULL;
    }
    auth->free_jobs = job->next;
    job->next = NULL;
    job->login = *login;
    memcpy(job->digest, digest, DIGEST_SIZE);
    fct_mutex_lock(&auth->lock);
    *auth->waiting_last = job;
    auth->waiting_last = &job->next;
    fct_mutex_unlock(&auth->lock);
    auth_wake_worker(auth);
    return job;
}

static void auth_free_job(struct fct_auth *auth, struct auth_job *job)
{
    FCT_ASSERT(job->checks == NULL);
    OPENSSL_cleanse(&job->login, sizeof job->login);
    job->next = auth->free_jobs;
    auth->free_jobs = job;
}

/* Runs in the loop, after the worker has posted. */
static void auth_on_checked(struct fct_task *task)
{
    struct fct_auth *auth = FCT_CONTAINER_OF(task, struct fct_auth, task);
    fct_mutex_lock(&auth->lock);
    struct auth_job *job = auth->checked;
    auth->checked = NULL;
    fct_mutex_unlock(&auth->lock);
    while (job != NULL) {
        struct auth_job *next = job->next;
        if (job->status == FACTUM_OK) {
            auth_remember(auth, job->digest);
        }
        while (job->checks != NULL) {
            struct fct_auth_check *check = job->checks;
            fct_auth_forget(check);
            check->status = job->status;
            check->principal = job->status == FACTUM_OK ? auth_admin : auth_nobody;
            auth_link(&auth->answered, check);
        }
        auth_free_job(auth, job);
        job = next;
    }
    while (auth->answered != NULL) { /* a |done| may ask again, or forget other checks */
        struct fct_auth_check *check = auth->answered;
        fct_auth_forget(check);
        check->done(check);
    }
}

static factum_status auth_fail(factum_status status, factum_error *err)
{
    return status == FACTUM_BUSY
               ? fct_fail(err, status, "too many logins wait for their check: try again later")
               : fct_fail(err, status, "the user or the password is wrong");
}

factum_status fct_auth_result(const struct fct_auth_check *check, factum_error *err)
{
    return check->status == FACTUM_OK ? FACTUM_OK : auth_fail(check->status, err);
}

static factum_status auth_ask_login(struct fct_auth *auth, const struct fct_login *login,
                                    struct fct_auth_check *check, factum_error *err)
{
    uint8_t digest[DIGEST_SIZE] = {0};
    factum_status status = auth_digest(auth, login, digest, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (auth_is_remembered(auth, digest)) {
        check->principal = auth_admin;
        return FACTUM_OK;
    }
    struct auth_job *job = auth_find_job(auth, digest);
    job = job == NULL ? auth_queue_job(auth, login, digest) : job;
    if (job == NULL) {
        return auth_fail(FACTUM_BUSY, err);
    }
    auth_link(&job->checks, check);
    return FACTUM_PENDING;
}

factum_status fct_auth_ask(struct fct_auth *auth, factum_slice authorization,
                           struct fct_auth_check *check, factum_error *err)
{
    FCT_ASSERT(check->slot == NULL);
    check->principal = auth_nobody;
    check->status = FACTUM_OK;
    if (authorization.len > 0) {
        struct fct_login login = {0};
        check->status = fct_login_parse(authorization, &login, err);
        if (check->status == FACTUM_OK) {
            check->status = auth_ask_login(auth, &login, check, err);
        }
        OPENSSL_cleanse(&login, sizeof login);
    }
    return check->status;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static EVP_MAC_CTX *auth_new_keyed(void)
{
    uint8_t key[KEY_SIZE];
    char sha256[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *keyed = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
    bool good = keyed != NULL && RAND_priv_bytes(key, sizeof key) == 1 &&
                EVP_MAC_init(keyed, key, sizeof key, params) == 1;
    EVP_MAC_free(hmac); /* the context has its own reference */
    OPENSSL_cleanse(key, sizeof key);
    if (!good) {
        EVP_MAC_CTX_free(keyed);
        ERR_clear_error();
        return NULL;
    }
    return keyed;
}

factum_status fct_auth_create(const struct fct_mem *mem, struct fct_loop *loop,
                              const struct fct_secret *secret, struct fct_auth **auth,
                              factum_error *err)
{
    *auth = NULL;
    struct fct_auth *fresh = fct_mem_zalloc(mem, 1, sizeof *fresh);
    if (fresh == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "check logins: out of memory");
    }
    fresh->mem = mem;
    fresh->loop = loop;
    fresh->secret = *secret;
    fresh->task.run = auth_on_checked;
    fresh->waiting_last = &fresh->waiting;
    for (size_t i = 0; i < FCT_AUTH_LOGINS_MAX; i++) {
        auth_free_job(fresh, &fresh->jobs[i]);
    }
    fct_mutex_init(&fresh->lock);
    fresh->keyed = auth_new_keyed();
    factum_status status =
        fresh->keyed == NULL
            ? fct_fail(err, FACTUM_NO_MEMORY, "check logins: libcrypto cannot begin")
            : fct_thread_start(&fresh->worker, "factum-auth", auth_worker_run, fresh, err);
    if (status != FACTUM_OK) {
        fct_auth_close(fresh);
        return status;
    }
    *auth = fresh;
    return FACTUM_OK;
}

factum_status fct_auth_open(const struct fct_mem *mem, struct fct_loop *loop, const char *dir,
                            char secret[FCT_AUTH_SECRET_SIZE], struct fct_auth **auth,
                            factum_error *err)
{
    const struct fct_secret none = {.cost_log2 = 1, .block_size = 1, .parallelism = 1};
    struct fct_auth *fresh = NULL;
    *auth = NULL;
    secret[0] = '\0';
    factum_status status = fct_auth_create(mem, loop, &none, &fresh, err);
    if (status == FACTUM_OK) { /* nothing may fail after a secret was created: it is shown once */
        status = fct_secret_open(fct_os_real(), dir, &fresh->secret, secret, err);
    }
    if (status != FACTUM_OK) {
        fct_auth_close(fresh);
        return status;
    }
    *auth = fresh;
    return FACTUM_OK;
}

void fct_auth_close(struct fct_auth *auth)
{
    if (auth == NULL) {
        return;
    }
    fct_mutex_lock(&auth->lock);
    auth->stop = true;
    fct_mutex_unlock(&auth->lock);
    auth_wake_worker(auth);
    fct_thread_join(&auth->worker);
    fct_loop_unpost(auth->loop, &auth->task);
    for (size_t i = 0; i < FCT_AUTH_LOGINS_MAX; i++) {
        while (auth->jobs[i].checks != NULL) {
            fct_auth_forget(auth->jobs[i].checks);
        }
    }
    while (auth->answered != NULL) {
        fct_auth_forget(auth->answered);
    }
    EVP_MAC_CTX_free(auth->keyed);
    fct_mutex_finish(&auth->lock);
    const struct fct_mem *mem = auth->mem;
    OPENSSL_cleanse(auth, sizeof *auth);
    fct_mem_free(mem, auth);
}
