/* workspace.c - see workspace.h. Layer: gate. */
#include "gate/workspace.h"

#include "core/error.h"

#define NODES_FIRST 512u
#define NODES_KEPT ((size_t)1 << 20) /* 16 MiB: a larger workspace is not kept */
#define TEXT_SIZE_MAX ((size_t)64 << 20)

static void workspace_destroy(struct fct_workspace *workspace)
{
    if (workspace == NULL) {
        return;
    }
    fct_run_destroy(workspace->run);
    fct_mem_free(workspace->mem, workspace->nodes);
    fct_buf_finish(&workspace->bytes);
    fct_buf_finish(&workspace->notes);
    fct_buf_finish(&workspace->places);
    fct_mem_free(workspace->mem, workspace);
}

static struct fct_workspace *workspace_create(const struct fct_mem *mem)
{
    factum_error ignored;
    struct fct_workspace *workspace = fct_mem_zalloc(mem, 1, sizeof *workspace);
    if (workspace == NULL) {
        return NULL;
    }
    workspace->mem = mem;
    fct_buf_init(&workspace->bytes, mem, TEXT_SIZE_MAX);
    fct_buf_init(&workspace->notes, mem, TEXT_SIZE_MAX);
    fct_buf_init(&workspace->places, mem, TEXT_SIZE_MAX);
    if (fct_run_create(mem, &workspace->run, &ignored) != FACTUM_OK) {
        workspace->run = NULL;
        workspace_destroy(workspace);
        return NULL;
    }
    return workspace;
}

void fct_workspaces_init(struct fct_workspaces *workspaces, const struct fct_mem *mem)
{
    workspaces->mem = mem;
    for (size_t i = 0; i < FCT_WORKSPACES; i++) {
        atomic_store(&workspaces->free[i], NULL);
    }
}

void fct_workspaces_finish(struct fct_workspaces *workspaces)
{
    for (size_t i = 0; i < FCT_WORKSPACES; i++) {
        workspace_destroy(atomic_exchange(&workspaces->free[i], NULL));
    }
}

struct fct_workspace *fct_workspace_take(struct fct_workspaces *workspaces)
{
    struct fct_workspace *workspace = NULL;
    for (size_t i = 0; i < FCT_WORKSPACES && workspace == NULL; i++) {
        if (atomic_load_explicit(&workspaces->free[i], memory_order_relaxed) != NULL) {
            workspace = atomic_exchange(&workspaces->free[i], NULL);
        }
    }
    return workspace == NULL ? workspace_create(workspaces->mem) : workspace;
}

void fct_workspace_give_back(struct fct_workspaces *workspaces, struct fct_workspace *workspace)
{
    bool keep = workspace->node_capacity <= NODES_KEPT;
    fct_buf_clear(&workspace->bytes);
    fct_buf_clear(&workspace->notes);
    fct_buf_clear(&workspace->places);
    for (size_t i = 0; i < FCT_WORKSPACES && keep; i++) {
        struct fct_workspace *nothing = NULL;
        if (atomic_compare_exchange_strong(&workspaces->free[i], &nothing, workspace)) {
            return;
        }
    }
    workspace_destroy(workspace);
}

/* Makes room for |wanted| nodes; their old content is lost. */
static factum_status reserve_nodes(struct fct_workspace *workspace, size_t wanted,
                                   factum_error *err)
{
    if (wanted <= workspace->node_capacity) {
        return FACTUM_OK;
    }
    fct_mem_free(workspace->mem, workspace->nodes);
    workspace->node_capacity = 0;
    workspace->nodes = fct_mem_alloc(workspace->mem, wanted * sizeof *workspace->nodes);
    if (workspace->nodes == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "schemas: out of memory");
    }
    workspace->node_capacity = wanted;
    return FACTUM_OK;
}

factum_status fct_workspace_parse(struct fct_workspace *workspace, factum_slice text,
                                  factum_json *json, factum_error *err)
{
    size_t most = factum_json_nodes_max(text.len);
    factum_status status = reserve_nodes(workspace, NODES_FIRST, err);
    while (status == FACTUM_OK) {
        status =
            factum_json_parse(text, NULL, workspace->nodes, workspace->node_capacity, json, err);
        if (status != FACTUM_TOO_BIG || workspace->node_capacity >= most) {
            break;
        }
        size_t wanted = workspace->node_capacity * 4;
        status = reserve_nodes(workspace, wanted < most ? wanted : most, err);
    }
    return status;
}
