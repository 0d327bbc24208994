/* prepare.c - see prepare.h. Layer: log. */
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

static void changed(struct fct_prepare *prepare)
{
    atomic_fetch_add(&prepare->word, 1);
    fct_word_wake(&prepare->word, UINT32_MAX >> 1);
}

/* In the thread: waits until more than |done| is allowed; false if it is to end. */
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

/* Each step is on its way to the device before the next: no commit waits behind one long sync. What
 * an earlier run left is written over: its extents are there, and to cut it would take longer. */
static factum_status fill(struct fct_prepare *prepare, struct fct_file *file, const uint8_t *zeros,
                          uint64_t size, bool paced, factum_error *err)
{
    uint64_t left;
    factum_status status = fct_file_size(file, &left, err);
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
    if (status == FACTUM_OK && left > size) {
        status = fct_file_truncate(file, size, err);
    }
    return status == FACTUM_OK ? fct_file_sync(file, err) : status;
}

static factum_status make_file(struct fct_prepare *prepare, uint64_t size, bool paced,
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
    struct fct_file *made;
    status = fct_file_open(prepare->os, path, FCT_OPEN_WRITE | FCT_OPEN_CREATE, &made, err);
    if (status == FACTUM_OK) {
        status = fill(prepare, made, zeros, size, paced, err);
        if (status == FACTUM_OK) {
            *file = made;
        } else {
            (void)fct_file_close(&made, NULL);
            factum_status removed = fct_os_unlink(prepare->os, path, NULL);
            (void)removed; /* gives the space back; the next try writes over it anyway */
        }
    }
    fct_mem_free(prepare->mem, zeros);
    return status == FACTUM_OK ? status : fct_wrap(err, status, "prepare the next segment");
}

static void prepare_main(void *data)
{
    struct fct_prepare *prepare = data;
    for (;;) {
        uint32_t word = atomic_load(&prepare->word);
        fct_mutex_lock(&prepare->lock);
        bool stop = atomic_load(&prepare->stop);
        uint64_t size = prepare->file == NULL ? prepare->wanted : 0;
        prepare->wanted = 0;
        prepare->working = size > 0 && !stop;
        fct_mutex_unlock(&prepare->lock);
        if (stop) {
            return;
        }
        if (size == 0) {
            fct_word_wait(&prepare->word, word, UINT64_MAX);
            continue;
        }
        struct fct_file *file;
        factum_status status = make_file(prepare, size, true, &file, NULL);
        fct_mutex_lock(&prepare->lock);
        prepare->working = false;
        prepare->file = file;
        prepare->size = size;
        prepare->failed_at = status == FACTUM_OK ? 0 : fct_os_monotonic(prepare->os);
        fct_mutex_unlock(&prepare->lock);
        changed(prepare);
    }
}

static void allow(struct fct_prepare *prepare, uint64_t allowed)
{
    prepare->asked = allowed;
    atomic_store(&prepare->allowed, allowed);
    changed(prepare);
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
    fct_mutex_unlock(&prepare->lock);
    if (start &&
        fct_thread_start(&prepare->thread, "factum-prepare", prepare_main, prepare, NULL) < 0) {
        prepare->threads = false; /* made inside the roll instead */
        prepare->wanted = 0;
    }
    if (ask) {
        changed(prepare);
    }
}

/* Waits until the thread is idle; what it made, if it is big enough. */
static struct fct_file *take_made(struct fct_prepare *prepare, uint64_t size, uint64_t *size_taken)
{
    allow(prepare, UINT64_MAX);
    for (;;) {
        uint32_t word = atomic_load(&prepare->word);
        fct_mutex_lock(&prepare->lock);
        bool busy = prepare->thread.started && (prepare->working || prepare->wanted > 0);
        struct fct_file *file = busy ? NULL : prepare->file;
        prepare->file = busy ? prepare->file : NULL;
        fct_mutex_unlock(&prepare->lock);
        if (busy) {
            fct_word_wait(&prepare->word, word, UINT64_MAX);
            continue;
        }
        if (file != NULL && prepare->size < size) {
            (void)fct_file_close(&file, NULL); /* too small for this batch: another is made */
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
    *file = take_made(prepare, size, size_taken);
    if (*file != NULL) {
        return FACTUM_OK;
    }
    *size_taken = size;
    return make_file(prepare, size, false, file, err);
}

void fct_prepare_give_back(struct fct_prepare *prepare, struct fct_file *file, uint64_t size)
{
    fct_mutex_lock(&prepare->lock);
    FCT_ASSERT(prepare->file == NULL);
    prepare->file = file;
    prepare->size = size;
    fct_mutex_unlock(&prepare->lock);
}

uint64_t fct_prepare_ready(struct fct_prepare *prepare)
{
    fct_mutex_lock(&prepare->lock);
    uint64_t size = prepare->file == NULL ? 0 : prepare->size;
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
    changed(prepare);
    fct_thread_join(&prepare->thread);
    if (prepare->file != NULL || prepare->left) {
        char path[FCT_PATH_SIZE];
        (void)fct_file_close(&prepare->file, NULL);
        if (fct_path_join(path, prepare->dir, FCT_PREPARED_NAME, NULL) == FACTUM_OK) {
            factum_status removed = fct_os_unlink(prepare->os, path, NULL);
            (void)removed; /* the next run uses it */
        }
    }
    fct_mutex_finish(&prepare->lock);
    prepare->os = NULL;
}
