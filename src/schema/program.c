/* program.c - a schema from its text to a program, and the end of a program. Layer: schema. */
#include "schema/program.h"

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "schema/build_int.h"
#include "schema/schema.h"

#define ARRAY_SIZE_MAX ((size_t)128 << 20) /* of each array of a program */

static void init_arrays(struct fct_program *program)
{
    struct fct_buf *arrays[] = {&program->documents, &program->resources, &program->rules,
                                &program->operands,  &program->words,     &program->bounds,
                                &program->divisors,  &program->patterns,  &program->tables,
                                &program->members,   &program->tags};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        fct_buf_init(arrays[i], program->mem, ARRAY_SIZE_MAX);
    }
    fct_names_init(&program->places, program->mem, ARRAY_SIZE_MAX, program->seed);
    fct_names_init(&program->texts, program->mem, ARRAY_SIZE_MAX, program->seed);
}

void fct_program_destroy(struct fct_program *program)
{
    if (program == NULL) {
        return;
    }
    const struct fct_mem *mem = program->mem;
    for (uint32_t i = 0; i < FCT_COUNT_OF(program->documents, struct fct_document); i++) {
        struct fct_document *document = FCT_AT(program->documents, struct fct_document, i);
        fct_mem_free(mem, document->text);
        fct_mem_free(mem, document->nodes);
        fct_mem_free(mem, document->rule_of);
    }
    for (uint32_t i = 0; i < FCT_COUNT_OF(program->patterns, struct fct_pattern *); i++) {
        fct_pattern_destroy(*FCT_AT(program->patterns, struct fct_pattern *, i));
    }
    struct fct_buf *arrays[] = {&program->documents, &program->resources, &program->rules,
                                &program->operands,  &program->words,     &program->bounds,
                                &program->divisors,  &program->patterns,  &program->tables,
                                &program->members,   &program->tags};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        fct_buf_finish(arrays[i]);
    }
    fct_names_finish(&program->places);
    fct_names_finish(&program->texts);
    fct_mem_free(mem, program);
}

/* Adds the root's document, then those of the options. */
static factum_status add_documents(struct fct_build *build, factum_slice text)
{
    const factum_schema_options *options = build->options;
    uint32_t document;
    factum_status status = fct_load_add(build, FCT_SLICE(""), text, false, &document);
    for (size_t i = 0; i < options->document_count && status == FACTUM_OK; i++) {
        factum_slice uri = options->documents[i].uri;
        size_t len = 0;
        while (len < uri.len && uri.ptr[len] != '#') {
            len++;
        }
        status = fct_load_add(build, fct_slice(uri.ptr, len), options->documents[i].text, false,
                              &document);
    }
    return status;
}

/* Adds rule 0, which accepts everything and is in no document. */
static factum_status add_any(struct fct_build *build)
{
    struct fct_rule any = {.types = FCT_TYPES_ALL, .draft = build->program->draft};
    factum_status status = fct_buf_add(&build->program->rules, &any, sizeof any);
    return status == FACTUM_OK ? FACTUM_OK : fct_build_no_room(build, status);
}

static factum_status compile_all(struct fct_build *build)
{
    struct fct_program *program = build->program;
    factum_status status = fct_load_document(build, 0);
    if (status != FACTUM_OK) {
        return status;
    }
    program->root = fct_document_at(program, 0)->rule_of[FACTUM_JSON_ROOT];
    program->draft = fct_rule_at(program, program->root)->draft;
    for (uint32_t i = 1; i < FCT_COUNT_OF(program->rules, struct fct_rule) && status == FACTUM_OK;
         i++) {
        status = fct_compile_rule(build, i);
    }
    status = status == FACTUM_OK ? fct_link_loops(build) : status;
    status = status == FACTUM_OK ? fct_link_dynamic(build) : status;
    return status == FACTUM_OK ? fct_link_tags(build) : status;
}

static factum_status build_program(struct fct_program *program, factum_slice text,
                                   const factum_schema_options *options, factum_error *err)
{
    struct fct_build build = {.program = program, .options = options, .err = err};
    struct fct_buf *parts[] = {&build.todo,     &build.uri,  &build.text,
                               &build.fragment, &build.list, &build.dynamic};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        fct_buf_init(parts[i], program->mem, ARRAY_SIZE_MAX);
    }
    factum_status status = add_documents(&build, text);
    status = status == FACTUM_OK ? add_any(&build) : status;
    status = status == FACTUM_OK ? compile_all(&build) : status;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        fct_buf_finish(parts[i]);
    }
    return status;
}

factum_status fct_program_create(const struct fct_mem *mem, factum_slice text,
                                 const factum_schema_options *options, struct fct_program **program,
                                 factum_error *err)
{
    *program = NULL;
    struct fct_program *fresh = fct_mem_zalloc(mem, 1, sizeof *fresh);
    if (fresh == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "a schema: out of memory");
    }
    fresh->mem = mem;
    fresh->formats = options->formats;
    fresh->draft =
        (uint8_t)(options->draft == FACTUM_SCHEMA_DEFAULT ? FACTUM_SCHEMA_2020_12 : options->draft);
    fresh->limits = (struct fct_limits){
        .size_max = options->size_max > 0 ? options->size_max : FACTUM_SCHEMA_SIZE_MAX,
        .rules_max = options->rules_max > 0 ? options->rules_max : FACTUM_SCHEMA_RULES_MAX,
        .steps_max = options->steps_max > 0 ? options->steps_max : FACTUM_SCHEMA_STEPS_MAX,
    };
    fresh->seed = (uint64_t)(uintptr_t)fresh * UINT64_C(0x9e3779b97f4a7c15);
    init_arrays(fresh);
    factum_status status = build_program(fresh, text, options, err);
    if (status != FACTUM_OK) {
        fct_program_destroy(fresh);
        return status;
    }
    *program = fresh;
    return FACTUM_OK;
}

factum_schema_draft fct_program_draft(const struct fct_program *program)
{
    return (factum_schema_draft)program->draft;
}

bool fct_program_tag(const struct fct_program *program, size_t index,
                     factum_schema_tag_place *place)
{
    if (index >= FCT_COUNT_OF(program->tags, struct fct_tag)) {
        return false;
    }
    const struct fct_tag *tag = FCT_AT(program->tags, const struct fct_tag, index);
    const uint32_t *path = fct_words_at(program, tag->path);
    const uint32_t count = path[0] / 2;
    FCT_ASSERT(count <= FACTUM_SCHEMA_TAG_DEPTH_MAX);
    place->name = fct_names_text(&program->texts, tag->name);
    place->path_count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t kind = path[1 + 2 * i];
        uint32_t value = path[2 + 2 * i];
        bool member = kind == FACTUM_SCHEMA_STEP_MEMBER;
        place->path[i] = member ? fct_names_text(&program->texts, value) : (factum_slice){.len = 0};
        place->steps[i] = (factum_schema_step){(factum_schema_step_kind)kind, member ? 0 : value};
    }
    return true;
}
