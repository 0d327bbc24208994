/* out.c - see out.h. Layer: trace. */
#include "trace/out.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"

void fct_out_init(struct fct_out *out, const factum_trace_sink *sink)
{
    out->sink = sink;
    out->status = FACTUM_OK;
    out->used = 0;
}

static void out_flush(struct fct_out *out)
{
    if (out->status == FACTUM_OK && out->used > 0) {
        out->status = out->sink->write(out->sink->data, fct_slice(out->buffer, out->used));
    }
    out->used = 0;
}

void fct_out_bytes(struct fct_out *out, factum_slice bytes)
{
    while (bytes.len > 0) {
        size_t room = FCT_OUT_SIZE - out->used;
        size_t part = bytes.len < room ? bytes.len : room;
        memcpy(out->buffer + out->used, bytes.ptr, part);
        out->used += part;
        bytes = fct_slice_from(bytes, part);
        if (out->used == FCT_OUT_SIZE) {
            out_flush(out);
        }
    }
}

void fct_out_text(struct fct_out *out, const char *text)
{
    fct_out_bytes(out, factum_slice_from(text));
}

void fct_out_printf(struct fct_out *out, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (len > 0) {
        size_t size = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
        fct_out_bytes(out, fct_slice(text, size));
    }
}

/* The length in bytes of the first character of |name|, which is UTF-8, and its code point. */
static size_t take_point(factum_slice name, uint32_t *point)
{
    uint8_t c = name.ptr[0];
    size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (len > name.len) {
        len = 1;
    }
    *point = len == 1 ? c : c & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        *point = *point << 6 | (name.ptr[i] & 0x3fu);
    }
    return len;
}

/* Control characters, ends of lines, and characters that change the direction of text. */
static bool is_unsafe(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029 ||
           (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

void fct_out_label(struct fct_out *out, factum_slice name, const char *special)
{
    while (name.len > 0) {
        uint32_t point;
        size_t len = take_point(name, &point);
        if (point != 0 && point < 0x80 && strchr(special, (int)point) != NULL) {
            fct_out_text(out, "_");
        } else if (is_unsafe(point)) {
            fct_out_printf(out, point < 0x100 ? "\\x%02" PRIx32 : "\\u%04" PRIx32, point);
        } else {
            fct_out_bytes(out, fct_slice(name.ptr, len));
        }
        name = fct_slice_from(name, len);
    }
}

void fct_out_name(struct fct_out *out, factum_slice name)
{
    fct_out_label(out, name, "");
}

factum_status fct_out_finish(struct fct_out *out, factum_error *err)
{
    out_flush(out);
    return out->status == FACTUM_OK
               ? FACTUM_OK
               : fct_fail(err, out->status, "the trace could not be printed to its end");
}

void fct_time_span(int64_t ns, char text[FCT_TIME_SPAN_SIZE])
{
    static const struct {
        int64_t size;
        const char *name;
        const char *rest; /* the next smaller unit, which is printed too; NULL: one decimal instead
                           */
    } units[] = {
        {86400000000000, "d", "h"}, {3600000000000, "h", "min"}, {60000000000, "min", "s"},
        {1000000000, "s", NULL},    {1000000, "ms", NULL},       {1000, "us", NULL},
    };
    static const int64_t below[] = {3600000000000, 60000000000, 1000000000};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        int64_t whole = ns / units[i].size;
        if (whole == 0) {
            continue;
        }
        if (units[i].rest != NULL) {
            (void)snprintf(text, FCT_TIME_SPAN_SIZE, "%" PRId64 " %s %" PRId64 " %s", whole,
                           units[i].name, ns % units[i].size / below[i], units[i].rest);
        } else {
            (void)snprintf(text, FCT_TIME_SPAN_SIZE, "%" PRId64 ".%" PRId64 " %s", whole,
                           ns % units[i].size * 10 / units[i].size, units[i].name);
        }
        return;
    }
    (void)snprintf(text, FCT_TIME_SPAN_SIZE, "%" PRId64 " ns", ns);
}

double fct_path_share(const factum_trace *trace)
{
    int64_t whole = trace->info.last_created - trace->info.first_created;
    return whole == 0 ? 1.0 : (double)trace->info.path_time / (double)whole;
}

/* ---- the public function --------------------------------------------------------------------- */

static factum_status print_cut(const factum_trace *trace, factum_trace_form form,
                               uint64_t lines_max, const factum_trace_sink *sink, factum_error *err)
{
    struct fct_cut cut;
    struct fct_out out;
    factum_status status = fct_cut_make(&cut, trace, lines_max, err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_out_init(&out, sink);
    if (form == FACTUM_TRACE_DOT) {
        fct_print_dot(&out, &cut);
    } else if (form == FACTUM_TRACE_MERMAID) {
        fct_print_mermaid(&out, &cut);
    } else {
        fct_print_text(&out, &cut);
    }
    fct_cut_finish(&cut);
    return fct_out_finish(&out, err);
}

factum_status factum_trace_print(const factum_trace *trace, factum_trace_form form,
                                 uint64_t lines_max, const factum_trace_sink *sink,
                                 factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    if (trace == NULL || sink == NULL || sink->write == NULL) {
        return fct_fail(err, FACTUM_INVALID, "trace: a trace and a sink are needed");
    }
    if ((unsigned)form > FACTUM_TRACE_MERMAID) {
        return fct_fail(err, FACTUM_INVALID, "trace: there is no form %d", (int)form);
    }
    if (form == FACTUM_TRACE_JSON) {
        return fct_print_json(trace, sink, err);
    }
    return print_cut(trace, form, lines_max == 0 ? FACTUM_TRACE_LINES_DEFAULT : lines_max, sink,
                     err);
}
