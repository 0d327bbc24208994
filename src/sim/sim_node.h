/* sim_node.h - the contents of a file of the simulated disk: in the cache, on the device, and which
 * blocks cannot be read. Layer: sim. Private to sim_disk.c. */
#ifndef FCT_SIM_SIM_NODE_H
#define FCT_SIM_SIM_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTOR 512u
#define PAGE 4096u
#define FOLIO_PAGES 16u /* the cache reads so many pages as a whole; they fail as a whole */

struct image {
    uint8_t *bytes; /* zero after len */
    size_t len;
    size_t capacity;
};

struct node {
    struct image cached;
    struct image durable;
    bool *dirty; /* for each page: the next sync writes it */
    size_t dirty_count;
    /* For each page: the device cannot read it. A write of the whole page heals the first at once,
     * the second when it is synced. */
    bool *failed;
    bool *failed_durable;
    bool *alone; /* for each page: the cache has read it alone, so no other page can fail it */
    size_t failed_count;
    unsigned references;
    unsigned maps;
    bool directory;
    struct node *copy; /* while the disk is being copied */
};

/* Memory. A test without memory cannot go on, so these functions end the program. */
void *sim_need(void *block);
void *sim_make(size_t size);
void *sim_grow(void *block, size_t size);
void sim_drop(void *block);

void sim_image_reserve(struct image *image, size_t size);
void sim_image_resize(struct image *image, size_t size);
void sim_image_copy(struct image *to, const struct image *from);
uint8_t sim_byte_at(const struct image *image, size_t at);

bool sim_page_dirty(const struct node *node, size_t page);
/* Bytes [from, to) were changed. */
void sim_note_dirty(struct node *node, size_t from, size_t to);
void sim_forget_dirty(struct node *node);
/* Is the page at |at| clean, although the device has other bytes? */
bool sim_page_lost(const struct node *node, size_t at);
/* A sync: copies the dirty pages and the size to the durable image. */
void sim_write_back(struct node *node);

/* Is any byte of [from, from + size) in a failed block? */
bool sim_any_failed(const struct node *node, uint64_t from, uint64_t size);
/* Is any byte in a page that the cache cannot read together with the pages around it? */
bool sim_any_closed(const struct node *node, uint64_t from, uint64_t size);
/* Has the cache read the page alone. False if the page has failed. */
bool sim_read_alone(struct node *node, size_t page);
/* Forgets which of the pages that [from, to) touches were read alone, as their cache is dropped. */
void sim_forget_alone(struct node *node, size_t from, size_t to);
/* If the node is mapped: makes an access to the pages of sim_any_closed raise a signal, or opens
 * them for the disk itself. */
void sim_protect_failed(const struct node *node, bool closed);
/* A write of [from, from + size): heals the blocks that it covers. False if it covers only a part
 * of a failed one. */
bool sim_heal(struct node *node, uint64_t from, uint64_t size);
/* Copies the failed blocks. |durable|, after a crash: a write without a sync healed nothing. */
void sim_copy_failed(struct node *to, const struct node *from, bool durable);
void sim_fail_page(struct node *node, size_t page);

struct node *sim_node_take(struct node *node);
void sim_node_release(struct node *node);

#endif
