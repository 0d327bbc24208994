/* generate.c - see factum/generate.h. Layer: schema. Pure: schemas in, two texts out.
 *
 * The schemas are parsed, their types modelled (generate_model.c), and both texts written from the
 * model. Everything up to the texts is in one arena.
 */
#include "schema/generate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/slice.h"
#include "schema/generate_out_int.h"

#define ARENA_SIZE_MAX ((size_t)512 << 20)

struct factum_generated {
    const struct fct_mem *mem;
    struct fct_buf header, source;
    char name[FCT_GEN_IDENTIFIER_MAX + 16];
};

/* ---- memory and failures --------------------------------------------------------------------- */

void *fct_gen_take(struct fct_gen *gen, size_t size)
{
    void *piece = factum_arena_take(&gen->arena, size);
    if (piece != NULL) {
        memset(piece, 0, size);
    }
    return piece;
}

factum_status fct_gen_no_memory(const struct fct_gen *gen)
{
    if (factum_arena_status(&gen->arena) == FACTUM_TOO_BIG) {
        return fct_fail(gen->err, FACTUM_TOO_BIG, "the schemas need more than 512 MiB of memory");
    }
    return fct_fail(gen->err, FACTUM_NO_MEMORY, "out of memory");
}

factum_status fct_gen_fail(const struct fct_gen *gen, factum_status status, uint32_t node,
                           const char *problem)
{
    char pointer[96];
    if (factum_json_pointer(&gen->doc->json, node, pointer, sizeof pointer) == FACTUM_TOO_BIG) {
        size_t kept = fct_utf8_prefix(fct_slice(pointer, sizeof pointer - 4));
        memcpy(pointer + kept, "...", 4);
    }
    return fct_fail(gen->err, status, "the schema of %.*s: %s%s%s", FCT_FMT(gen->doc->type),
                    pointer, pointer[0] == '\0' ? "" : ": ", problem);
}

factum_status fct_gen_format(struct fct_gen *gen, const char **text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, the line before */
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *room = len < 0 ? NULL : fct_gen_take(gen, (size_t)len + 1);
    if (room == NULL) {
        return fct_gen_no_memory(gen);
    }
    va_start(args, format);
    (void)vsnprintf(room, (size_t)len + 1, format, args);
    va_end(args);
    *text = room;
    return FACTUM_OK;
}

/* ---- the request ----------------------------------------------------------------------------- */

static factum_status check_name(const struct fct_gen *gen, const char *what, factum_slice name)
{
    if (name.len == 0 || !fct_utf8_valid(name)) {
        return fct_fail(gen->err, FACTUM_INVALID, "%s is a text in UTF-8, not empty", what);
    }
    if (name.len > FACTUM_GENERATE_NAME_SIZE_MAX) {
        return fct_fail(gen->err, FACTUM_TOO_BIG, "%s has more than %u bytes", what,
                        FACTUM_GENERATE_NAME_SIZE_MAX);
    }
    return FACTUM_OK;
}

static factum_status check_request(const struct fct_gen *gen,
                                   const factum_generate_request *request)
{
    factum_status status = check_name(gen, "a category", request->category);
    if (status == FACTUM_OK && request->schema_count == 0) {
        status = fct_fail(gen->err, FACTUM_INVALID, "no schema is given for category %.*s",
                          FCT_FMT(request->category));
    }
    if (status == FACTUM_OK && request->schema_count > FACTUM_GENERATE_TYPES_MAX) {
        status = fct_fail(gen->err, FACTUM_TOO_BIG, "category %.*s has more than %u event types",
                          FCT_FMT(request->category), FACTUM_GENERATE_TYPES_MAX);
    }
    for (size_t i = 0; status == FACTUM_OK && i < request->schema_count; i++) {
        status = check_name(gen, "an event type", request->schemas[i].type);
        for (size_t k = 0; status == FACTUM_OK && k < i; k++) {
            if (fct_slice_equal(request->schemas[i].type, request->schemas[k].type)) {
                status = fct_fail(gen->err, FACTUM_INVALID, "the event type %.*s appears twice",
                                  FCT_FMT(request->schemas[i].type));
            }
        }
    }
    return status;
}

/* The category as a prefix of names in C. Some prefixes would collide with names of the library or
 * of static functions. */
static factum_status set_prefix(struct fct_gen *gen)
{
    static const char *const taken[] = {"factum", "fct", "read", "print", "new"};
    factum_status status = fct_gen_snake(gen, gen->category, &gen->prefix);
    for (size_t i = 0; status == FACTUM_OK && i < sizeof taken / sizeof taken[0]; i++) {
        if (strcmp(gen->prefix, taken[i]) == 0) {
            status = fct_gen_format(gen, &gen->prefix, "category_%s", taken[i]);
        }
    }
    if (status == FACTUM_OK && strlen(gen->prefix) > FCT_GEN_IDENTIFIER_MAX / 2) {
        return fct_fail(gen->err, FACTUM_TOO_BIG, "the category is %s in C, over %d characters",
                        gen->prefix, FCT_GEN_IDENTIFIER_MAX / 2);
    }
    return status != FACTUM_OK ? status : fct_gen_upper(gen, gen->prefix, &gen->upper);
}

/* ---- the texts ------------------------------------------------------------------------------- */

static factum_status write_texts(const struct fct_gen *gen, struct factum_generated *to)
{
    struct fct_gen_out header = {.buf = &to->header};
    struct fct_gen_out source = {.buf = &to->source};
    fct_gen_write_header(gen, &header);
    fct_gen_write_source(gen, &source);
    factum_status status = header.status != FACTUM_OK ? header.status : source.status;
    (void)snprintf(to->name, sizeof to->name, "%s", gen->prefix);
    if (status == FACTUM_TOO_BIG) {
        return fct_fail(gen->err, status, "the types of %.*s take more than %u bytes of C",
                        FCT_FMT(gen->category), FACTUM_GENERATE_OUTPUT_SIZE_MAX);
    }
    return status == FACTUM_OK ? status : fct_fail(gen->err, status, "out of memory");
}

static factum_status generate(struct fct_gen *gen, const factum_generate_request *request,
                              struct factum_generated *to)
{
    factum_status status = check_request(gen, request);
    if (status == FACTUM_OK) {
        status = set_prefix(gen);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    gen->docs = fct_gen_take(gen, request->schema_count * sizeof *gen->docs);
    if (gen->docs == NULL) {
        return fct_gen_no_memory(gen);
    }
    for (; status == FACTUM_OK && gen->doc_count < request->schema_count; gen->doc_count++) {
        status =
            fct_gen_doc_init(gen, &gen->docs[gen->doc_count], &request->schemas[gen->doc_count]);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    status = fct_gen_model(gen);
    if (status != FACTUM_OK) {
        return status;
    }
    return write_texts(gen, to);
}

factum_status fct_generate(const factum_generate_request *request, const struct fct_mem *mem,
                           factum_generated **generated, factum_error *err)
{
    struct fct_gen gen = {.mem = mem,
                          .err = err,
                          .category = request->category,
                          .keep_unknown = request->keep_unknown};
    gen.last = &gen.first;
    *generated = NULL;
    struct factum_generated *made = fct_mem_zalloc(mem, 1, sizeof *made);
    if (made == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    made->mem = mem;
    fct_buf_init(&made->header, mem, FACTUM_GENERATE_OUTPUT_SIZE_MAX);
    fct_buf_init(&made->source, mem, FACTUM_GENERATE_OUTPUT_SIZE_MAX);
    fct_arena_init(&gen.arena, mem, ARENA_SIZE_MAX);
    factum_status status = generate(&gen, request, made);
    factum_arena_finish(&gen.arena);
    if (status != FACTUM_OK) {
        factum_generated_free(made);
        return status;
    }
    *generated = made;
    return FACTUM_OK;
}

void factum_generated_free(factum_generated *generated)
{
    if (generated != NULL) {
        fct_buf_finish(&generated->header);
        fct_buf_finish(&generated->source);
        fct_mem_free(generated->mem, generated);
    }
}

const char *factum_generated_name(const factum_generated *generated)
{
    return generated->name;
}

factum_slice factum_generated_header(const factum_generated *generated)
{
    return fct_buf_slice(&generated->header);
}

factum_slice factum_generated_source(const factum_generated *generated)
{
    return fct_buf_slice(&generated->source);
}
