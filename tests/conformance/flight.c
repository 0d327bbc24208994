/* flight.c - see flight.h. */
#include "flight.h"

/* Is this thread inside a submit? */
static _Thread_local bool submitting;

static void landed(void *data, factum_append_op *const *ops, size_t count)
{
    struct flights *set = data;
    atomic_fetch_add(&set->calls, 1);
    atomic_fetch_add(&set->inside, submitting ? 1 : 0);
    if (count > atomic_load(&set->group_max)) {
        atomic_store(&set->group_max, (uint32_t)count);
    }
    for (size_t i = 0; i < count; i++) {
        struct flight *flight = ops[i]->data;
        atomic_fetch_add(&flight->ended, 1);
        if (set->each != NULL) {
            set->each(flight);
        }
        raise_word(&set->ended);
    }
}

struct flights *flights_begin(struct fixture *fixture, size_t set)
{
    static struct flights sets[2];
    struct flights *begun = &sets[set];
    memset(begun, 0, sizeof *begun);
    begun->completer = (factum_completer){begun, landed};
    begun->f = fixture;
    return begun;
}

struct flight *flight_make(struct flights *set, const char *stream, uint8_t id)
{
    assert_true(set->count < FLIGHTS_MAX);
    struct flight *flight = &set->items[set->count++];
    flight->set = set;
    (void)snprintf(flight->stream, sizeof flight->stream, "%s", stream);
    flight->event = event_of(flight->stream, "A", id);
    flight->expectation = (factum_expectation){flight->event.stream, factum_any()};
    flight->request = (factum_append_request){
        .size = sizeof flight->request,
        .events = &flight->event,
        .event_count = 1,
        .expectations = &flight->expectation,
        .expectation_count = 1,
    };
    flight->call.size = sizeof flight->call;
    flight->op.size = sizeof flight->op;
    flight->op.request = &flight->request;
    flight->op.completer = &set->completer;
    flight->op.data = flight;
    return flight;
}

void flights_make(struct flights *set, const char *name, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char stream[32];
        (void)snprintf(stream, sizeof stream, "%s-%zu", name, i);
        (void)flight_make(set, stream, 0);
    }
}

factum_status flight_submit(struct flight *flight, factum_error *err)
{
    factum_append_request request = flight->request; /* needed during the submit only */
    flight->op.request = &request;
    submitting = true;
    factum_status status = fct_engine_submit(&flight->set->f->engine, &flight->op, err);
    submitting = false;
    memset(&request, 0xa5, sizeof request);
    return status;
}

void flights_submit(struct flights *set)
{
    struct fixture *f = set->f;
    for (size_t i = 0; i < set->count; i++) {
        OK(flight_submit(&set->items[i], &f->err));
    }
}

void flights_await(struct flights *set, size_t count)
{
    await_word(&set->ended, (uint32_t)count);
}

void flights_land(struct flights *set)
{
    flights_await(set, set->count);
    fixture_renew(set->f);
    for (size_t i = 0; i < set->count; i++) {
        assert_int_equal(atomic_load(&set->items[i].ended), 1);
        assert_ptr_equal(set->items[i].op.completer, &set->completer);
        assert_ptr_equal(set->items[i].op.data, &set->items[i]);
    }
    assert_int_equal(atomic_load(&set->ended), set->count);
    assert_int_equal(atomic_load(&set->inside), 0);
    assert_int_equal(atomic_load(&set->refused), 0);
    assert_true(atomic_load(&set->group_max) <= 1024);
}

void assert_flights(const struct flights *set, factum_status status)
{
    for (size_t i = 0; i < set->count; i++) {
        assert_status(set->items[i].op.status, status);
    }
}

bool stream_is_present(struct fixture *f, const char *stream)
{
    factum_stream_info info = {.size = sizeof info};
    OK(fct_engine_stream(&f->engine, factum_slice_from(stream), &info, &f->err));
    return info.state == FACTUM_STREAM_PRESENT;
}

size_t assert_store_agrees(struct flights *set, factum_status otherwise)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct flight *flight = &set->items[i];
        bool present = stream_is_present(set->f, flight->stream);
        assert_status(flight->op.status, present ? FACTUM_OK : otherwise);
        count += present ? 1 : 0;
    }
    return count;
}

/* ---- news ------------------------------------------------------------------------------------ */

static void count_call(void *data, uint32_t news)
{
    struct counting *counting = data;
    if ((news & FACTUM_NEWS_END) != 0) {
        raise_word(&counting->ends);
    }
    if ((news & FACTUM_NEWS_ROOM) != 0) {
        raise_word(&counting->rooms);
    }
    if ((news & FACTUM_NEWS_FAILED) != 0) {
        raise_word(&counting->failures);
    }
    raise_word(&counting->calls);
}

void counting_init(struct counting *counting)
{
    memset(counting, 0, sizeof *counting);
    counting->listener = (factum_listener){
        .size = sizeof counting->listener, .data = counting, .notify = count_call};
}

struct counting *count_news(struct fixture *f)
{
    static struct counting counting;
    counting_init(&counting);
    OK(fct_engine_listen(&f->engine, &counting.listener, &f->err));
    return &counting;
}
