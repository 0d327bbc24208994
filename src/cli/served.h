/* served.h - read models that a server keeps: what models.h and model_rows.h do with models of this
 * process, asked over the connection of a store that was opened by an address. Layer: cli.
 *
 * The statuses and texts are those that the server gives, which are those of the same functions.
 * An answer that is not valid JSON, or lacks what it must have, is IO. A signal breaks a call off:
 * CANCELLED. Without the server's library all of them give UNSUPPORTED.
 */
#ifndef FACTUM_CLI_SERVED_H
#define FACTUM_CLI_SERVED_H

#include <factum/model_rows.h>

#include "cli/cli.h"

/* ---- served.c: one question ------------------------------------------------------------------ */

struct served_question {
    const char *method;
    const char *target;
    factum_slice body; /* JSON; empty: none */
    bool once;         /* it changes something */
};

/* An answer as JSON. Zeroed before, freed by served_finish whatever becomes of it. */
struct served_answer {
    uint8_t *bytes;
    size_t len, capacity;
    bool no_memory;
    factum_json_node *nodes;
    factum_json json;
    uint8_t *texts; /* without escapes, one after the other */
    size_t texts_len;
    const char *lacks; /* the first member that was wanted and is not there; NULL: none */
};

factum_status served_ask(factum_store *store, const struct served_question *question,
                         struct served_answer *answer, factum_error *err);
void served_finish(struct served_answer *answer);

/* Members of |object|. What is not there, or of another kind, is noted in |lacks|, and the value is
 * empty, 0 or false. Slices last as long as the answer. */
uint32_t served_member(struct served_answer *answer, uint32_t object, const char *name,
                       factum_json_kind kind);
factum_slice served_text(struct served_answer *answer, uint32_t object, const char *name);
uint64_t served_number(struct served_answer *answer, uint32_t object, const char *name);
double served_real(struct served_answer *answer, uint32_t object, const char *name);
bool served_bool(struct served_answer *answer, uint32_t object, const char *name);
/* The same for members that may be missing or null. */
factum_slice served_optional(struct served_answer *answer, uint32_t object, const char *name);
int64_t served_time(struct served_answer *answer, uint32_t object, const char *name);
/* Any text |value| without its escapes. */
factum_slice served_unescaped(struct served_answer *answer, uint32_t value);
/* "behind" of |object|: {"events", "seconds"}. */
void served_behind(struct served_answer *answer, uint32_t object, factum_build_status *status);
factum_build_state served_state(factum_slice name);
/* Calls |tell| for each item of the list |name| until it returns false. As served_check. */
factum_status served_each(struct served_answer *answer, const char *name,
                          bool (*tell)(struct served_answer *answer, uint32_t object,
                                       const void *data),
                          const void *data, factum_error *err);
/* Adds |text| to |target|, a string in |size| bytes, percent encoded. False: it does not fit. */
bool served_add_encoded(char *target, size_t size, factum_slice text);
/* OK, or IO if something was missing. */
factum_status served_check(const struct served_answer *answer, factum_error *err);

/* ---- served_models.c ------------------------------------------------------------------------- */

factum_status served_list(factum_store *store, factum_slice model, const factum_build_each *each,
                          factum_error *err);
/* |model| is not empty. More than 10,000 are TOO_BIG. */
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

/* Where all changes of a table, also those that were not told, are counted. */
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
