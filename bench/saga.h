/* saga.h - shared by the parts of the bench of sagas. Parts: saga.c. */
#ifndef BENCH_SAGA_H
#define BENCH_SAGA_H
#include <factum/async.h>
#include <factum/factum.h>
#include <factum/saga.h>
#include <factum/sagas.h>
#include <pthread.h>
#include <stdatomic.h>

#include "workload.h"

enum { SAGA_ID_LEN = 12, SAGA_STEPS = 4, SAGA_REPS_MAX = 15 };

static inline factum_slice saga_slice(const char *text)
{
    return factum_slice_from(text);
}
static inline void saga_must(factum_status status, const char *what, const factum_error *err)
{
    if (status < 0)
        wl_die(what, err->text);
}
/* The id of saga |number|: always of the same length, and not part of any other text. */
static inline void saga_id(char to[SAGA_ID_LEN + 1], uint64_t number)
{
    memcpy(to, "o-0000000000", SAGA_ID_LEN + 1);
    wl_dec(to + 2, SAGA_ID_LEN - 2, number);
}

/* The store DIR/store; |clock| NULL: the machine's. */
factum_store *saga_store_open(const char *dir, const factum_clock *clock);
void saga_store_close(factum_store *store);
/* Creates DIR/hand, for the store in which no sagas run, and returns it. Lasts until the next
 * call. */
const char *hand_dir(const char *dir);
/* Nanoseconds of CPU time of this process. */
uint64_t saga_cpu(void);
/* Waits until the threads of this process are idle: late work on the lists, for example, would
 * otherwise count as CPU time of the measurement by hand. */
void saga_settle(void);
/* Loads and deploys |text|. */
void saga_deploy(factum_store *store, const char *text);
/* Runs the sagas of |store|; lists in DIR/models, unless it is NULL. */
factum_sagas *saga_host(factum_store *store, const char *dir, const factum_clock *monotonic);
/* Waits until the sagas have caught up. */
void saga_ready(factum_sagas *sagas);
factum_sagas_info saga_figures(factum_sagas *sagas);
/* Appends |count| events |type| {"orderId": ...} from saga |first| on, 1,000 a commit. Returns the
 * place after them. */
uint64_t saga_starts(factum_store *store, const char *type, uint64_t first, uint64_t count);

/* ---- by hand (saga_hand.c) ------------------------------------------------------------------- */

/* The commits of one saga, as they are in the log, to be made again under other ids: the same
 * number of commits, the same events, the same bytes. */
struct hand;
/* Records the commits whose streams or data have the id |number|, from the start of the store:
 * commits |first| to |end| of them. */
struct hand *hand_record(factum_store *store, uint64_t number, size_t first, size_t end);
size_t hand_commits(const struct hand *hand);
void hand_free(struct hand *hand);
/* Makes the commits again and again, one after another, by each of |count| threads that wait for
 * each commit, for |secs|. Returns sagas per second; the times of single commits are added to
 * |times| unless it is NULL. */
double hand_run(factum_store *store, const struct hand *hand, int count, double secs,
                wl_lat_t *times);
/* The same by completions, |flights| sagas at once. */
double hand_flow(factum_store *store, const struct hand *hand, int flights, double secs);
/* Makes the commits of |count| sagas, |flights| at once, by completions. Returns seconds. */
double hand_burst(factum_store *store, const struct hand *hand, uint64_t count, int flights);

/* The parts. Each returns 0, or 1 for a wrong result. */
int saga_run(const char *dir);
int saga_live(const char *port);
int saga_timers(const char *dir);
int saga_fill(const char *dir);
int saga_recover(const char *dir);
int saga_check(const char *dir);
int saga_stamp(const char *dir);
#endif
