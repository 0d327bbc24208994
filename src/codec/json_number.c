/* json_number.c - exact reading and comparing of numbers: see json_number.h. Layer: codec.
 *
 * A number is taken apart once, into its significant digits (without zeros at either end) and a
 * power of ten. An exponent may have any number of digits: exponents are compared digit by digit,
 * and where one is needed as an integer it is capped at EXPONENT_MAX, which no text is long enough
 * to make up for. */
#include "codec/json_number.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slice.h"

#define EXPONENT_MAX (INT64_C(1) << 60)
/* At most 767 digits decide how a decimal rounds to a double; one more shows a non-zero rest. */
#define DOUBLE_DIGITS_MAX 800
#define DOUBLE_EXPONENT_MAX 100000

/* sign 0.DIGITS * 10^(point + exponent), where DIGITS begins and ends with another digit than 0. */
struct decimal {
    const uint8_t *digits; /* may contain the point */
    const uint8_t *digits_end;
    size_t count; /* of digits; 0: the number is 0 */
    int64_t point;
    factum_slice exponent; /* digits without zeros in front */
    bool exponent_minus;
    bool minus;
};

/* Reads the part after the 'e'. */
static void take_exponent(struct decimal *decimal, const uint8_t *at, const uint8_t *end)
{
    decimal->exponent_minus = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    while (at < end && *at == '0') {
        at++;
    }
    decimal->exponent = fct_slice(at, (size_t)(end - at));
}

static struct decimal take_apart(factum_slice raw)
{
    struct decimal decimal = {.exponent = {raw.ptr, 0}};
    const uint8_t *at = raw.ptr;
    const uint8_t *end = raw.ptr + raw.len;
    decimal.minus = at < end && *at == '-';
    at += decimal.minus ? 1 : 0;
    bool fraction = false;
    size_t zeros = 0; /* since the last non-zero digit */
    for (; at < end && (*at | 0x20) != 'e'; at++) {
        if (*at == '.') {
            fraction = true;
        } else if (*at != '0') {
            decimal.digits = decimal.count == 0 ? at : decimal.digits;
            decimal.count += decimal.count == 0 ? 1 : zeros + 1;
            decimal.digits_end = at + 1;
            decimal.point += fraction ? 0 : 1;
            zeros = 0;
        } else {
            zeros++;
            decimal.point += decimal.count == 0 ? (fraction ? -1 : 0) : (fraction ? 0 : 1);
        }
    }
    if (at < end) {
        take_exponent(&decimal, at + 1, end);
    }
    return decimal;
}

/* point + exponent, capped. */
static int64_t power_of(const struct decimal *decimal)
{
    int64_t exponent = 0;
    for (size_t i = 0; i < decimal->exponent.len && exponent < EXPONENT_MAX / 16; i++) {
        exponent = exponent * 10 + (decimal->exponent.ptr[i] - '0');
    }
    return decimal->point + (decimal->exponent_minus ? -exponent : exponent);
}

/* ---- whole numbers --------------------------------------------------------------------------- */

static bool is_whole(const struct decimal *decimal, int64_t power)
{
    return decimal->count == 0 || power >= (int64_t)decimal->count;
}

/* The absolute value. */
static factum_status take_whole(const struct decimal *decimal, uint64_t *number)
{
    int64_t power = power_of(decimal);
    uint64_t result = 0;
    if (!is_whole(decimal, power) || (decimal->count > 0 && power > 20)) {
        return FACTUM_INVALID;
    }
    int64_t zeros = decimal->count == 0 ? 0 : power - (int64_t)decimal->count;
    for (const uint8_t *at = decimal->digits; at < decimal->digits_end; at++) {
        if (*at != '.' && (__builtin_mul_overflow(result, 10u, &result) ||
                           __builtin_add_overflow(result, (uint64_t)(*at - '0'), &result))) {
            return FACTUM_INVALID;
        }
    }
    for (; zeros > 0; zeros--) {
        if (__builtin_mul_overflow(result, 10u, &result)) {
            return FACTUM_INVALID;
        }
    }
    *number = result;
    return FACTUM_OK;
}

factum_status fct_json_number_int64(factum_slice raw, int64_t *number)
{
    struct decimal decimal = take_apart(raw);
    uint64_t whole = 0;
    factum_status status = take_whole(&decimal, &whole);
    if (status != FACTUM_OK || whole > (uint64_t)INT64_MAX + (decimal.minus ? 1 : 0)) {
        return FACTUM_INVALID;
    }
    *number = (int64_t)(decimal.minus ? 0 - whole : whole);
    return FACTUM_OK;
}

factum_status fct_json_number_uint64(factum_slice raw, uint64_t *number)
{
    struct decimal decimal = take_apart(raw);
    uint64_t whole = 0;
    factum_status status = take_whole(&decimal, &whole);
    if (status != FACTUM_OK || (decimal.minus && whole > 0)) {
        return FACTUM_INVALID;
    }
    *number = whole;
    return FACTUM_OK;
}

bool fct_json_number_whole(factum_slice raw)
{
    struct decimal decimal = take_apart(raw);
    return is_whole(&decimal, power_of(&decimal));
}

/* ---- doubles --------------------------------------------------------------------------------- */

/* The number as DIGITSeEXPONENT: without a point, whose form depends on the locale. */
static void write_plain(const struct decimal *decimal, char *to, size_t size)
{
    size_t used = 0;
    int64_t power = power_of(decimal);
    if (decimal->minus) {
        to[used++] = '-';
    }
    to[used++] = '0';
    int64_t left = power;
    for (const uint8_t *at = decimal->digits; at < decimal->digits_end; at++) {
        if (*at == '.') {
            continue;
        }
        left--;
        if (power - left > DOUBLE_DIGITS_MAX) {
            to[used++] = '1'; /* a digit for the rest, which is not 0 */
            break;
        }
        to[used++] = (char)*at;
    }
    left = left < DOUBLE_EXPONENT_MAX ? left : DOUBLE_EXPONENT_MAX;
    left = left > -DOUBLE_EXPONENT_MAX ? left : -DOUBLE_EXPONENT_MAX;
    (void)snprintf(to + used, size - used, "e%" PRId64, left);
}

factum_status fct_json_number_double(factum_slice raw, double *number)
{
    char text[DOUBLE_DIGITS_MAX + 32];
    struct decimal decimal = take_apart(raw);
    write_plain(&decimal, text, sizeof text);
    int saved = errno;
    double result = strtod(text, NULL);
    errno = saved;
    if (isinf(result)) {
        return FACTUM_INVALID;
    }
    *number = result;
    return FACTUM_OK;
}

/* ---- order ----------------------------------------------------------------------------------- */

/* The difference of two exponents: exact up to 2^40; beyond that only its sign is right. */
static int64_t exponent_difference(const struct decimal *a, const struct decimal *b)
{
    const int64_t enough = INT64_C(1) << 40;
    size_t len_a = a->exponent.len;
    size_t len_b = b->exponent.len;
    int64_t difference = 0;
    /* Once it is that large, no later digit can make it smaller. */
    for (size_t left = len_a > len_b ? len_a : len_b; left > 0; left--) {
        int digit_a = left <= len_a ? a->exponent.ptr[len_a - left] - '0' : 0;
        int digit_b = left <= len_b ? b->exponent.ptr[len_b - left] - '0' : 0;
        difference = difference * 10 + (a->exponent_minus ? -digit_a : digit_a) -
                     (b->exponent_minus ? -digit_b : digit_b);
        if (difference > enough || difference < -enough) {
            break;
        }
    }
    return difference;
}

/* Compares the digits after the point, as if both were followed by zeros. */
static int compare_digits(const struct decimal *a, const struct decimal *b)
{
    const uint8_t *at_a = a->digits;
    const uint8_t *at_b = b->digits;
    while (at_a < a->digits_end && at_b < b->digits_end) {
        at_a += *at_a == '.' ? 1 : 0;
        at_b += *at_b == '.' ? 1 : 0;
        if (*at_a != *at_b) {
            return *at_a < *at_b ? -1 : 1;
        }
        at_a++;
        at_b++;
    }
    return (at_a < a->digits_end) - (at_b < b->digits_end);
}

int factum_json_compare_numbers(factum_slice a, factum_slice b)
{
    struct decimal first = take_apart(a);
    struct decimal second = take_apart(b);
    int sign_a = first.count == 0 ? 0 : first.minus ? -1 : 1;
    int sign_b = second.count == 0 ? 0 : second.minus ? -1 : 1;
    if (sign_a != sign_b || sign_a == 0) {
        return (sign_a > sign_b) - (sign_a < sign_b);
    }
    int64_t powers = exponent_difference(&first, &second) + first.point - second.point;
    int order = powers != 0 ? (powers > 0 ? 1 : -1) : compare_digits(&first, &second);
    return sign_a * order;
}
