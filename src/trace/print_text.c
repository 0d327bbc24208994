/* print_text.c - a trace as a tree for people. Layer: trace.
 *
 *     order-42: 9 events in 4 streams of 3 services, 1.2 s from 2026-01-01T00:00:00Z
 *     1 open, 1 failed
 *     critical path (*): 6 events, 1.1 s, 92 % of the time
 *
 *     * OrderPlaced  order-42  @64
 *     * `- SagaStarted  saga:fulfilment-42  @192  +1.0 ms
 *
 * Nodes deeper than INDENT_MAX are not indented further: their depth is printed.
 */
#include <inttypes.h>

#include "trace/out.h"

#define INDENT_MAX 20u

static void put_count(struct fct_out *out, uint64_t count, const char *one, const char *many)
{
    fct_out_printf(out, "%" PRIu64 " %s", count, count == 1 ? one : many);
}

static void put_flag_counts(struct fct_out *out, const factum_trace_info *info)
{
    const struct {
        uint64_t count;
        const char *name;
    } counts[] = {
        {info->open_count, "open"},
        {info->stuck_count, "stuck"},
        {info->failed_count, "failed"},
        {info->timed_out_count, "timed out"},
        {info->missing_count, "without their cause"},
    };
    bool any = false;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (counts[i].count > 0) {
            fct_out_printf(out, "%s%" PRIu64 " %s", any ? ", " : "", counts[i].count,
                           counts[i].name);
            any = true;
        }
    }
    fct_out_text(out, any ? "\n" : "");
}

static void put_head(struct fct_out *out, const factum_trace *trace)
{
    const factum_trace_info *info = &trace->info;
    char span[FCT_TIME_SPAN_SIZE];
    char time[FACTUM_TIME_TEXT_SIZE];
    fct_out_name(out, trace->id);
    fct_out_text(out, ": ");
    put_count(out, info->event_count, "event in ", "events in ");
    put_count(out, info->stream_count, "stream of ", "streams of ");
    put_count(out, info->service_count, "service", "services");
    fct_time_span(info->last_created - info->first_created, span);
    factum_time_format(info->first_created, time);
    fct_out_printf(out, ", %s from %s\n", span, time);
    put_flag_counts(out, info);
    if (info->truncated) {
        fct_out_text(out, "the flow has more events: these are the first that were found\n");
    }
    if (info->kind == FACTUM_TRACE_OF_TRACE) {
        fct_out_printf(out, "found among the newest %" PRIu64 " events\n", info->scanned);
    }
    fct_time_span(info->path_time, span);
    fct_out_text(out, "critical path (*): ");
    put_count(out, info->path_length, "event", "events");
    fct_out_printf(out, ", %s, %.0f %% of the time\n\n", span, 100.0 * fct_path_share(trace));
}

/* Prints the branches before a node. more[d]: another node follows at depth d. */
static void put_branches(struct fct_out *out, const bool *more, uint32_t depth)
{
    if (depth > INDENT_MAX) {
        fct_out_printf(out, "... %" PRIu32 " deep: ", depth);
        return;
    }
    for (uint32_t i = 1; i < depth; i++) {
        fct_out_text(out, more[i] ? "\u2502  " : "   ");
    }
    if (depth > 0) {
        fct_out_text(out, more[depth] ? "\u251c\u2500 " : "\u2514\u2500 ");
    }
}

static void put_flags(struct fct_out *out, const struct fct_node *node)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {
        {FACTUM_TRACE_OPEN, "OPEN"},
        {FACTUM_TRACE_STUCK, "STUCK"},
        {FACTUM_TRACE_FAILED, "FAILED"},
        {FACTUM_TRACE_TIMED_OUT, "TIMED OUT"},
        {FACTUM_TRACE_CAUSE_MISSING, "CAUSE NOT FOUND"},
        {FACTUM_TRACE_CAUSE_LATER, "CAUSE NOT BEFORE IT"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((node->flags & names[i].flag) != 0) {
            fct_out_printf(out, "  %s", names[i].name);
        }
    }
    if (node->step.len > 0) {
        fct_out_text(out, "  ");
        fct_out_name(out, node->step);
    }
    if (node->code.len > 0) {
        fct_out_text(out, "  ");
        fct_out_name(out, node->code);
    }
    if (node->text.len > 0) {
        fct_out_text(out, ": ");
        fct_out_name(out, node->text);
    }
}

static void put_node_line(struct fct_out *out, const struct fct_cut *cut, uint32_t i)
{
    const struct fct_node *node = &cut->trace->nodes[i];
    char span[FCT_TIME_SPAN_SIZE];
    fct_out_name(out, node->type);
    fct_out_text(out, "  ");
    fct_out_name(out, node->stream);
    fct_out_printf(out, "  @%" PRIu64, node->position);
    if (node->cause != FCT_NODE_NONE) {
        fct_time_span(node->created - cut->trace->nodes[node->cause].created, span);
        fct_out_printf(out, "  +%s", span);
    }
    if (cut->nodes[i].alike > 1) {
        fct_out_printf(out, "  x %" PRIu32, cut->nodes[i].alike);
    }
    put_flags(out, node);
    if (cut->nodes[i].hidden > 0) {
        fct_out_printf(out, "  ... %" PRIu32 " more below", cut->nodes[i].hidden);
    }
    fct_out_text(out, "\n");
}

void fct_print_text(struct fct_out *out, const struct fct_cut *cut)
{
    bool more[INDENT_MAX + 1] = {false};
    uint32_t depth = 0;
    put_head(out, cut->trace);
    for (uint32_t at = fct_cut_next(cut, FCT_NODE_NONE, &depth); at != FCT_NODE_NONE;
         at = fct_cut_next(cut, at, &depth)) {
        bool critical = (cut->trace->nodes[at].flags & FACTUM_TRACE_CRITICAL) != 0;
        if (depth <= INDENT_MAX) {
            more[depth] = fct_cut_has_more(cut, at);
        }
        fct_out_text(out, critical ? "* " : "  ");
        put_branches(out, more, depth);
        put_node_line(out, cut, at);
    }
    if (cut->hidden > 0) {
        fct_out_text(out, "  ... ");
        put_count(out, cut->hidden, "more event\n", "more events\n");
    }
}
