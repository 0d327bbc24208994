/* index_model.c - see index_model.h. */
#include "support/index_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"
#include "support/tap.h"

void model_die(const struct model *model, const char *why)
{
    tap_fail("%s: %s", model->what, why);
}

/* Room for one more than |count| things; doubles at powers of two. */
static void *model_grow(void *block, size_t count, size_t size)
{
    if ((count & (count - 1)) == 0) {
        block = realloc(block, (count == 0 ? 1 : count * 2) * size);
        FCT_ASSERT(block != NULL);
    }
    return block;
}

void model_init(struct model *model, uint64_t seed)
{
    memset(model, 0, sizeof *model);
    model->random.state = seed;
    (void)snprintf(model->what, sizeof model->what, "seed %" PRIu64, seed);
}

void model_finish(struct model *model)
{
    for (size_t kind = 0; kind < MODEL_KINDS; kind++) {
        for (size_t name = 0; name < MODEL_NAMES; name++) {
            free(model->lists[kind][name].positions);
        }
    }
    free(model->entries);
    free(model->batches);
}

uint64_t model_end(const struct model *model)
{
    return model->batch_count == 0 ? 0 : model->batches[model->batch_count - 1].end;
}

struct fct_index_key model_key(const struct fct_index *index, enum fct_index_kind kind,
                               unsigned name)
{
    char text[32];
    int len = snprintf(text, sizeof text, "name-%u", name);
    return fct_index_key(index, kind, fct_slice(text, (size_t)len));
}

static void model_note(struct model *model, enum fct_index_kind kind, unsigned name,
                       uint64_t position)
{
    struct model_list *list = &model->lists[kind - 1][name];
    model->entries =
        (struct model_entry *)model_grow(model->entries, model->count, sizeof *model->entries);
    model->entries[model->count++] = (struct model_entry){kind, name, position};
    list->positions = (uint64_t *)model_grow(list->positions, list->count, sizeof *list->positions);
    list->positions[list->count++] = position;
}

/* A batch of 1 to |events_max| events: each in a stream (few of them in most cases), in a category
 * and of one type. */
void model_batch(struct model *model, unsigned events_max)
{
    struct fct_random *random = &model->random;
    uint64_t at = model_end(model);
    uint64_t events = 1 + fct_random_below(random, events_max);
    model->batches = (struct model_batch *)model_grow(model->batches, model->batch_count,
                                                      sizeof *model->batches);
    struct model_batch *batch = &model->batches[model->batch_count];
    *batch = (struct model_batch){.first = model->count, .start = at};
    for (uint64_t i = 0; i < events; i++) {
        /* Positions mostly differ by one byte's worth, occasionally by five. */
        at += 8 + 8 * fct_random_below(random, 12);
        bool far = model->wide || fct_random_below(random, 50) == 0;
        at += far ? fct_random_below(random, 1u << 31) * 8 : 0;
        uint64_t spread = fct_random_below(random, 4) == 0 ? MODEL_NAMES - 2 : 3;
        model_note(model, FCT_INDEX_STREAM, (unsigned)fct_random_below(random, spread), at);
        model_note(model, FCT_INDEX_CATEGORY, (unsigned)fct_random_below(random, 2), at);
        model_note(model, FCT_INDEX_TYPE, 0, at);
    }
    batch->end = at + 64;
    model->batch_count++;
}

struct fct_index_point model_point(const struct model *model, size_t batch)
{
    return (struct fct_index_point){
        .position = model->batches[batch].end, .batch_number = batch + 1, .chain = batch * 7 + 1};
}

/* Writes the entries of a batch as |index| takes them; returns how many. */
size_t model_entries(const struct model *model, const struct fct_index *index, size_t batch,
                     struct fct_index_entry *entries)
{
    size_t first = model->batches[batch].first;
    size_t end = batch + 1 == model->batch_count ? model->count : model->batches[batch + 1].first;
    FCT_ASSERT(end - first <= MODEL_BATCH_MAX * 3);
    for (size_t i = first; i < end; i++) {
        entries[i - first] = (struct fct_index_entry){
            .key = model_key(index, model->entries[i].kind, model->entries[i].name),
            .position = model->entries[i].position,
            .birth = FCT_BIRTH_ASK,
        };
    }
    return end - first;
}

/* Adds the batches that |index| does not cover, as the engine does after opening one. */
factum_status model_replay(const struct model *model, struct fct_index *index, uint64_t from,
                           factum_error *err)
{
    struct fct_index_entry entries[MODEL_BATCH_MAX * 3];
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < model->batch_count && status == FACTUM_OK; i++) {
        if (model->batches[i].start >= from) {
            size_t count = model_entries(model, index, i, entries);
            status = fct_index_reserve(index, count, err);
            if (status == FACTUM_OK) {
                fct_index_add(index, entries, count);
                fct_index_show(index, model_point(model, i));
            }
        }
    }
    return status;
}

/* Rebuilds one missing range. */
factum_status model_rebuild(const struct model *model, struct fct_index *index, uint64_t from,
                            uint64_t to, factum_error *err)
{
    struct fct_index_entry entries[MODEL_BATCH_MAX * 3];
    factum_status status = fct_index_rebuild_begin(index, from, to, err);
    for (size_t i = 0; i < model->batch_count && status == FACTUM_OK; i++) {
        if (model->batches[i].start >= from && model->batches[i].end <= to) {
            if (model->batches[i].start > from && fct_index_rebuild_full(index)) {
                to = model->batches[i].start;
                break;
            }
            size_t count = model_entries(model, index, i, entries);
            status = fct_index_rebuild_add(index, entries, count, err);
        }
    }
    return status == FACTUM_OK ? fct_index_rebuild_end(index, to, err) : status;
}

factum_status model_rebuild_missing(const struct model *model, struct fct_index *index,
                                    factum_error *err)
{
    uint64_t from;
    uint64_t to;
    factum_status status = FACTUM_OK;
    while (status == FACTUM_OK && fct_index_missing(index, &from, &to)) {
        status = model_rebuild(model, index, from, to, err);
    }
    return status;
}

/* ---- comparing: wrong answers end the program, failures of the index are returned ------------ */

static factum_status model_walk(const struct model *model, struct fct_index *index,
                                const struct fct_index_key *key, const struct model_list *list,
                                factum_error *err)
{
    struct fct_postings postings;
    uint64_t position = 0;
    factum_status status;
    size_t at = 0;
    fct_postings_init(&postings, index, key);
    while ((status = fct_postings_next(&postings, &position, err)) == FACTUM_OK) {
        if (at >= list->count || position != list->positions[at]) {
            model_die(model, "a wrong posting");
        }
        at++;
    }
    if (status < 0) {
        return status;
    }
    if (at != list->count) {
        model_die(model, "a list ends too soon");
    }
    fct_postings_seek(&postings, list->count);
    while ((status = fct_postings_previous(&postings, &position, err)) == FACTUM_OK) {
        if (at == 0 || position != list->positions[--at]) {
            model_die(model, "a wrong posting, backwards");
        }
    }
    if (status >= 0 && at != 0) {
        model_die(model, "a list begins too late");
    }
    return status < 0 ? status : FACTUM_OK;
}

/* Compares a few random places of a list, by ordinal and by position. */
static factum_status model_seek(struct model *model, struct fct_index *index,
                                const struct fct_index_key *key, const struct model_list *list,
                                factum_error *err)
{
    struct fct_postings postings;
    fct_postings_init(&postings, index, key);
    for (int i = 0; i < 4; i++) {
        uint64_t position = 0;
        size_t at = (size_t)fct_random_below(&model->random, list->count + 1);
        fct_postings_seek(&postings, at);
        factum_status status = fct_postings_next(&postings, &position, err);
        if (status < 0) {
            return status;
        }
        if ((status == FACTUM_OK) != (at < list->count) ||
            (status == FACTUM_OK && position != list->positions[at])) {
            model_die(model, "a wrong posting after a seek");
        }
        at = (size_t)fct_random_below(&model->random, list->count + 1);
        uint64_t sought = at < list->count ? list->positions[at] : UINT64_MAX;
        sought -= at < list->count ? fct_random_below(&model->random, 2) * 4 : 0;
        status = fct_postings_seek_position(&postings, sought, err);
        if (status < 0) {
            return status;
        }
        if (fct_postings_ordinal(&postings) != at) {
            model_die(model, "a wrong place after a seek to a position");
        }
    }
    return FACTUM_OK;
}

static factum_status model_check_list(struct model *model, struct fct_index *index,
                                      enum fct_index_kind kind, unsigned name, factum_error *err)
{
    const struct model_list *list = &model->lists[kind - 1][name];
    struct fct_index_key key = model_key(index, kind, name);
    uint64_t count = 0;
    uint64_t first = 0;
    uint64_t last = 0;
    factum_status status = fct_index_find(index, &key, &count, &first, &last, err);
    if (status < 0) {
        return status;
    }
    if (count != list->count) {
        model_die(model, "a wrong count");
    }
    if (count > 0 && (first != list->positions[0] || last != list->positions[count - 1])) {
        model_die(model, "a wrong first or last posting");
    }
    status = model_walk(model, index, &key, list, err);
    return status == FACTUM_OK ? model_seek(model, index, &key, list, err) : status;
}

size_t model_names(const struct model *model, enum fct_index_kind kind)
{
    size_t names = 0;
    for (size_t name = 0; name < MODEL_NAMES; name++) {
        names += model->lists[kind - 1][name].count > 0;
    }
    return names;
}

void model_check_listed(const struct model *model, const struct fct_index *index,
                        const struct fct_index_key *key, const uint64_t figures[3])
{
    for (unsigned name = 0; name < MODEL_NAMES; name++) {
        struct fct_index_key other = model_key(index, key->kind, name);
        if (fct_hash128_equal(other.hash, key->hash)) {
            const struct model_list *list = &model->lists[key->kind - 1][name];
            if (list->count == 0 || figures[0] != list->count || figures[1] != list->positions[0] ||
                figures[2] != list->positions[list->count - 1]) {
                model_die(model, "a listed key has wrong figures");
            }
            return;
        }
    }
    model_die(model, "a listed key was never added");
}

static factum_status model_check_keys(const struct model *model, struct fct_index *index,
                                      enum fct_index_kind kind, factum_error *err)
{
    struct fct_index_keys *keys;
    struct fct_index_key key;
    struct fct_index_key before = {.kind = kind};
    uint64_t figures[3];
    size_t count = 0;
    factum_status status = fct_index_keys_open(index, kind, &keys, err);
    while (status == FACTUM_OK) {
        status = fct_index_keys_next(keys, &key, &figures[0], &figures[1], &figures[2], err);
        if (status == FACTUM_OK) {
            if (count++ > 0 && fct_hash128_compare(before.hash, key.hash) >= 0) {
                model_die(model, "keys are not in their order");
            }
            before = key;
            model_check_listed(model, index, &key, figures);
        }
    }
    fct_index_keys_close(keys);
    if (status >= 0 && count != model_names(model, kind)) {
        model_die(model, "the list of keys is not whole");
    }
    return status < 0 ? status : FACTUM_OK;
}

/* Did a name of |kind| first appear at entry |i|? */
static bool model_is_birth(const struct model *model, size_t i)
{
    const struct model_entry *entry = &model->entries[i];
    return model->lists[entry->kind - 1][entry->name].positions[0] == entry->position;
}

/* Walks the list of first appearances with key |key|, and compares it with the model: names of
 * |kind|, only those before a CATEGORY entry of |category| if that is a name. */
static factum_status model_check_births(const struct model *model, struct fct_index *index,
                                        const struct fct_index_key *key, enum fct_index_kind kind,
                                        unsigned category, factum_error *err)
{
    struct fct_postings postings;
    struct fct_index_stats stats;
    uint64_t position = 0;
    factum_status status = FACTUM_OK;
    fct_postings_init(&postings, index, key);
    for (size_t i = 0; i < model->count && status >= 0; i++) {
        const struct model_entry *entry = &model->entries[i];
        bool other = category < MODEL_NAMES &&
                     (entry[1].kind != FCT_INDEX_CATEGORY || entry[1].name != category);
        if (entry->kind != kind || !model_is_birth(model, i) || other) {
            continue;
        }
        uint64_t extra = 0;
        while ((status = fct_postings_next(&postings, &position, err)) == FACTUM_OK &&
               position < entry->position) {
            extra++;
        }
        fct_index_stats(index, &stats);
        if (status >= 0 && (status == FACTUM_DONE || position != entry->position)) {
            model_die(model, "a birth is not in its list");
        }
        if (status >= 0 && extra > 0 && stats.doubtful_births == 0) {
            model_die(model, "a false birth that is not reported");
        }
    }
    return status < 0 ? status : FACTUM_OK;
}

static factum_status model_check_all_births(const struct model *model, struct fct_index *index,
                                            factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (int kind = 1; kind <= MODEL_KINDS && status == FACTUM_OK; kind++) {
        struct fct_index_key key = fct_index_births_key((enum fct_index_kind)kind);
        status =
            model_check_births(model, index, &key, (enum fct_index_kind)kind, MODEL_NAMES, err);
    }
    for (unsigned category = 0; category < 2 && status == FACTUM_OK; category++) {
        struct fct_index_key of = model_key(index, FCT_INDEX_CATEGORY, category);
        struct fct_index_key key = fct_index_category_births_key(&of);
        status = model_check_births(model, index, &key, FCT_INDEX_STREAM, category, err);
    }
    return status;
}

/* Compares every list, forwards, backwards and from within, and the lists of keys. */
factum_status model_check(struct model *model, struct fct_index *index, factum_error *err)
{
    factum_status status = FACTUM_OK;
    for (int kind = 1; kind <= MODEL_KINDS && status == FACTUM_OK; kind++) {
        for (unsigned name = 0; name < MODEL_NAMES && status == FACTUM_OK; name++) {
            status = model_check_list(model, index, (enum fct_index_kind)kind, name, err);
        }
        if (status == FACTUM_OK) {
            status = model_check_keys(model, index, (enum fct_index_kind)kind, err);
        }
    }
    return status == FACTUM_OK ? model_check_all_births(model, index, err) : status;
}
