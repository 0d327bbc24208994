/* input.c - lines of a file: plain, gzip or zstd, recognised by their first bytes. Layer: cli.
 *
 * Bounded: of a line longer than 16 MiB, the first 16 MiB are returned and the rest is skipped. Of
 * a damaged file, the whole lines before the damage are returned first.
 */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "cli/cli.h"

enum {
    READ_SIZE = 256 << 10,
    TEXT_SIZE = 1 << 20,
};
#define LINE_MAX_ ((size_t)16 << 20)

struct input {
    const char *path;
    int fd;
    uint64_t size;
    uint64_t taken; /* bytes read from the file */
    uint8_t *raw;
    size_t raw_at, raw_end;
    bool raw_over;
    enum { PLAIN, GZIP, ZSTD } form;
    z_stream gzip;
    ZSTD_DStream *zstd;
    bool begun; /* a compressed frame is under way */
    uint8_t *text;
    size_t text_at, text_end, text_capacity;
    bool text_over;
    bool begun_text;    /* something was read: a byte order mark cannot follow */
    const char *damage; /* what is wrong with the compressed data after text_end, or NULL */
};

static int broken(const struct input *input, const char *what)
{
    (void)complain("%s: %s", input->path, what);
    return -1;
}

/* The decoder has failed at raw_at, perhaps after some good text, which is returned first. */
static int stop_at_damage(struct input *input, const char *what)
{
    input->damage = what;
    return 0;
}

static int report_damage(const struct input *input)
{
    (void)complain("%s: the compressed file is damaged at byte %" PRIu64 ": %s", input->path,
                   input->taken - (input->raw_end - input->raw_at), input->damage);
    return -1;
}

/* Reads more raw bytes. -1 after a message, or if a signal came. */
static int read_raw(struct input *input)
{
    ssize_t got;
    do {
        got = read(input->fd, input->raw, READ_SIZE);
    } while (got < 0 && errno == EINTR && !interrupted);
    if (got < 0) {
        return interrupted ? -1 : broken(input, strerror(errno));
    }
    input->raw_at = 0;
    input->raw_end = (size_t)got;
    input->raw_over = got == 0;
    input->taken += (uint64_t)got;
    return 0;
}

static int decode_gzip(struct input *input, uint8_t *to, size_t room, size_t *made)
{
    input->gzip.next_in = input->raw + input->raw_at;
    input->gzip.avail_in = (uInt)(input->raw_end - input->raw_at);
    input->gzip.next_out = to;
    input->gzip.avail_out = (uInt)room;
    int result = inflate(&input->gzip, Z_NO_FLUSH);
    input->raw_at = input->raw_end - input->gzip.avail_in;
    *made = room - input->gzip.avail_out;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        return stop_at_damage(input, input->gzip.msg != NULL ? input->gzip.msg : "no gzip data");
    }
    input->begun = result != Z_STREAM_END;
    if (result == Z_STREAM_END) {
        (void)inflateReset(&input->gzip); /* another member may follow */
    }
    return 0;
}

static int decode_zstd(struct input *input, uint8_t *to, size_t room, size_t *made)
{
    ZSTD_inBuffer in = {input->raw, input->raw_end, input->raw_at};
    ZSTD_outBuffer out = {to, room, 0};
    size_t result = ZSTD_decompressStream(input->zstd, &out, &in);
    input->raw_at = in.pos;
    *made = out.pos;
    if (ZSTD_isError(result) != 0) {
        return stop_at_damage(input, ZSTD_getErrorName(result));
    }
    input->begun = result != 0;
    return 0;
}

static int decode(struct input *input, uint8_t *to, size_t room, size_t *made)
{
    if (input->raw_at == input->raw_end && !input->begun) {
        *made = 0; /* between two frames and no input: another place decides whether that is the end
                    */
        return 0;
    }
    if (input->form == GZIP) {
        return decode_gzip(input, to, room, made);
    }
    if (input->form == ZSTD) {
        return decode_zstd(input, to, room, made);
    }
    size_t size = input->raw_end - input->raw_at;
    *made = size < room ? size : room;
    memcpy(to, input->raw + input->raw_at, *made);
    input->raw_at += *made;
    return 0;
}

/* Decodes more text after text_end. */
static int fill(struct input *input)
{
    if (input->text_at > 0) {
        memmove(input->text, input->text + input->text_at, input->text_end - input->text_at);
        input->text_end -= input->text_at;
        input->text_at = 0;
    }
    if (input->text_end == input->text_capacity) {
        size_t capacity = input->text_capacity == 0 ? TEXT_SIZE : input->text_capacity * 2;
        uint8_t *grown = realloc(input->text, capacity);
        if (grown == NULL) {
            return broken(input, "out of memory");
        }
        input->text = grown;
        input->text_capacity = capacity;
    }
    size_t made = 0;
    while (made == 0 && !input->text_over) {
        if (input->damage != NULL) {
            return report_damage(input);
        }
        if (input->raw_at == input->raw_end && !input->raw_over && read_raw(input) != 0) {
            return -1;
        }
        if (decode(input, input->text + input->text_end, input->text_capacity - input->text_end,
                   &made) != 0) {
            return -1;
        }
        if (made == 0 && input->damage == NULL && input->raw_at == input->raw_end &&
            input->raw_over) {
            input->text_over = true;
            if (input->begun && input->form != PLAIN) {
                return broken(input, "the compressed data ends too soon: the file is truncated");
            }
        }
    }
    input->text_end += made;
    return 0;
}

/* Recognises the first bytes of formats that are not supported. NULL: none of them. */
static const char *foreign_format(const uint8_t *bytes, size_t len)
{
    static const struct {
        const char *magic;
        size_t size;
        const char *what;
    } formats[] = {
        {"\xfd"
         "7zXZ",
         5, "compressed with xz: decompress it first (xz -dc FILE | factum import -)"},
        {"BZh", 3, "compressed with bzip2: decompress it first (bzip2 -dc FILE | factum import -)"},
        {"\x04\x22\x4d\x18", 4,
         "compressed with lz4: decompress it first (lz4 -dc FILE | factum import -)"},
        {"PK\x03\x04", 4, "a zip archive: unpack it first (unzip -p FILE | factum import -)"},
        {"\xff\xfe", 2, "UTF-16 text: convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"},
        {"\xfe\xff", 2, "UTF-16 text: convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"},
        {"{\0", 2, "UTF-16 text: convert it to UTF-8 first (iconv -f UTF-16LE -t UTF-8)"},
        {"\0{", 2, "UTF-16 text: convert it to UTF-8 first (iconv -f UTF-16BE -t UTF-8)"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (len >= formats[i].size && memcmp(bytes, formats[i].magic, formats[i].size) == 0) {
            return formats[i].what;
        }
    }
    bool text = len == 0 || strchr("{ \t\r\n", bytes[0]) != NULL;
    return !text && memchr(bytes, '\0', len < 512 ? len : 512) != NULL
               ? "a binary file: lines of JSON are expected"
               : NULL;
}

static int detect(struct input *input)
{
    static const uint8_t zstd_magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
    if (read_raw(input) != 0) {
        return -1;
    }
    const char *foreign = foreign_format(input->raw, input->raw_end);
    if (input->raw_end >= 2 && input->raw[0] == 0x1f && input->raw[1] == 0x8b) {
        input->form = GZIP;
        if (inflateInit2(&input->gzip, 15 + 16) != Z_OK) {
            return broken(input, "out of memory");
        }
    } else if (input->raw_end >= 4 && memcmp(input->raw, zstd_magic, 4) == 0) {
        input->form = ZSTD;
        input->zstd = ZSTD_createDStream();
        if (input->zstd == NULL) {
            return broken(input, "out of memory");
        }
    } else if (foreign != NULL) {
        (void)complain("%s is %s", input->path, foreign);
        return EXIT_USAGE;
    }
    return 0;
}

const char *input_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

struct input *input_open(const char *path, int *code)
{
    struct input *input = calloc(1, sizeof *input);
    bool standard = strcmp(path, "-") == 0;
    if (input == NULL) {
        *code = EXIT_FAILURE_;
        return NULL;
    }
    input->path = input_name(path);
    input->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    input->raw = malloc(READ_SIZE);
    input->text = malloc(TEXT_SIZE);
    input->text_capacity = TEXT_SIZE;
    struct stat stat;
    *code = EXIT_FAILURE_;
    if (input->fd < 0) {
        *code = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILURE_;
        (void)complain("%s: %s", path, strerror(errno));
    } else if (input->raw == NULL || input->text == NULL) {
        (void)complain("out of memory");
    } else {
        int detected = detect(input);
        if (detected == 0) {
            if (fstat(input->fd, &stat) == 0 && S_ISREG(stat.st_mode)) {
                input->size = (uint64_t)stat.st_size;
            }
            return input;
        }
        *code = interrupted ? EXIT_INTERRUPTED : detected == EXIT_USAGE ? EXIT_USAGE : *code;
    }
    input_close(input);
    return NULL;
}

/* Skips a UTF-8 byte order mark, which some editors write before the first line. */
static int skip_mark(struct input *input)
{
    static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};
    input->begun_text = true;
    while (input->text_end < sizeof mark && !input->text_over) {
        if (fill(input) != 0) {
            return -1;
        }
    }
    if (input->text_end >= sizeof mark && memcmp(input->text, mark, sizeof mark) == 0) {
        input->text_at = sizeof mark;
    }
    return 0;
}

/* The first LINE_MAX_ bytes of the text belong to a longer line: returns them, and skips the rest
 * of the line. */
static int pass_over(struct input *input, factum_slice *line)
{
    size_t start = input->text_at;
    for (;;) {
        const uint8_t *rest = input->text + start + LINE_MAX_;
        size_t have = input->text_end - start - LINE_MAX_;
        const uint8_t *end = memchr(rest, '\n', have);
        if (end != NULL || input->text_over) {
            size_t passed = end == NULL ? have : (size_t)(end - rest) + 1;
            *line = (factum_slice){input->text + start, LINE_MAX_};
            input->text_at = start + LINE_MAX_ + passed;
            return 2;
        }
        input->text_end = start + LINE_MAX_;
        if (fill(input) != 0) {
            return -1;
        }
        start = input->text_at; /* fill moves the text to the front */
    }
}

int input_line(struct input *input, factum_slice *line)
{
    size_t searched = 0;
    if (!input->begun_text && skip_mark(input) != 0) {
        return -1;
    }
    for (;;) {
        const uint8_t *start = input->text + input->text_at;
        size_t have = input->text_end - input->text_at;
        const uint8_t *end = memchr(start + searched, '\n', have - searched);
        size_t len = end == NULL ? have : (size_t)(end - start);
        if (len > LINE_MAX_) {
            return pass_over(input, line);
        }
        if (end != NULL || (input->text_over && have > 0)) {
            *line = (factum_slice){start, len};
            if (len > 0 && start[len - 1] == '\r') {
                line->len--;
            }
            input->text_at += len + (end == NULL ? 0 : 1);
            return 1;
        }
        if (input->text_over) {
            return 0;
        }
        searched = have;
        if (fill(input) != 0) {
            return -1;
        }
    }
}

bool input_is_damaged(struct input *input)
{
    if (input->form == PLAIN || input->size == 0) {
        return false;
    }
    int status = 0;
    while (status == 0 && !input->text_over && !interrupted) {
        input->text_at = input->text_end;
        status = fill(input);
    }
    return status != 0;
}

void input_place(const struct input *input, uint64_t *done, uint64_t *total)
{
    *done = input->taken - (input->raw_end - input->raw_at);
    *total = input->size;
}

void input_close(struct input *input)
{
    if (input == NULL) {
        return;
    }
    if (input->fd > STDIN_FILENO) {
        (void)close(input->fd);
    }
    if (input->form == GZIP) {
        (void)inflateEnd(&input->gzip);
    }
    (void)ZSTD_freeDStream(input->zstd);
    free(input->raw);
    free(input->text);
    free(input);
}
