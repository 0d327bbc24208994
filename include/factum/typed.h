/* typed.h - reads members, lists and values of a JSON tape into structs, for generated types.
 *
 * For the code that `factum schema generate` writes; a program calls the functions of that code.
 *
 * A reader goes through one value of a tape. The first failure stays: later calls change nothing,
 * and factum_typed_finish returns it. Its text begins with the JSON pointer of the bad value:
 * "/lines/0/qty: not a whole number from -9223372036854775808 to 9223372036854775807".
 *
 * Texts without escapes, numbers, and values that are kept as written are slices of the event's
 * text. Texts with escapes, lists, and what pointers point to are in the arena.
 *
 * Valid C99 and C++17. Takes memory from the arena only. One thread at a time for each reader. */
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
    factum_slice value; /* its JSON as written */
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

/* A reader of |json| that takes memory from |arena|. |err| is optional, and gets the first failure.
 * All three last as long as the reader and what it has read. */
FACTUM_API factum_typed_reader factum_typed_reader_of(const factum_json *json, factum_arena *arena,
                                                      factum_error *err);
/* OK, or the first failure. Errors: INVALID (the data does not fit the type), TOO_BIG (the arena's
 * maximum), NO_MEMORY. */
FACTUM_API FACTUM_MUST_USE factum_status factum_typed_finish(const factum_typed_reader *in);
/* Fails with INVALID, "<pointer of value>: <problem>", unless the reader has failed before. */
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

#define FACTUM_TYPED_END (-1)   /* no more members, or the reader has failed */
#define FACTUM_TYPED_OTHER (-2) /* a member that is not among the names */

/* Begins to read the members of |value|; fails if it is not an object. |names| has |count| names,
 * FACTUM_TYPED_MEMBERS_MAX at most. */
FACTUM_API factum_typed_object factum_typed_members(factum_typed_reader *in, uint32_t value,
                                                    const factum_typed_name *names, uint32_t count);
/* Goes to the next member. Returns its index among the names, or one of the two above. At the end,
 * fails if a required member was missing. */
FACTUM_API int factum_typed_next(factum_typed_object *object);
/* Goes to the end and begins again, to read the members that are not among the names. Returns room
 * for all of them, each |size| bytes, cleared; *count is how many. NULL if there
 * is no other member, or after a failure. */
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
/* Room for the items of the array |value|, each |size| bytes, cleared; *count is how many. NULL if
 * the array is empty, or after a failure. */
FACTUM_API void *factum_typed_items(factum_typed_reader *in, uint32_t value, size_t size,
                                    size_t *count);

/* True if |value| is null. */
static inline bool factum_typed_is_null(const factum_typed_reader *in, uint32_t value)
{
    return factum_json_kind_of(in->json, value) == FACTUM_JSON_NULL;
}

/* The six functions from here on give |value| by their last argument, and fail if it is of another
 * kind. First a text, decoded. */
FACTUM_API void factum_typed_text(factum_typed_reader *in, uint32_t value, factum_slice *text);
/* A number, as written. */
FACTUM_API void factum_typed_number(factum_typed_reader *in, uint32_t value, factum_slice *number);
/* Any value, as written. */
FACTUM_API void factum_typed_json(factum_typed_reader *in, uint32_t value, factum_slice *json);
/* A whole number, also 1.0 and 1e3. */
FACTUM_API void factum_typed_int64(factum_typed_reader *in, uint32_t value, int64_t *number);
/* The same, from 0 on. */
FACTUM_API void factum_typed_uint64(factum_typed_reader *in, uint32_t value, uint64_t *number);
/* true or false. */
FACTUM_API void factum_typed_bool(factum_typed_reader *in, uint32_t value, bool *truth);

/* The index of the text |value| among |names|; -1: another text, or the reader has failed. */
FACTUM_API int factum_typed_choice(factum_typed_reader *in, uint32_t value,
                                   const factum_typed_name *names, uint32_t count);
/* The same for |text|; -1: it is not among them. */
FACTUM_API int factum_typed_find(factum_slice text, const factum_typed_name *names, uint32_t count);
/* The variant of the object |value|, which its member |name| names: an index among |names|. -1: the
 * member is another text, is not a text, or does not exist. Fails if |value| is not an object. */
FACTUM_API int factum_typed_variant(factum_typed_reader *in, uint32_t value, const char *name,
                                    const factum_typed_name *names, uint32_t count);
/* Prints the text with index |choice| - 1 among |names|; |other| for any other |choice|. */
FACTUM_API void factum_typed_put_choice(factum_json_writer *to, const factum_typed_name *names,
                                        uint32_t count, uint32_t choice, factum_slice other);
/* A text of |len| bytes. */
FACTUM_API void factum_typed_put_literal(factum_json_writer *to, const char *text, size_t len);
/* The text with index |choice| - 1 among |names|; an empty slice for any other |choice|. */
FACTUM_API factum_slice factum_typed_name_at(const factum_typed_name *names, uint32_t count,
                                             uint32_t choice);
/* NOT_FOUND: "no event type "X" in the generated types of Y". */
FACTUM_API factum_status factum_typed_no_type(const factum_typed_reader *in, factum_slice type,
                                              const char *category);
/* Each fails unless |value| is this text, this number, or of this kind. */
FACTUM_API void factum_typed_is_text(factum_typed_reader *in, uint32_t value, const char *text,
                                     size_t len);
FACTUM_API void factum_typed_is_number(factum_typed_reader *in, uint32_t value, const char *number);
FACTUM_API void factum_typed_is_kind(factum_typed_reader *in, uint32_t value,
                                     factum_json_kind kind);

#ifdef __cplusplus
}
#endif
#endif
