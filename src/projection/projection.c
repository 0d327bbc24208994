/* projection.c - loading a definition: parsed, then checked in every way that needs no events.
 * Layer: projection. See <factum/projection.h>. */
#include <factum/projection.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/sized.h"
#include "projection/fields.h"
#include "projection/lint.h"
#include "projection/projection_int.h"
#include "projection/sqlite_check.h"

/* Runs the checks of a parsed definition in the order in which their faults are reported. */
static factum_status projection_check(const struct fct_definition *definition,
                                      const factum_projection_options *options, factum_error *err)
{
    factum_status status = fct_projection_lint(definition, err);
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_sqlite_check(definition, err);
    if (status != FACTUM_OK) {
        return status;
    }
    return fct_fields_check(definition, options->schemas, err);
}

factum_status factum_projection_load(factum_slice text, const factum_projection_options *options,
                                     factum_projection **projection, factum_error *err)
{
    factum_error unused;
    factum_projection_options full = {.size = sizeof full};
    err = fct_error_or(err, &unused);
    if (projection == NULL) {
        return fct_fail(err, FACTUM_INVALID, "load a projection: no place for it was given");
    }
    *projection = NULL;
    if (text.ptr == NULL && text.len > 0) {
        return fct_fail(err, FACTUM_INVALID, "load a projection: the text is NULL");
    }
    factum_status status = options == NULL ? FACTUM_OK
                                           : fct_sized_read(&full, sizeof full, options,
                                                            "load a projection: the options", err);
    if (status != FACTUM_OK) {
        return status;
    }
    factum_projection *fresh = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *fresh);
    if (fresh == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "load a projection: out of memory");
    }
    status = fct_projection_parse(text, full.name == NULL ? "projection" : full.name,
                                  FCT_DIALECT_SQLITE, &fresh->definition, err);
    if (status == FACTUM_OK) {
        status = projection_check(fresh->definition, &full, err);
    }
    if (status != FACTUM_OK) {
        factum_projection_free(fresh);
        return status;
    }
    *projection = fresh;
    return FACTUM_OK;
}

void factum_projection_free(factum_projection *projection)
{
    if (projection != NULL) {
        fct_projection_definition_free(projection->definition);
        fct_mem_free(fct_mem_heap(), projection);
    }
}

/* ---- what it is ------------------------------------------------------------------------------ */

/* Was the |type|-th type of the |handler|-th handler named by an earlier handler? */
static bool projection_is_type_again(const struct fct_definition *definition, size_t handler,
                                     size_t type)
{
    factum_slice name = definition->handlers[handler].types[type];
    size_t from = 0;
    const struct fct_handler *first = fct_projection_handler(definition, name, &from);
    return first != &definition->handlers[handler]; /* a handler names a type once */
}

static size_t projection_count_types(const struct fct_definition *definition)
{
    size_t count = 0;
    for (size_t i = 0; i < definition->handler_count; i++) {
        for (size_t k = 0; k < definition->handlers[i].type_count; k++) {
            count += projection_is_type_again(definition, i, k) ? 0 : 1;
        }
    }
    return count;
}

static size_t projection_count_tables(const struct fct_definition *definition)
{
    size_t count = 0;
    for (size_t i = 0; i < definition->relation_count; i++) {
        count += definition->relations[i].is_index ? 0 : 1;
    }
    return count;
}

/* The source of the read: several types, and a tag, are a query. */
static factum_source projection_source_of(const struct fct_definition *definition)
{
    bool query = definition->source == FACTUM_SOURCE_TAG || definition->source_name_count > 1;
    return query ? FACTUM_SOURCE_QUERY : definition->source;
}

factum_status factum_projection_info_get(const factum_projection *projection,
                                         factum_projection_info *info, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_status status = fct_sized_check(info, "projection: the info", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (projection == NULL) {
        return fct_fail(err, FACTUM_INVALID, "projection: it is NULL");
    }
    const struct fct_definition *definition = projection->definition;
    const factum_projection_info full = {
        .size = sizeof full,
        .name = definition->name,
        .version = definition->version,
        .hash = {(const uint8_t *)definition->hash, sizeof definition->hash - 1},
        .text = definition->text,
        .mode = definition->mode,
        .host = definition->host,
        .source = projection_source_of(definition),
        .type_count = projection_count_types(definition),
        .table_count = projection_count_tables(definition),
        .query_count = definition->query_count,
    };
    fct_sized_write(info, &full, sizeof full);
    return FACTUM_OK;
}
