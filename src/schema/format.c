/* format.c - see format.h. Layer: schema. Each check follows the RFC that the specification
 * names. */
#include "schema/format.h"

#include <string.h>

#include "core/slice.h"
#include "schema/uri.h"

/* The rest of a text. */
struct rest {
    const uint8_t *at;
    const uint8_t *end;
};

static struct rest rest_of(factum_slice text)
{
    return (struct rest){text.ptr, text.ptr + text.len};
}

static bool is_digit_(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
    return is_digit_(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool take(struct rest *rest, char c)
{
    if (rest->at < rest->end && *rest->at == (uint8_t)c) {
        rest->at++;
        return true;
    }
    return false;
}

/* Takes |c| in either case. */
static bool take_letter(struct rest *rest, char c)
{
    if (rest->at < rest->end && (*rest->at | 0x20) == (uint8_t)c) {
        rest->at++;
        return true;
    }
    return false;
}

/* Takes exactly |count| digits with a value of at most |max|. */
static bool take_number(struct rest *rest, int count, int max, int *number)
{
    *number = 0;
    for (int i = 0; i < count; i++) {
        if (rest->at == rest->end || !is_digit_(*rest->at)) {
            return false;
        }
        *number = *number * 10 + (*rest->at++ - '0');
    }
    return *number <= max;
}

static size_t skip_digits(struct rest *rest)
{
    const uint8_t *start = rest->at;
    while (rest->at < rest->end && is_digit_(*rest->at)) {
        rest->at++;
    }
    return (size_t)(rest->at - start);
}

/* ---- dates and times (RFC 3339) -------------------------------------------------------------- */

static bool take_date(struct rest *rest)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year;
    int month;
    int day;
    if (!take_number(rest, 4, 9999, &year) || !take(rest, '-') ||
        !take_number(rest, 2, 12, &month) || !take(rest, '-') || !take_number(rest, 2, 31, &day) ||
        month == 0 || day == 0 || day > days[month - 1]) {
        return false;
    }
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month != 2 || day < 29 || leap;
}

/* The offset in minutes: Z, +01:30. */
static bool take_offset(struct rest *rest, int *minutes)
{
    int hour;
    int minute;
    *minutes = 0;
    if (take_letter(rest, 'z')) {
        return true;
    }
    bool minus = rest->at < rest->end && *rest->at == '-';
    if (!minus && (rest->at == rest->end || *rest->at != '+')) {
        return false;
    }
    rest->at++;
    if (!take_number(rest, 2, 23, &hour) || !take(rest, ':') ||
        !take_number(rest, 2, 59, &minute)) {
        return false;
    }
    *minutes = (hour * 60 + minute) * (minus ? -1 : 1);
    return true;
}

static bool take_time(struct rest *rest)
{
    int hour;
    int minute;
    int second;
    int offset;
    if (!take_number(rest, 2, 23, &hour) || !take(rest, ':') ||
        !take_number(rest, 2, 59, &minute) || !take(rest, ':') ||
        !take_number(rest, 2, 60, &second)) {
        return false;
    }
    if (take(rest, '.') && skip_digits(rest) == 0) {
        return false;
    }
    if (!take_offset(rest, &offset)) {
        return false;
    }
    /* A leap second is the last second of a day in UTC. */
    int utc = (hour * 60 + minute - offset + 2880) % 1440;
    return second < 60 || utc == 1439;
}

static bool is_date(factum_slice text)
{
    struct rest rest = rest_of(text);
    return take_date(&rest) && rest.at == rest.end;
}

static bool is_time(factum_slice text)
{
    struct rest rest = rest_of(text);
    return take_time(&rest) && rest.at == rest.end;
}

static bool is_date_time(factum_slice text)
{
    struct rest rest = rest_of(text);
    return take_date(&rest) && take_letter(&rest, 't') && take_time(&rest) && rest.at == rest.end;
}

/* Numbers with units. The units come in the order of |units|, without a gap. */
static bool take_units(struct rest *rest, const char *units)
{
    const char *last = NULL;
    while (rest->at < rest->end && is_digit_(*rest->at)) {
        (void)skip_digits(rest);
        const char *unit =
            rest->at < rest->end && *rest->at != '\0' ? strchr(units, *rest->at) : NULL;
        if (unit == NULL || (last != NULL && unit != last + 1)) {
            return false;
        }
        last = unit;
        rest->at++;
    }
    return last != NULL;
}

/* RFC 3339, appendix A: P1Y2M3DT4H5M6S or P4W. */
static bool is_duration(factum_slice text)
{
    struct rest rest = rest_of(text);
    if (!take(&rest, 'P')) {
        return false;
    }
    struct rest weeks = rest;
    if (skip_digits(&weeks) > 0 && take(&weeks, 'W')) {
        return weeks.at == weeks.end;
    }
    bool date = rest.at < rest.end && *rest.at != 'T';
    if (date && !take_units(&rest, "YMD")) {
        return false;
    }
    bool time = take(&rest, 'T');
    if (time && !take_units(&rest, "HMS")) {
        return false;
    }
    return (date || time) && rest.at == rest.end;
}

/* ---- hosts ----------------------------------------------------------------------------------- */

static bool is_hostname(factum_slice text)
{
    size_t label = 0;
    if (text.len == 0 || text.len > 253) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool edge = label == 0 || i + 1 == text.len || text.ptr[i + 1] == '.';
        if (c == '.') {
            if (label == 0 || i + 1 == text.len) {
                return false;
            }
            label = 0;
            continue;
        }
        if (!is_letter(c) && !is_digit_(c) && (c != '-' || edge)) {
            return false;
        }
        if (++label > 63) {
            return false;
        }
    }
    return true;
}

static bool take_ipv4(struct rest *rest)
{
    for (int i = 0; i < 4; i++) {
        const uint8_t *start = rest->at;
        int number = 0;
        if (i > 0 && !take(rest, '.')) {
            return false;
        }
        start = i > 0 ? start + 1 : start;
        size_t digits = skip_digits(rest);
        if (digits == 0 || digits > 3 || (digits > 1 && *start == '0')) {
            return false;
        }
        for (size_t k = 0; k < digits; k++) {
            number = number * 10 + (start[k] - '0');
        }
        if (number > 255) {
            return false;
        }
    }
    return true;
}

static bool is_ipv4(factum_slice text)
{
    struct rest rest = rest_of(text);
    return take_ipv4(&rest) && rest.at == rest.end;
}

/* RFC 4291: eight groups; "::" may replace some of them, an IPv4 address the last two. */
static bool is_ipv6(factum_slice text)
{
    struct rest rest = rest_of(text);
    int groups = 0;
    bool gap = false;
    if (text.len >= 2 && text.ptr[0] == ':' && text.ptr[1] == ':') {
        gap = true;
        rest.at += 2;
    }
    while (rest.at < rest.end) {
        const uint8_t *start = rest.at;
        while (rest.at < rest.end && is_hex(*rest.at)) {
            rest.at++;
        }
        size_t digits = (size_t)(rest.at - start);
        if (rest.at < rest.end && *rest.at == '.') {
            rest.at = start;
            groups += 2;
            return take_ipv4(&rest) && rest.at == rest.end && (gap ? groups < 8 : groups == 8);
        }
        if (digits == 0 || digits > 4) {
            return false;
        }
        groups++;
        if (rest.at == rest.end) {
            break;
        }
        if (!take(&rest, ':') || rest.at == rest.end) {
            return false;
        }
        if (take(&rest, ':')) {
            if (gap) {
                return false;
            }
            gap = true;
        }
    }
    return gap ? groups < 8 : groups == 8;
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* RFC 5321: a dot-atom or a quoted string, then a host or an address literal. */
static bool is_local_part(factum_slice text, bool idn)
{
    static const char marks[] = "!#$%&'*+-/=?^_`{|}~";
    bool quoted = text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"';
    if (text.len == 0) {
        return false;
    }
    for (size_t i = quoted ? 1 : 0; i < text.len - (quoted ? 1 : 0); i++) {
        uint8_t c = text.ptr[i];
        if (quoted) {
            if (c < 0x20 || c == 0x7f || c == '"' || (c >= 0x80 && !idn)) {
                return false;
            }
            if (c == '\\' && ++i == text.len - 1) {
                return false;
            }
            continue;
        }
        bool dot = c == '.' && i > 0 && i + 1 < text.len && text.ptr[i + 1] != '.';
        bool mark = c != '\0' && strchr(marks, c) != NULL;
        if (!is_letter(c) && !is_digit_(c) && !dot && !mark && !(c >= 0x80 && idn)) {
            return false;
        }
    }
    return true;
}

static bool is_mail_host(factum_slice host, bool idn)
{
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        factum_slice inner = fct_slice(host.ptr + 1, host.len - 2);
        bool v6 = fct_slice_starts(inner, FCT_SLICE("IPv6:"));
        return v6 ? is_ipv6(fct_slice_from(inner, 5)) : is_ipv4(inner);
    }
    for (size_t i = 0; i < host.len && idn; i++) {
        if (host.ptr[i] >= 0x80) { /* not looked into: the rules of IDNA are tables */
            return host.ptr[0] != '.' && host.ptr[host.len - 1] != '.';
        }
    }
    return is_hostname(host);
}

static bool is_email(factum_slice text, bool idn)
{
    size_t at = text.len;
    while (at > 0 && text.ptr[at - 1] != '@') {
        at--;
    }
    return at > 0 && is_local_part(fct_slice(text.ptr, at - 1), idn) &&
           is_mail_host(fct_slice_from(text, at), idn);
}

/* ---- URIs (RFC 3986, 3987) ------------------------------------------------------------------- */

/* Does the text only contain characters of a URI: letters, digits, "-._~" and |more|? */
static bool is_part(factum_slice text, const char *more, bool iri)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool escape =
            c == '%' && i + 2 < text.len && is_hex(text.ptr[i + 1]) && is_hex(text.ptr[i + 2]);
        bool plain = is_letter(c) || is_digit_(c) || (c != '\0' && strchr("-._~", c) != NULL) ||
                     (c != '\0' && strchr(more, c) != NULL);
        if (!escape && !plain && !(c >= 0x80 && iri)) {
            return false;
        }
    }
    return true;
}

#define SUB_DELIMS "!$&'()*+,;="

static bool is_ip_literal(factum_slice host)
{
    factum_slice inner = fct_slice(host.ptr + 1, host.len - 2);
    if (inner.len > 2 && (inner.ptr[0] | 0x20) == 'v') {
        size_t dot = 1;
        while (dot < inner.len && is_hex(inner.ptr[dot])) {
            dot++;
        }
        return dot > 1 && dot + 1 < inner.len && inner.ptr[dot] == '.' &&
               is_part(fct_slice_from(inner, dot + 1), SUB_DELIMS ":", false);
    }
    return is_ipv6(inner);
}

static bool is_authority(factum_slice text, bool iri)
{
    size_t at = text.len;
    while (at > 0 && text.ptr[at - 1] != '@') {
        at--;
    }
    if (at > 0 && !is_part(fct_slice(text.ptr, at - 1), SUB_DELIMS ":", iri)) {
        return false;
    }
    factum_slice host = fct_slice_from(text, at);
    size_t port = host.len;
    while (port > 0 && is_digit_(host.ptr[port - 1])) {
        port--;
    }
    if (port > 0 && host.ptr[port - 1] == ':') {
        host.len = port - 1;
    }
    if (host.len > 1 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        return is_ip_literal(host);
    }
    return is_part(host, SUB_DELIMS, iri);
}

static bool is_reference(factum_slice text, bool iri, bool absolute)
{
    struct fct_uri uri = fct_uri_split(text);
    if (absolute && !uri.has_scheme) {
        return false;
    }
    if (!uri.has_scheme && !uri.has_authority) {
        /* The first segment of a relative path has no colon. */
        for (size_t i = 0; i < uri.path.len && uri.path.ptr[i] != '/'; i++) {
            if (uri.path.ptr[i] == ':') {
                return false;
            }
        }
    }
    return (!uri.has_authority || is_authority(uri.authority, iri)) &&
           is_part(uri.path, SUB_DELIMS ":@/", iri) && is_part(uri.query, SUB_DELIMS ":@/?", iri) &&
           is_part(uri.fragment, SUB_DELIMS ":@/?", iri);
}

/* RFC 6570: the text between braces. */
static bool is_expression(factum_slice text)
{
    size_t at = text.len > 0 && text.ptr[0] != '\0' && strchr("+#./;?&=,!@|", text.ptr[0]) != NULL;
    size_t name = 0; /* characters of the current variable */
    for (; at < text.len; at++) {
        uint8_t c = text.ptr[at];
        bool escape =
            c == '%' && at + 2 < text.len && is_hex(text.ptr[at + 1]) && is_hex(text.ptr[at + 2]);
        if (is_letter(c) || is_digit_(c) || c == '_' || escape || (c == '.' && name > 0)) {
            name++;
            at += escape ? 2 : 0;
        } else if (name > 0 && (c == '*' || c == ':')) {
            size_t digits = 0;
            while (c == ':' && at + 1 < text.len && is_digit_(text.ptr[at + 1])) {
                at++;
                digits++;
            }
            bool over = at + 1 == text.len || text.ptr[at + 1] == ',';
            if (!over || (c == ':' && (digits == 0 || digits > 4))) {
                return false;
            }
        } else if (c == ',' && name > 0) {
            name = 0;
        } else {
            return false;
        }
    }
    return name > 0;
}

static bool is_uri_template(factum_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '{') {
            size_t end = i + 1;
            while (end < text.len && text.ptr[end] != '}') {
                end++;
            }
            if (end == text.len || !is_expression(fct_slice(text.ptr + i + 1, end - i - 1))) {
                return false;
            }
            i = end;
            continue;
        }
        bool escape = i + 2 < text.len && is_hex(text.ptr[i + 1]) && is_hex(text.ptr[i + 2]);
        if (c <= 0x20 || c == 0x7f || strchr("\"'<>\\^`|}", c) != NULL || (c == '%' && !escape)) {
            return false;
        }
    }
    return true;
}

/* ---- others ---------------------------------------------------------------------------------- */

static bool is_uuid(factum_slice text)
{
    if (text.len != 36) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.ptr[i] != '-' : !is_hex(text.ptr[i])) {
            return false;
        }
    }
    return true;
}

static bool is_json_pointer(factum_slice text)
{
    if (text.len > 0 && text.ptr[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool escape = i + 1 < text.len && (text.ptr[i + 1] == '0' || text.ptr[i + 1] == '1');
        if (text.ptr[i] == '~' && !escape) {
            return false;
        }
    }
    return true;
}

static bool is_relative_json_pointer(factum_slice text)
{
    struct rest rest = rest_of(text);
    size_t digits = skip_digits(&rest);
    if (digits == 0 || (digits > 1 && text.ptr[0] == '0')) {
        return false;
    }
    factum_slice left = fct_slice_from(text, digits);
    return fct_slice_equal(left, FCT_SLICE("#")) || is_json_pointer(left);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const char *const names_of_formats[] = {
#define FCT_FORMAT_NAME(name, text) text,
    FCT_FORMAT_LIST(FCT_FORMAT_NAME)
#undef FCT_FORMAT_NAME
};

enum fct_format fct_format_of(factum_slice name)
{
    unsigned format = 0;
    while (format < FCT_FORMAT_COUNT &&
           !fct_slice_equal(name, factum_slice_from(names_of_formats[format]))) {
        format++;
    }
    return (enum fct_format)format;
}

const char *fct_format_name(enum fct_format format)
{
    return format < FCT_FORMAT_COUNT ? names_of_formats[format] : "";
}

bool fct_format_matches(enum fct_format format, factum_slice text)
{
    switch (format) {
    case FCT_FORMAT_DATE_TIME:
        return is_date_time(text);
    case FCT_FORMAT_DATE:
        return is_date(text);
    case FCT_FORMAT_TIME:
        return is_time(text);
    case FCT_FORMAT_DURATION:
        return is_duration(text);
    case FCT_FORMAT_EMAIL:
        return is_email(text, false);
    case FCT_FORMAT_IDN_EMAIL:
        return is_email(text, true);
    case FCT_FORMAT_HOSTNAME:
        return is_hostname(text);
    case FCT_FORMAT_IPV4:
        return is_ipv4(text);
    case FCT_FORMAT_IPV6:
        return is_ipv6(text);
    case FCT_FORMAT_URI:
        return is_reference(text, false, true);
    case FCT_FORMAT_URI_REFERENCE:
        return is_reference(text, false, false);
    case FCT_FORMAT_IRI:
        return is_reference(text, true, true);
    case FCT_FORMAT_IRI_REFERENCE:
        return is_reference(text, true, false);
    case FCT_FORMAT_UUID:
        return is_uuid(text);
    case FCT_FORMAT_JSON_POINTER:
        return is_json_pointer(text);
    case FCT_FORMAT_RELATIVE_JSON_POINTER:
        return is_relative_json_pointer(text);
    case FCT_FORMAT_URI_TEMPLATE:
        return is_uri_template(text);
    case FCT_FORMAT_REGEX:
    case FCT_FORMAT_COUNT:
        break;
    }
    return true;
}
