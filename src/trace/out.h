/* out.h - writes text to a sink through a buffer, with names made safe for their reader. Layer:
 * trace. The first failure stays, so that only the last call needs a check. */
#ifndef FCT_TRACE_OUT_H
#define FCT_TRACE_OUT_H

#include "core/compiler.h"
#include "trace/cut.h"

#define FCT_OUT_SIZE 8192u
#define FCT_TIME_SPAN_SIZE 64u

struct fct_out {
    const factum_trace_sink *sink;
    factum_status status;
    size_t used;
    uint8_t buffer[FCT_OUT_SIZE];
};

void fct_out_init(struct fct_out *out, const factum_trace_sink *sink);
void fct_out_bytes(struct fct_out *out, factum_slice bytes);
void fct_out_text(struct fct_out *out, const char *text);
/* At most 255 bytes, without names. */
void fct_out_printf(struct fct_out *out, const char *format, ...) FCT_PRINTF(2, 3);
/* A name for people: control characters, and characters that change the direction of text, as
 * "\x1b" or "\u202e". */
void fct_out_name(struct fct_out *out, factum_slice name);
/* The same, with '_' for every byte of |special|. */
void fct_out_label(struct fct_out *out, factum_slice name, const char *special);
/* Passes the rest of the buffer to the sink. */
FCT_MUST_USE factum_status fct_out_finish(struct fct_out *out, factum_error *err);

/* "850 ns", "1.2 ms", "3 h 20 min". */
void fct_time_span(int64_t ns, char text[FCT_TIME_SPAN_SIZE]);
/* The share of the critical path in the whole time; 1 if the whole time is 0. */
double fct_path_share(const factum_trace *trace);

/* print_text.c, print_json.c, print_graph.c */
void fct_print_text(struct fct_out *out, const struct fct_cut *cut);
void fct_print_dot(struct fct_out *out, const struct fct_cut *cut);
void fct_print_mermaid(struct fct_out *out, const struct fct_cut *cut);
FCT_MUST_USE factum_status fct_print_json(const factum_trace *trace, const factum_trace_sink *sink,
                                          factum_error *err);

#endif
