/* remote_read.c - see remote_engine.h: reads, lists and questions, fetched a few at a time.
 *
 * What a user's thread asks for is a job; a fetcher runs it, whichever comes first, and calls
 * |ready|. The user's thread and the fetchers hand the reader over to each other: while a job is
 * |started| and not |done|, all but |base| belongs to the fetcher.
 *
 * A reader must not be closed from inside its own |ready|: it would wait for itself.
 */
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "engine/deliver.h"
#include "engine/event_copy.h"
#include "support/remote_int.h"

#define WINDOW_MAX 3u /* events or names fetched at once */
#define DELAY_US 100u

/* ---- jobs ------------------------------------------------------------------------------------ */

/* With the lock held. */
static void list_job(struct job *job)
{
    if (!job->in_list) {
        job->in_list = true;
        job->next = job->remote->jobs;
        job->remote->jobs = job;
    }
}

static void unlist_job(struct job *job)
{
    struct job **at = &job->remote->jobs;
    while (*at != job) {
        FCT_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = job->next;
    job->in_list = false;
}

/* OK when the job has run since it was asked to; PENDING until then. Afterwards it can be asked
 * again. */
static factum_status job_step(struct job *job)
{
    struct remote *remote = job->remote;
    factum_status status = FACTUM_PENDING;
    fct_mutex_lock(&remote->lock);
    if (!job->started) {
        job->started = true;
        job->wanted = true;
        list_job(job);
        fct_remote_wake(remote);
    }
    if (job->done) {
        job->started = false;
        job->done = false;
        status = FACTUM_OK;
    }
    fct_mutex_unlock(&remote->lock);
    return status;
}

/* Has a fetcher call |ready| once: after the job has run, or soon if it is not about to run. */
static void job_ready(struct job *job, const factum_ready *ready)
{
    struct remote *remote = job->remote;
    fct_mutex_lock(&remote->lock);
    job->ready = *ready;
    if (!job->started || job->done) {
        list_job(job);
        fct_remote_wake(remote);
    }
    fct_mutex_unlock(&remote->lock);
}

/* Withdraws |ready|, and the job itself; waits while a fetcher runs it. */
static void job_end(struct job *job)
{
    struct remote *remote = job->remote;
    fct_mutex_lock(&remote->lock);
    job->ready.ready = NULL;
    if (job->in_list) {
        unlist_job(job);
    }
    while (job->users > 0) {
        uint32_t seen = atomic_load(&remote->word);
        fct_mutex_unlock(&remote->lock);
        (void)fct_word_wait(&remote->word, seen, UINT64_MAX);
        fct_mutex_lock(&remote->lock);
    }
    FCT_ASSERT(!job->in_list);
    fct_mutex_unlock(&remote->lock);
}

/* With the lock held, which is released meanwhile. */
static void run_job(struct remote *remote, struct job *job)
{
    void (*finished)(struct job *) = job->finished;
    bool wanted = job->wanted;
    job->wanted = false;
    job->users++;
    if (wanted) {
        fct_mutex_unlock(&remote->lock);
        fct_remote_dawdle(remote, DELAY_US);
        job->run(job);
        fct_mutex_lock(&remote->lock);
        job->done = true;
    }
    factum_ready ready = job->ready;
    job->ready.ready = NULL;
    fct_mutex_unlock(&remote->lock);
    fct_callback_enter();
    if (ready.ready != NULL) {
        ready.ready(ready.data);
    }
    if (finished != NULL) {
        finished(job);
    }
    fct_callback_leave();
    fct_mutex_lock(&remote->lock);
    if (finished == NULL) {
        job->users--;
        fct_remote_wake(remote);
    }
}

void fct_remote_fetch_main(void *data)
{
    struct remote *remote = data;
    fct_mutex_lock(&remote->lock);
    for (;;) {
        uint32_t seen = atomic_load(&remote->word);
        struct job *job = remote->jobs;
        if (job != NULL) {
            if (job->next != NULL && fct_remote_below(remote, 2) == 0) {
                job = job->next;
            }
            unlist_job(job);
            run_job(remote, job);
        } else if (remote->stop) {
            break;
        } else {
            fct_mutex_unlock(&remote->lock);
            (void)fct_word_wait(&remote->word, seen, UINT64_MAX);
            fct_mutex_lock(&remote->lock);
        }
    }
    fct_mutex_unlock(&remote->lock);
}

/* The number of events of a fetch. */
static size_t window_of(struct remote *remote)
{
    fct_mutex_lock(&remote->lock);
    size_t window = 1 + (size_t)fct_remote_below(remote, WINDOW_MAX);
    fct_mutex_unlock(&remote->lock);
    return window;
}

/* The event after the window, once it is known. */
struct tail {
    bool known;
    factum_status status;
    factum_error err;
};

static factum_status tail_status(const struct tail *tail, factum_error *err)
{
    if (tail->status < 0 && err != NULL) {
        *err = tail->err;
    }
    return tail->status;
}

/* ---- readers --------------------------------------------------------------------------------- */

enum reader_task {
    TASK_BEGIN,
    TASK_FETCH,
    TASK_EXTEND,
};

struct remote_reader {
    struct fct_reader base;
    struct job job;
    struct fct_reader *wrapped;
    uint64_t deadline;
    enum reader_task task;
    struct tail begun;
    struct tail extended;
    uint64_t place; /* of |wrapped|, after the last task */
    factum_event_copy window[WINDOW_MAX];
    size_t count;
    size_t at;
    struct tail tail;
};

static struct remote_reader *reader_of(struct fct_reader *base)
{
    return (struct remote_reader *)(void *)base;
}

static struct remote_reader *reader_of_job(struct job *job)
{
    return (struct remote_reader *)(void *)((uint8_t *)job - offsetof(struct remote_reader, job));
}

static void fetch_events(struct remote_reader *reader)
{
    size_t window = window_of(reader->job.remote);
    reader->count = 0;
    reader->at = 0;
    while (reader->count < window && !reader->tail.known) {
        factum_event event;
        factum_status status = fct_reader_next(reader->wrapped, &event, &reader->tail.err);
        if (status == FACTUM_OK) {
            status = fct_event_copy_set(&reader->window[reader->count], &event, &reader->tail.err);
            reader->count += status == FACTUM_OK ? 1 : 0;
        }
        reader->tail.status = status;
        reader->tail.known = status != FACTUM_OK;
    }
}

static void reader_run(struct job *job)
{
    struct remote_reader *reader = reader_of_job(job);
    switch (reader->task) {
    case TASK_BEGIN:
        reader->begun.status = fct_reader_begin(reader->wrapped, &reader->begun.err);
        break;
    case TASK_FETCH:
        fetch_events(reader);
        break;
    case TASK_EXTEND:
        reader->extended.status = fct_reader_extend(reader->wrapped, &reader->extended.err);
        break;
    }
    reader->place = reader->wrapped->place;
}

static factum_status reader_begin(struct fct_reader *base, factum_error *err)
{
    struct remote_reader *reader = reader_of(base);
    if (!reader->begun.known) {
        if (job_step(&reader->job) == FACTUM_PENDING) { /* its first task */
            return FACTUM_PENDING;
        }
        reader->begun.known = true;
        base->place = reader->place;
    }
    return tail_status(&reader->begun, err);
}

/* Has the fetchers run |task|, unless they are running it. */
static factum_status reader_step(struct remote_reader *reader, enum reader_task task)
{
    FCT_ASSERT(reader->begun.known);
    if (!reader->job.started) { /* only this thread changes it */
        reader->task = task;
    }
    FCT_ASSERT(reader->task == task);
    return job_step(&reader->job);
}

static factum_status reader_next(struct fct_reader *base, factum_event *event, factum_error *err)
{
    struct remote_reader *reader = reader_of(base);
    factum_status status =
        fct_deadline_check(reader->job.remote->os, reader->deadline, "read", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (reader->job.started || (reader->at == reader->count && !reader->tail.known)) {
        status = reader_step(reader, TASK_FETCH);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (reader->at < reader->count) {
        *event = reader->window[reader->at++].event;
        return FACTUM_OK;
    }
    return tail_status(&reader->tail, err);
}

static factum_status reader_extend(struct fct_reader *base, factum_error *err)
{
    struct remote_reader *reader = reader_of(base);
    factum_status status =
        fct_deadline_check(reader->job.remote->os, reader->deadline, "read", err);
    if (status == FACTUM_OK) {
        status = reader_step(reader, TASK_EXTEND);
    }
    if (status == FACTUM_OK) {
        reader->tail.known = false;
        base->place = reader->place;
        status = tail_status(&reader->extended, err);
    }
    return status;
}

static void reader_ready(struct fct_reader *base, const factum_ready *ready)
{
    job_ready(&reader_of(base)->job, ready);
}

static void reader_close(struct fct_reader *base)
{
    struct remote_reader *reader = reader_of(base);
    job_end(&reader->job);
    reader->wrapped->ops->close(reader->wrapped);
    for (size_t i = 0; i < WINDOW_MAX; i++) {
        fct_event_copy_finish(&reader->window[i]);
    }
    fct_mem_free(reader->job.remote->mem, reader);
}

static const struct fct_reader_ops reader_ops = {
    .begin = reader_begin,
    .next = reader_next,
    .extend = reader_extend,
    .ready = reader_ready,
    .close = reader_close,
};

factum_status fct_remote_read(void *self, const factum_read_request *request, bool follow,
                              struct fct_reader **out, factum_error *err)
{
    struct remote *remote = self;
    struct remote_reader *reader = fct_mem_zalloc(remote->mem, 1, sizeof *reader);
    if (reader == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "read: out of memory");
    }
    factum_status status =
        fct_engine_start_read(remote->wrapped, request, follow, &reader->wrapped, err);
    if (status != FACTUM_OK) {
        fct_mem_free(remote->mem, reader);
        return status;
    }
    reader->base.ops = &reader_ops;
    reader->job.remote = remote;
    reader->job.run = reader_run;
    reader->task = TASK_BEGIN;
    reader->deadline = fct_call_get(request->call).deadline;
    *out = &reader->base;
    return FACTUM_OK;
}

/* ---- lists ----------------------------------------------------------------------------------- */

struct remote_lister {
    struct fct_lister base;
    struct job job;
    struct fct_lister *wrapped;
    factum_list_entry window[WINDOW_MAX];
    uint8_t names[WINDOW_MAX][FACTUM_NAME_SIZE_MAX + 2];
    size_t count;
    size_t at;
    struct tail tail;
};

static struct remote_lister *lister_of(struct fct_lister *base)
{
    return (struct remote_lister *)(void *)base;
}

static void lister_run(struct job *job)
{
    struct remote_lister *lister =
        (struct remote_lister *)(void *)((uint8_t *)job - offsetof(struct remote_lister, job));
    size_t window = window_of(job->remote);
    lister->count = 0;
    lister->at = 0;
    while (lister->count < window && !lister->tail.known) {
        factum_list_entry *entry = &lister->window[lister->count];
        uint8_t *name = lister->names[lister->count];
        lister->tail.status = fct_lister_next(lister->wrapped, entry, &lister->tail.err);
        lister->tail.known = lister->tail.status != FACTUM_OK;
        if (lister->tail.status == FACTUM_OK) {
            FCT_ASSERT(entry->name.len <= FACTUM_NAME_SIZE_MAX + 2);
            memcpy(name, entry->name.ptr, entry->name.len);
            entry->name = fct_slice(name, entry->name.len);
            lister->count++;
        }
    }
}

static factum_status lister_next(struct fct_lister *base, factum_list_entry *entry,
                                 factum_error *err)
{
    struct remote_lister *lister = lister_of(base);
    bool started = lister->job.started; /* only this thread changes it */
    if (started || (lister->at == lister->count && !lister->tail.known)) {
        factum_status status = job_step(&lister->job);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    if (lister->at < lister->count) {
        *entry = lister->window[lister->at++];
        return FACTUM_OK;
    }
    return tail_status(&lister->tail, err);
}

static void lister_ready(struct fct_lister *base, const factum_ready *ready)
{
    job_ready(&lister_of(base)->job, ready);
}

static void lister_close(struct fct_lister *base)
{
    struct remote_lister *lister = lister_of(base);
    job_end(&lister->job);
    lister->wrapped->ops->close(lister->wrapped);
    fct_mem_free(lister->job.remote->mem, lister);
}

static const struct fct_lister_ops lister_ops = {
    .next = lister_next,
    .ready = lister_ready,
    .close = lister_close,
};

factum_status fct_remote_list(void *self, const factum_list_request *request,
                              struct fct_lister **out, factum_error *err)
{
    struct remote *remote = self;
    struct remote_lister *lister = fct_mem_zalloc(remote->mem, 1, sizeof *lister);
    if (lister == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "list: out of memory");
    }
    factum_status status = fct_engine_list(remote->wrapped, request, &lister->wrapped, err);
    if (status != FACTUM_OK) {
        fct_mem_free(remote->mem, lister);
        return status;
    }
    lister->base.ops = &lister_ops;
    lister->job.remote = remote;
    lister->job.run = lister_run;
    *out = &lister->base;
    return FACTUM_OK;
}

/* ---- questions ------------------------------------------------------------------------------- */

struct remote_question {
    struct job job;
    factum_question *question;
};

static void question_run(struct job *job)
{
    factum_question *question = ((struct remote_question *)(void *)job)->question;
    question->status = FACTUM_OK;
    factum_question wrapped = *question;
    question->status = fct_engine_answer(job->remote->wrapped, &wrapped, &question->err);
    question->number = wrapped.number;
}

static void question_finished(struct job *job)
{
    struct remote_question *asked = (struct remote_question *)(void *)job;
    factum_question *question = asked->question;
    fct_mem_free(job->remote->mem, asked);
    question->done(question); /* the caller's may be gone by now */
}

factum_status fct_remote_ask(void *self, factum_question *question, factum_error *err)
{
    struct remote *remote = self;
    struct remote_question *asked = fct_mem_zalloc(remote->mem, 1, sizeof *asked);
    if (asked == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "ask: out of memory");
    }
    asked->question = question;
    asked->job.remote = remote;
    asked->job.run = question_run;
    asked->job.finished = question_finished;
    return job_step(&asked->job); /* PENDING */
}
