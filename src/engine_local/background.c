/* background.c - the thread that asks for a heartbeat some 50 ms after a commit (rule R8). A
 * heartbeat also syncs `os` commits. Layer: engine_local.
 *
 * It does no work itself: it joins the group like any caller. It sleeps while the end of the log is
 * proven; the leader wakes it after the first batch that wants a heartbeat. So commit.c calls this
 * file and this file calls commit.c, each on its own thread.
 */
#include "core/check.h"
#include "engine_local/local_int.h"

static void background_main(void *data)
{
    factum_error ignored;
    struct fct_local *local = data;
    uint64_t due = UINT64_MAX; /* when a heartbeat is due, monotonic; UINT64_MAX: none is wanted */
    for (;;) {
        uint32_t word = atomic_load(&local->background_word);
        if (atomic_load(&local->background_stop) != 0) {
            return;
        }
        uint64_t now = fct_os_monotonic(local->os);
        if (now >= due) {
            factum_status status = fct_commit_do(local, FCT_TASK_HEARTBEAT, &ignored);
            if (status != FACTUM_OK && fct_log_state(local->log) == FCT_LOG_FAILED) {
                return; /* the log takes no more batches */
            }
            now = fct_os_monotonic(local->os);
            due = UINT64_MAX;
        }
        /* First asleep, then the question: a commit in between either sees that this thread sleeps,
         * or its batch is seen here. */
        atomic_store(&local->background_asleep, 1);
        if (due == UINT64_MAX && fct_log_wants_heartbeat(local->log)) {
            due = now + FCT_IDLE_NS;
        }
        if (due != UINT64_MAX) {
            atomic_store(&local->background_asleep, 0); /* until then no commit has to wake it */
        }
        FCT_ASSERT(due > now);
        fct_word_wait(&local->background_word, word, due == UINT64_MAX ? due : due - now);
        atomic_store(&local->background_asleep, 0);
    }
}

factum_status fct_local_background_start(struct fct_local *local, factum_error *err)
{
    FCT_ASSERT(local->threads);
    FCT_ASSERT(!local->background.started);
    return fct_thread_start(&local->background, "factum-idle", background_main, local, err);
}

void fct_local_background_stop(struct fct_local *local)
{
    atomic_store(&local->background_stop, 1);
    atomic_fetch_add(&local->background_word, 1);
    fct_word_wake(&local->background_word, 1);
    fct_thread_join(&local->background);
    FCT_ASSERT(!local->background.started);
}

void fct_local_background_note(struct fct_local *local)
{
    if (!local->threads) {
        return;
    }
    if (atomic_load(&local->background_asleep) != 0) {
        atomic_fetch_add(&local->background_word, 1);
        fct_word_wake(&local->background_word, 1);
    }
}
