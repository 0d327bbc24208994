/* background.c - the thread that asks for a heartbeat some 50 ms after a commit (rule R8), which
 * also syncs what `os` commits left. Layer: engine_local.
 *
 * It does no work of its own: it joins the group like any caller. While there is nothing to do it
 * sleeps for ever; the leader wakes it after the first batch that wants a heartbeat: so commit.c
 * calls this file and this file calls commit.c, each on a thread of its own.
 */
#include "engine_local/local_int.h"

static void background_main(void *data)
{
    struct fct_local *local = data;
    uint64_t due = UINT64_MAX; /* when the end of the log is to be proven; UINT64_MAX: it is */
    for (;;) {
        uint32_t word = atomic_load(&local->background_word);
        if (atomic_load(&local->background_stop) != 0) {
            return;
        }
        uint64_t now = fct_os_monotonic(local->os);
        if (now >= due) {
            factum_status status = fct_commit_do(local, FCT_TASK_HEARTBEAT, NULL);
            if (status != FACTUM_OK && fct_log_state(local->log) == FCT_LOG_FAILED) {
                return; /* there is nothing left to prove */
            }
            now = fct_os_monotonic(local->os);
            due = UINT64_MAX;
        }
        /* Asleep first: a commit in between sees it, or its wish is seen here. */
        atomic_store(&local->background_asleep, 1);
        if (due == UINT64_MAX && fct_log_wants_heartbeat(local->log)) {
            due = now + FCT_IDLE_NS;
        }
        if (due != UINT64_MAX) {
            atomic_store(&local->background_asleep, 0); /* commits until then need not wake it */
        }
        fct_word_wait(&local->background_word, word, due == UINT64_MAX ? due : due - now);
        atomic_store(&local->background_asleep, 0);
    }
}

factum_status fct_local_background_start(struct fct_local *local, factum_error *err)
{
    return fct_thread_start(&local->background, "factum-idle", background_main, local, err);
}

void fct_local_background_stop(struct fct_local *local)
{
    atomic_store(&local->background_stop, 1);
    atomic_fetch_add(&local->background_word, 1);
    fct_word_wake(&local->background_word, 1);
    fct_thread_join(&local->background);
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
