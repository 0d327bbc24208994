/* token.c - see token.h. Layer: engine. */
#include "engine/token.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

static const struct fct_timeline *timeline_of(const struct fct_timelines *timelines, uint64_t place)
{
    FCT_ASSERT(timelines->count > 0);
    FCT_ASSERT(timelines->count <= FCT_TIMELINES_MAX);
    const struct fct_timeline *found = &timelines->items[0];
    for (uint32_t i = 1; i < timelines->count; i++) {
        if (timelines->items[i].from <= place) {
            found = &timelines->items[i];
        }
    }
    return found;
}

void fct_token_format(const struct fct_timelines *timelines, uint64_t place,
                      char text[FACTUM_TOKEN_SIZE])
{
    int len = snprintf(text, FACTUM_TOKEN_SIZE, "f1-%016" PRIx64 "-0-%" PRIu64,
                       timeline_of(timelines, place)->id, place);
    FCT_ASSERT(len > 0);
    FCT_ASSERT(len < FACTUM_TOKEN_SIZE);
}

/* Removes |text| from the front of *rest. False: it is not there. */
static bool skip_text(factum_slice *rest, factum_slice text)
{
    if (!fct_slice_starts(*rest, text)) {
        return false;
    }
    *rest = fct_slice_from(*rest, text.len);
    return true;
}

/* Removes exactly 16 lower-case hex digits from the front of *rest. */
static bool take_hex(factum_slice *rest, uint64_t *value)
{
    if (rest->len < 16) {
        return false;
    }
    *value = 0;
    for (size_t i = 0; i < 16; i++) {
        uint8_t c = rest->ptr[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f')) {
            return false;
        }
        *value = *value << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    *rest = fct_slice_from(*rest, 16);
    return true;
}

/* Reads |rest| as a decimal number in its only form: no sign, no leading zeros, no overflow. */
static bool take_decimal(factum_slice rest, uint64_t *value)
{
    *value = 0;
    if (rest.len == 0 || (rest.len > 1 && rest.ptr[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] < '0' || rest.ptr[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(rest.ptr[i] - '0');
        if (*value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *value = *value * 10 + digit;
    }
    return true;
}

/* Are the events up to |place| of timeline |id| in the history of the current timeline? */
static bool is_shared(const struct fct_timelines *timelines, uint64_t id, uint64_t place)
{
    for (uint32_t i = 0; i < timelines->count; i++) {
        if (timelines->items[i].id != id) {
            continue;
        }
        for (uint32_t j = i + 1; j < timelines->count; j++) {
            if (place >= timelines->items[j].from) {
                return false;
            }
        }
        return true;
    }
    return false;
}

factum_status fct_token_parse(const struct fct_timelines *timelines, factum_slice token,
                              uint64_t *place, factum_error *err)
{
    factum_slice rest = token;
    uint64_t id = 0;
    uint64_t value = 0;
    if (token.ptr == NULL || token.len >= FACTUM_TOKEN_SIZE ||
        !skip_text(&rest, FCT_SLICE("f1-")) || !take_hex(&rest, &id) ||
        !skip_text(&rest, FCT_SLICE("-0-")) || !take_decimal(rest, &value)) {
        factum_slice shown = token.ptr != NULL && fct_utf8_valid(token) ? token : FCT_SLICE("");
        return fct_fail(err, FACTUM_INVALID,
                        "\"%.*s\" is not a token: give one that this store has given out",
                        FCT_FMT(shown));
    }
    if (!is_shared(timelines, id, value)) {
        return fct_fail(err, FACTUM_WRONG_TIMELINE,
                        "token %.*s belongs to another history: to another store, or to what a "
                        "restore or repair of this one gave up; read again from the start",
                        FCT_FMT(token));
    }
    *place = value;
    return FACTUM_OK;
}
