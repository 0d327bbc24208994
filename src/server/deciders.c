/* deciders.c - see deciders.h. Layer: server.
 *
 * Opened deciders are kept for their sandboxes: a script is loaded once per thread that uses it at
 * the same time, not once per command. At most DECIDERS_MAX are kept; the one that was unused for
 * the longest time is closed first.
 *
 * Invariants.
 *  1. An entry of the table has one use of its own, and each user has another. The last one to let
 *     go closes the decider.
 *  2. At most one entry exists for a category.
 *  3. The store is read, and scripts are opened and closed, without the lock.
 */
#include "server/deciders.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "os/thread.h"

#define DECIDERS_MAX 64u

struct fct_decider_use {
    factum_script_decider *decider;
    uint64_t revision;
    uint64_t position;
    uint64_t used; /* number of the call that used it last */
    size_t uses;
    size_t category_len;
    uint8_t category[];
};

struct fct_deciders {
    struct fct_mutex lock;
    struct fct_decider_use *entries[DECIDERS_MAX]; /* NULL: free */
    uint64_t calls;
};

factum_status fct_deciders_open(struct fct_server *server, factum_error *err)
{
    struct fct_deciders *deciders = fct_mem_zalloc(server->mem, 1, sizeof *deciders);
    if (deciders == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "serve: out of memory");
    }
    fct_mutex_init(&deciders->lock);
    server->deciders = deciders;
    return FACTUM_OK;
}

static void free_use(const struct fct_server *server, struct fct_decider_use *use)
{
    if (use != NULL) {
        factum_script_decider_close(use->decider);
        fct_mem_free(server->mem, use);
    }
}

void fct_deciders_close(struct fct_server *server)
{
    struct fct_deciders *deciders = server->deciders;
    if (deciders == NULL) {
        return;
    }
    for (size_t i = 0; i < DECIDERS_MAX; i++) {
        FCT_ASSERT(deciders->entries[i] == NULL || deciders->entries[i]->uses == 1);
        free_use(server, deciders->entries[i]);
    }
    fct_mutex_finish(&deciders->lock);
    fct_mem_free(server->mem, deciders);
    server->deciders = NULL;
}

const factum_script_decider *fct_deciders_get(const struct fct_decider_use *use)
{
    return use->decider;
}

uint64_t fct_deciders_revision(const struct fct_decider_use *use)
{
    return use->revision;
}

/* Releases one use. Returns a decider without uses, to be freed without the lock. */
static struct fct_decider_use *let_go(struct fct_decider_use *use)
{
    if (use == NULL) {
        return NULL;
    }
    FCT_ASSERT(use->uses > 0);
    use->uses--;
    return use->uses == 0 ? use : NULL;
}

void fct_deciders_give(struct fct_server *server, struct fct_decider_use *use)
{
    struct fct_deciders *deciders = server->deciders;
    fct_mutex_lock(&deciders->lock);
    struct fct_decider_use *last = let_go(use);
    fct_mutex_unlock(&deciders->lock);
    free_use(server, last);
}

/* Returns the entry of |category|; if none exists, the free or the oldest entry. */
static struct fct_decider_use **find_entry(struct fct_deciders *deciders, factum_slice category)
{
    struct fct_decider_use **best = &deciders->entries[0];
    for (size_t i = 0; i < DECIDERS_MAX; i++) {
        struct fct_decider_use **entry = &deciders->entries[i];
        if (*entry != NULL &&
            fct_slice_equal(fct_slice((*entry)->category, (*entry)->category_len), category)) {
            return entry;
        }
        bool older = *best != NULL && (*entry == NULL || (*entry)->used < (*best)->used);
        best = older ? entry : best;
    }
    return best;
}

/* Returns the opened decider of this definition; NULL: it has to be opened. */
static struct fct_decider_use *take_opened(struct fct_deciders *deciders,
                                           const factum_deployed *deployed)
{
    fct_mutex_lock(&deciders->lock);
    struct fct_decider_use *use = *find_entry(deciders, deployed->category);
    bool fits = use != NULL &&
                fct_slice_equal(fct_slice(use->category, use->category_len), deployed->category) &&
                use->revision == deployed->revision && use->position == deployed->position;
    if (fits) {
        use->uses++;
        use->used = ++deciders->calls;
    }
    fct_mutex_unlock(&deciders->lock);
    return fits ? use : NULL;
}

/* Puts |use| into the table, in place of an older definition of the category, or of the oldest
 * entry. Changes nothing if the table already has a newer definition of the category. */
static void keep_opened(struct fct_server *server, struct fct_decider_use *use)
{
    struct fct_deciders *deciders = server->deciders;
    FCT_ASSERT(use != NULL);
    factum_slice category = fct_slice(use->category, use->category_len);
    fct_mutex_lock(&deciders->lock);
    struct fct_decider_use **entry = find_entry(deciders, category);
    struct fct_decider_use *old = *entry;
    bool newer = old != NULL && old->position > use->position &&
                 fct_slice_equal(fct_slice(old->category, old->category_len), category);
    struct fct_decider_use *last = NULL;
    if (!newer) {
        last = let_go(old);
        *entry = use;
        use->uses++;
        use->used = ++deciders->calls;
    }
    fct_mutex_unlock(&deciders->lock);
    free_use(server, last);
}

static factum_status open_deployed(const struct fct_server *server, const factum_deployed *deployed,
                                   struct fct_decider_use **use, factum_error *err)
{
    struct fct_decider_use *made =
        fct_mem_zalloc(server->mem, 1, sizeof *made + deployed->category.len);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "the server is out of memory");
    }
    factum_status status = factum_deployed_open(deployed, &made->decider, err);
    if (status != FACTUM_OK) {
        fct_mem_free(server->mem, made);
        return status;
    }
    made->revision = deployed->revision;
    made->position = deployed->position;
    made->uses = 1;
    made->category_len = deployed->category.len;
    memcpy(made->category, deployed->category.ptr, deployed->category.len);
    *use = made;
    return FACTUM_OK;
}

factum_status fct_deciders_take(struct fct_server *server, factum_slice category,
                                struct fct_decider_use **use, factum_error *err)
{
    factum_deployed *deployed;
    *use = NULL;
    factum_status status = factum_decider_find(server->store, category, NULL, &deployed, err);
    if (status != FACTUM_OK) {
        return status;
    }
    *use = take_opened(server->deciders, deployed);
    if (*use == NULL) {
        status = open_deployed(server, deployed, use, err);
        if (status == FACTUM_OK) {
            keep_opened(server, *use);
        }
    }
    factum_deployed_free(deployed);
    return status;
}
