/* json_doc.h - JSON texts, one after the other, on a tape with memory of its own. Layer: codec.
 *
 * For texts that may have any number of values. The memory grows to what a text needs, which is
 * bounded by its size (factum_json_nodes_max), and stays for the next text.
 */
#ifndef FCT_CODEC_JSON_DOC_H
#define FCT_CODEC_JSON_DOC_H

#include <factum/arena.h>
#include <factum/json.h>

#include "codec/json.h"
#include "core/mem.h"

struct fct_json_doc {
    const struct fct_mem *mem;
    factum_json_node *nodes;
    size_t capacity;
    factum_json json; /* of the text that was read last */
};

void fct_json_doc_init(struct fct_json_doc *doc, const struct fct_mem *mem);
/* Accepts a zeroed and a finished document. */
void fct_json_doc_finish(struct fct_json_doc *doc);

/* How deep the values of a text may be nested, and down to which depth they are on the tape. */
struct fct_json_extent {
    unsigned depth_max; /* FACTUM_JSON_DEPTH_LIMIT at most */
    unsigned levels;    /* containers that are this deep have no inside on the tape; 0: all have */
    size_t nodes_max;   /* 0: as many as the text needs */
};

/* Reads |text|, which doc->json borrows. An object may have a member twice. Errors: INVALID
 * (|fault| gets the reason; it names 64 as the limit of any depth), NO_MEMORY, TOO_BIG (more than
 * nodes_max nodes, or 4 GiB of text). */
FCT_MUST_USE factum_status fct_json_doc_read(struct fct_json_doc *doc, factum_slice text,
                                             struct fct_json_extent extent,
                                             struct fct_json_fault *fault);

/* Members of the object that |json| is. */

/* The decoded text of the member |name|, in |arena|; empty if the member is missing. False: the
 * member is not a text, or the arena is full. */
FCT_MUST_USE bool fct_json_doc_text(const factum_json *json, const char *name, factum_arena *arena,
                                    factum_slice *text);
/* *number is 0 if the member is missing. False: it is not a whole number. */
FCT_MUST_USE bool fct_json_doc_number(const factum_json *json, const char *name, uint64_t *number);

#endif
