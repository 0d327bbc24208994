/* progress.h - a progress bar, redrawn in place on a terminal; nothing elsewhere. Layer: cli.
 * One thread. */
#ifndef FACTUM_CLI_PROGRESS_H
#define FACTUM_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    const char *what;
    bool wanted;
    double started;
    double working_since; /* time of the last skip, or as |started| */
    double drawn_at;
    uint64_t skipped;
    uint64_t items; /* so far, if the caller counts them */
    /* The names of one item and of several, static; NULL: "event" and "events". Set them after
     * progress_begin. */
    const char *item_name, *items_name;
};
void progress_begin(struct progress *progress, const char *what, bool quiet);
/* The first |done| bytes were done by an earlier run: they are left out of rate and time left. */
void progress_skip(struct progress *progress, uint64_t done);
/* |done| of |total| bytes; |total| 0: the size is not known. */
void progress_step(struct progress *progress, uint64_t done, uint64_t total);
void progress_end(struct progress *progress);
/* Call before a message on standard error: clears the line of a drawn bar for the message. */
void progress_clear(void);

/* The values that a bar shows. */
struct progress_view {
    const char *what;
    double seconds; /* of work */
    uint64_t skipped, done, total, items;
    const char *item_name, *items_name; /* as of struct progress */
    size_t columns;                     /* of the terminal */
};
#define PROGRESS_TEXT_SIZE 160
/* Formats the bar, shorter than a line of the terminal. */
void progress_format(const struct progress_view *view, char text[PROGRESS_TEXT_SIZE]);
/* Seconds left at the rate so far; negative: not known. */
double progress_seconds_left(const struct progress_view *view);

/* For factum_progress: |data| is the struct progress. Returns false, which stops the call, on a
 * signal. */
bool progress_callback(void *data, uint64_t done, uint64_t total);
/* The same for |total| events. */
bool progress_events(void *data, uint64_t done, uint64_t total);
double seconds_now(void);

#endif
