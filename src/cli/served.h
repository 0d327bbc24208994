/* served.h - read models of a server: the functions of models.h and model_rows.h over the
 * connection of a store that was opened by an address. Layer: cli.
 *
 * Statuses and texts are those of the server, which are those of the same functions. Errors,
 * besides: IO (the answer is not valid JSON, or lacks a required member), CANCELLED (a signal
 * came), UNSUPPORTED (built without the server's library).
 */
#ifndef FACTUM_CLI_SERVED_H
#define FACTUM_CLI_SERVED_H

#include <factum/model_rows.h>

#include "cli/cli.h"

/* ---- served.c: one question ------------------------------------------------------------------ */

/* The longest target of a question, with its parameters and a zero byte. */
#define SERVED_TARGET_SIZE 4096

struct served_question {
    const char *method;
    const char *target;
    factum_slice body; /* JSON; empty: none */
    bool once;         /* not to be repeated: it changes something */
};

/* An answer as JSON. Starts as {0}; freed by served_finish after success and failure. */
struct served_answer {
    uint8_t *bytes;
    size_t len, capacity;
    bool no_memory;
    factum_json_node *nodes;
    factum_json json;
    uint8_t *texts; /* decoded, one after another */
    size_t texts_len;
    const char *lacks; /* the first required member that is missing or of another kind, or NULL */
};

factum_status served_ask(factum_store *store, const struct served_question *question,
                         struct served_answer *answer, factum_error *err);
void served_finish(struct served_answer *answer);

/* Members of |object|. A member that is missing or of another kind is noted in |lacks|, and its
 * value is empty, 0 or false. Slices last as long as the answer. */
uint32_t served_member(struct served_answer *answer, uint32_t object, const char *name,
                       factum_json_kind kind);
factum_slice served_text(struct served_answer *answer, uint32_t object, const char *name);
uint64_t served_number(struct served_answer *answer, uint32_t object, const char *name);
double served_real(struct served_answer *answer, uint32_t object, const char *name);
bool served_bool(struct served_answer *answer, uint32_t object, const char *name);
/* The same for members that may be missing or null. */
factum_slice served_optional(struct served_answer *answer, uint32_t object, const char *name);
int64_t served_time(struct served_answer *answer, uint32_t object, const char *name);
/* The text |value| with its escapes decoded. */
factum_slice served_unescaped(struct served_answer *answer, uint32_t value);
/* Reads "behind" of |object|: {"events", "seconds"}. */
void served_behind(struct served_answer *answer, uint32_t object, factum_build_status *status);
factum_build_state served_state(factum_slice name);
/* Calls |take| for each item of the list |name| until it returns false. Errors: as served_check. */
factum_status served_each(struct served_answer *answer, const char *name,
                          bool (*take)(struct served_answer *answer, uint32_t object,
                                       const void *data),
                          const void *data, factum_error *err);
/* Appends |text|, percent-encoded, to the string |target| in |size| bytes. False: it does not
 * fit. */
bool served_add_encoded(char *target, size_t size, factum_slice text);
/* OK, or IO if a required member was missing. */
factum_status served_check(const struct served_answer *answer, factum_error *err);

/* ---- served_models.c ------------------------------------------------------------------------- */

factum_status served_list(factum_store *store, factum_slice model, const factum_build_each *each,
                          factum_error *err);
/* |model| is not empty. TOO_BIG: more than 10,000 events. */
factum_status served_parked(factum_store *store, factum_slice model, factum_slice key,
                            const factum_parked_each *each, factum_error *err);
factum_status served_wait(factum_store *store, factum_slice model, uint64_t place,
                          int64_t timeout_ms, factum_build_status *status, factum_error *err);
factum_status served_act_record(factum_store *store, const factum_act_request *request,
                                factum_act_result *result, factum_error *err);
factum_status served_act_wait(factum_store *store, factum_slice model, uint64_t revision,
                              int64_t timeout_ms, factum_error *err);

/* ---- served_rows.c --------------------------------------------------------------------------- */

factum_status served_query(factum_store *store, const factum_model_query *query,
                           const factum_rows *rows, factum_model_answer *answer, factum_error *err);

/* Receives the counts of each table, which include changes that were not delivered. */
struct served_counts {
    void *data;
    void (*table)(void *data, factum_slice table, uint64_t added, uint64_t removed,
                  uint64_t changed);
};
factum_status served_diff(factum_store *store, factum_slice model, uint64_t changes_max,
                          const factum_changes *changes, const struct served_counts *counts,
                          factum_error *err);
factum_status served_try(factum_store *store, factum_slice model, uint64_t position,
                         const factum_changes *changes, const struct served_counts *counts,
                         factum_error *err);

#endif
