/* saga_view.h - one saga: its state, what an operator may do, and what would follow.
 *
 * These calls need only a store, not a host: they fold the stream of the saga.
 *
 * Link libfactum-saga (pkg-config factum-saga). Valid C99 and C++17. Any thread. Rules of sizes,
 * statuses and pointers: store.h. */
#ifndef FACTUM_SAGA_VIEW_H
#define FACTUM_SAGA_VIEW_H

#include <factum/json_write.h>
#include <factum/sagas.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One step, or one of the calls at the end. */
typedef struct factum_saga_step {
    factum_slice name;    /* "done" and "undone": the calls at the end */
    factum_slice command; /* the type of the do */
    factum_slice undo;    /* the type of the undo; empty: none */
    const char *phase;    /* "waiting for its answer", "done" ... Static */
    uint32_t stage;
    bool pivot;
    uint64_t generation;
    uint64_t undo_generation;
    uint64_t attempts; /* how often a command was sent for it, undos included */
    int64_t started;   /* 0: not yet, as in the next two */
    int64_t ended;
    int64_t due;             /* of its timer */
    factum_slice command_id; /* of the command under way, or the last one */
    factum_slice reply;      /* the type of its answer */
    uint64_t reply_position;
    factum_slice text; /* why it is stuck or has failed; or empty */
} factum_saga_step;

typedef struct factum_saga_view {
    size_t size;
    factum_slice saga;
    factum_slice id;
    uint64_t version;
    factum_slice hash;
    factum_saga_status status;
    factum_slice correlation_id;
    factum_slice kept; /* a JSON object */
    factum_slice failure_code;
    factum_slice failure_text;
    uint64_t revision;
    int64_t started;
    int64_t changed;
    int64_t deadline; /* 0: none */
    bool late;
    bool pivot_passed;
    uint64_t replies_recorded; /* replies that came early, late or again */
    const factum_saga_step *steps;
    size_t step_count;
    void *memory;
} factum_saga_view;

/* The state of the saga |saga_id| ("NAME-ID"), into |view|. Free the view. Errors: NOT_FOUND
 * (the saga does not exist), INVALID, CORRUPT, NO_MEMORY, and those of factum_read. */
FACTUM_API FACTUM_MUST_USE factum_status factum_saga_view_get(factum_store *store,
                                                              factum_slice saga_id,
                                                              factum_saga_view *view,
                                                              factum_error *err);
/* The definition |saga| as a view: its steps, none of them started, without an id and a status.
 * Free the view, which does not need |saga| afterwards. Errors: INVALID, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_saga_view_of(const factum_saga *saga,
                                                             factum_saga_view *view,
                                                             factum_error *err);
/* Frees what |view| points to, and zeroes it except for |size|. Accepts a zeroed one. */
FACTUM_API void factum_saga_view_free(factum_saga_view *view);

/* Each of the four functions below prints a JSON object, as the command line and HTTP answer it.
 * Times are texts; missing values are left out. docs/openapi.json lists the members. */
FACTUM_API void factum_saga_view_write(const factum_saga_view *view, factum_json_writer *to);
FACTUM_API void factum_saga_entry_write(const factum_saga_entry *entry, factum_json_writer *to);
FACTUM_API void factum_saga_timer_write(const factum_saga_timer *timer, factum_json_writer *to);
FACTUM_API void factum_saga_deployed_write(const factum_saga_deployed *deployed,
                                           factum_json_writer *to);

typedef enum factum_saga_graph_form {
    FACTUM_SAGA_MERMAID = 1,
    FACTUM_SAGA_DOT = 2 /* of Graphviz */
} factum_saga_graph_form;
/* Draws the steps of |view|, coloured by their phases, into *text, which lasts as long as the view.
 * Errors: INVALID, TOO_BIG, NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_saga_graph(const factum_saga_view *view,
                                                           factum_saga_graph_form form,
                                                           factum_slice *text, factum_error *err);

/* ---- acts of operators ----------------------------------------------------------------------- */

typedef enum factum_saga_verb {
    FACTUM_SAGA_RETRY = 1, /* |step| is tried again now */
    FACTUM_SAGA_EDIT = 2,  /* |data| changes the kept fields; a blocked command then needs RETRY */
    FACTUM_SAGA_SKIP = 3,  /* the operator states the outcome of |step|, or of its undo: |ok| */
    FACTUM_SAGA_UNDO = 4,  /* compensate now; with |step|: undo that step once more */
    FACTUM_SAGA_COMPLETE = 5,   /* close it as it is: nothing more is sent */
    FACTUM_SAGA_CANCEL = 6,     /* compensate, if the pivot is not under way */
    FACTUM_SAGA_TIMER_MOVE = 7, /* the timer of |step|, or "deadline", to |due| */
    FACTUM_SAGA_TIMER_CANCEL = 8
} factum_saga_verb;
/* "retry", "edit" ...; "" for another value. Static. */
FACTUM_API const char *factum_saga_verb_name(factum_saga_verb verb);

typedef struct factum_saga_act_request {
    size_t size;
    factum_saga_verb verb;
    factum_slice saga_id; /* "NAME-ID" */
    factum_slice step;
    bool ok;           /* of SKIP and COMPLETE */
    factum_slice data; /* of EDIT and SKIP: a JSON object of kept fields, or empty */
    int64_t due;
    factum_slice by;
    factum_slice reason; /* needed, unless |what_if| */
    bool revision_set;   /* act only if the stream is at |revision| */
    uint64_t revision;
    bool what_if;            /* nothing is written: only |consequence| is filled */
    const factum_call *call; /* or NULL */
} factum_saga_act_request;

#define FACTUM_SAGA_CONSEQUENCE_SIZE 2048
typedef struct factum_saga_act_outcome {
    size_t size;
    uint64_t revision; /* of the last event that was written */
    uint64_t position;
    /* What happens at once, and what can follow from there, for people. */
    char consequence[FACTUM_SAGA_CONSEQUENCE_SIZE];
} factum_saga_act_outcome;

/* Carries out |request|: appends an event to the saga's stream, and what follows from it, in one
 * commit. The same function decides as for replies, so a host notices and goes on. |outcome| is
 * optional.
 * Errors: NOT_FOUND (the saga or the step does not exist), CONDITION_FAILED (the saga's state does
 * not allow it: the text names the state), WRONG_REVISION (something has happened meanwhile: the
 * text says what), KEY_CONFLICT (a step was to be skipped as failed, but its participant has
 * acted), CORRUPT (the stream is damaged, or its definition is not deployed), INVALID, TOO_BIG,
 * NO_MEMORY, and those of factum_append. */
FACTUM_API FACTUM_MUST_USE factum_status factum_saga_act(factum_store *store,
                                                         const factum_saga_act_request *request,
                                                         factum_saga_act_outcome *outcome,
                                                         factum_error *err);

#ifdef __cplusplus
}
#endif
#endif
