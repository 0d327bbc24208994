/* json_scan.h - the one pass over JSON text: checks it, and writes its tape if there is room for
 * one. Layer: codec. Pure: no allocation, no recursion. */
#ifndef FCT_CODEC_JSON_SCAN_H
#define FCT_CODEC_JSON_SCAN_H

#include <factum/json.h>

#include "codec/json.h"
#include "core/compiler.h"

/* What is asked for and, after |count|, the answer. */
struct fct_json_scan {
    factum_slice text;
    unsigned depth_max;      /* FACTUM_JSON_DEPTH_LIMIT at most */
    unsigned depth_said;     /* in the fault: a line's own object does not count */
    bool duplicates;         /* members of one name may stand twice; without a tape nobody looks */
    factum_json_node *nodes; /* NULL: only check */
    size_t capacity;
    unsigned levels; /* containers that are this deep have no inside on the tape; 0: all have */
    /* Not NULL, with |levels| 1: a tape of any length in few nodes. Each time they are full, and at
     * the end, |take| gets the root and the items or members that were not taken yet. |capacity| is
     * odd and 3 at least, so that no member is torn. A fault may come after some of them. */
    void (*take)(void *data, const factum_json *part);
    void *data;
    uint32_t count;     /* of nodes; 0 without a tape */
    factum_slice value; /* the text without the white space around it */
};

/* INVALID fills |fault|. TOO_BIG: the nodes are too few, or a text with a tape has 4 GiB. */
FCT_MUST_USE factum_status fct_json_scan(struct fct_json_scan *scan, struct fct_json_fault *fault);

/* The earliest name of |object| that means the same as a name before it; FACTUM_JSON_NONE: all
 * differ. |object| is on the tape with its members and |next|. Marks it as FACTUM_JSON_UNIQUE.
 * Takes n log n steps for n bytes of names, whatever they are. */
uint32_t fct_json_duplicate(const uint8_t *text, factum_json_node *nodes, uint32_t object);

#endif
