/* typed.h - what generated types are read with: members, lists and values of a tape, into structs.
 *
 * For the code that `factum schema generate` writes; a program calls the functions of that code.
 *
 * A reader goes through one value of a tape. The first failure stays: later calls change nothing,
 * and factum_typed_finish returns it. Its text begins with the JSON pointer of the value at fault:
 * "/lines/0/qty: not a whole number from -9223372036854775808 to 9223372036854775807".
 *
 * Texts without escapes, numbers and values that are kept as they stand are slices of the event's
 * text. Texts with escapes, lists and what is behind a pointer lie in the arena.
 *
 * Valid C99 and C++17. Takes memory from the arena only. One thread at a time for each reader.
 */
#ifndef FACTUM_TYPED_H
#define FACTUM_TYPED_H

#include <factum/arena.h>
#include <factum/base.h>
#include <factum/json.h>
#include <factum/json_write.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FACTUM_TYPED_MEMBERS_MAX 512 /* that one object may have in its type */

/* A member whose name the type does not know. */
typedef struct factum_member {
    factum_slice name;  /* its meaning, without escapes */
    factum_slice value; /* the JSON as it stands */
} factum_member;

typedef struct factum_members {
    const factum_member *items;
    size_t count;
} factum_members;

typedef struct factum_typed_reader {
    const factum_json *json;
    factum_arena *arena;
    factum_error *err; /* may be NULL */
    factum_status status;
} factum_typed_reader;

FACTUM_API factum_typed_reader factum_typed_reader_of(const factum_json *json, factum_arena *arena,
                                                      factum_error *err);
/* OK, or the first failure: INVALID (the data does not fit the type), TOO_BIG (the arena's
 * maximum), NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_typed_finish(const factum_typed_reader *in);
/* The first failure: INVALID, "<pointer of value>: <problem>". */
FACTUM_API void factum_typed_fail(factum_typed_reader *in, uint32_t value, const char *problem);

/* ---- members of an object -------------------------------------------------------------------- */

/* A member that a type knows. */
typedef struct factum_typed_name {
    const char *text;
    uint32_t len;
    bool required;
} factum_typed_name;

typedef struct factum_typed_object {
    uint32_t value; /* of the member that factum_typed_next has found */
    /* private */
    factum_typed_reader *in;
    const factum_typed_name *names;
    uint32_t count, object, at, likely;
    size_t others;
    bool ended;
    uint64_t seen[FACTUM_TYPED_MEMBERS_MAX / 64];
} factum_typed_object;

#define FACTUM_TYPED_END (-1)   /* there is no other member, or the reader has failed */
#define FACTUM_TYPED_OTHER (-2) /* a member that is not among the names */

/* Begins with the members of |value|; a failure if it is no object. |names| has |count| names,
 * FACTUM_TYPED_MEMBERS_MAX at most. */
FACTUM_API factum_typed_object factum_typed_members(factum_typed_reader *in, uint32_t value,
                                                    const factum_typed_name *names, uint32_t count);
/* The next member: its place among the names, or one of the two above. At the end a required member
 * that was not there is a failure. */
FACTUM_API int factum_typed_next(factum_typed_object *object);
/* Goes on to the end and begins again, to read the members that are not among the names. Gives room
 * for all of them, each |size| bytes, cleared; *count says how many. NULL if there is none. */
FACTUM_API void *factum_typed_others(factum_typed_object *object, size_t size, size_t *count);
/* The name of the member that factum_typed_next has found; in the arena if it has escapes. */
FACTUM_API factum_slice factum_typed_name_of(const factum_typed_object *object);
/* Keeps all members that are not among the names; uses factum_typed_others. */
FACTUM_API void factum_typed_keep(factum_typed_object *object, factum_members *members);
/* Prints them after the members of an object. */
FACTUM_API void factum_typed_put_members(factum_json_writer *to, const factum_members *members);

/* ---- values ---------------------------------------------------------------------------------- */

/* |size| cleared bytes in the arena; NULL after a failure. */
FACTUM_API void *factum_typed_take(factum_typed_reader *in, size_t size);
/* Room for the items of the array |value|, each |size| bytes, cleared; *count says how many. NULL
 * if there is none. */
FACTUM_API void *factum_typed_items(factum_typed_reader *in, uint32_t value, size_t size,
                                    size_t *count);

static inline bool factum_typed_is_null(const factum_typed_reader *in, uint32_t value)
{
    return factum_json_kind_of(in->json, value) == FACTUM_JSON_NULL;
}

FACTUM_API void factum_typed_text(factum_typed_reader *in, uint32_t value, factum_slice *text);
/* The number as it stands. */
FACTUM_API void factum_typed_number(factum_typed_reader *in, uint32_t value, factum_slice *number);
/* Any value as it stands. */
FACTUM_API void factum_typed_json(factum_typed_reader *in, uint32_t value, factum_slice *json);
/* 1.0 and 1e3 are whole numbers. */
FACTUM_API void factum_typed_int64(factum_typed_reader *in, uint32_t value, int64_t *number);
FACTUM_API void factum_typed_uint64(factum_typed_reader *in, uint32_t value, uint64_t *number);
FACTUM_API void factum_typed_bool(factum_typed_reader *in, uint32_t value, bool *truth);

/* The place of the text |value| among |names|; -1: it is another text, or the reader has failed. */
FACTUM_API int factum_typed_choice(factum_typed_reader *in, uint32_t value,
                                   const factum_typed_name *names, uint32_t count);
/* The same for |text|; -1: it is none of them. */
FACTUM_API int factum_typed_find(factum_slice text, const factum_typed_name *names, uint32_t count);
/* The member |name| of the object |value| tells its variant: its place among |names|. -1: another
 * text, or no text, or no such member. A failure if |value| is no object. */
FACTUM_API int factum_typed_variant(factum_typed_reader *in, uint32_t value, const char *name,
                                    const factum_typed_name *names, uint32_t count);
/* Prints the text at place |choice| - 1 among |names|; |other| for any other |choice|. */
FACTUM_API void factum_typed_put_choice(factum_json_writer *to, const factum_typed_name *names,
                                        uint32_t count, uint32_t choice, factum_slice other);
/* A text of |len| bytes. */
FACTUM_API void factum_typed_put_literal(factum_json_writer *to, const char *text, size_t len);
/* The text at place |choice| - 1 among |names|; an empty slice for any other |choice|. */
FACTUM_API factum_slice factum_typed_name_at(const factum_typed_name *names, uint32_t count,
                                             uint32_t choice);
/* NOT_FOUND: "no event type "X" in the generated types of Y". */
FACTUM_API factum_status factum_typed_no_type(const factum_typed_reader *in, factum_slice type,
                                              const char *category);
/* A failure unless the value is this one. */
FACTUM_API void factum_typed_is_text(factum_typed_reader *in, uint32_t value, const char *text,
                                     size_t len);
FACTUM_API void factum_typed_is_number(factum_typed_reader *in, uint32_t value, const char *number);
FACTUM_API void factum_typed_is_kind(factum_typed_reader *in, uint32_t value,
                                     factum_json_kind kind);

#ifdef __cplusplus
}
#endif
#endif
