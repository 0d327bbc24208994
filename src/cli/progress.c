/* progress.c - how much of a long task is done, how fast, and how long the rest will take. Layer:
 * cli.
 *
 * The text of the bar is a pure function of a struct progress_view. Messages and the bar share a
 * line: progress_clear removes the bar, and the next step draws it again below the message.
 */
#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define BAR_WIDTH_MAX 24
#define BAR_WIDTH_MIN 8
#define DRAW_EVERY 0.2     /* seconds */
#define ESTIMATE_AFTER 0.2 /* seconds of work; earlier, a rate means nothing */
#define SECONDS_LEFT_MAX (100.0 * 3600)

static bool drawn; /* the last output on the terminal is a bar */

double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the text -------------------------------------------------------------------------------- */

double progress_seconds_left(const struct progress_view *view)
{
    if (view->total == 0 || view->done > view->total || view->done <= view->skipped ||
        view->seconds < ESTIMATE_AFTER) {
        return -1;
    }
    double rate = (double)(view->done - view->skipped) / view->seconds;
    double left = (double)(view->total - view->done) / rate;
    return left < SECONDS_LEFT_MAX ? left : -1;
}

/* "  1,234 events", ", 567/s", ", 0:42 left"; unknown figures are empty. */
struct figures {
    char amount[48];
    char rate[48];
    char left[32];
};

static void format_figures(const struct progress_view *view, struct figures *figures)
{
    char text[64];
    bool counted = view->items > 0;
    uint64_t amount = counted ? view->items : view->done;
    uint64_t worked = counted ? view->items : view->done - view->skipped;
    *figures = (struct figures){.rate = ""};
    if (counted) {
        format_things(amount, view->item_name != NULL ? view->item_name : "event",
                      view->items_name != NULL ? view->items_name : "events", text);
    } else {
        format_size(amount, text);
    }
    (void)snprintf(figures->amount, sizeof figures->amount, "  %.40s", text);
    if (worked > 0 && view->seconds >= ESTIMATE_AFTER) {
        uint64_t rate = (uint64_t)((double)worked / view->seconds);
        if (counted) {
            format_count(rate, text);
        } else {
            format_size(rate, text);
        }
        (void)snprintf(figures->rate, sizeof figures->rate, ", %.40s/s", text);
    }
    double left = progress_seconds_left(view);
    if (left >= 3600) {
        (void)snprintf(figures->left, sizeof figures->left, ", %d:%02d:%02d left", (int)left / 3600,
                       (int)left / 60 % 60, (int)left % 60);
    } else if (left >= 0) {
        (void)snprintf(figures->left, sizeof figures->left, ", %d:%02d left", (int)left / 60,
                       (int)left % 60);
    }
}

/* Formats the bar with |width| signs (0: none), and the percentage. Empty if the total is
 * unknown. */
static void format_bar(const struct progress_view *view, size_t width, char text[64])
{
    char bar[BAR_WIDTH_MAX + 4] = "";
    text[0] = '\0';
    if (view->total == 0 || view->done > view->total) {
        return;
    }
    double part = (double)view->done / (double)view->total;
    if (width > 0) {
        size_t full = (size_t)(part * (double)width);
        bar[0] = '[';
        memset(bar + 1, '#', full);
        memset(bar + 1 + full, '.', width - full);
        memcpy(bar + 1 + width, "] ", 3);
    }
    (void)snprintf(text, 64, " %s%3d %%", bar, (int)(part * 100));
}

void progress_format(const struct progress_view *view, char text[PROGRESS_TEXT_SIZE])
{
    struct figures figures;
    char bar[64];
    size_t room = view->columns > 1 ? view->columns - 1 : 1; /* the cursor needs the last column */
    room = room < PROGRESS_TEXT_SIZE - 1 ? room : PROGRESS_TEXT_SIZE - 1;
    format_figures(view, &figures);
    format_bar(view, 0, bar);
    size_t len = strlen(view->what) + strlen(bar) + strlen(figures.amount) + strlen(figures.rate) +
                 strlen(figures.left);
    size_t width = len + 3 < room ? room - len - 3 : 0; /* 3: the brackets and a blank */
    width = width < BAR_WIDTH_MAX ? width : BAR_WIDTH_MAX;
    if (width >= BAR_WIDTH_MIN) {
        format_bar(view, width, bar);
    } else if (len > room) { /* leave out the bar, then the rate, then the amount */
        len -= strlen(figures.rate);
        figures.rate[0] = '\0';
        if (len > room) {
            figures.amount[0] = '\0';
        }
    }
    char whole[2 * PROGRESS_TEXT_SIZE];
    (void)snprintf(whole, sizeof whole, "%.40s%s%s%s%s", view->what, bar, figures.amount,
                   figures.rate, figures.left);
    (void)snprintf(text, PROGRESS_TEXT_SIZE, "%.*s", (int)room, whole);
}

/* ---- on the terminal ------------------------------------------------------------------------- */

static size_t terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return 80;
}

void progress_begin(struct progress *progress, const char *what, bool quiet)
{
    double now = seconds_now();
    *progress = (struct progress){
        .what = what,
        .wanted = !quiet && isatty(STDERR_FILENO) != 0,
        .started = now,
        .working_since = now,
        .drawn_at = now,
    };
}

void progress_skip(struct progress *progress, uint64_t done)
{
    progress->skipped = done;
    progress->working_since = seconds_now();
}

void progress_step(struct progress *progress, uint64_t done, uint64_t total)
{
    if (!progress->wanted) {
        return;
    }
    double now = seconds_now();
    if (now - progress->drawn_at < DRAW_EVERY) {
        return;
    }
    char text[PROGRESS_TEXT_SIZE];
    struct progress_view view = {
        .what = progress->what,
        .seconds = now - progress->working_since,
        .skipped = progress->skipped,
        .done = done,
        .total = total,
        .items = progress->items,
        .item_name = progress->item_name,
        .items_name = progress->items_name,
        .columns = terminal_columns(),
    };
    progress_format(&view, text);
    (void)fprintf(stderr, "\r\033[K%s", text);
    (void)fflush(stderr);
    drawn = true;
    progress->drawn_at = now;
}

void progress_clear(void)
{
    if (drawn) {
        (void)fputs("\r\033[K", stderr);
        (void)fflush(stderr);
        drawn = false;
    }
}

void progress_end(struct progress *progress)
{
    progress->wanted = false;
    progress_clear();
}

bool progress_callback(void *data, uint64_t done, uint64_t total)
{
    progress_step(data, done, total);
    return !interrupted;
}

bool progress_events(void *data, uint64_t done, uint64_t total)
{
    struct progress *progress = data;
    progress->items = done;
    return progress_callback(data, done, total);
}
