/* json_scan.h - the one pass over JSON text: checks it and, if nodes are given, writes its tape.
 * Layer: codec. Pure: no allocation, no recursion. */
#ifndef FCT_CODEC_JSON_SCAN_H
#define FCT_CODEC_JSON_SCAN_H

#include <factum/json.h>

#include "codec/json.h"
#include "core/compiler.h"

/* The request and, from |count| on, the result. */
struct fct_json_scan {
    factum_slice text;
    unsigned depth_max;      /* FACTUM_JSON_DEPTH_LIMIT at most */
    unsigned depth_said;     /* the limit that the fault names: without the object of a line */
    bool duplicates;         /* an object may have a member twice; not checked without a tape */
    factum_json_node *nodes; /* NULL: the text is only checked */
    size_t capacity;
    unsigned levels; /* containers that are this deep have no inside on the tape; 0: all have */
    /* Not NULL, with |levels| 1: a tape of any length in few nodes. Each time the nodes are full,
     * and at the end, |take| gets the root and the items or members that it did not get yet.
     * |capacity| is odd and at least 3: a name and its value stay together. A fault may follow. */
    void (*take)(void *data, const factum_json *part);
    void *data;
    uint32_t count;     /* of nodes; 0 without a tape */
    factum_slice value; /* the text without the white space around it */
};

/* Errors: INVALID (|fault| gets the reason), TOO_BIG (too few nodes, or 4 GiB of text with a
 * tape). */
FCT_MUST_USE factum_status fct_json_scan(struct fct_json_scan *scan, struct fct_json_fault *fault);

/* The earliest name of |object| that means the same as a name before it; FACTUM_JSON_NONE: all
 * differ. |object| is on the tape with its members and |next|. Marks it as FACTUM_JSON_UNIQUE.
 * Takes n log n steps for n bytes of names, whatever they are. */
uint32_t fct_json_duplicate(const uint8_t *text, factum_json_node *nodes, uint32_t object);

#endif
