/* counter.h - a decider for tests: it adds numbers, keeps a note, and misbehaves on request. */
#ifndef FCT_TESTS_DECIDER_COUNTER_H
#define FCT_TESTS_DECIDER_COUNTER_H

#include <factum/decider.h>

typedef struct counter_event {
    enum { COUNTER_ADDED, COUNTER_NOTED, COUNTER_UNREADABLE } type;
    int64_t number;
    factum_slice text;
} counter_event;

typedef struct counter_state {
    int64_t sum;
    uint64_t count;
    factum_slice note; /* allocated in the fold's arena */
} counter_state;

typedef enum counter_act {
    COUNTER_ADD,      /* adds |number| with |times| events */
    COUNTER_ADD_ONCE, /* rejected if anything was added before */
    COUNTER_NOTE,     /* a no-op if the note has this text already */
    COUNTER_REJECT,
    COUNTER_ACCEPT_NOTHING,
    COUNTER_REJECT_WITH_EVENT,
    COUNTER_REJECT_WITHOUT_CODE,
    COUNTER_IGNORE_WITH_EVENT,
    COUNTER_EMIT_UNREADABLE,
    COUNTER_EMIT_NO_TEXT, /* not UTF-8 */
    COUNTER_EMIT_ELSEWHERE,
    COUNTER_TAG,              /* over a query: |number| into |stream|, if no event has |tag| yet */
    COUNTER_TAG_OR_FAIL,      /* the same, or into a stream that it may not write */
    COUNTER_ADD_ONCE_OR_FAIL, /* as COUNTER_ADD_ONCE, or an event that cannot be printed */
} counter_act;

typedef struct counter_command {
    counter_act act;
    int64_t number;
    unsigned times; /* 0: once */
    factum_slice text;
    const char *stream;
    const char *tag;
    bool no_query; /* its query is not valid, or a part of it is missing */
    /* Called at the start of each decide, to change the store meanwhile. */
    void (*meanwhile)(void *data);
    void *data;
} counter_command;

FACTUM_DECIDER_DECLARE(counter, counter_state, counter_command, counter_event);
/* The same decider over the query made from the command's tag. */
FACTUM_DECIDER_DECLARE(tagged, counter_state, counter_command, counter_event);

#endif
