/* http_models_metrics.c - read models in /metrics. Layer: server. A scrape reads at most
 * MEASURED_MAX builds, in a job: each asks a runner, or reads a file, and asks the store's index.
 *
 * Two builds of the same version may exist at once: one in use, and one that is rebuilt or was in
 * use before. |in_use| tells them apart. Of several that are not in use the newest is shown.
 */
#include <inttypes.h>

#include "core/error.h"
#include "core/slice.h"
#include "server/http_models.h"

#define MEASURED_MAX 256u
#define STATE_COUNT 7u

struct metrics_job {
    struct fct_http_job job;
    unsigned form;
    size_t count;
    factum_build_status builds[MEASURED_MAX];
};

static struct metrics_job *metrics_job_of(struct fct_http_job *job)
{
    return FCT_CONTAINER_OF(job, struct metrics_job, job);
}

static bool is_same_series(const factum_build_status *a, const factum_build_status *b)
{
    return fct_slice_equal(a->model, b->model) && a->version == b->version &&
           a->in_use == b->in_use;
}

/* The builds of one model follow each other. */
static bool keep_build(void *data, const factum_build_status *build)
{
    struct metrics_job *asked = data;
    size_t at = asked->count;
    for (size_t back = 1; back <= 2 && back <= asked->count; back++) {
        if (is_same_series(&asked->builds[asked->count - back], build)) {
            at = asked->count - back;
        }
    }
    if (at == MEASURED_MAX) {
        return false;
    }
    asked->builds[at] = *build;
    asked->count += at == asked->count ? 1 : 0;
    return !atomic_load(&asked->job.base.stop);
}

static factum_status put_model_head(struct fct_buf *out, const char *name, const char *help)
{
    return fct_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static factum_status put_labels(struct fct_buf *out, const char *name,
                                const factum_build_status *build)
{
    return fct_buf_printf(out, "%s{model=\"%.*s\",version=\"%" PRIu64 "\",in_use=\"%s\"", name,
                          FCT_FMT(build->model), build->version, build->in_use ? "true" : "false");
}

static uint64_t get_place(const factum_build_status *build)
{
    return build->place;
}

static uint64_t get_behind_events(const factum_build_status *build)
{
    return build->behind_events;
}

static uint64_t get_parked_keys(const factum_build_status *build)
{
    return build->parked_keys;
}

static uint64_t get_parked_events(const factum_build_status *build)
{
    return build->parked_events;
}

static factum_status put_number_family(const struct metrics_job *asked, struct fct_buf *out,
                                       const char *name, const char *help,
                                       uint64_t (*get)(const factum_build_status *build))
{
    factum_status status = put_model_head(out, name, help);
    for (size_t i = 0; i < asked->count && status == FACTUM_OK; i++) {
        status = put_labels(out, name, &asked->builds[i]);
        if (status == FACTUM_OK) {
            status = fct_buf_printf(out, "} %" PRIu64 "\n", get(&asked->builds[i]));
        }
    }
    return status;
}

static factum_status put_seconds_family(const struct metrics_job *asked, struct fct_buf *out)
{
    static const char name[] = "factum_model_behind_seconds";
    factum_status status = put_model_head(
        out, name, "Seconds since the first event that the build has not seen was recorded.");
    for (size_t i = 0; i < asked->count && status == FACTUM_OK; i++) {
        int64_t time = asked->builds[i].behind_time;
        status = put_labels(out, name, &asked->builds[i]);
        if (status == FACTUM_OK) {
            status = fct_buf_printf(out, "} %" PRId64 ".%03d\n", time / 1000000000,
                                    (int)(time % 1000000000 / 1000000));
        }
    }
    return status;
}

static factum_status put_state_family(const struct metrics_job *asked, struct fct_buf *out)
{
    static const char name[] = "factum_model_state";
    factum_status status = put_model_head(out, name, "1 for the state that the build is in.");
    for (size_t i = 0; i < asked->count * STATE_COUNT && status == FACTUM_OK; i++) {
        const factum_build_status *build = &asked->builds[i / STATE_COUNT];
        factum_build_state state = (factum_build_state)(i % STATE_COUNT);
        status = put_labels(out, name, build);
        if (status == FACTUM_OK) {
            status = fct_buf_printf(out, ",state=\"%s\"} %d\n", factum_build_state_name(state),
                                    build->state == state ? 1 : 0);
        }
    }
    return status;
}

static factum_status put_families(const struct metrics_job *asked, struct fct_buf *out)
{
    static const struct {
        const char *name;
        const char *help;
        uint64_t (*get)(const factum_build_status *build);
    } families[] = {
        {"factum_model_place", "Position up to which everything counts.", get_place},
        {"factum_model_behind_events", "Events of its source that the build has not seen, at most.",
         get_behind_events},
        {"factum_model_parked_keys", "Keys whose events are parked.", get_parked_keys},
        {"factum_model_parked_events", "Events that are parked.", get_parked_events},
    };
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < sizeof families / sizeof families[0] && status == FACTUM_OK; i++) {
        status = put_number_family(asked, out, families[i].name, families[i].help, families[i].get);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = put_seconds_family(asked, out);
    if (status != FACTUM_OK) {
        return status;
    }
    return put_state_family(asked, out);
}

static factum_status measure_models(struct fct_http_job *job, factum_error *err)
{
    struct metrics_job *asked = metrics_job_of(job);
    const factum_build_each each = {asked, keep_build};
    factum_status status =
        factum_models_list(job->call->server->models, fct_slice(NULL, 0), &each, err);
    factum_status put = put_model_head(&job->base.out, "factum_model_readable",
                                       "1 if all models could be looked at.");
    if (put == FACTUM_OK) {
        put = fct_buf_printf(&job->base.out, "factum_model_readable %d\n",
                             status == FACTUM_OK ? 1 : 0);
    }
    if (put == FACTUM_OK) {
        put = put_families(asked, &job->base.out);
    }
    return fct_http_model_end(job, FACTUM_OK, put, err);
}

static void answer_measured(struct fct_http_job *job)
{
    if (job->base.status != FACTUM_OK) {
        fct_http_job_answer(job);
        return;
    }
    fct_http_metrics_answer(job->call, metrics_job_of(job)->form, fct_buf_slice(&job->base.out));
}

bool fct_models_metrics_start(struct fct_http_call *call, unsigned form)
{
    factum_error err;
    if (call->server->models == NULL) {
        return false;
    }
    struct metrics_job *asked = fct_http_job_make(call, FCT_JOB_METRICS, sizeof *asked);
    if (asked != NULL) {
        asked->form = form;
        asked->job.base.thread_name = "factum-metrics";
        asked->job.work = measure_models;
        asked->job.answer = answer_measured;
        fct_http_job_start(&asked->job, FACTUM_OK, &err);
    }
    return true;
}
