/* flight.h - appends in flight: ops with everything they point to, and what their completer saw;
 * listeners that count. */
#ifndef FCT_TESTS_CONFORMANCE_FLIGHT_H
#define FCT_TESTS_CONFORMANCE_FLIGHT_H

#include "fixture.h"

struct flights;

/* An append of one event to one stream, by completion. Tests may change members before it is
 * submitted. */
struct flight {
    factum_append_op op;
    factum_append_request request;
    factum_new_event event;
    factum_expectation expectation;
    factum_call call;
    char stream[32];
    struct flights *set;
    _Atomic uint32_t ended; /* how often it was completed */
};

#define FLIGHTS_MAX 400u

/* Ops that share a completer. */
struct flights {
    factum_completer completer;
    size_t count; /* flights made */
    /* Called by the completer for each flight that ends, or NULL. */
    void (*each)(struct flight *flight);
    struct fixture *f;
    _Atomic uint32_t ended;   /* ops that have ended */
    _Atomic uint32_t calls;   /* calls of the completer */
    _Atomic uint32_t inside;  /* calls of the completer from inside a submit */
    _Atomic uint32_t refused; /* for |each| to count submits that failed */
    _Atomic uint32_t group_max;
    struct flight items[FLIGHTS_MAX];
};

/* Static memory for two sets, so that a failing test leaves no op on its stack. */
struct flights *flights_begin(struct fixture *fixture, size_t set);
/* Makes the next flight of |set|: an event for |stream|, ANY; |id| 0: no id. */
struct flight *flight_make(struct flights *set, const char *stream, uint8_t id);
/* Makes |count| flights, to streams "<name>-0", "<name>-1" ... */
void flights_make(struct flights *set, const char *name, size_t count);
factum_status flight_submit(struct flight *flight, factum_error *err);
/* Submits the whole set and asserts that the engine takes it. */
void flights_submit(struct flights *set);
/* Waits until |count| have ended. */
void flights_await(struct flights *set, size_t count);
/* Waits for all, closes the engine and opens a new store; asserts that each has ended exactly
 * once. */
void flights_land(struct flights *set);
/* Asserts |status| for each. */
void assert_flights(const struct flights *set, factum_status status);
bool stream_is_present(struct fixture *fixture, const char *stream);
/* For flights to streams of their own: asserts that a stream exists if its flight ended with OK,
 * does not exist if it ended with |otherwise|, and that no other status occurs. Returns how many
 * are OK. */
size_t assert_store_agrees(struct flights *set, factum_status otherwise);

/* ---- news ------------------------------------------------------------------------------------ */

/* A listener that counts its calls for each bit. */
struct counting {
    factum_listener listener;
    _Atomic uint32_t calls;
    _Atomic uint32_t ends;
    _Atomic uint32_t rooms;
    _Atomic uint32_t failures;
};

/* Zeroes |counting| and sets up its listener. */
void counting_init(struct counting *counting);
/* Starts a listener in static memory, of which there is one. */
struct counting *count_news(struct fixture *fixture);

#endif
