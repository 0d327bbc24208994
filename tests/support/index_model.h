/* index_model.h - an index compared with an array of its expected contents. For tests of the index.
 *
 * The model has the part of the log: batches of postings in rising positions, which can be added to
 * an index again from any batch on. Names are numbers. The seed of an index, and with it its keys,
 * changes when the index is created again, so keys are computed when they are needed. A difference
 * between index and model ends the program; the message names model->what.
 */
#ifndef FCT_TESTS_SUPPORT_INDEX_MODEL_H
#define FCT_TESTS_SUPPORT_INDEX_MODEL_H

#include "core/random.h"
#include "index/index.h"
#include "index/keys.h"

enum { MODEL_NAMES = 24, MODEL_KINDS = 3, MODEL_BATCH_MAX = 64 };

struct model_entry {
    enum fct_index_kind kind;
    unsigned name;
    uint64_t position;
};

struct model_batch {
    size_t first; /* index into entries */
    uint64_t start;
    uint64_t end;
};

struct model_list {
    uint64_t *positions;
    size_t count;
};

struct model {
    struct fct_random random;
    struct model_entry *entries;
    size_t count;
    struct model_batch *batches;
    size_t batch_count;
    struct model_list lists[MODEL_KINDS][MODEL_NAMES];
    bool wide;      /* positions differ by five bytes' worth, so that lists fill blocks sooner */
    char what[160]; /* what the test does now, for messages */
};

/* Prints model->what and |why| as a failed case, and aborts. */
_Noreturn void model_die(const struct model *model, const char *why);

void model_init(struct model *model, uint64_t seed);
void model_finish(struct model *model);

/* Where the last batch ends; 0 before the first one. */
uint64_t model_end(const struct model *model);
struct fct_index_key model_key(const struct fct_index *index, enum fct_index_kind kind,
                               unsigned name);
/* The log point at the end of |batch|. */
struct fct_index_point model_point(const struct model *model, size_t batch);
/* How many names of |kind| have a posting. */
size_t model_names(const struct model *model, enum fct_index_kind kind);

/* Adds a batch of 1 to |events_max| events, at most MODEL_BATCH_MAX, to the model. Each event is in
 * a stream (few streams in most cases), in a category and of the one type. */
void model_batch(struct model *model, unsigned events_max);
/* Writes the entries of |batch|, with the keys of |index|, to |entries|: at most three for each
 * event. Returns how many. */
size_t model_entries(const struct model *model, const struct fct_index *index, size_t batch,
                     struct fct_index_entry *entries);
/* Adds the batches from position |from| on to |index|, as the engine does after it opened one. */
factum_status model_replay(const struct model *model, struct fct_index *index, uint64_t from,
                           factum_error *err);
/* Rebuilds the postings of [from, to), or of its start if the index takes no more. */
factum_status model_rebuild(const struct model *model, struct fct_index *index, uint64_t from,
                            uint64_t to, factum_error *err);
/* Rebuilds every range that |index| misses. */
factum_status model_rebuild_missing(const struct model *model, struct fct_index *index,
                                    factum_error *err);

/* Compares every list, forwards, backwards and after seeks, the lists of keys and the births. A
 * wrong answer ends the program; a failure that the index reports is returned. */
factum_status model_check(struct model *model, struct fct_index *index, factum_error *err);
/* Compares count, first and last posting of a listed key. */
void model_check_listed(const struct model *model, const struct fct_index *index,
                        const struct fct_index_key *key, const uint64_t figures[3]);

#endif
