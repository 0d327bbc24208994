/* http_traces.c - the causal tree of a flow over HTTP. Layer: server.
 *
 *     GET /api/v1/traces/order-42                  JSON, as `factum trace --json`
 *     GET /api/v1/traces/order-42?format=mermaid   or dot, text; or by Accept
 *
 * A job (http_job.h): it reads many events. It ends when its client disconnects, and after
 * TRACE_MS.
 */
#include <factum/trace.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/http_job.h"
#include "wire/media.h"

#define TRACE_MS 30000
#define TRACE_EVENTS_MAX 30000u /* some 12 MiB of JSON, of 16 that an answer may have */

/* In the order of factum_trace_form. */
static const char *const form_names[] = {"text", "json", "dot", "mermaid"};
static const char *const trace_form_types[] = {"text/plain; charset=utf-8", "application/json",
                                               "text/vnd.graphviz", "text/vnd.mermaid"};
#define FORMS (sizeof form_names / sizeof form_names[0])

struct trace_job {
    struct fct_http_job job;
    factum_trace_form form;
    bool full;
    factum_slice stream;
    uint64_t scan;
    bool skip_system;
};

static struct trace_job *trace_job_of(struct fct_http_job *job)
{
    return FCT_CONTAINER_OF(job, struct trace_job, job);
}

/* ---- the thread's side ----------------------------------------------------------------------- */

static bool trace_goes_on(void *data, uint64_t done, uint64_t total)
{
    struct trace_job *asked = data;
    (void)done;
    (void)total;
    return !atomic_load(&asked->job.base.stop);
}

static factum_status add_to_answer(void *data, factum_slice bytes)
{
    return fct_buf_add_slice(data, bytes);
}

static factum_status print_answer(struct trace_job *asked, const factum_trace *trace,
                                  factum_error *err)
{
    struct fct_buf *out = &asked->job.base.out;
    const factum_trace_sink sink = {.data = out, .write = add_to_answer};
    factum_status status =
        factum_trace_print(trace, asked->form, asked->full ? UINT64_MAX : 0, &sink, err);
    if (status != FACTUM_OK) {
        fct_buf_clear(out);
    }
    return fct_job_put_end(status, err);
}

static factum_status show_trace(struct fct_http_job *job, factum_error *err)
{
    struct trace_job *asked = trace_job_of(job);
    factum_trace *trace;
    const factum_progress progress = {.data = asked, .step = trace_goes_on};
    const factum_call context = {
        .size = sizeof context,
        .deadline = factum_deadline(TRACE_MS),
        .principal = job->call->principal->name,
    };
    const factum_trace_options options = {
        .size = sizeof options,
        .stream = asked->stream,
        .scan_max = asked->scan,
        .events_max = TRACE_EVENTS_MAX,
        .progress = &progress,
        .call = &context,
        .skip_system = asked->skip_system,
    };
    factum_status status =
        factum_trace_open(job->call->server->store, job->call->name, &options, &trace, err);
    if (status == FACTUM_OK) {
        status = print_answer(asked, trace, err);
        factum_trace_close(trace);
    }
    return status;
}

/* ---- the loop's side ------------------------------------------------------------------------- */

static void answer_trace(struct fct_http_job *job)
{
    const struct trace_job *asked = trace_job_of(job);
    if (job->base.status != FACTUM_OK) {
        fct_http_job_answer(job);
        return;
    }
    fct_http_answer(job->call, &(struct fct_http_answer){.status = 200,
                                                         .type = trace_form_types[asked->form],
                                                         .body = fct_buf_slice(&job->base.out)});
}

/* By ?format, otherwise by Accept; JSON for a client that accepts anything. */
static factum_status read_form(struct trace_job *asked, factum_error *err)
{
    static const char *const offers[] = {"application/json", "text/vnd.graphviz",
                                         "text/vnd.mermaid", "text/plain"};
    static const factum_trace_form offered[] = {FACTUM_TRACE_JSON, FACTUM_TRACE_DOT,
                                                FACTUM_TRACE_MERMAID, FACTUM_TRACE_TEXT};
    struct fct_http_call *call = asked->job.call;
    factum_slice name = fct_http_text(call, "format");
    if (name.ptr == NULL) {
        factum_slice accept = fct_exchange_field(call->exchange, FCT_SLICE("accept"));
        size_t chosen = fct_media_choose(accept, offers, FORMS);
        asked->form = chosen < FORMS ? offered[chosen] : FACTUM_TRACE_JSON;
        return FACTUM_OK;
    }
    for (size_t i = 0; i < FORMS; i++) {
        if (fct_slice_equal(name, factum_slice_from(form_names[i]))) {
            asked->form = (factum_trace_form)i;
            return FACTUM_OK;
        }
    }
    return fct_fail(err, FACTUM_INVALID, "\"format\" is json, dot, mermaid or text, not \"%.*s\"",
                    FCT_FMT(name));
}

static factum_status read_trace_query(struct trace_job *asked, factum_error *err)
{
    factum_error ignored;
    struct fct_http_call *call = asked->job.call;
    factum_status status = read_form(asked, err);
    if (status == FACTUM_OK) {
        status = fct_http_flag(call, "full", &asked->full, err);
    }
    if (status == FACTUM_OK) {
        status = fct_http_number(call, "scan", &asked->scan, err);
    }
    asked->stream = fct_http_text(call, "stream");
    asked->skip_system = fct_rights_check(call->principal, FCT_OP_READ_ALL, FCT_SLICE("$all"),
                                          &ignored) != FACTUM_OK;
    return status == FACTUM_OK && asked->stream.len > 0
               ? fct_rights_check(call->principal, FCT_OP_READ_STREAM, asked->stream, err)
               : status;
}

void fct_http_trace(struct fct_http_call *call)
{
    factum_error err;
    struct trace_job *asked = fct_http_job_make(call, FCT_JOB_TRACE, sizeof *asked);
    if (asked == NULL) {
        return;
    }
    asked->job.work = show_trace;
    asked->job.answer = answer_trace;
    asked->job.base.thread_name = "factum-trace";
    factum_status status = read_trace_query(asked, &err);
    fct_http_job_start(&asked->job, status, &err);
}
