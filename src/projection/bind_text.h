/* bind_text.h - numbers and times of events, converted fast: binding does this most often.
 * Layer: projection. Pure.
 *
 * The results are those of codec/json_number.h and of factum_time_format; most values take a
 * shorter way to them.
 */
#ifndef FCT_PROJECTION_BIND_TEXT_H
#define FCT_PROJECTION_BIND_TEXT_H

#include <factum/base.h>

#include "core/compiler.h"

#define FCT_BIND_DATE_SIZE ((size_t)10) /* of "2026-03-01" */

/* |raw| is a JSON number without fraction and exponent. False: it does not fit 64 bits. */
FCT_MUST_USE bool fct_bind_int64(factum_slice raw, int64_t *number);
/* |raw| is a JSON number; *number is the nearest double. False: it is above the largest double. */
FCT_MUST_USE bool fct_bind_double(factum_slice raw, double *number);

/* The day that was printed last, because events follow each other in time. Zero it before use. */
struct fct_bind_clock {
    bool known;
    int64_t day;
    char date[FCT_BIND_DATE_SIZE];
};

/* factum_time_format; returns the length of |text|. */
size_t fct_bind_time(struct fct_bind_clock *clock, int64_t time, char text[FACTUM_TIME_TEXT_SIZE]);

#endif
