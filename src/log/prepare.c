/* prepare.c - fills the file of the next segment. Layer: log. prepare.h has the invariants. */
#include "log/prepare.h"

#include "core/check.h"
#include "core/error.h"

#define FILL_SIZE (64u << 10)                    /* one write */
#define PAUSE_AFTER_FAILURE UINT64_C(1000000000) /* ns */

void fct_prepare_init(struct fct_prepare *prepare, const struct fct_os *os,
                      const struct fct_mem *mem, const char *dir, bool threads)
{
    *prepare = (struct fct_prepare){.os = os, .mem = mem, .dir = dir, .threads = threads};
    fct_mutex_init(&prepare->lock);
}

/* Invariant 2, under the lock. */
static void prepare_check(const struct fct_prepare *prepare)
{
    FCT_ASSERT(prepare->file == NULL || !prepare->working);
    FCT_ASSERT(prepare->file == NULL || prepare->wanted == 0);
    FCT_ASSERT(prepare->file == NULL || prepare->size > 0);
    FCT_ASSERT(!prepare->working || prepare->wanted == 0);
}

static void signal_change(struct fct_prepare *prepare)
{
    atomic_fetch_add(&prepare->word, 1);
    fct_word_wake(&prepare->word, FCT_WAKE_ALL);
}

/* In the thread: waits until more than |done| is allowed; false if the thread must end. */
static bool await_allowance(struct fct_prepare *prepare, uint64_t done)
{
    for (;;) {
        uint32_t word = atomic_load(&prepare->word);
        if (atomic_load(&prepare->stop)) {
            return false;
        }
        if (atomic_load(&prepare->allowed) > done) {
            return true;
        }
        fct_word_wait(&prepare->word, word, UINT64_MAX);
    }
}

/* Starts to write each step to the device before the next one, so that no commit waits for one long
 * sync. */
static factum_status fill_file(struct fct_prepare *prepare, struct fct_file *file,
                               const uint8_t *zeros, uint64_t size, bool paced, factum_error *err)
{
    FCT_ASSERT(size > 0);
    factum_status status = FACTUM_OK;
    for (uint64_t done = 0; status == FACTUM_OK && done < size;) {
        uint64_t step = size - done < FILL_SIZE ? size - done : FILL_SIZE;
        if (paced && !await_allowance(prepare, done)) {
            return fct_fail(err, FACTUM_CANCELLED, "the store is closing");
        }
        status = fct_file_write(file, done, zeros, (size_t)step, err);
        if (status == FACTUM_OK) {
            fct_file_start_sync(file, done, step);
        }
        done += step;
    }
    return status == FACTUM_OK ? fct_file_sync(file, err) : status;
}

static factum_status create_file(struct fct_prepare *prepare, uint64_t size, bool paced,
                                 struct fct_file **file, factum_error *err)
{
    char path[FCT_PATH_SIZE];
    *file = NULL;
    factum_status status = fct_path_join(path, prepare->dir, FCT_PREPARED_NAME, err);
    if (status != FACTUM_OK) {
        return status;
    }
    uint8_t *zeros = fct_mem_zalloc(prepare->mem, 1, size < FILL_SIZE ? (size_t)size : FILL_SIZE);
    if (zeros == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "prepare a segment: out of memory");
    }
    struct fct_file *created;
    status = fct_file_recreate(prepare->os, path, &created, err);
    if (status != FACTUM_OK) {
        goto done;
    }
    status = fill_file(prepare, created, zeros, size, paced, err);
    if (status != FACTUM_OK) {
        factum_error later;
        (void)fct_file_close(&created, &later);
        factum_status removed = fct_os_unlink(prepare->os, path, &later);
        (void)removed; /* gives the space back; the next try removes the file in any case */
        goto done;
    }
    *file = created;
done:
    fct_mem_free(prepare->mem, zeros);
    return status == FACTUM_OK ? status : fct_wrap(err, status, "prepare the next segment");
}

/* Takes the wish, if there is one: its size, otherwise 0. */
static uint64_t take_wish(struct fct_prepare *prepare)
{
    fct_mutex_lock(&prepare->lock);
    uint64_t size = atomic_load(&prepare->stop) ? 0 : prepare->wanted;
    prepare->wanted = 0;
    prepare->working = size > 0;
    prepare_check(prepare);
    fct_mutex_unlock(&prepare->lock);
    return size;
}

static void fulfil_wish(struct fct_prepare *prepare, uint64_t size)
{
    struct fct_file *file;
    factum_error err;
    factum_status status = create_file(prepare, size, true, &file, &err);
    fct_mutex_lock(&prepare->lock);
    FCT_ASSERT(prepare->file == NULL);
    prepare->working = false;
    prepare->file = file;
    prepare->size = size;
    prepare->failed_at = status == FACTUM_OK ? 0 : fct_os_monotonic(prepare->os);
    prepare_check(prepare);
    fct_mutex_unlock(&prepare->lock);
    signal_change(prepare);
}

static void prepare_main(void *data)
{
    struct fct_prepare *prepare = data;
    for (;;) {
        uint32_t word = atomic_load(&prepare->word);
        uint64_t size = take_wish(prepare);
        if (atomic_load(&prepare->stop) && size == 0) {
            return;
        }
        if (size > 0) {
            fulfil_wish(prepare, size);
        } else {
            fct_word_wait(&prepare->word, word, UINT64_MAX);
        }
    }
}

static void allow(struct fct_prepare *prepare, uint64_t allowed)
{
    FCT_ASSERT(allowed >= prepare->asked);
    prepare->asked = allowed;
    atomic_store(&prepare->allowed, allowed);
    signal_change(prepare);
}

void fct_prepare_want(struct fct_prepare *prepare, uint64_t size, uint64_t allowed)
{
    if (!prepare->threads || (prepare->asked != 0 && allowed < prepare->asked + FILL_SIZE)) {
        return;
    }
    allow(prepare, allowed);
    fct_mutex_lock(&prepare->lock);
    bool ask = prepare->file == NULL && !prepare->working && prepare->wanted == 0;
    if (ask && prepare->failed_at != 0) {
        ask = fct_os_monotonic(prepare->os) - prepare->failed_at >= PAUSE_AFTER_FAILURE;
    }
    if (ask) {
        prepare->wanted = size;
    }
    bool start = ask && !prepare->thread.started;
    prepare_check(prepare);
    fct_mutex_unlock(&prepare->lock);
    factum_error err;
    if (start &&
        fct_thread_start(&prepare->thread, "factum-prepare", prepare_main, prepare, &err) < 0) {
        prepare->threads = false; /* the roll fills the file itself */
        prepare->wanted = 0;
    }
    if (ask) {
        signal_change(prepare);
    }
}

/* Waits until the thread is idle, and takes its file if that is big enough; otherwise NULL. */
static struct fct_file *take_ready(struct fct_prepare *prepare, uint64_t size, uint64_t *size_taken)
{
    allow(prepare, UINT64_MAX);
    for (;;) {
        uint32_t word = atomic_load(&prepare->word);
        fct_mutex_lock(&prepare->lock);
        bool busy = prepare->thread.started && (prepare->working || prepare->wanted > 0);
        struct fct_file *file = busy ? NULL : prepare->file;
        prepare->file = busy ? prepare->file : NULL;
        prepare_check(prepare);
        fct_mutex_unlock(&prepare->lock);
        if (busy) {
            fct_word_wait(&prepare->word, word, UINT64_MAX);
            continue;
        }
        if (file != NULL && prepare->size < size) {
            factum_error later;
            (void)fct_file_close(&file, &later); /* too small: the roll fills another */
        }
        *size_taken = prepare->size;
        prepare->asked = 0;
        atomic_store(&prepare->allowed, 0);
        return file;
    }
}

factum_status fct_prepare_take(struct fct_prepare *prepare, uint64_t size, struct fct_file **file,
                               uint64_t *size_taken, factum_error *err)
{
    *file = take_ready(prepare, size, size_taken);
    if (*file != NULL) {
        FCT_ASSERT(*size_taken >= size);
        return FACTUM_OK;
    }
    *size_taken = size;
    return create_file(prepare, size, false, file, err);
}

void fct_prepare_give_back(struct fct_prepare *prepare, struct fct_file *file, uint64_t size)
{
    fct_mutex_lock(&prepare->lock);
    FCT_ASSERT(prepare->file == NULL);
    prepare->file = file;
    prepare->size = size;
    prepare_check(prepare);
    fct_mutex_unlock(&prepare->lock);
}

uint64_t fct_prepare_ready(struct fct_prepare *prepare)
{
    fct_mutex_lock(&prepare->lock);
    uint64_t size = prepare->file == NULL ? 0 : prepare->size;
    prepare_check(prepare);
    fct_mutex_unlock(&prepare->lock);
    return size;
}

void fct_prepare_finish(struct fct_prepare *prepare)
{
    if (prepare->os == NULL) {
        return;
    }
    fct_mutex_lock(&prepare->lock);
    atomic_store(&prepare->stop, true);
    fct_mutex_unlock(&prepare->lock);
    signal_change(prepare);
    fct_thread_join(&prepare->thread);
    FCT_ASSERT(!prepare->working);
    if (prepare->file != NULL || prepare->left) {
        factum_error later;
        (void)fct_file_close(&prepare->file, &later);
        factum_status removed =
            fct_os_unlink_in(prepare->os, prepare->dir, FCT_PREPARED_NAME, &later);
        (void)removed; /* the next run removes the file */
    }
    fct_mutex_finish(&prepare->lock);
    prepare->os = NULL;
}
