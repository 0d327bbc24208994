/* number.c - see number.h. Layer: schema. */
#include "schema/number.h"

#include "core/hash.h"
#include "core/slice.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The exponent in |text|, after the 'e'. */
static int64_t parse_exponent(factum_slice text, size_t at)
{
    int64_t exponent = 0;
    bool negative = at < text.len && text.ptr[at] == '-';
    if (at < text.len && !is_digit(text.ptr[at])) {
        at++;
    }
    for (; at < text.len; at++) {
        exponent = exponent * 10 + (text.ptr[at] - '0');
        if (exponent > FCT_DECIMAL_MAGNITUDE_MAX / 16) {
            exponent = FCT_DECIMAL_MAGNITUDE_MAX / 16;
        }
    }
    return negative ? -exponent : exponent;
}

struct fct_decimal fct_decimal_parse(factum_slice text)
{
    struct fct_decimal number = {.negative = text.len > 0 && text.ptr[0] == '-'};
    size_t at = number.negative ? 1 : 0;
    int64_t seen = 0;        /* digits so far, counted from the first nonzero digit */
    int64_t whole = 0;       /* significant digits before the point */
    int64_t zeros_after = 0; /* zeros after the point, before the first nonzero digit */
    bool after_point = false;
    for (; at < text.len && (text.ptr[at] | 0x20) != 'e'; at++) {
        uint8_t c = text.ptr[at];
        if (c == '.') {
            after_point = true;
        } else if (c == '0' && seen == 0) {
            zeros_after += after_point ? 1 : 0;
        } else {
            number.digits = seen == 0 ? text.ptr + at : number.digits;
            seen++;
            number.count = c == '0' ? number.count : (uint32_t)seen;
            whole += after_point ? 0 : 1;
        }
    }
    if (number.count == 0) {
        return (struct fct_decimal){.negative = false};
    }
    number.magnitude = whole > 0 ? whole : -zeros_after;
    if (at < text.len) {
        number.magnitude += parse_exponent(text, at + 1);
    }
    return number;
}

/* Returns the next digit as an ASCII character and advances *at; skips a point. */
static uint8_t next_digit(const uint8_t **at)
{
    if (**at == '.') {
        (*at)++;
    }
    return *(*at)++;
}

static int compare_digits(const struct fct_decimal *a, const struct fct_decimal *b)
{
    const uint8_t *at_a = a->digits;
    const uint8_t *at_b = b->digits;
    uint32_t count = a->count < b->count ? a->count : b->count;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t digit_a = next_digit(&at_a);
        uint8_t digit_b = next_digit(&at_b);
        if (digit_a != digit_b) {
            return digit_a < digit_b ? -1 : 1;
        }
    }
    return a->count < b->count ? -1 : a->count > b->count;
}

int fct_decimal_compare(const struct fct_decimal *a, const struct fct_decimal *b)
{
    int sign_a = a->count == 0 ? 0 : a->negative ? -1 : 1;
    int sign_b = b->count == 0 ? 0 : b->negative ? -1 : 1;
    if (sign_a != sign_b || sign_a == 0) {
        return sign_a - sign_b;
    }
    if (a->magnitude != b->magnitude) {
        return (a->magnitude < b->magnitude) == (sign_a > 0) ? -1 : 1;
    }
    return sign_a * compare_digits(a, b);
}

bool fct_decimal_is_integer(const struct fct_decimal *number)
{
    return number->magnitude >= (int64_t)number->count;
}

uint64_t fct_decimal_hash(const struct fct_decimal *number, uint64_t seed)
{
    uint64_t hash = seed ^ (uint64_t)number->magnitude ^ (number->negative ? UINT64_MAX : 0);
    const uint8_t *at = number->digits;
    uint64_t chunk = number->count;
    for (uint32_t i = 0; i < number->count; i++) {
        chunk = chunk * 10 + next_digit(&at);
        if (i % 16 == 15) {
            hash = fct_hash64(fct_slice(&chunk, sizeof chunk), hash);
            chunk = 0;
        }
    }
    return fct_hash64(fct_slice(&chunk, sizeof chunk), hash);
}

bool fct_decimal_small(const struct fct_decimal *number, int64_t *value)
{
    const uint8_t *at = number->digits;
    if (!fct_decimal_is_integer(number) || number->magnitude > 18) {
        return false;
    }
    *value = 0;
    for (int64_t i = 0; i < number->magnitude; i++) {
        *value = *value * 10 + (i < (int64_t)number->count ? next_digit(&at) - '0' : 0);
    }
    *value = number->negative ? -*value : *value;
    return true;
}

bool fct_divisor_from(const struct fct_decimal *number, struct fct_divisor *divisor)
{
    if (number->count == 0 || number->negative || number->count > FCT_DIVISOR_DIGITS_MAX) {
        return false;
    }
    const uint8_t *at = number->digits;
    divisor->divisor = 0;
    for (uint32_t i = 0; i < number->count; i++) {
        divisor->divisor = divisor->divisor * 10 + (uint64_t)(next_digit(&at) - '0');
    }
    divisor->exponent = number->magnitude - (int64_t)number->count;
    return true;
}

bool fct_decimal_is_multiple(const struct fct_decimal *number, const struct fct_divisor *of)
{
    const uint8_t *at = number->digits;
    uint64_t rest = 0;
    int64_t tens = number->magnitude - (int64_t)number->count - of->exponent;
    if (number->count == 0) {
        return true;
    }
    if (tens < 0) {
        return false; /* the last digit is not 0: not a multiple of 10 */
    }
    for (uint32_t i = 0; i < number->count; i++) {
        rest = (rest * 10 + (uint64_t)(next_digit(&at) - '0')) % of->divisor;
    }
    /* Each multiplication by 10 cancels one factor 2 and one factor 5 of the divisor, which is
     * below 2^60. After 60 of them, more cannot change whether |rest| is 0. */
    for (int i = 0; i < 60 && i < tens && rest != 0; i++) {
        rest = rest * 10 % of->divisor;
    }
    return rest == 0;
}

bool fct_decimal_count(const struct fct_decimal *number, uint32_t *count)
{
    if ((number->negative && number->count > 0) || !fct_decimal_is_integer(number)) {
        return false;
    }
    uint64_t value = 0;
    const uint8_t *at = number->digits;
    for (int64_t i = 0; i < number->magnitude && value <= UINT32_MAX; i++) {
        value = value * 10 + (i < (int64_t)number->count ? (uint64_t)(next_digit(&at) - '0') : 0);
    }
    *count = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return true;
}
