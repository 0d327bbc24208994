/* definition.c - loading the definition of a saga: the order of the passes, their shared parts, and
 * the accessors of a loaded saga. Layer: saga. See definition.h. */
#include "saga/definition.h"

#include <stdarg.h>
#include <stdio.h>

#include "codec/sha256.h"
#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/sized.h"
#include "core/slice.h"
#include "saga/definition_int.h"

#define LOAD_TEXT_SIZE 512u /* for a warning */

/* A saga and its memory. */
struct saga_box {
    struct factum_saga saga;
    factum_arena arena;
    const struct fct_mem *mem;
};

/* ---- failures and warnings ------------------------------------------------------------------- */

factum_status fct_saga_load_fail(const struct fct_loader *loader, factum_status status,
                                 struct fct_mark mark, const char *rule, const char *format, ...)
{
    char text[sizeof loader->err->text];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fct_fail(loader->err, status, "%.*s:%u:%u: %s: %s", FCT_FMT(loader->saga->file),
                    (unsigned)mark.line, (unsigned)mark.column, rule, text);
}

void fct_saga_load_warn(struct fct_loader *loader, struct fct_mark mark, const char *rule,
                        const char *format, ...)
{
    struct factum_saga *saga = loader->saga;
    char text[LOAD_TEXT_SIZE];
    char whole[2 * LOAD_TEXT_SIZE];
    if (saga->warning_count == FCT_SAGA_WARNINGS_MAX) {
        saga->warnings[FCT_SAGA_WARNINGS_MAX - 1] = "there are more warnings";
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int len = snprintf(whole, sizeof whole, "%.*s:%u:%u: %s: %s", FCT_FMT(saga->file),
                       (unsigned)mark.line, (unsigned)mark.column, rule, text);
    fct_text_clean(whole);
    /* With its zero byte. Without memory the load fails at its end, since the arena keeps the
     * failure. */
    factum_slice copy = factum_arena_copy(saga->arena, fct_slice(whole, (size_t)len + 1));
    if (copy.len > 0) {
        saga->warnings[saga->warning_count++] = (const char *)copy.ptr;
    }
}

factum_status fct_saga_load_no_room(const struct fct_loader *loader)
{
    return fct_arena_status(loader->saga->arena, "the definition of a saga", loader->err);
}

/* ---- loading --------------------------------------------------------------------------------- */

static factum_status load_hash(struct factum_saga *saga, factum_error *err)
{
    struct fct_sha256 sha;
    factum_status status = fct_sha256_init(&sha, err);
    if (status == FACTUM_OK) {
        fct_sha256_add(&sha, saga->text.ptr, saga->text.len);
        status = fct_sha256_finish(&sha, saga->hash, err);
    }
    return status;
}

/* The passes, in order. Each relies on the checks of the earlier ones. */
static factum_status load_passes(struct fct_loader *loader)
{
    struct factum_saga *saga = loader->saga;
    struct fct_yaml_fault fault;
    struct fct_yaml *root = NULL;
    factum_status status = fct_yaml_read(saga->text, saga->arena, &root, &fault);
    if (factum_arena_status(saga->arena) != FACTUM_OK) {
        return fct_saga_load_no_room(loader);
    }
    if (status == FACTUM_NO_MEMORY) {
        return fct_fail(loader->err, status, "%.*s: out of memory for YAML", FCT_FMT(saga->file));
    }
    if (status != FACTUM_OK) {
        return fct_saga_load_fail(loader, status, fault.mark, "yaml", "%s", fault.text);
    }
    status = fct_saga_load_tree(loader, root);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_saga_load_plan(loader);
    status = fct_saga_load_rules(loader);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_saga_load_types(loader);
    if (status != FACTUM_OK) {
        return status;
    }
    status = load_hash(saga, loader->err);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_saga_load_no_room(loader);
}

static factum_status load_in_box(struct saga_box *box, factum_slice text,
                                 const factum_saga_options *options, factum_error *err)
{
    struct factum_saga *saga = &box->saga;
    const char *file = options->name == NULL ? "saga" : options->name;
    struct fct_loader *loader = factum_arena_alloc(saga->arena, sizeof *loader);
    saga->file = factum_arena_copy(saga->arena, factum_slice_from(file));
    saga->text = factum_arena_copy(saga->arena, text);
    saga->warnings =
        factum_arena_alloc(saga->arena, FCT_SAGA_WARNINGS_MAX * sizeof *saga->warnings);
    if (factum_arena_status(saga->arena) != FACTUM_OK) {
        return fct_arena_status(saga->arena, "the definition of a saga", err);
    }
    loader->saga = saga;
    loader->mem = box->mem;
    loader->schemas = options->schemas;
    loader->err = err;
    return load_passes(loader);
}

factum_status fct_saga_load_in(const struct fct_mem *mem, factum_slice text,
                               const factum_saga_options *options, factum_saga **saga,
                               factum_error *err)
{
    factum_saga_options full = {.size = sizeof full};
    FCT_ASSERT(saga != NULL);
    *saga = NULL;
    factum_status status =
        options == NULL ? FACTUM_OK
                        : fct_sized_read(&full, sizeof full, options, "saga: the options", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (text.len > FACTUM_SAGA_TEXT_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "%.96s: a definition has at most %u KiB",
                        full.name == NULL ? "saga" : full.name,
                        (unsigned)(FACTUM_SAGA_TEXT_MAX >> 10));
    }
    struct saga_box *box = fct_mem_zalloc(mem, 1, sizeof *box);
    if (box == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory for the definition of a saga");
    }
    box->mem = mem;
    fct_arena_init(&box->arena, mem, FCT_SAGA_MEMORY_MAX);
    box->saga.arena = &box->arena;
    status = load_in_box(box, text, &full, err);
    if (status == FACTUM_OK) {
        *saga = &box->saga;
    } else {
        factum_saga_free(&box->saga);
    }
    return status;
}

factum_status factum_saga_load(factum_slice text, const factum_saga_options *options,
                               factum_saga **saga, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    return fct_saga_load_in(fct_mem_heap(), text, options, saga, err);
}

void factum_saga_free(factum_saga *saga)
{
    if (saga == NULL) {
        return;
    }
    struct saga_box *box = FCT_CONTAINER_OF(saga, struct saga_box, saga);
    const struct fct_mem *mem = box->mem;
    factum_arena_finish(&box->arena);
    fct_mem_free(mem, box);
}

/* ---- accessors ------------------------------------------------------------------------------- */

factum_status factum_saga_info_get(const factum_saga *saga, factum_saga_info *info,
                                   factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status = fct_sized_check(info, "saga: the info", err);
    if (status != FACTUM_OK) {
        return status;
    }
    const factum_saga_info full = {
        .size = sizeof full,
        .name = saga->name,
        .version = saga->version,
        .hash = factum_slice_from(saga->hash),
        .text = saga->text,
        .start = saga->start,
        .host = saga->host,
        .step_count = saga->plan.step_count,
        .has_pivot = saga->plan.pivot != FCT_SLOT_NONE,
        .warning_count = saga->warning_count,
    };
    fct_sized_write(info, &full, sizeof full);
    return FACTUM_OK;
}

const char *factum_saga_warning(const factum_saga *saga, size_t index)
{
    return index < saga->warning_count ? saga->warnings[index] : "";
}

uint8_t fct_saga_slot(const struct factum_saga *saga, factum_slice name)
{
    const struct fct_saga_plan *plan = &saga->plan;
    for (uint32_t slot = 0; slot < plan->step_count; slot++) {
        if (fct_slice_equal(saga->slots[slot].name, name)) {
            return (uint8_t)slot;
        }
    }
    if (plan->has_done && fct_slice_equal(name, FCT_SLICE("done"))) {
        return FCT_SLOT_DONE(plan);
    }
    if (plan->has_undone && fct_slice_equal(name, FCT_SLICE("undone"))) {
        return FCT_SLOT_UNDONE(plan);
    }
    return FCT_SLOT_NONE;
}
