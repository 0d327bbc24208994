/* json_write.h - prints JSON value by value: into a buffer of the caller, an arena or a callback.
 *
 *     uint8_t buffer[512];
 *     factum_json_writer to;
 *     factum_json_writer_init(&to, buffer, sizeof buffer);
 *     factum_json_put_object(&to);
 *     factum_json_put_member_int64(&to, "qty", 2);
 *     factum_json_put_end(&to);
 *     status = factum_json_writer_finish(&to, &err);     {"qty":2}, to.used bytes
 *
 * The first failure stays: later calls print nothing, and factum_json_writer_finish returns it. So
 * only the last call needs a check. The writer prints the commas; the caller must let names and
 * values alternate in an object. No white space is printed.
 *
 * Valid C99 and C++17. Only a writer into an arena allocates. One thread at a time for each writer.
 */
#ifndef FACTUM_JSON_WRITE_H
#define FACTUM_JSON_WRITE_H

#include <string.h>

#include <factum/arena.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTUM_JSON_WRITE_DEPTH_MAX 64 /* arrays and objects inside each other */

typedef struct factum_json_writer {
    uint8_t *buffer; /* the caller's, or in the arena */
    size_t size;
    size_t used;  /* bytes in the buffer */
    size_t total; /* bytes printed, also those for which there was no room */
    /* private */
    void *data;
    factum_status (*write)(void *data, factum_slice bytes);
    factum_arena *arena;
    factum_status status;
    const char *problem;
    uint64_t arrays; /* bit n: the container at depth n is an array */
    uint32_t depth;
    bool comma; /* the next name or value needs one */
} factum_json_writer;

/* Prints into |buffer|, and no more than |size| bytes. */
FACTUM_API void factum_json_writer_init(factum_json_writer *to, uint8_t *buffer, size_t size);
/* Prints into |buffer| of |size| bytes, at least 1, and gives it to |write|, with |data|, whenever
 * it is full, and at the end what is left. If |write| fails, factum_json_writer_finish returns its
 * status. */
FACTUM_API void factum_json_writer_to(factum_json_writer *to, uint8_t *buffer, size_t size,
                                      factum_status (*write)(void *data, factum_slice bytes),
                                      void *data);
/* Prints into |arena|: to->buffer, which grows, lasts as long as the arena's pieces. */
FACTUM_API void factum_json_writer_in(factum_json_writer *to, factum_arena *arena);
/* Ends the printing.
 * Errors: TOO_BIG (the buffer is too small: to->total is what it needs; or the arena's maximum; or
 * arrays and objects deeper than FACTUM_JSON_WRITE_DEPTH_MAX), NO_MEMORY (of an arena), INVALID (a
 * text that is not UTF-8, a number that is not JSON, an object or array that was not ended), and
 * those of |write| and factum_json_writer_fail. */
FACTUM_API FACTUM_MUST_USE factum_status factum_json_writer_finish(factum_json_writer *to,
                                                                   factum_error *err);

/* Fails with |status| and |problem|, which lasts as long as the writer, unless the writer has
 * failed before. */
FACTUM_API void factum_json_writer_fail(factum_json_writer *to, factum_status status,
                                        const char *problem);

/* Begins an object. */
FACTUM_API void factum_json_put_object(factum_json_writer *to);
/* Begins an array. */
FACTUM_API void factum_json_put_array(factum_json_writer *to);
/* Ends the innermost object or array. */
FACTUM_API void factum_json_put_end(factum_json_writer *to);
/* The name of a member, |len| bytes of UTF-8, escaped where needed. */
FACTUM_API void factum_json_put_name(factum_json_writer *to, const char *name, size_t len);
/* Print a value. A text is UTF-8, and is escaped where needed. */
FACTUM_API void factum_json_put_text(factum_json_writer *to, factum_slice text);
FACTUM_API void factum_json_put_int64(factum_json_writer *to, int64_t number);
FACTUM_API void factum_json_put_uint64(factum_json_writer *to, uint64_t number);
FACTUM_API void factum_json_put_bool(factum_json_writer *to, bool value);
FACTUM_API void factum_json_put_null(factum_json_writer *to);
/* |number| as it is: digits in the form of JSON, which is checked. An empty one is 0. */
FACTUM_API void factum_json_put_number(factum_json_writer *to, factum_slice number);
/* A whole value as it is, which the caller knows to be JSON. An empty one is null. */
FACTUM_API void factum_json_put_raw(factum_json_writer *to, factum_slice json);

/* The name of a member, then its value by another call. */
static inline void factum_json_put_member(factum_json_writer *to, const char *name)
{
    factum_json_put_name(to, name, strlen(name));
}

/* A member: its name and its value. */
static inline void factum_json_put_member_text(factum_json_writer *to, const char *name,
                                               factum_slice text)
{
    factum_json_put_member(to, name);
    factum_json_put_text(to, text);
}

static inline void factum_json_put_member_int64(factum_json_writer *to, const char *name,
                                                int64_t number)
{
    factum_json_put_member(to, name);
    factum_json_put_int64(to, number);
}

static inline void factum_json_put_member_bool(factum_json_writer *to, const char *name, bool value)
{
    factum_json_put_member(to, name);
    factum_json_put_bool(to, value);
}

#ifdef __cplusplus
}
#endif
#endif
