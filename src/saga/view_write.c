/* view_write.c - sagas as JSON, and as a picture: shared by the command line and HTTP. Layer: saga.
 * Pure. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <factum/saga_view.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/slice.h"
#include "saga/look.h"

/* ---- JSON ------------------------------------------------------------------------------------ */

static void write_filled(factum_json_writer *to, const char *name, factum_slice text)
{
    if (text.len > 0) {
        factum_json_put_member_text(to, name, text);
    }
}

static void write_time(factum_json_writer *to, const char *name, int64_t time)
{
    char text[FACTUM_TIME_TEXT_SIZE];
    if (time != 0) {
        factum_time_format(time, text);
        factum_json_put_member_text(to, name, factum_slice_from(text));
    }
}

static void write_number(factum_json_writer *to, const char *name, uint64_t number)
{
    factum_json_put_member(to, name);
    factum_json_put_uint64(to, number);
}

static void write_step(const factum_saga_step *step, factum_json_writer *to)
{
    factum_json_put_object(to);
    factum_json_put_member_text(to, "name", step->name);
    factum_json_put_member_text(to, "phase", factum_slice_from(step->phase));
    factum_json_put_member_text(to, "command", step->command);
    write_filled(to, "undo", step->undo);
    write_number(to, "stage", step->stage);
    factum_json_put_member_bool(to, "pivot", step->pivot);
    write_number(to, "generation", step->generation);
    write_number(to, "undoGeneration", step->undo_generation);
    write_number(to, "attempts", step->attempts);
    write_time(to, "started", step->started);
    write_time(to, "ended", step->ended);
    write_time(to, "due", step->due);
    write_filled(to, "commandId", step->command_id);
    if (step->reply.len > 0) {
        factum_json_put_member(to, "reply");
        factum_json_put_object(to);
        factum_json_put_member_text(to, "type", step->reply);
        write_number(to, "position", step->reply_position);
        factum_json_put_end(to);
    }
    write_filled(to, "text", step->text);
    factum_json_put_end(to);
}

static void write_steps(const factum_saga_view *view, factum_json_writer *to)
{
    factum_json_put_member(to, "steps");
    factum_json_put_array(to);
    for (size_t i = 0; i < view->step_count; i++) {
        write_step(&view->steps[i], to);
    }
    factum_json_put_end(to);
}

static void write_instance(const factum_saga_view *view, factum_json_writer *to)
{
    factum_json_put_member_text(to, "status",
                                factum_slice_from(factum_saga_status_name(view->status)));
    write_number(to, "revision", view->revision);
    write_time(to, "started", view->started);
    write_time(to, "changed", view->changed);
    write_time(to, "deadline", view->deadline);
    write_filled(to, "correlationId", view->correlation_id);
    factum_json_put_member_bool(to, "late", view->late);
    factum_json_put_member_bool(to, "pivotPassed", view->pivot_passed);
    write_number(to, "repliesRecorded", view->replies_recorded);
    if (view->failure_code.len > 0) {
        factum_json_put_member(to, "failure");
        factum_json_put_object(to);
        factum_json_put_member_text(to, "code", view->failure_code);
        write_filled(to, "text", view->failure_text);
        factum_json_put_end(to);
    }
    factum_json_put_member(to, "kept");
    factum_json_put_raw(to, view->kept.len > 0 ? view->kept : FCT_SLICE("{}"));
}

void factum_saga_view_write(const factum_saga_view *view, factum_json_writer *to)
{
    factum_json_put_object(to);
    factum_json_put_member_text(to, "saga", view->saga);
    write_filled(to, "id", view->id);
    write_number(to, "version", view->version);
    factum_json_put_member_text(to, "hash", view->hash);
    if (view->status != FACTUM_SAGA_ANY) {
        write_instance(view, to);
    }
    write_steps(view, to);
    factum_json_put_end(to);
}

void factum_saga_entry_write(const factum_saga_entry *entry, factum_json_writer *to)
{
    factum_json_put_object(to);
    factum_json_put_member_text(to, "saga", entry->saga);
    factum_json_put_member_text(to, "id", entry->id);
    write_number(to, "version", entry->version);
    factum_json_put_member_text(to, "status",
                                factum_slice_from(factum_saga_status_name(entry->status)));
    write_filled(to, "step", entry->step);
    write_time(to, "started", entry->started);
    write_time(to, "changed", entry->changed);
    write_time(to, "due", entry->due);
    write_number(to, "position", entry->position);
    factum_json_put_end(to);
}

void factum_saga_timer_write(const factum_saga_timer *timer, factum_json_writer *to)
{
    factum_json_put_object(to);
    factum_json_put_member_text(to, "saga", timer->saga);
    factum_json_put_member_text(to, "id", timer->id);
    factum_json_put_member_text(to, "timer", timer->timer);
    write_time(to, "due", timer->due);
    factum_json_put_member(to, "waitSeconds");
    char text[32];
    int len = snprintf(text, sizeof text, "%lld.%03lld", (long long)(timer->wait / 1000000000),
                       (long long)(timer->wait / 1000000 % 1000));
    factum_json_put_number(to, fct_slice(text, (size_t)len));
    factum_json_put_end(to);
}

void factum_saga_deployed_write(const factum_saga_deployed *deployed, factum_json_writer *to)
{
    factum_json_put_object(to);
    factum_json_put_member_text(to, "name", deployed->name);
    write_number(to, "version", deployed->version);
    factum_json_put_member_text(to, "hash", deployed->hash);
    factum_json_put_member_text(to, "host", deployed->host);
    write_filled(to, "by", deployed->by);
    write_filled(to, "why", deployed->why);
    factum_json_put_member_bool(to, "forced", deployed->forced);
    write_number(to, "states", deployed->state_count);
    write_time(to, "created", deployed->created);
    write_number(to, "revision", deployed->revision);
    write_number(to, "position", deployed->position);
    factum_json_put_member_text(to, "text", deployed->text);
    factum_json_put_end(to);
}

/* ---- the picture ----------------------------------------------------------------------------- */

#define GRAPH_SIZE_MAX ((size_t)128 << 10)

struct drawing {
    char *text;
    size_t used;
    bool full;
};

static void draw(struct drawing *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void draw(struct drawing *d, const char *format, ...)
{
    va_list values;
    size_t room = GRAPH_SIZE_MAX - d->used;
    va_start(values, format);
    int len = vsnprintf(d->text + d->used, room, format, values);
    va_end(values);
    if (len < 0 || (size_t)len >= room) {
        d->full = true;
        return;
    }
    d->used += (size_t)len;
}

/* A name, without characters that would end a text of the picture. */
static void draw_name(struct drawing *d, factum_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        bool harmless = name.ptr[i] > ' ' && name.ptr[i] != '"' && name.ptr[i] != '\\' &&
                        name.ptr[i] != '<' && name.ptr[i] != '>' && name.ptr[i] != '#' &&
                        name.ptr[i] != ';' && name.ptr[i] != 0x7f;
        draw(d, "%c", harmless ? (char)name.ptr[i] : '_');
    }
}

enum graph_class { GRAPH_IDLE, GRAPH_WAITING, GRAPH_DONE, GRAPH_FAILED, GRAPH_STUCK, GRAPH_UNDONE };
static const struct {
    const char *name;
    const char *fill;
} graph_classes[] = {
    [GRAPH_IDLE] = {"idle", "#f2f2f2"},   [GRAPH_WAITING] = {"waiting", "#cfe2ff"},
    [GRAPH_DONE] = {"done", "#cdeccd"},   [GRAPH_FAILED] = {"failed", "#ffe0b3"},
    [GRAPH_STUCK] = {"stuck", "#ffb3b3"}, [GRAPH_UNDONE] = {"undone", "#d9d2e9"},
};
#define GRAPH_CLASSES (sizeof graph_classes / sizeof graph_classes[0])

static enum graph_class class_of(const factum_saga_step *step)
{
    static const uint8_t of_phase[] = {
        [FCT_STEP_IDLE] = GRAPH_IDLE,        [FCT_STEP_DOING] = GRAPH_WAITING,
        [FCT_STEP_ASKED] = GRAPH_STUCK,      [FCT_STEP_BLOCKED] = GRAPH_STUCK,
        [FCT_STEP_DONE] = GRAPH_DONE,        [FCT_STEP_FAILED] = GRAPH_FAILED,
        [FCT_STEP_UNKNOWN] = GRAPH_FAILED,   [FCT_STEP_RESTING] = GRAPH_WAITING,
        [FCT_STEP_UNDOING] = GRAPH_WAITING,  [FCT_STEP_UNDO_RESTING] = GRAPH_WAITING,
        [FCT_STEP_UNDO_STUCK] = GRAPH_STUCK, [FCT_STEP_UNDO_SILENT] = GRAPH_STUCK,
        [FCT_STEP_UNDONE] = GRAPH_UNDONE,
    };
    for (size_t i = 0; i < sizeof of_phase; i++) {
        if (strcmp(step->phase, fct_look_phase((uint8_t)i)) == 0) {
            return (enum graph_class)of_phase[i];
        }
    }
    return GRAPH_IDLE;
}

static bool is_end(const factum_saga_step *step, const char *name)
{
    return fct_slice_equal(step->name, factum_slice_from(name));
}

static void draw_label(struct drawing *d, const factum_saga_view *view,
                       const factum_saga_step *step, const char *line)
{
    draw_name(d, step->name);
    if (step->pivot) {
        draw(d, " (pivot)");
    }
    draw(d, "%s", line);
    draw_name(d, step->command);
    if (step->undo.len > 0) {
        draw(d, "%sundo: ", line);
        draw_name(d, step->undo);
    }
    if (view->status != FACTUM_SAGA_ANY) {
        draw(d, "%s%s", line, step->phase);
    }
}

static void draw_node(struct drawing *d, const factum_saga_view *view, size_t at, bool dot)
{
    const factum_saga_step *step = &view->steps[at];
    enum graph_class class = class_of(step);
    draw(d, dot ? "  s%zu [label=\"" : "  s%zu[\"", at);
    draw_label(d, view, step, dot ? "\\n" : "<br/>");
    if (dot) {
        draw(d, "\", fillcolor=\"%s\"%s];\n", graph_classes[class].fill,
             step->pivot ? ", peripheries=2" : "");
    } else {
        draw(d, "\"]:::%s\n", graph_classes[class].name);
    }
}

/* Each step follows all steps of the stage before it; "undone" follows them in reverse. */
static void draw_edges(struct drawing *d, const factum_saga_view *view, bool dot)
{
    for (size_t to = 0; to < view->step_count; to++) {
        bool back = is_end(&view->steps[to], "undone") && view->steps[to].undo.len == 0 &&
                    to + 1 == view->step_count;
        for (size_t from = 0; from < to; from++) {
            if (is_end(&view->steps[from], "done")) {
                continue;
            }
            if (back && view->steps[from].stage == 0) {
                draw(d, dot ? "  s%zu -> s%zu [style=dashed];\n" : "  s%zu -.-> s%zu\n", from, to);
            } else if (!back && view->steps[from].stage + 1 == view->steps[to].stage) {
                draw(d, dot ? "  s%zu -> s%zu;\n" : "  s%zu --> s%zu\n", from, to);
            }
        }
    }
}

static void draw_all(struct drawing *d, const factum_saga_view *view, bool dot)
{
    if (dot) {
        draw(d, "digraph \"");
        draw_name(d, view->saga);
        draw(d, "\" {\n  node [shape=box, style=\"rounded,filled\"];\n");
    } else {
        draw(d, "flowchart TD\n");
    }
    for (size_t i = 0; i < view->step_count; i++) {
        draw_node(d, view, i, dot);
    }
    draw_edges(d, view, dot);
    for (size_t i = 0; i < GRAPH_CLASSES && !dot; i++) {
        draw(d, "  classDef %s fill:%s,stroke:#555,color:#000\n", graph_classes[i].name,
             graph_classes[i].fill);
    }
    draw(d, "%s", dot ? "}\n" : "");
}

factum_status factum_saga_graph(const factum_saga_view *view, factum_saga_graph_form form,
                                factum_slice *text, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    *text = fct_slice(NULL, 0);
    if (view->memory == NULL || (form != FACTUM_SAGA_MERMAID && form != FACTUM_SAGA_DOT)) {
        return fct_fail(err, FACTUM_INVALID, "saga: the picture needs a view and a form");
    }
    struct drawing d = {.text = factum_arena_take(view->memory, GRAPH_SIZE_MAX)};
    if (d.text == NULL) {
        return fct_arena_status(view->memory, "saga: a picture", err);
    }
    draw_all(&d, view, form == FACTUM_SAGA_DOT);
    if (d.full) {
        return fct_fail(err, FACTUM_TOO_BIG, "saga: the picture is larger than %zu bytes",
                        GRAPH_SIZE_MAX);
    }
    *text = fct_slice(d.text, d.used);
    return FACTUM_OK;
}
