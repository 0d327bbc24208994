/* flights.c - see flights.h. Layer: cli. */
#include "cli/flights.h"

#include <pthread.h>
#include <stdlib.h>

/* |lock| protects the members that a thread of the store changes. */
struct flights {
    struct flight items[FLIGHTS_MAX];
    size_t count;     /* submitted, or refused at once */
    size_t submitted; /* those of them that were submitted */
    factum_completer completer;
    struct stream_set streams;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t ended;
};

/* Called by the store. */
static void note_ended(void *data, factum_append_op *const *ops, size_t count)
{
    struct flights *flights = data;
    (void)ops;
    (void)pthread_mutex_lock(&flights->lock);
    flights->ended += count;
    (void)pthread_cond_signal(&flights->changed);
    (void)pthread_mutex_unlock(&flights->lock);
}

struct flights *flights_create(void)
{
    struct flights *flights = calloc(1, sizeof *flights);
    if (flights != NULL) {
        flights->completer = (factum_completer){.data = flights, .done = note_ended};
        (void)pthread_mutex_init(&flights->lock, NULL);
        (void)pthread_cond_init(&flights->changed, NULL);
        flights_begin(flights);
    }
    return flights;
}

void flights_destroy(struct flights *flights)
{
    if (flights != NULL) {
        (void)pthread_cond_destroy(&flights->changed);
        (void)pthread_mutex_destroy(&flights->lock);
        free(flights);
    }
}

void flights_begin(struct flights *flights)
{
    flights->count = 0;
    flights->submitted = 0;
    flights->ended = 0;
    stream_set_clear(&flights->streams);
}

struct stream_set *flights_streams(struct flights *flights)
{
    return &flights->streams;
}

factum_status flights_submit(struct flights *flights, factum_store *store,
                             const factum_append_request *request, size_t from, size_t end)
{
    struct flight *flight = &flights->items[flights->count];
    *flight = (struct flight){.from = from, .end = end};
    flight->op = (factum_append_op){
        .size = sizeof flight->op, .request = request, .completer = &flights->completer};
    factum_status status = factum_append_submit(store, &flight->op, &flight->op.err);
    if (status == FACTUM_BUSY && flights->submitted > 0) {
        return status;
    }
    if (status == FACTUM_OK) {
        flights->submitted++;
    } else {
        flight->op.status = status;
    }
    flights->count++;
    return status;
}

size_t flights_count(const struct flights *flights)
{
    return flights->count;
}

void flights_wait(struct flights *flights)
{
    (void)pthread_mutex_lock(&flights->lock);
    while (flights->ended < flights->submitted) {
        (void)pthread_cond_wait(&flights->changed, &flights->lock);
    }
    (void)pthread_mutex_unlock(&flights->lock);
}

const struct flight *flights_at(const struct flights *flights, size_t i)
{
    return &flights->items[i];
}
