/* resequencer_fuzz.c - a resequencer against a list that is searched from end to end. Layer: tests.
 *
 * The first byte chooses the bounds. Each further byte gives an event, its key in the low three
 * bits, its sequence in the other five; 0xfe runs, 0xff lets time pass and runs. Key 2 fails now
 * and then, key 7 is parked at once, and key 6 waits until something of key 5 was released.
 *
 * Checked: each event is released, parked or dropped once, or held; keys come out in order; bounds
 * hold; after a run no event is held whose turn has come.
 */
#include <string.h>

#include <factum/delivery.h>

#include "core/check.h"
#include "core/slice.h"

#define KEYS 8
#define SEQUENCES 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model {
    bool held[KEYS][SEQUENCES];
    uint64_t next[KEYS];
    uint64_t released;
    uint64_t parked;
    uint64_t tries; /* attempts to release key 2 */
    bool failed;
};

static int fuzz_key(const factum_sequenced *item)
{
    FCT_ASSERT(item->key.len == 1 && item->key.ptr[0] < KEYS && item->sequence < SEQUENCES);
    FCT_ASSERT(fct_slice_equal(item->event->data, item->key));
    return item->key.ptr[0];
}

static factum_turn turn_of(const struct model *model, int key, uint64_t sequence)
{
    if (key == 7) {
        return FACTUM_TURN_PARK;
    }
    if (key == 6) {
        return model->next[5] > 0 ? FACTUM_TURN_NOW : FACTUM_TURN_WAIT;
    }
    return sequence == model->next[key]  ? FACTUM_TURN_NOW
           : sequence < model->next[key] ? FACTUM_TURN_PAST
                                         : FACTUM_TURN_WAIT;
}

static factum_turn turn(void *data, const factum_sequenced *item)
{
    return turn_of(data, fuzz_key(item), item->sequence);
}

static bool fails(struct model *model, int key)
{
    bool now = key == 2 && ++model->tries % 3 == 0;
    model->failed = model->failed || now;
    return now;
}

static factum_status release(void *data, const factum_sequenced *item, factum_error *err)
{
    struct model *model = data;
    int key = fuzz_key(item);
    (void)err;
    if (fails(model, key)) {
        return FACTUM_BUSY;
    }
    FCT_ASSERT(turn_of(model, key, item->sequence) == FACTUM_TURN_NOW);
    model->next[key] = item->sequence + 1;
    model->held[key][item->sequence] = false;
    model->released++;
    return FACTUM_OK;
}

static factum_status park(void *data, const factum_sequenced *item, factum_park_reason reason,
                          factum_error *err)
{
    struct model *model = data;
    int key = fuzz_key(item);
    (void)err;
    if (fails(model, key)) {
        return FACTUM_NO_SPACE;
    }
    FCT_ASSERT(reason != FACTUM_PARK_TURN || key == 7);
    for (uint64_t before = 0; before < item->sequence && reason != FACTUM_PARK_TURN; before++) {
        FCT_ASSERT(!model->held[key][before] || /* in order */
                   turn_of(model, key, before) == FACTUM_TURN_PAST);
    }
    model->held[key][item->sequence] = false;
    model->parked++;
    return FACTUM_OK;
}

static void check_model(const factum_resequencer *resequencer, struct model *model, bool ran)
{
    factum_resequencer_info info = {.size = sizeof info};
    uint64_t held = 0;
    FCT_ASSERT(factum_resequencer_info_get(resequencer, &info, NULL) == FACTUM_OK);
    for (int key = 0; key < KEYS; key++) {
        bool first = true;
        for (uint64_t i = 0; i < SEQUENCES; i++) {
            if (model->held[key][i] && ran && first && turn_of(model, key, i) == FACTUM_TURN_PAST) {
                model->held[key][i] = false; /* dropped silently */
            }
            if (model->held[key][i]) {
                FCT_ASSERT(!ran || !first || turn_of(model, key, i) == FACTUM_TURN_WAIT);
                first = false;
                held++;
            }
        }
    }
    FCT_ASSERT(!ran || info.held == held);
    FCT_ASSERT(info.released == model->released);
    FCT_ASSERT(info.parked == model->parked);
}

static void give(factum_resequencer *resequencer, struct model *model, uint8_t byte, int64_t now)
{
    uint8_t key = byte & 7;
    uint64_t sequence = byte >> 3;
    const factum_event event = {.data = {&key, 1}, .position = 1 + sequence};
    const factum_sequenced item = {
        .size = sizeof item, .key = {&key, 1}, .sequence = sequence, .event = &event};
    factum_turn expected = turn_of(model, key, sequence);
    model->failed = false;
    factum_status status = factum_resequencer_give(resequencer, &item, now, NULL);
    FCT_ASSERT(status >= 0 || model->failed);
    if (status == FACTUM_PENDING) {
        FCT_ASSERT(expected == FACTUM_TURN_WAIT);
        FCT_ASSERT(!model->held[key][sequence]);
        model->held[key][sequence] = true;
    } else if (status == FACTUM_DONE) {
        FCT_ASSERT(expected == FACTUM_TURN_PAST || model->held[key][sequence]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model model;
    factum_resequencer *resequencer;
    int64_t now = 0;
    uint8_t bounds = size > 0 ? data[0] : 0;
    memset(&model, 0, sizeof model);
    const factum_resequencer_options options = {.size = sizeof options,
                                                .data = &model,
                                                .turn = turn,
                                                .release = release,
                                                .park = park,
                                                .across_keys = true,
                                                .count_max = bounds & 1 ? 5 : 0,
                                                .size_max = bounds & 2 ? 2000 : 0,
                                                .wait_max = 3};
    FCT_ASSERT(factum_resequencer_open(&options, &resequencer, NULL) == FACTUM_OK);
    for (size_t i = 1; i < size; i++) {
        bool run = data[i] >= 0xfe;
        if (run) {
            now += data[i] == 0xff ? 2 : 0;
            model.failed = false;
            factum_status status = factum_resequencer_run(resequencer, now, false, NULL);
            FCT_ASSERT(status == FACTUM_OK || model.failed);
            run = status == FACTUM_OK;
        } else {
            give(resequencer, &model, data[i], now);
        }
        check_model(resequencer, &model, run);
    }
    factum_resequencer_close(resequencer);
    return 0;
}
