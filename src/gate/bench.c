/* bench.c - see bench.h. Layer: gate. */
#include "gate/bench.h"

#include "core/error.h"

#define NODES_FIRST 512u
#define NODES_KEPT ((size_t)1 << 20) /* 16 MiB: a larger bench is not kept */
#define TEXT_SIZE_MAX ((size_t)64 << 20)

static void bench_destroy(struct fct_bench *bench)
{
    if (bench == NULL) {
        return;
    }
    fct_run_destroy(bench->run);
    fct_mem_free(bench->mem, bench->nodes);
    fct_buf_finish(&bench->bytes);
    fct_buf_finish(&bench->notes);
    fct_buf_finish(&bench->places);
    fct_mem_free(bench->mem, bench);
}

static struct fct_bench *bench_create(const struct fct_mem *mem)
{
    factum_error ignored;
    struct fct_bench *bench = fct_mem_zalloc(mem, 1, sizeof *bench);
    if (bench == NULL) {
        return NULL;
    }
    bench->mem = mem;
    fct_buf_init(&bench->bytes, mem, TEXT_SIZE_MAX);
    fct_buf_init(&bench->notes, mem, TEXT_SIZE_MAX);
    fct_buf_init(&bench->places, mem, TEXT_SIZE_MAX);
    if (fct_run_create(mem, &bench->run, &ignored) != FACTUM_OK) {
        bench->run = NULL;
        bench_destroy(bench);
        return NULL;
    }
    return bench;
}

void fct_benches_init(struct fct_benches *benches, const struct fct_mem *mem)
{
    benches->mem = mem;
    for (size_t i = 0; i < FCT_BENCHES; i++) {
        atomic_store(&benches->free[i], NULL);
    }
}

void fct_benches_finish(struct fct_benches *benches)
{
    for (size_t i = 0; i < FCT_BENCHES; i++) {
        bench_destroy(atomic_exchange(&benches->free[i], NULL));
    }
}

struct fct_bench *fct_bench_take(struct fct_benches *benches)
{
    struct fct_bench *bench = NULL;
    for (size_t i = 0; i < FCT_BENCHES && bench == NULL; i++) {
        if (atomic_load_explicit(&benches->free[i], memory_order_relaxed) != NULL) {
            bench = atomic_exchange(&benches->free[i], NULL);
        }
    }
    return bench == NULL ? bench_create(benches->mem) : bench;
}

void fct_bench_give_back(struct fct_benches *benches, struct fct_bench *bench)
{
    bool keep = bench->node_capacity <= NODES_KEPT;
    fct_buf_clear(&bench->bytes);
    fct_buf_clear(&bench->notes);
    fct_buf_clear(&bench->places);
    for (size_t i = 0; i < FCT_BENCHES && keep; i++) {
        struct fct_bench *nothing = NULL;
        if (atomic_compare_exchange_strong(&benches->free[i], &nothing, bench)) {
            return;
        }
    }
    bench_destroy(bench);
}

/* Makes room for |wanted| nodes; their old content is lost. */
static factum_status reserve_nodes(struct fct_bench *bench, size_t wanted, factum_error *err)
{
    if (wanted <= bench->node_capacity) {
        return FACTUM_OK;
    }
    fct_mem_free(bench->mem, bench->nodes);
    bench->node_capacity = 0;
    bench->nodes = fct_mem_alloc(bench->mem, wanted * sizeof *bench->nodes);
    if (bench->nodes == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "schemas: out of memory");
    }
    bench->node_capacity = wanted;
    return FACTUM_OK;
}

factum_status fct_bench_parse(struct fct_bench *bench, factum_slice text, factum_json *json,
                              factum_error *err)
{
    size_t most = factum_json_nodes_max(text.len);
    factum_status status = reserve_nodes(bench, NODES_FIRST, err);
    while (status == FACTUM_OK) {
        status = factum_json_parse(text, NULL, bench->nodes, bench->node_capacity, json, err);
        if (status != FACTUM_TOO_BIG || bench->node_capacity >= most) {
            break;
        }
        size_t wanted = bench->node_capacity * 4;
        status = reserve_nodes(bench, wanted < most ? wanted : most, err);
    }
    return status;
}
