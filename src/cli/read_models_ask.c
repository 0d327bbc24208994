/* read_models_ask.c - see read_models.h: asks the models of this process, or the server that keeps
 * them. Layer: cli. */
#include "cli/read_models.h"

static bool are_served(const struct read_models *models)
{
    return models->path == NULL;
}

factum_status models_list(const struct read_models *models, factum_slice name,
                          const factum_build_each *each, factum_error *err)
{
    return are_served(models) ? served_list(models->store, name, each, err)
                              : factum_models_list(models->models, name, each, err);
}

/* ---- parked events --------------------------------------------------------------------------- */

/* Asks for the projections of a server in turn. */
struct asking {
    const struct read_models *models;
    factum_slice key;
    const factum_parked_each *each;
    bool ended; /* by |each| */
    factum_status status;
    factum_error err;
};

static bool pass_on(void *data, const factum_parked *parked)
{
    struct asking *asking = data;
    asking->ended = !asking->each->each(asking->each->data, parked);
    return !asking->ended;
}

/* Leaves out what this server does not keep. */
static bool ask_for_parked(void *data, const factum_projection_state *state)
{
    struct asking *asking = data;
    const factum_parked_each each = {asking, pass_on};
    if (!state->removed) {
        asking->status =
            served_parked(asking->models->store, state->name, asking->key, &each, &asking->err);
    }
    if (asking->status == FACTUM_NOT_FOUND) {
        asking->status = FACTUM_OK;
    }
    return asking->status == FACTUM_OK && !asking->ended && !interrupted;
}

factum_status models_parked(const struct read_models *models, factum_slice name, factum_slice key,
                            const factum_parked_each *each, factum_error *err)
{
    struct asking asking = {.models = models, .key = key, .each = each, .status = FACTUM_OK};
    const factum_projection_each projections = {&asking, ask_for_parked};
    if (!are_served(models)) {
        return factum_models_parked(models->models, name, key, each, err);
    }
    if (name.len > 0) {
        return served_parked(models->store, name, key, each, err);
    }
    factum_status status = factum_projection_list(models->store, &projections, err);
    if (status == FACTUM_OK && asking.status != FACTUM_OK) {
        *err = asking.err;
        status = asking.status;
    }
    return status;
}

/* ---- rows ------------------------------------------------------------------------------------ */

factum_status models_query(const struct read_models *models, const factum_model_query *query,
                           const factum_rows *rows, factum_model_answer *answer, factum_error *err)
{
    return are_served(models) ? served_query(models->store, query, rows, answer, err)
                              : factum_models_query(models->models, query, rows, answer, err);
}

/* Models of this process deliver every change, which counts it. A server delivers only as many as
 * are shown, and sends counts. */
factum_status models_diff(const struct read_models *models, factum_slice name,
                          struct row_changes *changes, const factum_progress *progress,
                          factum_error *err)
{
    const factum_changes each = {changes, row_changes_take};
    const struct served_counts counts = {changes, row_changes_count};
    changes->counted = are_served(models);
    return are_served(models)
               ? served_diff(models->store, name, changes->shown_max, &each, &counts, err)
               : factum_models_diff(models->models, name, 0, &each, progress, NULL, err);
}

factum_status models_try(const struct read_models *models, factum_slice name, uint64_t position,
                         struct row_changes *changes, factum_error *err)
{
    const factum_changes each = {changes, row_changes_take};
    const struct served_counts counts = {changes, row_changes_count};
    changes->counted = are_served(models);
    return are_served(models) ? served_try(models->store, name, position, &each, &counts, err)
                              : factum_models_try(models->models, name, position, &each, err);
}

/* ---- waiting and acts ------------------------------------------------------------------------ */

factum_status models_wait(const struct read_models *models, factum_slice name, uint64_t place,
                          int64_t timeout_ms, factum_build_status *status, factum_error *err)
{
    return are_served(models)
               ? served_wait(models->store, name, place, timeout_ms, status, err)
               : factum_models_wait(models->models, name, place, timeout_ms, status, err);
}

factum_status models_act_record(const struct read_models *models, const factum_act_request *request,
                                factum_act_result *result, factum_error *err)
{
    return are_served(models) ? served_act_record(models->store, request, result, err)
                              : factum_projection_act_record(models->store, request, result, err);
}

factum_status models_act_wait(const struct read_models *models, factum_slice name,
                              uint64_t revision, int64_t timeout_ms, factum_error *err)
{
    return are_served(models)
               ? served_act_wait(models->store, name, revision, timeout_ms, err)
               : factum_models_act_wait(models->models, name, revision, timeout_ms, err);
}
