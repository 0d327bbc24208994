/* list.c - lists of names from the server. Layer: engine_remote. The lister's thread.
 *
 * A list has the names that were visible when it was created, each with its state when it is
 * returned. So the place is asked for at once, and the list when its first name is wanted. Names
 * that are younger than the place are not part of the list, and end it.
 *
 * After a lost connection the rest is requested: from just before the first event of the last name,
 * without the names with the same first event that were returned already.
 */
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "engine_remote/remote_int.h"
#include "wire/store_ask.h"
#include "wire/store_list.h"

#define LIST_RESUMES_MAX 8u /* without an entry in between */

struct distant_lister {
    struct fct_lister base; /* first */
    struct inflow inflow;
    struct fct_buf names; /* category and prefix */
    bool got_place;       /* |place| is set ... */
    bool has_place;       /* ... and the call that asked for it has ended */
    uint64_t place;
    factum_list_request request;
    unsigned resumes;
    uint64_t given;
    uint64_t born;  /* the first position of the last entry ... */
    uint64_t twins; /* ... and how many names with it were returned */
    uint64_t skip;  /* of the twins that come a second time */
    bool known;     /* the end of the list is known */
    factum_status status;
    factum_error err;
    bool in_page;
    struct fct_pb_reader page;
};

static struct distant_lister *lister_of(struct fct_lister *base)
{
    return (struct distant_lister *)(void *)base;
}

static factum_status list_start(struct distant_lister *lister, const factum_list_request *request,
                                factum_error *err)
{
    lister->inflow.path = FCT_SLICE(FCT_STORE_PATH("List"));
    fct_buf_clear(&lister->inflow.message);
    factum_status status = fct_store_encode_list(&lister->inflow.message, request);
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "list: out of memory");
    }
    fct_inflow_start(&lister->inflow);
    return FACTUM_PENDING;
}

static factum_status list_resume(struct distant_lister *lister, factum_error *err)
{
    factum_list_request request = lister->request;
    if (++lister->resumes > LIST_RESUMES_MAX) {
        return fct_distant_unreachable(lister->inflow.distant, "list", err);
    }
    lister->skip = lister->twins;
    if (lister->twins > 0) {
        /* A name born at position 0 is the first one. */
        request.after = lister->born > 0 ? lister->born - 1 : request.after;
        if (request.count_max > 0) {
            uint64_t before = lister->given - lister->twins;
            request.count_max = request.count_max > before ? request.count_max - before : 1;
        }
    }
    return list_start(lister, &request, err);
}

static factum_status list_ask_place(struct distant_lister *lister, factum_error *err)
{
    const struct fct_store_ask ask = {.kind = FACTUM_ASK_PLACE};
    lister->inflow.path = FCT_SLICE(FCT_STORE_PATH("Ask"));
    fct_buf_clear(&lister->inflow.message);
    factum_status status = fct_store_encode_ask(&lister->inflow.message, &ask);
    if (status != FACTUM_OK) {
        return fct_fail(err, status, "list: out of memory");
    }
    fct_inflow_start(&lister->inflow);
    return FACTUM_PENDING;
}

/* Takes the place, and starts the list: PENDING, or a failure. */
static factum_status list_take_place(struct distant_lister *lister, factum_error *err)
{
    factum_question question = {.size = sizeof question, .kind = FACTUM_ASK_PLACE};
    factum_slice message;
    factum_slice event;
    bool lost = false;
    bool got = false;
    factum_status status = fct_inflow_next(&lister->inflow, &message, &lost, err);
    while (status == FACTUM_OK) {
        status = fct_store_decode_answer(message, &question, &event, err);
        if (status == FACTUM_OK) {
            lister->place = question.number;
            got = true;
            status = fct_inflow_next(&lister->inflow, &message, &lost, err);
        }
    }
    lister->got_place = lister->got_place || got;
    if (lost) {
        return list_ask_place(lister, err);
    }
    if (status == FACTUM_DONE && !lister->got_place) {
        return fct_fail(err, FACTUM_IO, "list: the server gave no answer");
    }
    if (status == FACTUM_DONE) {
        lister->has_place = true;
        status = list_start(lister, &lister->request, err);
    }
    return status;
}

/* Takes the next page: OK, PENDING, DONE or a failure. */
static factum_status list_page(struct distant_lister *lister, factum_error *err)
{
    factum_slice message;
    bool lost = false;
    factum_status status = FACTUM_OK;
    if (!lister->has_place) {
        status = list_take_place(lister, err);
        if (status != FACTUM_PENDING || !lister->has_place) {
            return status;
        }
    }
    status = fct_inflow_next(&lister->inflow, &message, &lost, err);
    if (lost) {
        return list_resume(lister, err);
    }
    if (status == FACTUM_OK) {
        lister->page = fct_pb_reader(message);
        lister->in_page = true;
    }
    return status;
}

/* Takes an entry of the page: OK with one that was not returned yet, DONE at the end of the
 * page. */
static factum_status list_entry(struct distant_lister *lister, factum_list_entry *entry,
                                factum_error *err)
{
    factum_status status;
    do {
        status = fct_store_next_entry(&lister->page, entry, err);
    } while (status == FACTUM_OK && lister->skip > 0 && entry->first_position == lister->born &&
             lister->skip-- > 0);
    if (status != FACTUM_OK) {
        return status;
    }
    if (entry->first_position > lister->place) {
        lister->known = true;
        lister->status = FACTUM_DONE;
        return FACTUM_DONE;
    }
    bool twin = lister->twins > 0 && entry->first_position == lister->born;
    lister->twins = twin ? lister->twins + 1 : 1;
    lister->born = entry->first_position;
    lister->given++;
    lister->resumes = 0;
    return FACTUM_OK;
}

static factum_status lister_next(struct fct_lister *base, factum_list_entry *entry,
                                 factum_error *err)
{
    struct distant_lister *lister = lister_of(base);
    factum_status status =
        fct_deadline_check(lister->inflow.distant->os, lister->inflow.deadline, "list", err);
    while (status == FACTUM_OK && !lister->known) {
        if (lister->in_page) {
            status = list_entry(lister, entry, err);
            if (status == FACTUM_OK) {
                return status;
            }
            lister->in_page = false;
            status = status == FACTUM_DONE ? FACTUM_OK : status;
            continue;
        }
        status = list_page(lister, &lister->err);
        if (status == FACTUM_PENDING) {
            return status;
        }
        if (status != FACTUM_OK) {
            lister->known = true;
            lister->status = status;
            status = FACTUM_OK;
        }
    }
    if (status != FACTUM_OK) {
        return status;
    }
    if (lister->status < 0) {
        *err = lister->err;
    }
    return lister->status;
}

static void lister_ready(struct fct_lister *base, const factum_ready *ready)
{
    fct_inflow_ready(&lister_of(base)->inflow, ready);
}

static void list_free(struct inflow *inflow)
{
    struct distant_lister *lister = FCT_CONTAINER_OF(inflow, struct distant_lister, inflow);
    fct_buf_finish(&lister->names);
    fct_mem_free(inflow->distant->mem, lister);
}

static void lister_close(struct fct_lister *base)
{
    fct_inflow_close(&lister_of(base)->inflow);
}

static const struct fct_lister_ops lister_ops = {
    .next = lister_next,
    .ready = lister_ready,
    .close = lister_close,
};

static factum_status list_keep(struct distant_lister *lister, const factum_list_request *request)
{
    factum_status status = fct_buf_add_slice(&lister->names, request->category);
    if (status == FACTUM_OK) {
        status = fct_buf_add_slice(&lister->names, request->prefix);
    }
    lister->request = *request;
    lister->request.call = NULL;
    lister->request.category = fct_slice(lister->names.ptr, request->category.len);
    lister->request.prefix = fct_slice(lister->names.ptr, request->prefix.len);
    if (request->prefix.len > 0 && status == FACTUM_OK) {
        lister->request.prefix =
            fct_slice_from(fct_buf_slice(&lister->names), request->category.len);
    }
    return status;
}

factum_status fct_distant_list(void *self, const factum_list_request *request,
                               struct fct_lister **out, factum_error *err)
{
    struct distant *distant = self;
    struct distant_lister *lister = fct_mem_zalloc(distant->mem, 1, sizeof *lister);
    if (lister == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "list: out of memory");
    }
    lister->base.ops = &lister_ops;
    lister->inflow.distant = distant;
    lister->inflow.what = "list";
    lister->inflow.free = list_free;
    lister->inflow.deadline = fct_call_get(request->call).deadline;
    fct_buf_init(&lister->names, distant->mem, 4 * FACTUM_NAME_SIZE_MAX);
    fct_buf_init(&lister->inflow.message, distant->mem, 64 << 10);
    factum_status status = list_keep(lister, request);
    status = status == FACTUM_OK ? list_ask_place(lister, err)
                                 : fct_fail(err, status, "list: out of memory");
    if (status != FACTUM_PENDING) {
        fct_buf_finish(&lister->inflow.message);
        list_free(&lister->inflow);
        return status;
    }
    *out = &lister->base;
    return FACTUM_OK;
}
