/* time_text.c - nanoseconds since 1970 as RFC 3339 text. Layer: core. See base.h.
 *
 * Calendar arithmetic: days in the proleptic Gregorian calendar, counted in eras of 400 years that
 * begin on the first of March, so that the leap day is the last of its year (H. Hinnant,
 * chrono-compatible low-level date algorithms).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <factum/base.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define SECONDS_PER_DAY INT64_C(86400)

static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2 ? 1 : 0;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month + (shifted_month < 10 ? 3 : -9);
    *year = year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

void factum_time_format(int64_t time, char text[FACTUM_TIME_TEXT_SIZE])
{
    int64_t seconds = time / NS_PER_SECOND;
    int64_t ns = time % NS_PER_SECOND;
    if (ns < 0) {
        ns += NS_PER_SECOND;
        seconds--;
    }
    int64_t days = seconds / SECONDS_PER_DAY;
    int64_t second_of_day = seconds % SECONDS_PER_DAY;
    if (second_of_day < 0) {
        second_of_day += SECONDS_PER_DAY;
        days--;
    }
    int64_t year;
    int64_t month;
    int64_t day;
    civil_from_days(days, &year, &month, &day);
    int used = snprintf(
        text, FACTUM_TIME_TEXT_SIZE,
        "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64 ":%02" PRId64, year,
        month, day, second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    char *end = text + used;
    size_t room = FACTUM_TIME_TEXT_SIZE - (size_t)used;
    if (ns == 0) {
        (void)snprintf(end, room, "Z");
    } else if (ns % 1000000 == 0) {
        (void)snprintf(end, room, ".%03" PRId64 "Z", ns / 1000000);
    } else if (ns % 1000 == 0) {
        (void)snprintf(end, room, ".%06" PRId64 "Z", ns / 1000);
    } else {
        (void)snprintf(end, room, ".%09" PRId64 "Z", ns);
    }
}

struct scan {
    const uint8_t *at;
    const uint8_t *end;
};

/* Exactly |width| digits, within [low, high]. */
static bool take_number(struct scan *scan, int width, int64_t low, int64_t high, int64_t *value)
{
    if (scan->end - scan->at < width) {
        return false;
    }
    int64_t number = 0;
    for (int i = 0; i < width; i++) {
        uint8_t c = *scan->at++;
        if (c < '0' || c > '9') {
            return false;
        }
        number = number * 10 + (c - '0');
    }
    *value = number;
    return number >= low && number <= high;
}

static bool take_char(struct scan *scan, const char *any_of)
{
    if (scan->at == scan->end || *scan->at == '\0' || strchr(any_of, *scan->at) == NULL) {
        return false;
    }
    scan->at++;
    return true;
}

static bool take_fraction(struct scan *scan, int64_t *ns)
{
    *ns = 0;
    if (!take_char(scan, ".,")) {
        return true;
    }
    int64_t unit = NS_PER_SECOND;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9' && unit > 1) {
        unit /= 10;
        *ns += (*scan->at++ - '0') * unit;
    }
    return unit < NS_PER_SECOND;
}

static bool take_offset(struct scan *scan, int64_t *seconds)
{
    *seconds = 0;
    if (take_char(scan, "Zz")) {
        return true;
    }
    bool minus = scan->at < scan->end && *scan->at == '-';
    int64_t hours;
    int64_t minutes;
    if (!take_char(scan, "+-") || !take_number(scan, 2, 0, 23, &hours) || !take_char(scan, ":") ||
        !take_number(scan, 2, 0, 59, &minutes)) {
        return false;
    }
    *seconds = (hours * 3600 + minutes * 60) * (minus ? -1 : 1);
    return true;
}

static bool take_date(struct scan *scan, int64_t *days)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year;
    int64_t month;
    int64_t day;
    if (!take_number(scan, 4, 1677, 2262, &year) || !take_char(scan, "-") ||
        !take_number(scan, 2, 1, 12, &month) || !take_char(scan, "-") ||
        !take_number(scan, 2, 1, 31, &day)) {
        return false;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > month_days[month - 1] + (month == 2 && leap ? 1 : 0)) {
        return false;
    }
    *days = days_from_civil(year, month, day);
    return true;
}

/* *leap: the text has second 60; *second_of_day is then that of second 59. */
static bool take_time(struct scan *scan, int64_t *second_of_day, int64_t *ns, int64_t *offset,
                      bool *leap)
{
    int64_t hour;
    int64_t minute;
    int64_t second;
    *leap = false;
    if (!take_char(scan, "Tt ") || !take_number(scan, 2, 0, 23, &hour) || !take_char(scan, ":") ||
        !take_number(scan, 2, 0, 59, &minute) || !take_char(scan, ":") ||
        !take_number(scan, 2, 0, 60, &second) || !take_fraction(scan, ns) ||
        !take_offset(scan, offset)) {
        return false;
    }
    *leap = second == 60;
    *second_of_day = hour * 3600 + minute * 60 + (*leap ? 59 : second);
    return true;
}

/* Leap seconds are added at the end of June or December, UTC: may one follow |seconds|? */
static bool may_leap(int64_t seconds)
{
    int64_t year;
    int64_t month;
    int64_t day;
    int64_t next = seconds + 1;
    if (next % SECONDS_PER_DAY != 0) {
        return false;
    }
    civil_from_days(next / SECONDS_PER_DAY, &year, &month, &day);
    return day == 1 && (month == 1 || month == 7);
}

factum_status factum_time_parse(factum_slice text, int64_t *time)
{
    struct scan scan = {text.ptr, text.ptr + text.len};
    int64_t days;
    int64_t second_of_day = 0;
    int64_t ns = 0;
    int64_t offset = 0;
    bool leap = false;
    if (text.len == 0 || !take_date(&scan, &days) ||
        (scan.at < scan.end && !take_time(&scan, &second_of_day, &ns, &offset, &leap)) ||
        scan.at != scan.end) {
        return FACTUM_INVALID;
    }
    int64_t seconds = days * SECONDS_PER_DAY + second_of_day - offset;
    if (leap && !may_leap(seconds)) {
        return FACTUM_INVALID;
    }
    ns = leap ? NS_PER_SECOND - 1 : ns; /* the last moment of the minute */
    int64_t result;
    if (__builtin_mul_overflow(seconds, NS_PER_SECOND, &result)) {
        /* The first second of the range starts below INT64_MIN: multiply the second after it. */
        if (seconds >= 0 || __builtin_mul_overflow(seconds + 1, NS_PER_SECOND, &result) ||
            __builtin_add_overflow(result, ns - NS_PER_SECOND, &result)) {
            return FACTUM_INVALID;
        }
    } else if (__builtin_add_overflow(result, ns, &result)) {
        return FACTUM_INVALID;
    }
    *time = result;
    return FACTUM_OK;
}
