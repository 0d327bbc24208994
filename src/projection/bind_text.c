/* bind_text.c - see bind_text.h. Layer: projection. */
#include "projection/bind_text.h"

#include <float.h>
#include <string.h>

#include "codec/json_number.h"

#define DIGITS_MAX_INT64 18  /* a number of so many digits always fits an int64_t */
#define DIGITS_MAX_DOUBLE 15 /* a whole number of so many digits always is a double, exactly */
#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_DAY (INT64_C(86400) * NS_PER_SECOND)

bool fct_bind_int64(factum_slice raw, int64_t *number)
{
    size_t minus = raw.ptr[0] == '-' ? 1 : 0;
    if (raw.len - minus > DIGITS_MAX_INT64) {
        return fct_json_number_int64(raw, number) == FACTUM_OK;
    }
    int64_t result = 0;
    for (size_t i = minus; i < raw.len; i++) {
        result = result * 10 + (raw.ptr[i] - '0');
    }
    *number = minus > 0 ? -result : result;
    return true;
}

/* A number of few digits is a whole number divided by a power of ten. If both are exact doubles,
 * their quotient is the nearest double, because a division rounds once. */
static bool short_double(factum_slice raw, double *number)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t minus = raw.ptr[0] == '-' ? 1 : 0;
    size_t point = 0; /* 1 + the digits after the point; 0: no point yet */
    int64_t digits = 0;
    if (FLT_EVAL_METHOD != 0 || raw.len - minus > DIGITS_MAX_DOUBLE + 1) {
        return false;
    }
    for (size_t i = minus; i < raw.len; i++) {
        uint8_t c = raw.ptr[i];
        if (c == '.') {
            point = raw.len - i;
        } else if (c >= '0' && c <= '9') {
            digits = digits * 10 + (c - '0');
        } else {
            return false; /* an exponent */
        }
    }
    if (point == 0) {
        return false;
    }
    double result = (double)digits / powers[point - 1];
    *number = minus > 0 ? -result : result;
    return true;
}

bool fct_bind_double(factum_slice raw, double *number)
{
    return short_double(raw, number) || fct_json_number_double(raw, number) == FACTUM_OK;
}

/* Writes |count| digits, then |end|. */
static char *put_digits(char *to, int64_t number, size_t count, char end)
{
    for (size_t i = count; i-- > 0; number /= 10) {
        to[i] = (char)('0' + number % 10);
    }
    to[count] = end;
    return to + count + 1;
}

size_t fct_bind_time(struct fct_bind_clock *clock, int64_t time, char text[FACTUM_TIME_TEXT_SIZE])
{
    int64_t day = time / NS_PER_DAY - (time % NS_PER_DAY < 0 ? 1 : 0);
    int64_t left = time % NS_PER_DAY;
    left += left < 0 ? NS_PER_DAY : 0;
    if (!clock->known || clock->day != day) {
        factum_time_format(time, text);
        memcpy(clock->date, text, sizeof clock->date);
        clock->day = day;
        clock->known = true;
    }
    memcpy(text, clock->date, sizeof clock->date);
    char *to = text + sizeof clock->date;
    int64_t second = left / NS_PER_SECOND;
    int64_t ns = left % NS_PER_SECOND;
    *to++ = 'T';
    to = put_digits(to, second / 3600, 2, ':');
    to = put_digits(to, second / 60 % 60, 2, ':');
    to = put_digits(to, second % 60, 2, '.');
    if (ns == 0) {
        to[-1] = 'Z';
    } else if (ns % 1000000 == 0) {
        to = put_digits(to, ns / 1000000, 3, 'Z');
    } else if (ns % 1000 == 0) {
        to = put_digits(to, ns / 1000, 6, 'Z');
    } else {
        to = put_digits(to, ns, 9, 'Z');
    }
    *to = '\0';
    return (size_t)(to - text);
}
