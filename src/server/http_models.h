/* http_models.h - what the routes of read models share. Layer: server. Only with SQLite. */
#ifndef FCT_SERVER_HTTP_MODELS_H
#define FCT_SERVER_HTTP_MODELS_H

#include <factum/model_rows.h>

#include "server/http_job.h"
#include "server/models.h"

#define FCT_MODEL_WAIT_S_DEFAULT 5u
#define FCT_MODEL_WAIT_S_MAX 60u
#define FCT_MODEL_SLICE_MS INT64_C(100) /* interval of checking whether the call is still wanted */

/* Checks that the server has models. Errors: UNSUPPORTED. */
FCT_MUST_USE factum_status fct_http_models_there(const struct fct_http_call *call,
                                                 factum_error *err);
/* Checks that |name| can be the name of a projection. Errors: INVALID. */
FCT_MUST_USE factum_status fct_http_model_name(factum_slice name, factum_error *err);

/* Sets the values of the body's members; FACTUM_JSON_NONE for a missing one. An empty body has no
 * members. Errors: INVALID (a member that is not one of the |count| |names|, or occurs twice). */
FCT_MUST_USE factum_status fct_http_model_members(const factum_json *json, const char *const *names,
                                                  uint32_t *values, size_t count,
                                                  factum_error *err);
/* Decodes the text of |value| into the call's memory; *text is unchanged without a value. Errors:
 * INVALID, with |name|; NO_MEMORY. */
FCT_MUST_USE factum_status fct_http_model_text(struct fct_http_call *call, const factum_json *json,
                                               uint32_t value, const char *name, factum_slice *text,
                                               factum_error *err);
/* Reads "timeoutSeconds" in milliseconds; the default if missing. Errors: INVALID. */
FCT_MUST_USE factum_status fct_http_model_timeout(const factum_json *json, uint32_t value,
                                                  int64_t *timeout_ms, factum_error *err);

/* Adds "events":3,"seconds":0.250. */
FCT_MUST_USE factum_status fct_http_model_put_lag(struct fct_buf *out,
                                                  const factum_build_status *status);
/* Adds "token":"...","position":7,"created":"...". */
FCT_MUST_USE factum_status fct_http_model_put_place(struct fct_buf *out, const factum_store *store,
                                                    const factum_build_status *status);
/* Add a value of a row, and a list of values. |typed|: bytes are {"bytes": BASE64}. */
FCT_MUST_USE factum_status fct_http_model_put_value(struct fct_buf *out, const factum_value *value,
                                                    bool typed);
FCT_MUST_USE factum_status fct_http_model_put_values(struct fct_buf *out,
                                                     const factum_value *values, size_t count,
                                                     bool typed);
/* Adds a list of names of columns. */
FCT_MUST_USE factum_status fct_http_model_put_names(struct fct_buf *out, const factum_slice *names,
                                                    size_t count);
/* Adds ,"since":"..."; null for 0. */
FCT_MUST_USE factum_status fct_http_model_put_time(struct fct_buf *out, const char *name,
                                                   int64_t time);
/* Returns the outcome of a list: |status|, or |put|, that of writing it. Clears the answer unless
 * OK. */
FCT_MUST_USE factum_status fct_http_model_end(struct fct_http_job *job, factum_status status,
                                              factum_status put, factum_error *err);

/* A list that the thread of a job writes into the answer. */
struct fct_http_model_list {
    uint64_t limit;
    uint64_t count;
    bool more; /* more than |limit| exist */
    factum_status put;
};

/* Is there room for one more item? Writes what separates it from the one before. */
bool fct_http_model_list_add(struct fct_http_model_list *list, struct fct_http_job *job);
bool fct_http_model_list_goes_on(const struct fct_http_model_list *list,
                                 const struct fct_http_job *job);
/* Writes the end of the list, with "more", and of the answer. Returns as fct_http_model_end. */
FCT_MUST_USE factum_status fct_http_model_list_end(struct fct_http_model_list *list,
                                                   struct fct_http_job *job, factum_status status,
                                                   factum_error *err);

#endif
