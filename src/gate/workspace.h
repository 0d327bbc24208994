/* workspace.h - memory in which one thread at a time checks events, reused between appends. Layer:
 * gate. */
#ifndef FCT_GATE_WORKSPACE_H
#define FCT_GATE_WORKSPACE_H

#include <stdatomic.h>

#include <factum/json.h>

#include "core/buf.h"
#include "schema/schema.h"

#define FCT_WORKSPACES 16u /* kept; further threads create their own for one append */

struct fct_workspace {
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

struct fct_workspaces {
    const struct fct_mem *mem;
    _Atomic(struct fct_workspace *) free[FCT_WORKSPACES];
};

void fct_workspaces_init(struct fct_workspaces *workspaces, const struct fct_mem *mem);
void fct_workspaces_finish(struct fct_workspaces *workspaces);
/* An empty workspace. NULL without memory. */
struct fct_workspace *fct_workspace_take(struct fct_workspaces *workspaces);
void fct_workspace_give_back(struct fct_workspaces *workspaces, struct fct_workspace *workspace);

/* Parses |text| into the workspace's nodes; *json lasts until the next call. Errors: as
 * factum_json_parse. */
FCT_MUST_USE factum_status fct_workspace_parse(struct fct_workspace *workspace, factum_slice text,
                                               factum_json *json, factum_error *err);

#endif
