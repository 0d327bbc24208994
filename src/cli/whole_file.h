/* whole_file.h - a whole file in memory. Layer: cli. */
#ifndef FACTUM_CLI_WHOLE_FILE_H
#define FACTUM_CLI_WHOLE_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Reads |path|, of at most |size_max| bytes; "-" is standard input. The caller frees *bytes, which
 * is NULL on failure. 0, or the exit code after a message: EXIT_NOT_FOUND, EXIT_USAGE if the file
 * is too long, EXIT_FAILURE_. */
int file_read(const char *path, size_t size_max, uint8_t **bytes, size_t *len);
/* Prints the text of |error|, an errno, and returns the exit code. */
int file_failed(const char *path, int error);

#endif
