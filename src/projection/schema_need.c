/* schema_need.c - does a new schema take away what a deployed projection needs? Layer: projection.
 * A user of the public API. */
#include <stdio.h>
#include <string.h>

#include <factum/json.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/slice.h"
#include "projection/fields.h"

struct needing {
    factum_store *store;
    factum_slice category; /* empty: any */
    factum_slice type;
    factum_json schema;
    factum_status status;
    char why[256];
};

/* A schema of one category does not concern a projection that reads another one. */
static bool reads_category(const struct fct_definition *definition, factum_slice category)
{
    return category.len == 0 || definition->source != FACTUM_SOURCE_CATEGORY ||
           fct_slice_equal(definition->source_names[0], category);
}

static bool look_at_text(void *data, const factum_projection_state *state)
{
    factum_error ignored;
    struct needing *needing = data;
    struct fct_definition *definition;
    char name[FACTUM_PROJECTION_NAME_MAX + 1]; /* as the runner names its places */
    (void)snprintf(name, sizeof name, "%.*s", (int)state->name.len, (const char *)state->name.ptr);
    needing->status =
        fct_projection_parse(state->text, name, FCT_DIALECT_SQLITE, &definition, &ignored);
    if (needing->status == FACTUM_OK) {
        if (reads_category(definition, needing->category)) {
            needing->status = fct_fields_break(definition, needing->type, &needing->schema,
                                               needing->why, sizeof needing->why);
        }
        fct_projection_definition_free(definition);
    } else if (needing->status != FACTUM_NO_MEMORY) {
        needing->status = FACTUM_OK; /* a text that this version cannot parse needs nothing */
    }
    return needing->status == FACTUM_OK;
}

/* Looks at the newest version, and at the one in use. */
static bool look_at_need(void *data, const factum_projection_state *state)
{
    struct needing *needing = data;
    const factum_projection_each each = {needing, look_at_text};
    if (state->removed) {
        return true;
    }
    bool good = look_at_text(needing, state);
    if (good && state->in_use != 0 && state->in_use != state->version) {
        factum_status found =
            factum_projection_find(needing->store, state->name, state->in_use, &each, NULL);
        needing->status = needing->status == FACTUM_OK ? found : needing->status;
    }
    return needing->status == FACTUM_OK;
}

factum_status factum_projection_schema_check(factum_store *store, factum_slice subject,
                                             factum_slice schema, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct needing needing = {.store = store, .type = subject, .status = FACTUM_OK};
    const factum_projection_each each = {&needing, look_at_need};
    const uint8_t *slash = subject.len > 0 ? memchr(subject.ptr, '/', subject.len) : NULL;
    if (slash != NULL) {
        needing.category = (factum_slice){subject.ptr, (size_t)(slash - subject.ptr)};
        needing.type = fct_slice_from(subject, needing.category.len + 1);
    }
    size_t room = factum_json_nodes_max(schema.len);
    factum_json_node *nodes = fct_mem_zalloc(fct_mem_heap(), room, sizeof *nodes);
    if (nodes == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "projection: out of memory for a schema");
    }
    factum_status status = FACTUM_OK;
    if (factum_json_parse(schema, NULL, nodes, room, &needing.schema, NULL) == FACTUM_OK) {
        status = factum_projection_list(store, &each, err);
    }
    fct_mem_free(fct_mem_heap(), nodes);
    if (status != FACTUM_OK || needing.status == FACTUM_OK) {
        return status;
    }
    return needing.status == FACTUM_INVALID
               ? fct_fail(err, FACTUM_CONDITION_FAILED,
                          "%s; deploy a version that does without it, and swap to it, first",
                          needing.why)
               : fct_fail(err, needing.status, "projection: the schema cannot be looked at: %s",
                          factum_status_text(needing.status));
}
