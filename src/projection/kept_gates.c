/* kept_gates.c - see kept_gates.h. Layer: projection. */
#include "projection/kept_gates.h"

#include <stdio.h>

#include "core/check.h"
#include "core/mem.h"
#include "projection/query_gate.h"

/* The invariants in kept_gates.h that need no gate. With the lock. */
static void kept_gates_check(const struct factum_models *models)
{
    for (unsigned i = 0; i < FCT_GATES_KEPT; i++) {
        const struct fct_kept_gate *kept = &models->gates[i];
        FCT_ASSERT((kept->gate == NULL) == (kept->model == NULL));
        FCT_ASSERT(kept->gate == NULL || kept->drops == kept->model->gate_drops);
        FCT_ASSERT(kept->last_used <= models->gate_uses);
    }
}

/* Takes the gate of |model| that was used last out of the list; zeroed if the list has none.
 * |drops| is the model's count in both cases. */
static struct fct_kept_gate gate_out(struct factum_models *models, struct fct_model *model)
{
    struct fct_kept_gate *best = NULL;
    struct fct_kept_gate taken = {.gate = NULL};
    fct_mutex_lock(&models->lock);
    kept_gates_check(models);
    for (unsigned i = 0; i < FCT_GATES_KEPT; i++) {
        struct fct_kept_gate *kept = &models->gates[i];
        if (kept->gate != NULL && kept->model == model &&
            (best == NULL || kept->last_used > best->last_used)) {
            best = kept;
        }
    }
    if (best != NULL) {
        taken = *best;
        *best = (struct fct_kept_gate){.gate = NULL};
    }
    taken.model = model;
    taken.drops = model->gate_drops;
    fct_mutex_unlock(&models->lock);
    return taken;
}

factum_status fct_kept_gate_take(struct factum_models *models, struct fct_model *model,
                                 struct fct_kept_gate *taken, factum_error *err)
{
    char path[FCT_PATH_SIZE + FACTUM_PROJECTION_NAME_MAX + sizeof "/.db"];
    *taken = gate_out(models, model);
    if (taken->gate != NULL && fct_query_gate_has_moved(taken->gate)) {
        fct_query_gate_close(taken->gate);
        fct_kept_gates_drop(models, model);
        *taken = gate_out(models, model);
    }
    if (taken->gate != NULL) {
        return FACTUM_OK;
    }
    (void)snprintf(path, sizeof path, "%s/%s.db", models->dir, model->name);
    const struct fct_query_gate_options options = {
        .os = fct_os_real(), .mem = fct_mem_heap(), .path = path};
    return fct_query_gate_open(&options, &taken->gate, err);
}

/* Puts the gate into a free place of the list, or into the place of the gate that has not been used
 * for longest. Returns the gate to close: the replaced one, or the gate itself if it may not be
 * kept. */
static struct fct_query_gate *gate_in(struct factum_models *models,
                                      const struct fct_kept_gate *taken)
{
    struct fct_query_gate *out = taken->gate;
    struct fct_kept_gate *place = &models->gates[0];
    fct_mutex_lock(&models->lock);
    for (unsigned i = 1; i < FCT_GATES_KEPT && place->gate != NULL; i++) {
        struct fct_kept_gate *kept = &models->gates[i];
        place = kept->gate == NULL || kept->last_used < place->last_used ? kept : place;
    }
    if (taken->drops == taken->model->gate_drops) {
        out = place->gate;
        *place = *taken;
        place->last_used = ++models->gate_uses;
    }
    kept_gates_check(models);
    fct_mutex_unlock(&models->lock);
    return out;
}

void fct_kept_gate_give(struct factum_models *models, struct fct_kept_gate *taken,
                        factum_status status)
{
    struct fct_query_gate *out = taken->gate;
    if (out != NULL && (status == FACTUM_OK || status == FACTUM_INVALID)) {
        out = gate_in(models, taken);
    }
    fct_query_gate_close(out);
    *taken = (struct fct_kept_gate){.gate = NULL};
}

void fct_kept_gates_drop(struct factum_models *models, struct fct_model *model)
{
    struct fct_query_gate *out[FCT_GATES_KEPT] = {NULL};
    fct_mutex_lock(&models->lock);
    model->gate_drops++;
    for (unsigned i = 0; i < FCT_GATES_KEPT; i++) {
        if (models->gates[i].model == model) {
            out[i] = models->gates[i].gate;
            models->gates[i] = (struct fct_kept_gate){.gate = NULL};
        }
    }
    kept_gates_check(models);
    fct_mutex_unlock(&models->lock);
    for (unsigned i = 0; i < FCT_GATES_KEPT; i++) {
        fct_query_gate_close(out[i]);
    }
}
