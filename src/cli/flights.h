/* flights.h - commits with keys that an import has submitted and waits for. Layer: cli. */
#ifndef FCT_CLI_FLIGHTS_H
#define FCT_CLI_FLIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include <factum/async.h>

#include "cli/stream_set.h"

#define FLIGHTS_MAX 1024u /* commits under way at once */

struct flight {
    factum_append_op op;
    size_t from, end; /* the items of the batch */
};

struct flights;

/* NULL without memory. */
struct flights *flights_create(void);
/* Accepts NULL. No flight may be under way. */
void flights_destroy(struct flights *flights);
/* Forgets all flights. None may be under way. */
void flights_begin(struct flights *flights);
/* The streams that the flights write to. */
struct stream_set *flights_streams(struct flights *flights);
/* Submits |request| as the flight of the items [from, end). If that fails, the status of its op
 * is the reason. BUSY: not a flight, since others are under way and the store has no room; try
 * again. */
factum_status flights_submit(struct flights *flights, factum_store *store,
                             const factum_append_request *request, size_t from, size_t end);
size_t flights_count(const struct flights *flights);
/* Waits until all flights have ended. */
void flights_wait(struct flights *flights);
const struct flight *flights_at(const struct flights *flights, size_t i);

#endif
