/* json_doc.c - tapes with memory of their own: see json_doc.h. Layer: codec. */
#include "codec/json_doc.h"

#include "codec/json_scan.h"

#define NODES_MIN 64 /* enough for most texts */

void fct_json_doc_init(struct fct_json_doc *doc, const struct fct_mem *mem)
{
    *doc = (struct fct_json_doc){.mem = mem};
}

void fct_json_doc_finish(struct fct_json_doc *doc)
{
    if (doc->mem != NULL) {
        fct_mem_free(doc->mem, doc->nodes);
    }
    *doc = (struct fct_json_doc){.mem = NULL};
}

/* Makes room for more nodes; their contents are lost. */
static factum_status grow(struct fct_json_doc *doc, size_t nodes_max)
{
    size_t capacity = doc->capacity == 0 ? NODES_MIN : doc->capacity * 4;
    if (nodes_max > 0 && doc->capacity >= nodes_max) {
        return FACTUM_TOO_BIG;
    }
    if (nodes_max > 0 && capacity > nodes_max) {
        capacity = nodes_max;
    }
    factum_json_node *nodes = fct_mem_alloc(doc->mem, capacity * sizeof *nodes);
    if (nodes == NULL) {
        return FACTUM_NO_MEMORY;
    }
    fct_mem_free(doc->mem, doc->nodes);
    doc->nodes = nodes;
    doc->capacity = capacity;
    return FACTUM_OK;
}

factum_status fct_json_doc_read(struct fct_json_doc *doc, factum_slice text,
                                struct fct_json_extent extent, struct fct_json_fault *fault)
{
    struct fct_json_scan scan = {.text = text,
                                 .depth_max = extent.depth_max,
                                 .depth_said = FCT_JSON_DEPTH_MAX,
                                 .duplicates = true,
                                 .levels = extent.levels};
    if (text.len > UINT32_MAX) {
        return FACTUM_TOO_BIG;
    }
    factum_status status = FACTUM_TOO_BIG;
    bool again;
    do {
        again = false;
        if (doc->nodes != NULL) {
            scan.nodes = doc->nodes;
            scan.capacity = doc->capacity;
            status = fct_json_scan(&scan, fault);
        }
        if (status == FACTUM_TOO_BIG) {
            status = grow(doc, extent.nodes_max);
            again = status == FACTUM_OK;
        }
    } while (again);
    if (status == FACTUM_OK) {
        doc->json = (factum_json){.text = text, .nodes = doc->nodes, .count = scan.count};
    }
    return status;
}

bool fct_json_doc_text(const factum_json *json, const char *name, factum_arena *arena,
                       factum_slice *text)
{
    uint32_t value = factum_json_find(json, FACTUM_JSON_ROOT, factum_slice_from(name));
    size_t len = 0;
    *text = (factum_slice){NULL, 0};
    if (value == FACTUM_JSON_NONE) {
        return true;
    }
    size_t room = factum_json_at(json, value)->len;
    char *to = factum_arena_alloc(arena, room > 0 ? room : 1);
    if (to == NULL || factum_json_unescape(json, value, to, room, &len) != FACTUM_OK) {
        return false;
    }
    *text = (factum_slice){(const uint8_t *)to, len};
    return true;
}

bool fct_json_doc_number(const factum_json *json, const char *name, uint64_t *number)
{
    uint32_t value = factum_json_find(json, FACTUM_JSON_ROOT, factum_slice_from(name));
    *number = 0;
    return value == FACTUM_JSON_NONE || factum_json_to_uint64(json, value, number) == FACTUM_OK;
}
