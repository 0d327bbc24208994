/* input.h - lines of a file or of standard input: plain, gzip or zstd. Layer: cli. One thread. */
#ifndef FACTUM_CLI_INPUT_H
#define FACTUM_CLI_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include <factum/base.h>

struct input;
/* Opens |path|; "-" is standard input. NULL after a message, with *code set. */
struct input *input_open(const char *path, int *code);
/* The name of |path| in messages. */
const char *input_name(const char *path);
/* Returns 1 with a line without its line end, which lasts until the next call; 2 with the first 16
 * MiB of a longer line; 0 at the end; -1 after a message, or without one if a signal came. */
int input_line(struct input *input, factum_slice *line);
/* Reads a compressed file to its end and reports whether it is damaged, after a message if it is.
 * The input cannot be read further. A damaged file may yield nonsense lines before the damage is
 * found. */
bool input_is_damaged(struct input *input);
/* Bytes of the file read so far, and its size (0: not known). */
void input_place(const struct input *input, uint64_t *done, uint64_t *total);
void input_close(struct input *input);

#endif
