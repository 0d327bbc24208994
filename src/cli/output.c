/* output.c - messages, exit codes, events as text. Layer: cli. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/progress.h"

volatile sig_atomic_t interrupted;

int complain(const char *format, ...)
{
    progress_clear();
    (void)fputs("factum: ", stderr);
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, the line before */
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return EXIT_USAGE;
}

int code_of_status(factum_status status)
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
    case FACTUM_WRONG_TIMELINE:
        return EXIT_REFUSED;
    case FACTUM_SCHEMA_VIOLATION:
        return EXIT_INVALID;
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
    case FACTUM_EXPIRED:
        return EXIT_NOT_YET;
    case FACTUM_DENIED:
        return EXIT_NO_RIGHT;
    case FACTUM_UNKNOWN_OUTCOME:
    case FACTUM_UNREACHABLE:
        return EXIT_UNKNOWN;
    case FACTUM_OK:
    case FACTUM_DONE:
    case FACTUM_CAUGHT_UP:
    case FACTUM_TIMEOUT:
    case FACTUM_PENDING:
        return EXIT_OK;
    case FACTUM_NO_MEMORY:
    case FACTUM_IO:
    case FACTUM_NO_SPACE:
    case FACTUM_FAILED:
    case FACTUM_READ_ONLY:
    case FACTUM_NEWER_FORMAT:
        break;
    }
    return EXIT_FAILURE_;
}

/* The damage that the open store has logged: reported once, after the output of the command. */
static char damage[256];
static bool damage_reported;

void damage_shown(void)
{
    damage_reported = true;
}

int fail_with(factum_status status, const factum_error *err)
{
    (void)fflush(stdout);
    progress_clear();
    damage_reported = damage_reported || (damage[0] != '\0' && status == FACTUM_CORRUPT);
    (void)fputs("factum: ", stderr);
    print_text(stderr, factum_slice_from(status < 0 ? err->text : factum_status_text(status)));
    (void)fputc('\n', stderr);
    if (status == FACTUM_NO_SPACE) {
        (void)fputs("factum: make space and run the same command again; reading still works\n",
                    stderr);
    }
    return code_of_status(status);
}

static void show_message(void *data, factum_log_level level, const char *id, const char *text)
{
    (void)data;
    if (strcmp(id, "log.damaged") == 0) {
        (void)snprintf(damage, sizeof damage, "%s", text);
    } else if (level <= FACTUM_LOG_WARN) {
        progress_clear();
        (void)fprintf(stderr, "factum: %s: ", id);
        print_text(stderr, factum_slice_from(text));
        (void)fputc('\n', stderr);
    }
}

const factum_log_sink messages = {NULL, show_message};

bool is_address(const char *store)
{
    return strstr(store, "://") != NULL;
}

int open_store(const struct options *options, bool write, factum_store **store)
{
    factum_error err;
    factum_store_options store_options = {
        .size = sizeof store_options,
        .must_exist = !write,
        .append_events_max = 100000,
        .append_size_max = (uint64_t)32 << 20,
        .event_size_max = (uint64_t)16 << 20,
        .log = &messages,
    };
    factum_status status = factum_open(options->store, &store_options, store, &err);
    if (status == FACTUM_IO && !write && (err.os_error == EACCES || err.os_error == EROFS)) {
        store_options.read_only = true; /* so that users who may only read can open it */
        status = factum_open(options->store, &store_options, store, &err);
    }
    if (status == FACTUM_NOT_FOUND && !write && !is_address(options->store)) {
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
    if (status == FACTUM_NO_SPACE) { /* acknowledged events stay acknowledged */
        (void)fputs(
            "factum: no space to write the index: nothing is lost, the next opening rebuilds it\n",
            stderr);
    } else if (status != FACTUM_OK && code == 0) {
        return fail_with(status, &err);
    }
    if (damage[0] != '\0' && !damage_reported) {
        (void)fflush(stdout);
        (void)fputs("factum: this may not be all: ", stderr);
        print_text(stderr, factum_slice_from(damage));
        (void)fputc('\n', stderr);
    }
    /* In a damaged store an answer may be incomplete, also "not found". */
    return damage[0] != '\0' && (code == 0 || code == EXIT_NOT_FOUND) ? EXIT_DAMAGED : code;
}

bool nobody_reads(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

int finish_output(int code)
{
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && code == 0) {
        if (nobody_reads()) {
            return EXIT_NOBODY_READS;
        }
        (void)fprintf(stderr, "factum: the output could not be written\n");
        return EXIT_FAILURE_;
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

size_t character_of(factum_slice text, uint32_t *point)
{
    uint8_t c = text.ptr[0];
    size_t size = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || size > text.len) {
        return 0;
    }
    *point = size == 1 ? c : c & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text.ptr[i] & 0xc0) != 0x80) {
            return 0;
        }
        *point = *point << 6 | (text.ptr[i] & 0x3fu);
    }
    bool bad = *point < least[size] || *point > 0x10ffff || (*point >= 0xd800 && *point < 0xe000);
    return bad ? 0 : size;
}

/* As character_of, but 0 also for characters that could mislead a terminal or a reader: C0 and C1
 * controls, and changes of direction. */
static size_t plain_character(factum_slice text)
{
    uint32_t point = 0;
    size_t size = character_of(text, &point);
    bool bad = point < 0x20 || (point >= 0x7f && point < 0xa0) ||
               (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
    return bad ? 0 : size;
}

bool same_text(factum_slice a, factum_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

void print_text(FILE *to, factum_slice text)
{
    while (text.len > 0) {
        size_t size = plain_character(text);
        if (size == 0) {
            (void)fprintf(to, "\\x%02x", text.ptr[0]);
            size = 1;
        } else {
            (void)fwrite(text.ptr, 1, size, to);
        }
        text = (factum_slice){text.ptr + size, text.len - size};
    }
}

static bool is_space(uint8_t c)
{
    return c == '\n' || c == '\r' || c == '\t' || c == ' ';
}

void print_json(FILE *to, factum_slice json)
{
    size_t from = 0;
    for (size_t i = 0; i < json.len; i++) {
        if (json.ptr[i] >= ' ' || !is_space(json.ptr[i])) {
            continue; /* white space other than a blank is never inside a string */
        }
        print_text(to, (factum_slice){json.ptr + from, i - from});
        while (i + 1 < json.len && is_space(json.ptr[i + 1])) {
            i++;
        }
        if (i + 1 < json.len && from < i) {
            (void)fputc(' ', to);
        }
        from = i + 1;
    }
    print_text(to, (factum_slice){json.ptr + from, json.len - from});
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

void print_json_token(const factum_store *store, uint64_t place)
{
    char token[FACTUM_TOKEN_SIZE];
    factum_token_format(store, place, token);
    (void)printf("\"token\":\"%s\"", token);
}

void print_go_on(const factum_store *store, uint64_t place)
{
    char token[FACTUM_TOKEN_SIZE];
    factum_token_format(store, place, token);
    (void)fprintf(stderr, "factum: continue with --after %s\n", token);
}

/* Prints bytes that are not JSON. If they are text, its lines stay lines. */
static void print_bytes(factum_slice bytes)
{
    size_t from = 0;
    bytes.len -= bytes.len > 0 && bytes.ptr[bytes.len - 1] == '\n' ? 1 : 0;
    for (size_t i = 0; i < bytes.len;) {
        factum_slice rest = {bytes.ptr + i, bytes.len - i};
        size_t size = is_space(bytes.ptr[i]) ? 1 : plain_character(rest);
        if (size == 0) {
            (void)printf("(%zu bytes)", bytes.len);
            return;
        }
        i += size;
    }
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\n') {
            print_text(stdout, (factum_slice){bytes.ptr + from, i - from});
            (void)printf("\n    ");
            from = i + 1;
        }
    }
    print_text(stdout, (factum_slice){bytes.ptr + from, bytes.len - from});
}

static void print_data(const factum_event *event)
{
    static const char bytes[] = "application/octet-stream";
    factum_slice type = event->content_type;
    factum_slice whole;
    bool json = type.len != sizeof bytes - 1 || memcmp(type.ptr, bytes, type.len) != 0;
    if (json && factum_json_member(event->data, "", &whole) == FACTUM_OK) {
        print_json(stdout, whole);
    } else {
        print_bytes(event->data);
    }
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
        print_data(event);
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
    (void)fwrite(line.ptr, 1, line.len, stdout); /* finish_output checks the result */
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

void format_things(uint64_t count, const char *one, const char *many, char text[64])
{
    char digits[32];
    format_count(count, digits);
    (void)snprintf(text, 64, "%s %s", digits, count == 1 ? one : many);
}
