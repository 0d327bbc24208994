/* sketch.c - a first schema, inferred from stored events; see <factum/registry.h>. Layer: registry.
 * A user of the public API. */
#include <factum/registry.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/slice.h"
#include "schema/infer.h"
#include "schema/registry_event.h"

#define SKETCH_SIZE_MAX ((size_t)4 << 20)
#define SKETCH_PROGRESS_EVERY 1024u /* events */

struct factum_schema_sketch {
    struct fct_buf text;
    uint64_t events;
    uint64_t not_json;
};

struct sketching {
    factum_store *store;
    struct fct_subject subject;
    uint64_t events_max;
    const factum_progress *progress;
    struct fct_infer *infer;
    factum_json_node *nodes;
    size_t node_capacity;
    struct factum_schema_sketch *sketch;
};

static factum_status sketch_no_memory(factum_error *err)
{
    return fct_fail(err, FACTUM_NO_MEMORY, "infer: out of memory");
}

static factum_status see_event(struct sketching *work, const factum_event *event, factum_error *err)
{
    factum_json json;
    size_t wanted = factum_json_nodes_max(event->data.len);
    if (wanted > work->node_capacity) {
        factum_json_node *grown =
            fct_mem_resize(fct_mem_heap(), work->nodes, wanted * sizeof *grown);
        if (grown == NULL) {
            return sketch_no_memory(err);
        }
        work->nodes = grown;
        work->node_capacity = wanted;
    }
    work->sketch->events++;
    if (factum_json_parse(event->data, NULL, work->nodes, work->node_capacity, &json, NULL) ==
        FACTUM_OK) {
        fct_infer_see(work->infer, &json);
    } else {
        work->sketch->not_json++;
    }
    if (work->progress != NULL && work->sketch->events % SKETCH_PROGRESS_EVERY == 0 &&
        !work->progress->step(work->progress->data, work->sketch->events, 0)) {
        return fct_fail(err, FACTUM_CANCELLED, "cancelled while events were read");
    }
    return FACTUM_OK;
}

/* "order-" for the category "order", so that the read itself leaves out other streams. */
static factum_slice prefix_of(const struct fct_subject *subject, char *buffer)
{
    memcpy(buffer, subject->category.ptr, subject->category.len);
    buffer[subject->category.len] = '-';
    return fct_slice(buffer, subject->category.len + 1);
}

static factum_status see_all(struct sketching *work, factum_error *err)
{
    char buffer[FACTUM_NAME_SIZE_MAX + 1];
    factum_slice prefix = {.len = 0};
    bool qualified = work->subject.category.len > 0;
    if (qualified) {
        prefix = prefix_of(&work->subject, buffer);
    }
    const factum_filter filter = {
        .size = sizeof filter, .stream_prefixes = &prefix, .stream_prefix_count = 1};
    const factum_read_request request = {
        .size = sizeof request,
        .source = FACTUM_SOURCE_TYPE,
        .name = work->subject.type,
        .backwards = true,
        .count_max = work->events_max,
        .skip_system = true,
        .filter = qualified ? &filter : NULL,
    };
    factum_cursor *cursor;
    factum_event event;
    factum_status status = factum_read(work->store, &request, &cursor, err);
    if (status != FACTUM_OK) {
        return status;
    }
    while (status == FACTUM_OK) {
        status = factum_cursor_next(cursor, &event, err);
        if (status == FACTUM_OK) {
            status = see_event(work, &event, err);
        }
    }
    factum_cursor_close(cursor);
    return status == FACTUM_DONE ? FACTUM_OK : status;
}

static factum_status draw(struct sketching *work, factum_error *err)
{
    factum_status status = see_all(work, err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (work->sketch->events == work->sketch->not_json) {
        return fct_fail(err, FACTUM_NOT_FOUND,
                        work->sketch->events == 0
                            ? "there is no event of the type %.*s"
                            : "no event of the type %.*s has JSON as its data",
                        FCT_FMT(work->subject.type));
    }
    return fct_infer_write(work->infer, work->subject.type, &work->sketch->text, err);
}

factum_status factum_schema_infer(factum_store *store, factum_slice subject, uint64_t events_max,
                                  const factum_progress *progress, factum_schema_sketch **sketch,
                                  factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct sketching work = {.store = store, .events_max = events_max, .progress = progress};
    if (store == NULL || sketch == NULL) {
        return fct_fail(err, FACTUM_INVALID, "infer: a store and a place are needed");
    }
    *sketch = NULL;
    factum_status status = fct_subject_parse(subject, &work.subject, err);
    if (status == FACTUM_OK && work.subject.type.len == 0) {
        status = fct_fail(err, FACTUM_INVALID, "infer: %.*s is a category: name one of its types",
                          FCT_FMT(subject));
    }
    if (status != FACTUM_OK) {
        return status;
    }
    work.infer = fct_infer_create(fct_mem_heap());
    work.sketch = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *work.sketch);
    if (work.infer == NULL || work.sketch == NULL) {
        status = sketch_no_memory(err);
    } else {
        fct_buf_init(&work.sketch->text, fct_mem_heap(), SKETCH_SIZE_MAX);
        status = draw(&work, err);
    }
    fct_infer_destroy(work.infer);
    fct_mem_free(fct_mem_heap(), work.nodes);
    if (status != FACTUM_OK) {
        factum_schema_sketch_free(work.sketch);
        return status;
    }
    *sketch = work.sketch;
    return FACTUM_OK;
}

factum_slice factum_schema_sketch_text(const factum_schema_sketch *sketch)
{
    return fct_buf_slice(&sketch->text);
}

uint64_t factum_schema_sketch_events(const factum_schema_sketch *sketch, uint64_t *not_json)
{
    if (not_json != NULL) {
        *not_json = sketch->not_json;
    }
    return sketch->events;
}

void factum_schema_sketch_free(factum_schema_sketch *sketch)
{
    if (sketch != NULL) {
        fct_buf_finish(&sketch->text);
        fct_mem_free(fct_mem_heap(), sketch);
    }
}
