/* base.h - types that every part of the API shares: status, error, slice, id, time, log sink.
 *
 * Valid C99 and C++17. No function here allocates. Every function is thread-safe. */
#ifndef FACTUM_BASE_H
#define FACTUM_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define FACTUM_API
#else
#define FACTUM_API __attribute__((visibility("default")))
#endif
#if defined(__GNUC__)
#define FACTUM_MUST_USE __attribute__((warn_unused_result))
#define FACTUM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define FACTUM_MUST_USE
#define FACTUM_PRINTF(fmt, args)
#endif

/* 0xMMmmpp: major, minor, patch. */
#define FACTUM_VERSION_NUMBER 0x000100
#define FACTUM_VERSION "0.1.0"

/* The version of the library that the program runs with, in the form of FACTUM_VERSION_NUMBER. */
FACTUM_API uint32_t factum_version_number(void);

/* Every status: name, value, text. 0 is success, a value above 0 is an answer that is not a
 * failure, a value below 0 is a failure. The value of a status never changes once it is
 * released. */
#define FACTUM_STATUS_LIST(X)                                                                      \
    X(OK, 0, "ok")                                                                                 \
    X(DONE, 1, "no more events")                                                                   \
    X(CAUGHT_UP, 2, "everything up to now has been read")                                          \
    X(TIMEOUT, 3, "nothing new within the time given")                                             \
    X(PENDING, 4, "the answer is not there yet")                                                   \
    X(INVALID, -1, "invalid argument")                                                             \
    X(NO_MEMORY, -2, "out of memory")                                                              \
    X(IO, -3, "input/output error")                                                                \
    X(NO_SPACE, -4, "no space left on the device")                                                 \
    X(CORRUPT, -5, "data is damaged")                                                              \
    X(WRONG_REVISION, -6, "the stream is not at the expected revision")                            \
    X(CONDITION_FAILED, -7, "a condition does not hold")                                           \
    X(KEY_CONFLICT, -8, "the idempotency key was used for another append")                         \
    X(STREAM_NOT_FOUND, -9, "the stream does not exist")                                           \
    X(STREAM_DELETED, -10, "the stream is tombstoned")                                             \
    X(TOO_BIG, -11, "over a limit")                                                                \
    X(BUSY, -12, "too many requests are waiting")                                                  \
    X(LOCKED, -13, "the store is in use by another process")                                       \
    X(FAILED, -14, "the store has stopped after a failed write")                                   \
    X(READ_ONLY, -15, "the store is open for reading only")                                        \
    X(UNSUPPORTED, -16, "not supported")                                                           \
    X(NOT_FOUND, -17, "not found")                                                                 \
    X(CANCELLED, -18, "cancelled")                                                                 \
    X(UNKNOWN_OUTCOME, -19, "the outcome is not known")                                            \
    X(NEWER_FORMAT, -20, "written by a newer version")                                             \
    X(EXISTS, -21, "exists already")                                                               \
    X(EXPIRED, -22, "the deadline has passed")                                                     \
    X(WRONG_TIMELINE, -23, "the token belongs to another history")                                 \
    X(DENIED, -24, "not allowed")                                                                  \
    X(UNREACHABLE, -25, "the server cannot be reached")                                            \
    X(SCHEMA_VIOLATION, -26, "the event does not fit its schema")

typedef enum factum_status {
#define FACTUM_STATUS_ENUM(name, value, text) FACTUM_##name = (value),
    FACTUM_STATUS_LIST(FACTUM_STATUS_ENUM)
#undef FACTUM_STATUS_ENUM
} factum_status;

/* The text of |status|. Static. An unknown value gives "unknown status". */
FACTUM_API const char *factum_status_text(factum_status status);

/* The name of |status|, for programs: "WRONG_REVISION". Static. An unknown value gives
 * "UNKNOWN". */
FACTUM_API const char *factum_status_name(factum_status status);

/* True if the same call may succeed later although the caller changes nothing: BUSY, LOCKED,
 * NO_SPACE. False for WRONG_REVISION and CONDITION_FAILED: read again and decide again. */
FACTUM_API bool factum_status_is_retryable(factum_status status);

/* True if the store must be closed and opened again: FAILED, UNKNOWN_OUTCOME. */
FACTUM_API bool factum_status_is_fatal(factum_status status);

/* What went wrong, in words. Owned by the caller. Every function that takes one accepts NULL, and
 * fills it only if it fails. Where there is something to do next, the text names it. */
typedef struct factum_error {
    factum_status status;
    int os_error; /* errno, or 0 */
    char text[256];
} factum_error;

/* Borrowed bytes. Text is a slice known to be UTF-8; it is not terminated by a zero byte. */
typedef struct factum_slice {
    const uint8_t *ptr;
    size_t len;
} factum_slice;

/* A slice of the C string |text|, without the zero byte at its end. Lasts as long as the string.
 * NULL gives an empty slice. */
FACTUM_API factum_slice factum_slice_from(const char *text);

/* 16 bytes in the order in which they are printed. */
typedef struct factum_uuid {
    uint8_t bytes[16];
} factum_uuid;

#define FACTUM_UUID_TEXT_SIZE 37 /* with the zero byte */

/* Prints |id| in the form 8-4-4-4-12, in lower case. */
FACTUM_API void factum_uuid_format(factum_uuid id, char text[FACTUM_UUID_TEXT_SIZE]);

/* Reads the form 8-4-4-4-12, in either case, into *id. Errors: INVALID (|text| is anything else;
 * *id is unchanged). */
FACTUM_API FACTUM_MUST_USE factum_status factum_uuid_parse(factum_slice text, factum_uuid *id);

/* Everywhere in this API, time is int64 nanoseconds since 1970-01-01T00:00:00Z without leap
 * seconds: 1677-09-21T00:12:43.145224192Z to 2262-04-11T23:47:16.854775807Z. */
#define FACTUM_TIME_TEXT_SIZE 36 /* with the zero byte */

/* Prints |time| by RFC 3339, in UTC, with as many decimals (0, 3, 6 or 9) as it needs. */
FACTUM_API void factum_time_format(int64_t time, char text[FACTUM_TIME_TEXT_SIZE]);

/* Reads a time of RFC 3339 (any offset, up to 9 decimals) or a date without a time, into *time.
 * Second 60 is accepted only at 23:59:60 UTC on 30 June and 31 December, where leap seconds are
 * added: it becomes the last nanosecond before midnight.
 * Errors: INVALID (|text| is neither, or out of range). */
FACTUM_API FACTUM_MUST_USE factum_status factum_time_parse(factum_slice text, int64_t *time);

/* The clock of a store, for tests and replays that control time. |now| is called from any thread,
 * also while the store has locks: it must return at once and must not call the store. */
typedef struct factum_clock {
    void *data;
    int64_t (*now)(void *data);
} factum_clock;

/* How serious a message of the library is. The library writes messages only to a sink. */
typedef enum factum_log_level {
    FACTUM_LOG_ERROR = 0,
    FACTUM_LOG_WARN = 1,
    FACTUM_LOG_INFO = 2,
    FACTUM_LOG_DEBUG = 3
} factum_log_level;

/* Where messages go. |id| is a stable dotted name ("segment.rolled"), |text| is one line without a
 * line end. |write| is called from any thread, also while the store has locks: it must not call the
 * store. */
typedef struct factum_log_sink {
    void *data;
    void (*write)(void *data, factum_log_level level, const char *id, const char *text);
} factum_log_sink;

#ifdef __cplusplus
}
#endif
#endif
