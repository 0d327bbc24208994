/* sim_node.c - the contents of a file of the simulated disk. Layer: sim. See sim_node.h. */
#include "sim/sim_node.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/check.h"
#include "core/mem.h"

/* ---- memory ---------------------------------------------------------------------------------- */

void *sim_need(void *block)
{
    FCT_ASSERT(block != NULL);
    return block;
}

void *sim_make(size_t size)
{
    return sim_need(fct_mem_zalloc(fct_mem_heap(), 1, size));
}

void *sim_grow(void *block, size_t size)
{
    return sim_need(fct_mem_resize(fct_mem_heap(), block, size));
}

void sim_drop(void *block)
{
    fct_mem_free(fct_mem_heap(), block);
}

/* ---- images and nodes ------------------------------------------------------------------------ */

void sim_image_reserve(struct image *image, size_t size)
{
    if (size <= image->capacity) {
        return;
    }
    size_t capacity = image->capacity == 0 ? 4096 : image->capacity;
    while (capacity < size) {
        capacity *= 2;
    }
    uint8_t *bytes = sim_need(aligned_alloc(PAGE, capacity)); /* whole pages, to be protected */
    if (image->len > 0) {
        memcpy(bytes, image->bytes, image->len);
    }
    memset(bytes + image->len, 0, capacity - image->len);
    free(image->bytes);
    image->bytes = bytes;
    image->capacity = capacity;
}

void sim_image_resize(struct image *image, size_t size)
{
    sim_image_reserve(image, size);
    if (size < image->len) {
        memset(image->bytes + size, 0, image->len - size);
    }
    image->len = size;
}

void sim_image_copy(struct image *to, const struct image *from)
{
    sim_image_resize(to, from->len);
    if (from->len > 0) {
        memcpy(to->bytes, from->bytes, from->len);
    }
}

bool sim_page_dirty(const struct node *node, size_t page)
{
    return page < node->dirty_count && node->dirty[page];
}

void sim_note_dirty(struct node *node, size_t from, size_t to)
{
    size_t pages = (to + PAGE - 1) / PAGE;
    if (pages > node->dirty_count) {
        node->dirty = sim_grow(node->dirty, pages);
        memset(node->dirty + node->dirty_count, 0, pages - node->dirty_count);
        node->dirty_count = pages;
    }
    for (size_t page = from / PAGE; page < pages; page++) {
        node->dirty[page] = true;
    }
}

void sim_forget_dirty(struct node *node)
{
    if (node->dirty_count > 0) {
        memset(node->dirty, 0, node->dirty_count);
    }
}

/* ---- failed blocks --------------------------------------------------------------------------- */

static bool page_failed(const struct node *node, size_t page)
{
    return page < node->failed_count && node->failed[page];
}

bool sim_any_failed(const struct node *node, uint64_t from, uint64_t size)
{
    bool any = false;
    for (size_t page = from / PAGE; size > 0 && page <= (from + size - 1) / PAGE; page++) {
        any = any || page_failed(node, page);
    }
    return any;
}

static bool page_closed(const struct node *node, size_t page)
{
    if (page >= node->failed_count || node->failed[page] || node->alone[page]) {
        return page_failed(node, page);
    }
    size_t folio = page - page % FOLIO_PAGES;
    return sim_any_failed(node, folio * PAGE, FOLIO_PAGES * PAGE);
}

bool sim_any_closed(const struct node *node, uint64_t from, uint64_t size)
{
    bool any = false;
    for (size_t page = from / PAGE; size > 0 && page <= (from + size - 1) / PAGE; page++) {
        any = any || page_closed(node, page);
    }
    return any;
}

static void protect(const struct node *node, size_t page, bool closed)
{
    if (node->maps > 0 && page * PAGE < node->cached.capacity) {
        int result = mprotect(node->cached.bytes + page * PAGE, PAGE,
                              closed ? PROT_NONE : PROT_READ | PROT_WRITE);
        FCT_ASSERT(result == 0);
    }
}

void sim_protect_failed(const struct node *node, bool closed)
{
    for (size_t page = 0; node->maps > 0 && page < node->failed_count; page++) {
        if (page_closed(node, page)) {
            protect(node, page, closed);
        }
    }
}

bool sim_read_alone(struct node *node, size_t page)
{
    if (page < node->failed_count && !node->failed[page]) {
        node->alone[page] = true;
        protect(node, page, false);
    }
    return !page_failed(node, page);
}

void sim_forget_alone(struct node *node, size_t from, size_t to)
{
    for (size_t page = from / PAGE; page * PAGE < to && page < node->failed_count; page++) {
        node->alone[page] = false;
        protect(node, page, page_closed(node, page));
    }
}

bool sim_heal(struct node *node, uint64_t from, uint64_t size)
{
    uint64_t first = (from + PAGE - 1) / PAGE;
    uint64_t end = (from + size) / PAGE;
    bool at_end = from + size >= node->cached.len;
    sim_protect_failed(node, false);
    for (uint64_t page = first; page < end + at_end && page < node->failed_count; page++) {
        node->failed[page] = false;
        node->alone[page] = true;
    }
    bool good = !sim_any_failed(node, from, size);
    sim_protect_failed(node, true);
    return good;
}

uint8_t sim_byte_at(const struct image *image, size_t at)
{
    return at < image->len ? image->bytes[at] : 0;
}

bool sim_page_lost(const struct node *node, size_t at)
{
    bool differs = false;
    for (size_t i = at; i < at + PAGE && i < node->cached.len && !differs; i++) {
        differs = node->cached.bytes[i] != sim_byte_at(&node->durable, i);
    }
    return differs && !sim_page_dirty(node, at / PAGE);
}

void sim_write_back(struct node *node)
{
    sim_protect_failed(node, false);
    sim_image_resize(&node->durable, node->cached.len);
    for (size_t page = 0; page < node->dirty_count; page++) {
        size_t from = page * PAGE;
        if (node->dirty[page] && !page_failed(node, page) && from < node->cached.len) {
            size_t size = node->cached.len - from < PAGE ? node->cached.len - from : PAGE;
            memcpy(node->durable.bytes + from, node->cached.bytes + from, size);
        }
    }
    if (node->failed_count > 0) {
        memcpy(node->failed_durable, node->failed, node->failed_count);
    }
    sim_forget_dirty(node);
    sim_protect_failed(node, true);
}

struct node *sim_node_take(struct node *node)
{
    if (node != NULL) {
        node->references++;
    }
    return node;
}

void sim_node_release(struct node *node)
{
    if (node == NULL || --node->references > 0) {
        return;
    }
    FCT_ASSERT(node->maps == 0);
    free(node->cached.bytes);
    free(node->durable.bytes);
    sim_drop(node->dirty);
    sim_drop(node->failed);
    sim_drop(node->failed_durable);
    sim_drop(node->alone);
    sim_drop(node);
}

void sim_copy_failed(struct node *to, const struct node *from, bool durable)
{
    if (from->failed_count > 0) {
        to->failed = sim_make(from->failed_count);
        to->failed_durable = sim_make(from->failed_count);
        to->alone = sim_make(from->failed_count); /* a cold cache */
        to->failed_count = from->failed_count;
        memcpy(to->failed, durable ? from->failed_durable : from->failed, from->failed_count);
        memcpy(to->failed_durable, from->failed_durable, from->failed_count);
    }
}

void sim_fail_page(struct node *node, size_t page)
{
    if (node->failed_count <= page) {
        size_t count = (node->cached.capacity / PAGE + FOLIO_PAGES - 1) / FOLIO_PAGES * FOLIO_PAGES;
        node->failed = sim_grow(node->failed, count);
        node->failed_durable = sim_grow(node->failed_durable, count);
        node->alone = sim_grow(node->alone, count);
        memset(node->alone + node->failed_count, 0, count - node->failed_count);
        memset(node->failed + node->failed_count, 0, count - node->failed_count);
        memset(node->failed_durable + node->failed_count, 0, count - node->failed_count);
        node->failed_count = count;
    }
    node->failed[page] = true;
    node->failed_durable[page] = true;
    node->alone[page] = false;
}
