/* bench.h - where one thread at a time checks events: memory that is reused between appends. Layer:
 * gate. */
#ifndef FCT_GATE_BENCH_H
#define FCT_GATE_BENCH_H

#include <stdatomic.h>

#include <factum/json.h>

#include "core/buf.h"
#include "schema/schema.h"

#define FCT_BENCHES 16u /* kept; further threads create their own for one append */

struct fct_bench {
    const struct fct_mem *mem;
    struct fct_run *run;
    factum_json_node *nodes;
    size_t node_capacity;
    struct fct_buf bytes;  /* texts that become part of events */
    struct fct_buf notes;  /* of struct fct_note */
    struct fct_buf places; /* of struct fct_place */
};

/* A text in |bytes|. */
struct fct_place {
    size_t at;
    size_t len;
};

/* The changes of an event. */
struct fct_note {
    size_t event;
    struct fct_place metadata; /* len 0: unchanged */
    size_t first_tag;          /* the first of its new tags, in |places| */
    size_t tag_count;
};

struct fct_benches {
    const struct fct_mem *mem;
    _Atomic(struct fct_bench *) free[FCT_BENCHES];
};

void fct_benches_init(struct fct_benches *benches, const struct fct_mem *mem);
void fct_benches_finish(struct fct_benches *benches);
/* An empty bench. NULL without memory. */
struct fct_bench *fct_bench_take(struct fct_benches *benches);
void fct_bench_give_back(struct fct_benches *benches, struct fct_bench *bench);

/* Parses |text| into the bench's nodes; *json lasts until the next call. Errors: as
 * factum_json_parse. */
FCT_MUST_USE factum_status fct_bench_parse(struct fct_bench *bench, factum_slice text,
                                           factum_json *json, factum_error *err);

#endif
