/* progress.c - how far long work has come, how fast, and how long it will take. Layer: cli. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define BAR_WIDTH 24
#define DRAW_EVERY 0.2 /* seconds */

double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void progress_begin(struct progress *progress, const char *what, bool quiet)
{
    *progress = (struct progress){
        .what = what,
        .wanted = !quiet && isatty(STDERR_FILENO) != 0,
        .started = seconds_now(),
    };
    progress->drawn_at = progress->started;
}

static void draw_bar(uint64_t done, uint64_t total)
{
    char bar[BAR_WIDTH + 1];
    double part = (double)done / (double)total;
    size_t full = (size_t)(part * BAR_WIDTH);
    memset(bar, '#', full);
    memset(bar + full, '.', BAR_WIDTH - full);
    bar[BAR_WIDTH] = '\0';
    (void)fprintf(stderr, " [%s] %3d %%", bar, (int)(part * 100));
}

static void draw(struct progress *progress, uint64_t done, uint64_t total, double now)
{
    char amount[32];
    char rate[32];
    double passed = now - progress->started;
    bool known = total > 0 && done > 0 && done <= total;
    (void)fprintf(stderr, "\r\033[K%s", progress->what);
    if (known) {
        draw_bar(done, total);
    }
    if (progress->items > 0) {
        format_count(progress->items, amount);
        format_count((uint64_t)((double)progress->items / passed), rate);
        (void)fprintf(stderr, "  %s events, %s/s", amount, rate);
    } else {
        format_size(done, amount);
        format_size((uint64_t)((double)done / passed), rate);
        (void)fprintf(stderr, "  %s, %s/s", amount, rate);
    }
    if (known) {
        int left = (int)(passed * ((double)(total - done) / (double)done));
        (void)fprintf(stderr, ", %d:%02d left", left / 60, left % 60);
    }
    (void)fflush(stderr);
    progress->drawn = true;
    progress->drawn_at = now;
}

void progress_step(struct progress *progress, uint64_t done, uint64_t total)
{
    if (!progress->wanted) {
        return;
    }
    double now = seconds_now();
    if (now - progress->drawn_at >= DRAW_EVERY) {
        draw(progress, done, total, now);
    }
}

void progress_end(struct progress *progress)
{
    if (progress->drawn) {
        (void)fputs("\r\033[K", stderr);
        (void)fflush(stderr);
    }
}

bool progress_callback(void *data, uint64_t done, uint64_t total)
{
    progress_step(data, done, total);
    return !interrupted;
}
