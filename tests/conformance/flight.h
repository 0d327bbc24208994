/* flight.h - appends in flight: ops with all that they point to, and what their completer saw; and
 * what a listener heard. */
#ifndef FCT_TESTS_CONFORMANCE_FLIGHT_H
#define FCT_TESTS_CONFORMANCE_FLIGHT_H

#include "fixture.h"

struct flights;

/* One event of one stream, by completion. Change what is to be different before it is submitted. */
struct flight {
    factum_append_op op;
    factum_append_request request;
    factum_new_event event;
    factum_expectation expectation;
    factum_call call;
    char stream[32];
    struct flights *set;
    _Atomic uint32_t ended; /* how often its completer was called with it */
};

#define FLIGHTS_MAX 400u

/* Ops with one completer. */
struct flights {
    factum_completer completer;
    size_t count;                        /* made */
    void (*each)(struct flight *flight); /* called by the completer for each that ends; or NULL */
    struct fixture *f;
    _Atomic uint32_t ended;   /* ops */
    _Atomic uint32_t calls;   /* of the completer */
    _Atomic uint32_t inside;  /* of them from inside a submit */
    _Atomic uint32_t refused; /* for |each| to count submits that failed */
    _Atomic uint32_t group_max;
    struct flight items[FLIGHTS_MAX];
};

/* Static memory for two sets, so that a failing test leaves no op on its stack. */
struct flights *flights_begin(struct fixture *fixture, size_t set);
/* The next flight of |set|: appends an event to |stream|, ANY; |id| 0: without an id. */
struct flight *flight_make(struct flights *set, const char *stream, uint8_t id);
/* |count| of them, to streams "<name>-0", "<name>-1" ... */
void flights_make(struct flights *set, const char *name, size_t count);
factum_status flight_submit(struct flight *flight, factum_error *err);
/* Submits all of the set and asserts that it was taken. */
void flights_submit(struct flights *set);
/* Until |count| have ended. */
void flights_await(struct flights *set, size_t count);
/* Waits for all, closes the engine and opens a new store; then each has ended exactly once. */
void flights_land(struct flights *set);
/* Each has |status|. */
void assert_flights(const struct flights *set, factum_status status);
bool stream_is_present(struct fixture *fixture, const char *stream);
/* Of flights to streams of their own: OK means that the stream is there, |otherwise| that it is
 * not; no other status. Returns how many are OK. */
size_t assert_store_agrees(struct flights *set, factum_status otherwise);

/* ---- news ------------------------------------------------------------------------------------ */

/* A listener that counts the calls with each bit. */
struct counting {
    factum_listener listener;
    _Atomic uint32_t calls;
    _Atomic uint32_t ends;
    _Atomic uint32_t rooms;
    _Atomic uint32_t failures;
};

/* Zeroes |counting| and sets up its listener. */
void counting_init(struct counting *counting);
/* Static memory for one, which listens from here on. */
struct counting *count_news(struct fixture *fixture);

#endif
