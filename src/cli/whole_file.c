/* whole_file.c - see whole_file.h. Layer: cli. */
#include "cli/whole_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/input.h"

#define ROOM_FIRST ((size_t)64 << 10)

int file_failed(const char *path, int error)
{
    (void)complain("%s: %s", path, strerror(error));
    return error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND : EXIT_FAILURE_;
}

/* Doubles the room, to at most |room_max| bytes. */
static bool grow(uint8_t **bytes, size_t *room, size_t room_max)
{
    size_t more = *room == 0 ? ROOM_FIRST : *room * 2;
    more = more > room_max ? room_max : more;
    uint8_t *grown = realloc(*bytes, more);
    if (grown == NULL) {
        return false;
    }
    *bytes = grown;
    *room = more;
    return true;
}

static int read_all(FILE *file, const char *name, size_t size_max, uint8_t **bytes, size_t *len)
{
    size_t room = 0;
    do {
        if (*len == room && !grow(bytes, &room, size_max + 1)) {
            (void)complain("%s: out of memory", name);
            return EXIT_FAILURE_;
        }
        *len += fread(*bytes + *len, 1, room - *len, file);
    } while (*len == room && *len <= size_max);
    if (ferror(file) != 0) {
        return file_failed(name, errno);
    }
    return *len > size_max ? complain("%s: over the limit of %zu bytes", name, size_max) : 0;
}

int file_read(const char *path, size_t size_max, uint8_t **bytes, size_t *len)
{
    bool standard = strcmp(path, "-") == 0;
    *bytes = NULL;
    *len = 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    if (file == NULL) {
        return file_failed(path, errno);
    }
    int code = read_all(file, input_name(path), size_max, bytes, len);
    if (!standard) {
        (void)fclose(file);
    }
    if (code != 0) {
        free(*bytes);
        *bytes = NULL;
        *len = 0;
    }
    return code;
}
