/* number.h - numbers of JSON by their digits: exact at any length. Layer: schema. Pure.
 *
 * A decimal is a view of its text, which must outlive it. Its value is 0.DIGITS times ten to the
 * power |magnitude|. The first and the last digit are not 0, so equal numbers have equal parts.
 * Zero has no digits.
 */
#ifndef FCT_SCHEMA_NUMBER_H
#define FCT_SCHEMA_NUMBER_H

#include <factum/base.h>

struct fct_decimal {
    const uint8_t *digits; /* the first that is not 0; a point may be among them */
    uint32_t count;        /* digits up to the last that is not 0 */
    bool negative;
    int64_t magnitude; /* at most FCT_DECIMAL_MAGNITUDE_MAX away from 0 */
};

/* An exponent is limited to 1/16 of this, so adding the digits before the point cannot exceed it.
 * No text that fits into memory shows the difference. */
#define FCT_DECIMAL_MAGNITUDE_MAX (INT64_C(1) << 60)

/* |text| is a JSON number. */
struct fct_decimal fct_decimal_parse(factum_slice text);
/* Below 0, 0 or above 0. */
int fct_decimal_compare(const struct fct_decimal *a, const struct fct_decimal *b);
bool fct_decimal_is_integer(const struct fct_decimal *number);
/* Equal for equal numbers, also for 1, 1.0 and 10e-1. */
uint64_t fct_decimal_hash(const struct fct_decimal *number, uint64_t seed);

/* Sets *value to the number. Returns false if it is not whole or has more than 18 digits. */
bool fct_decimal_small(const struct fct_decimal *number, int64_t *value);

/* A divisor: |divisor| times ten to the power |exponent|. */
struct fct_divisor {
    uint64_t divisor; /* 1 to 10^18 - 1, not a multiple of 10 */
    int64_t exponent;
};
#define FCT_DIVISOR_DIGITS_MAX 18
/* False: |number| is not above 0, or has more digits than FCT_DIVISOR_DIGITS_MAX. */
bool fct_divisor_from(const struct fct_decimal *number, struct fct_divisor *divisor);
bool fct_decimal_is_multiple(const struct fct_decimal *number, const struct fct_divisor *of);

/* A whole number from 0 to UINT32_MAX, also "2.0". A larger one gives UINT32_MAX. False: below 0,
 * or not whole. */
bool fct_decimal_count(const struct fct_decimal *number, uint32_t *count);

#endif
