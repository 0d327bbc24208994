/* print_graph.c - a trace as a graph for Graphviz, and as a sequence diagram for Mermaid. Layer:
 * trace.
 *
 * Names come from outside: characters with a meaning in either language become '_'.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/slice.h"
#include "trace/out.h"

#define DOT_SPECIAL "\"\\<>{}|"
#define MERMAID_SPECIAL "\"\\<>{}|#;%:"
#define PARTICIPANTS_MAX 32u /* columns; further services share the last one */

static int64_t latency_of(const factum_trace *trace, const struct fct_node *node)
{
    return node->created - trace->nodes[node->cause].created;
}

/* ---- Graphviz -------------------------------------------------------------------------------- */

static const char *dot_colour(uint32_t flags)
{
    if ((flags & (FACTUM_TRACE_FAILED | FACTUM_TRACE_STUCK)) != 0) {
        return "red";
    }
    if ((flags & (FACTUM_TRACE_OPEN | FACTUM_TRACE_TIMED_OUT)) != 0) {
        return "orange";
    }
    return "black";
}

static void put_dot_node(struct fct_out *out, const struct fct_cut *cut, uint32_t i)
{
    const struct fct_node *node = &cut->trace->nodes[i];
    bool lost = (node->flags & (FACTUM_TRACE_CAUSE_MISSING | FACTUM_TRACE_CAUSE_LATER)) != 0;
    fct_out_printf(out, "  n%" PRIu64 " [label=\"", node->position);
    fct_out_label(out, node->type, DOT_SPECIAL);
    fct_out_text(out, "\\n");
    fct_out_label(out, node->stream, DOT_SPECIAL);
    if (cut->nodes[i].alike > 1) {
        fct_out_printf(out, "\\nx %" PRIu32, cut->nodes[i].alike);
    }
    if (cut->nodes[i].hidden > 0) {
        fct_out_printf(out, "\\n... %" PRIu32 " more below", cut->nodes[i].hidden);
    }
    fct_out_printf(out, "\", color=%s%s%s];\n", dot_colour(node->flags),
                   (node->flags & FACTUM_TRACE_COMMAND) != 0 ? ", shape=cds" : "",
                   lost ? ", style=dashed" : "");
}

void fct_print_dot(struct fct_out *out, const struct fct_cut *cut)
{
    const factum_trace *trace = cut->trace;
    char span[FCT_TIME_SPAN_SIZE];
    fct_out_text(out, "digraph trace {\n  rankdir=LR;\n  node [shape=box];\n");
    for (uint32_t i = 0; i < trace->count; i++) {
        if (cut->nodes[i].shown) {
            put_dot_node(out, cut, i);
        }
    }
    for (uint32_t i = 0; i < trace->count; i++) {
        const struct fct_node *node = &trace->nodes[i];
        if (!cut->nodes[i].shown || node->cause == FCT_NODE_NONE) {
            continue;
        }
        fct_time_span(latency_of(trace, node), span);
        fct_out_printf(out, "  n%" PRIu64 " -> n%" PRIu64 " [label=\"%s\"%s];\n",
                       trace->nodes[node->cause].position, node->position, span,
                       (node->flags & FACTUM_TRACE_CRITICAL) != 0 ? ", penwidth=3" : "");
    }
    fct_out_text(out, "}\n");
}

/* ---- Mermaid --------------------------------------------------------------------------------- */

struct columns {
    factum_slice names[PARTICIPANTS_MAX];
    unsigned count;
    bool full; /* there are more services than columns */
};

static unsigned column_of(const struct columns *columns, const struct fct_node *node)
{
    factum_slice service = fct_node_service(node);
    unsigned i = 0;
    while (i < columns->count && !fct_slice_equal(columns->names[i], service)) {
        i++;
    }
    return i < columns->count ? i : PARTICIPANTS_MAX - 1;
}

/* A column for each service, in the order of the log; all further services share the last one. */
static void find_columns(struct columns *columns, const struct fct_cut *cut)
{
    for (uint32_t i = 0; i < cut->trace->count; i++) {
        const struct fct_node *node = &cut->trace->nodes[i];
        unsigned at = column_of(columns, node);
        bool listed =
            at < columns->count && fct_slice_equal(columns->names[at], fct_node_service(node));
        if (!cut->nodes[i].shown || listed) {
            continue;
        }
        if (columns->count < PARTICIPANTS_MAX - 1) {
            columns->names[columns->count++] = fct_node_service(node);
        } else {
            columns->full = true;
        }
    }
}

static void put_message(struct fct_out *out, const struct fct_cut *cut,
                        const struct columns *columns, uint32_t i)
{
    const factum_trace *trace = cut->trace;
    const struct fct_node *node = &trace->nodes[i];
    const uint32_t bad = FACTUM_TRACE_FAILED | FACTUM_TRACE_STUCK | FACTUM_TRACE_TIMED_OUT;
    char span[FCT_TIME_SPAN_SIZE] = "";
    unsigned to = column_of(columns, node);
    if (node->cause == FCT_NODE_NONE) {
        fct_out_printf(out, "  Note over p%u: ", to);
    } else {
        unsigned from = column_of(columns, &trace->nodes[node->cause]);
        const char *arrow = (node->flags & FACTUM_TRACE_OPEN) != 0 ? "--)"
                            : (node->flags & bad) != 0             ? "-x"
                                                                   : "->>";
        fct_out_printf(out, "  p%u%sp%u: ", from, arrow, to);
        fct_time_span(latency_of(trace, node), span);
    }
    fct_out_label(out, node->type, MERMAID_SPECIAL);
    if (cut->nodes[i].alike > 1) {
        fct_out_printf(out, " x %" PRIu32, cut->nodes[i].alike);
    }
    fct_out_printf(out, "%s%s%s%s\n", span[0] != '\0' ? " +" : "", span,
                   (node->flags & FACTUM_TRACE_OPEN) != 0 ? " OPEN" : "",
                   (node->flags & FACTUM_TRACE_STUCK) != 0 ? " STUCK" : "");
}

void fct_print_mermaid(struct fct_out *out, const struct fct_cut *cut)
{
    struct columns columns = {.count = 0};
    find_columns(&columns, cut);
    fct_out_text(out, "sequenceDiagram\n");
    for (unsigned i = 0; i < columns.count; i++) {
        fct_out_printf(out, "  participant p%u as ", i);
        fct_out_label(out, columns.names[i], MERMAID_SPECIAL);
        fct_out_text(out, "\n");
    }
    if (columns.full) {
        fct_out_printf(out, "  participant p%u as other services\n", PARTICIPANTS_MAX - 1);
    }
    for (uint32_t i = 0; i < cut->trace->count; i++) {
        if (cut->nodes[i].shown) {
            put_message(out, cut, &columns, i);
        }
    }
}
