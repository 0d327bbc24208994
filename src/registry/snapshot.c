/* snapshot.c - see snapshot.h and <factum/registry.h>. Layer: registry. */
#include "registry/snapshot.h"

#include <inttypes.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/sized.h"
#include "core/slice.h"
#include "schema/registry_event.h"

struct block {
    struct block *next;
    uint8_t bytes[];
};

static factum_status snapshot_no_memory(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "schemas: out of memory");
}

/* ---- building -------------------------------------------------------------------------------- */

/* A copy of |bytes| that lasts as long as the snapshot. NULL: no memory. */
static const uint8_t *keep(struct factum_schemas *schemas, factum_slice bytes)
{
    struct block *block = fct_mem_alloc(schemas->mem, sizeof *block + bytes.len + 1);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block->bytes, bytes.ptr, bytes.len);
    block->next = schemas->texts;
    schemas->texts = block;
    return block->bytes;
}

/* Makes room for one more item of |size| bytes. */
static bool grow(const struct fct_mem *mem, void *items, size_t count, size_t *capacity,
                 size_t size)
{
    void **block = items;
    if (count < *capacity) {
        return true;
    }
    size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = fct_mem_resize(mem, *block, wanted * size);
    if (grown == NULL) {
        return false;
    }
    *block = grown;
    *capacity = wanted;
    return true;
}

/* The invariants in snapshot.h. */
static void snapshot_check(const struct factum_schemas *schemas)
{
    FCT_ASSERT(schemas->version_count <= schemas->version_capacity);
    FCT_ASSERT(schemas->mode_count <= schemas->mode_capacity);
    FCT_ASSERT((schemas->newest_slots & (schemas->newest_slots - 1)) == 0);
    FCT_ASSERT(2 * schemas->subject_count <= schemas->newest_slots);
    FCT_ASSERT(schemas->subject_count <= schemas->version_count);
}

/* The slot of |subject|, or the free one for it. */
static uint32_t *newest_slot(const struct factum_schemas *schemas, factum_slice subject)
{
    size_t mask = schemas->newest_slots - 1;
    size_t at = (size_t)fct_hash64(subject, 0) & mask;
    while (schemas->newest[at] != 0 &&
           !fct_slice_equal(schemas->versions[schemas->newest[at] - 1].subject, subject)) {
        at = (at + 1) & mask;
    }
    return &schemas->newest[at];
}

/* Makes room for one more subject. */
static bool grow_newest(struct factum_schemas *schemas)
{
    if (2 * (schemas->subject_count + 1) <= schemas->newest_slots) {
        return true;
    }
    struct factum_schemas grown = *schemas;
    grown.newest_slots = schemas->newest_slots == 0 ? 16 : schemas->newest_slots * 2;
    grown.newest = fct_mem_zalloc(schemas->mem, grown.newest_slots, sizeof *grown.newest);
    if (grown.newest == NULL) {
        return false;
    }
    for (size_t i = 0; i < schemas->newest_slots; i++) {
        uint32_t index = schemas->newest[i];
        if (index != 0) {
            *newest_slot(&grown, schemas->versions[index - 1].subject) = index;
        }
    }
    fct_mem_free(schemas->mem, schemas->newest);
    schemas->newest = grown.newest;
    schemas->newest_slots = grown.newest_slots;
    return true;
}

const factum_schema_version *fct_snapshot_newest(const struct factum_schemas *schemas,
                                                 factum_slice subject)
{
    uint32_t index = schemas->newest_slots == 0 ? 0 : *newest_slot(schemas, subject);
    return index == 0 ? NULL : &schemas->versions[index - 1];
}

static factum_status add_mode(struct factum_schemas *schemas,
                              const struct fct_registry_event *event, factum_error *err)
{
    size_t at = 0;
    while (at < schemas->mode_count &&
           !fct_slice_equal(schemas->modes[at].subject, event->subject_text)) {
        at++;
    }
    if (event->mode == FACTUM_SCHEMA_MODE_UNSET) {
        if (at < schemas->mode_count) {
            schemas->mode_count--;
            memmove(&schemas->modes[at], &schemas->modes[at + 1],
                    (schemas->mode_count - at) * sizeof *schemas->modes);
        }
        return FACTUM_OK;
    }
    if (at < schemas->mode_count) {
        schemas->modes[at].mode = event->mode;
        return FACTUM_OK;
    }
    if (!grow(schemas->mem, &schemas->modes, schemas->mode_count, &schemas->mode_capacity,
              sizeof *schemas->modes)) {
        return snapshot_no_memory(err);
    }
    schemas->modes[schemas->mode_count++] =
        (struct fct_mode_entry){event->subject_text, event->mode};
    return FACTUM_OK;
}

static factum_status add_version(struct factum_schemas *schemas,
                                 const struct fct_registry_event *event, int64_t created,
                                 factum_error *err)
{
    if (schemas->version_count >= FCT_SNAPSHOT_VERSIONS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "the registry has more than %u versions",
                        FCT_SNAPSHOT_VERSIONS_MAX);
    }
    if (!grow(schemas->mem, &schemas->versions, schemas->version_count, &schemas->version_capacity,
              sizeof *schemas->versions) ||
        !grow_newest(schemas)) {
        return snapshot_no_memory(err);
    }
    uint32_t *slot = newest_slot(schemas, event->subject_text);
    FCT_ASSERT(*slot <= schemas->version_count);
    schemas->subject_count += *slot == 0 ? 1 : 0;
    *slot = (uint32_t)schemas->version_count + 1;
    schemas->versions[schemas->version_count++] = (factum_schema_version){
        .size = sizeof(factum_schema_version),
        .subject = event->subject_text,
        .version = event->version,
        .id = event->id,
        .hash = event->hash,
        .text = event->schema,
        .proof = event->proof,
        .after = event->after,
        .created = created,
    };
    snapshot_check(schemas);
    return FACTUM_OK;
}

static factum_status add_event(struct factum_schemas *schemas, const factum_event *stored,
                               factum_error *err)
{
    factum_error ignored;
    struct fct_registry_event event;
    snapshot_check(schemas);
    schemas->exists = true;
    schemas->revision = stored->revision;
    const uint8_t *copy = keep(schemas, stored->data);
    if (copy == NULL) {
        return snapshot_no_memory(err);
    }
    if (fct_registry_event_parse(stored->type, fct_slice(copy, stored->data.len), &event,
                                 &ignored) != FACTUM_OK) {
        return FACTUM_OK; /* the gate ignores the event too, and logs it */
    }
    return event.is_mode ? add_mode(schemas, &event, err)
                         : add_version(schemas, &event, stored->created, err);
}

static factum_status read_all(factum_store *store, struct factum_schemas *schemas,
                              factum_error *err)
{
    const factum_read_request request = {.size = sizeof request,
                                         .source = FACTUM_SOURCE_STREAM,
                                         .name = factum_slice_from(FCT_SCHEMAS_STREAM)};
    factum_cursor *cursor;
    factum_event event;
    factum_status status = factum_read(store, &request, &cursor, err);
    if (status == FACTUM_STREAM_NOT_FOUND) {
        return FACTUM_OK;
    }
    while (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, err);
        if (status == FACTUM_OK) {
            status = add_event(schemas, &event, err);
        }
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

/* ---- the public calls ------------------------------------------------------------------------ */

factum_status factum_schemas_open(factum_store *store, factum_schemas **schemas, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (store == NULL || schemas == NULL) {
        return fct_fail(err, FACTUM_INVALID, "schemas: a store and a place are needed");
    }
    *schemas = NULL;
    struct factum_schemas *made = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *made);
    if (made == NULL) {
        return snapshot_no_memory(err);
    }
    made->mem = fct_mem_heap();
    factum_status status = read_all(store, made, err);
    if (status != FACTUM_OK) {
        factum_schemas_close(made);
        return status;
    }
    *schemas = made;
    return FACTUM_OK;
}

void factum_schemas_close(factum_schemas *schemas)
{
    if (schemas == NULL) {
        return;
    }
    for (struct block *block = schemas->texts; block != NULL;) {
        struct block *next = block->next;
        fct_mem_free(schemas->mem, block);
        block = next;
    }
    fct_mem_free(schemas->mem, schemas->versions);
    fct_mem_free(schemas->mem, schemas->newest);
    fct_mem_free(schemas->mem, schemas->modes);
    fct_mem_free(schemas->mem, schemas);
}

static factum_status give(const factum_schemas *schemas, const factum_schema_version *found,
                          factum_schema_version *version, factum_error *err)
{
    factum_schema_version answer = *found;
    factum_status status = fct_sized_check(version, "schemas: the version", err);
    if (status == FACTUM_OK) {
        answer.newest = fct_snapshot_newest(schemas, found->subject) == found;
        fct_sized_write(version, &answer, sizeof answer);
    }
    return status;
}

factum_status factum_schemas_at(const factum_schemas *schemas, size_t index,
                                factum_schema_version *version, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (schemas == NULL || version == NULL) {
        return fct_fail(err, FACTUM_INVALID, "schemas: a registry and a version are needed");
    }
    return index < schemas->version_count ? give(schemas, &schemas->versions[index], version, err)
                                          : FACTUM_DONE;
}

factum_status factum_schemas_find(const factum_schemas *schemas, factum_slice subject,
                                  uint64_t number, factum_schema_version *version,
                                  factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (schemas == NULL || version == NULL) {
        return fct_fail(err, FACTUM_INVALID, "schemas: a registry and a version are needed");
    }
    const factum_schema_version *newest = fct_snapshot_newest(schemas, subject);
    if (newest == NULL) {
        return fct_fail(err, FACTUM_NOT_FOUND,
                        "%.*s has no schema: \"schema list\" lists the schemas", FCT_FMT(subject));
    }
    if (number == 0) {
        return give(schemas, newest, version, err);
    }
    for (size_t i = 0; i < schemas->version_count; i++) {
        if (schemas->versions[i].version == number &&
            fct_slice_equal(schemas->versions[i].subject, subject)) {
            return give(schemas, &schemas->versions[i], version, err);
        }
    }
    return fct_fail(err, FACTUM_NOT_FOUND,
                    "%.*s has no version %" PRIu64 ": its newest is %" PRIu64, FCT_FMT(subject),
                    number, newest->version);
}

factum_status factum_schemas_mode_at(const factum_schemas *schemas, size_t index,
                                     factum_slice *subject, factum_schema_mode *mode,
                                     factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (schemas == NULL || subject == NULL || mode == NULL) {
        return fct_fail(err, FACTUM_INVALID, "schemas: a registry and places are needed");
    }
    if (index >= schemas->mode_count) {
        return FACTUM_DONE;
    }
    *subject = schemas->modes[index].subject;
    *mode = schemas->modes[index].mode;
    return FACTUM_OK;
}

factum_schema_mode factum_schemas_mode_get(const factum_schemas *schemas, factum_slice subject)
{
    for (size_t i = 0; schemas != NULL && i < schemas->mode_count; i++) {
        if (fct_slice_equal(schemas->modes[i].subject, subject)) {
            return schemas->modes[i].mode;
        }
    }
    return FACTUM_SCHEMA_MODE_UNSET;
}
