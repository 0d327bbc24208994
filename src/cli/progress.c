/* progress.c - how far long work has come, how fast, and how long it will take. Layer: cli. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void progress_begin(struct progress *progress, const char *what, const char *unit, bool quiet)
{
    *progress = (struct progress){
        .what = what,
        .unit = unit,
        .quiet = quiet,
        .terminal = isatty(STDERR_FILENO) != 0,
        .started = seconds_now(),
    };
    progress->drawn_at = progress->started;
}

static void draw(struct progress *progress, uint64_t done, uint64_t total, double now)
{
    char amount[32];
    char rate[32];
    double passed = now - progress->started;
    double speed = passed > 0 ? (double)done / passed : 0;
    if (progress->unit == NULL) {
        format_size(done, amount);
        format_size((uint64_t)speed, rate);
    } else {
        format_count(done, amount);
        format_count((uint64_t)speed, rate);
    }
    (void)fprintf(stderr, "%s%s: %s%s%s, %s/s", progress->terminal ? "\r\033[K" : "",
                  progress->what, amount, progress->unit == NULL ? "" : " ",
                  progress->unit == NULL ? "" : progress->unit, rate);
    if (total > 0 && done > 0 && done <= total) {
        double left = passed * ((double)(total - done) / (double)done);
        (void)fprintf(stderr, ", %d %%, %d:%02d left", (int)(100 * (double)done / (double)total),
                      (int)left / 60, (int)left % 60);
    }
    (void)fputs(progress->terminal ? "" : "\n", stderr);
    (void)fflush(stderr);
    progress->drawn = true;
    progress->drawn_at = now;
}

void progress_step(struct progress *progress, uint64_t done, uint64_t total)
{
    progress->done = done;
    if (progress->quiet) {
        return;
    }
    double now = seconds_now();
    double every = progress->terminal ? 0.2 : 5;
    if (now - progress->drawn_at >= every) {
        draw(progress, done, total, now);
    }
}

void progress_end(struct progress *progress)
{
    if (progress->drawn && progress->terminal) {
        (void)fputs("\r\033[K", stderr);
        (void)fflush(stderr);
    }
}

bool progress_callback(void *data, uint64_t done, uint64_t total)
{
    progress_step(data, done, total);
    return !interrupted;
}
