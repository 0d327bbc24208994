/* output.c - messages, exit codes, events as text. Layer: cli. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

volatile bool interrupted;

int complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("factum: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return EXIT_USAGE;
}

static int code_of(factum_status status)
{
    switch (status) {
    case FACTUM_INVALID:
    case FACTUM_TOO_BIG:
    case FACTUM_UNSUPPORTED:
        return EXIT_USAGE;
    case FACTUM_WRONG_REVISION:
    case FACTUM_CONDITION_FAILED:
    case FACTUM_KEY_CONFLICT:
    case FACTUM_STREAM_DELETED:
    case FACTUM_EXISTS:
        return EXIT_REFUSED;
    case FACTUM_STREAM_NOT_FOUND:
    case FACTUM_NOT_FOUND:
        return EXIT_NOT_FOUND;
    case FACTUM_CORRUPT:
        return EXIT_DAMAGED;
    case FACTUM_LOCKED:
    case FACTUM_BUSY:
        return EXIT_LOCKED;
    case FACTUM_CANCELLED:
        return EXIT_INTERRUPTED;
    case FACTUM_OK:
    case FACTUM_DONE:
    case FACTUM_CAUGHT_UP:
    case FACTUM_TIMEOUT:
        return EXIT_OK;
    case FACTUM_NO_MEMORY:
    case FACTUM_IO:
    case FACTUM_NO_SPACE:
    case FACTUM_FAILED:
    case FACTUM_READ_ONLY:
    case FACTUM_UNKNOWN_OUTCOME:
    case FACTUM_NEWER_FORMAT:
        break;
    }
    return EXIT_FAILURE_;
}

int fail_with(factum_status status, const factum_error *err)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "factum: %s\n", status < 0 ? err->text : factum_status_text(status));
    return code_of(status);
}

static void show_message(void *data, factum_log_level level, const char *id, const char *text)
{
    (void)data;
    if (level <= FACTUM_LOG_WARN) {
        (void)fprintf(stderr, "factum: %s: %s\n", id, text);
    }
}

int open_store(const struct options *options, bool write, factum_store **store)
{
    static const factum_log_sink sink = {NULL, show_message};
    factum_error err;
    factum_store_options store_options = {
        .size = sizeof store_options,
        .must_exist = !write,
        .append_events_max = 100000,
        .log = &sink,
    };
    factum_status status = factum_open(options->store, &store_options, store, &err);
    if (status == FACTUM_NOT_FOUND) {
        (void)fprintf(
            stderr, "factum: %s; name it with --store DIR or FACTUM_STORE, or append to make one\n",
            err.text);
        return EXIT_NOT_FOUND;
    }
    return status == FACTUM_OK ? 0 : fail_with(status, &err);
}

int close_store(factum_store *store, int code)
{
    factum_error err;
    factum_status status = factum_close(store, &err);
    if (status != FACTUM_OK && code == 0) {
        return fail_with(status, &err);
    }
    return code;
}

int finish_output(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        if (code == 0) {
            (void)fprintf(stderr, "factum: the output could not be written\n");
            return EXIT_FAILURE_;
        }
    }
    return code;
}

const char *colour(const char *code)
{
    static int wanted = -1;
    if (wanted < 0) {
        const char *no = getenv("NO_COLOR");
        wanted = isatty(STDOUT_FILENO) != 0 && (no == NULL || no[0] == '\0');
    }
    return wanted > 0 ? code : "";
}

void print_text(FILE *to, factum_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            (void)fprintf(to, "\\x%02x", c);
        } else {
            (void)fputc(c, to);
        }
    }
}

void print_json_text(FILE *to, factum_slice text)
{
    (void)fputc('"', to);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == '\\') {
            (void)fprintf(to, "\\%c", c);
        } else if (c < 0x20) {
            (void)fprintf(to, "\\u%04x", c);
        } else {
            (void)fputc(c, to);
        }
    }
    (void)fputc('"', to);
}

static bool printable(factum_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] < 0x20 && bytes.ptr[i] != '\n' && bytes.ptr[i] != '\t') {
            return false;
        }
    }
    return true;
}

void print_event(const factum_event *event)
{
    char time[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(event->time, time);
    (void)printf("%s", colour("\033[1m"));
    print_text(stdout, event->stream);
    if (event->revision == FACTUM_REVISION_TOMBSTONE) {
        (void)printf("%s  end", colour("\033[0m"));
    } else {
        (void)printf("%s  %" PRIu64, colour("\033[0m"), event->revision);
    }
    (void)printf("  %s", colour("\033[36m"));
    print_text(stdout, event->type);
    (void)printf("%s  %s%s%s", colour("\033[0m"), colour("\033[2m"), time, colour("\033[0m"));
    for (size_t i = 0; i < event->tag_count; i++) {
        (void)printf("  #");
        print_text(stdout, event->tags[i]);
    }
    (void)printf("\n");
    if (event->data.len > 0) {
        (void)printf("    ");
        if (printable(event->data)) {
            print_text(stdout, event->data);
        } else {
            (void)printf("(%zu bytes)", event->data.len);
        }
        (void)printf("\n");
    }
}

int print_event_json(factum_ndjson *ndjson, const factum_event *event)
{
    factum_slice line;
    factum_error err;
    factum_status status = factum_ndjson_format(ndjson, event, &line, &err);
    if (status != FACTUM_OK) {
        return fail_with(status, &err);
    }
    if (fwrite(line.ptr, 1, line.len, stdout) != line.len) {
        return EXIT_FAILURE_;
    }
    return 0;
}

void format_size(uint64_t bytes, char text[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(text, 32, "%.*f %s", unit == 0 ? 0 : 1, value, units[unit]);
}

void format_count(uint64_t count, char text[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, count);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            text[at++] = ',';
        }
        text[at++] = digits[i];
    }
    text[at] = '\0';
}
