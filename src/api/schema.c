/* schema.c - see factum/schema.h: checks arguments; src/schema does the work. Layer: api. */
#include <factum/schema.h>

#include "core/error.h"
#include "core/sized.h"
#include "schema/schema.h"

/* A user's handle is the object of the layer below. */
static struct fct_program *program_of(factum_schema *schema)
{
    return (struct fct_program *)(void *)schema;
}

static const struct fct_program *program_read(const factum_schema *schema)
{
    return (const struct fct_program *)(const void *)schema;
}

static struct fct_run *run_of(factum_schema_checker *checker)
{
    return (struct fct_run *)(void *)checker;
}

static factum_status check_options(const factum_schema_options *options, factum_error *err)
{
    if (options->document_count > FACTUM_SCHEMA_DOCUMENTS_MAX) {
        return fct_fail(err, FACTUM_TOO_BIG, "%zu documents: at most %d", options->document_count,
                        FACTUM_SCHEMA_DOCUMENTS_MAX);
    }
    if (options->document_count > 0 && options->documents == NULL) {
        return fct_fail(err, FACTUM_INVALID, "there are no documents, but %zu are counted",
                        options->document_count);
    }
    if ((unsigned)options->draft > FACTUM_SCHEMA_2020_12) {
        return fct_fail(err, FACTUM_INVALID, "no draft has the number %u",
                        (unsigned)options->draft);
    }
    for (size_t i = 0; i < options->document_count; i++) {
        const factum_schema_document *document = &options->documents[i];
        if (document->uri.ptr == NULL || document->uri.len == 0 || document->text.ptr == NULL) {
            return fct_fail(err, FACTUM_INVALID, "document %zu has no URI or no text", i);
        }
    }
    return FACTUM_OK;
}

factum_status factum_schema_compile(factum_slice text, const factum_schema_options *options,
                                    factum_schema **schema, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    static const factum_schema_options defaults = {.size = sizeof defaults};
    factum_schema_options full;
    struct fct_program *program;
    if (schema == NULL || text.ptr == NULL) {
        return fct_fail(err, FACTUM_INVALID, "a schema's text and a place for it are needed");
    }
    *schema = NULL;
    factum_status status = fct_sized_read(&full, sizeof full, options == NULL ? &defaults : options,
                                          "the options of a schema", err);
    if (status == FACTUM_OK) {
        status = check_options(&full, err);
    }
    if (status == FACTUM_OK) {
        status = fct_program_create(fct_mem_heap(), text, &full, &program, err);
    }
    if (status == FACTUM_OK) {
        *schema = (factum_schema *)(void *)program;
    }
    return status;
}

void factum_schema_destroy(factum_schema *schema)
{
    fct_program_destroy(program_of(schema));
}

factum_schema_draft factum_schema_draft_of(const factum_schema *schema)
{
    return schema == NULL ? FACTUM_SCHEMA_DEFAULT : fct_program_draft(program_read(schema));
}

factum_status factum_schema_checker_create(factum_schema_checker **checker, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    struct fct_run *run;
    if (checker == NULL) {
        return fct_fail(err, FACTUM_INVALID, "the checker is NULL");
    }
    *checker = NULL;
    factum_status status = fct_run_create(fct_mem_heap(), &run, err);
    if (status == FACTUM_OK) {
        *checker = (factum_schema_checker *)(void *)run;
    }
    return status;
}

void factum_schema_checker_destroy(factum_schema_checker *checker)
{
    fct_run_destroy(run_of(checker));
}

/* Only the result's size is read; the rest is output. */
static factum_status begin_result(const factum_schema *schema, const factum_schema_checker *checker,
                                  factum_schema_result *result, factum_error *err)
{
    factum_schema_result none = {.valid = false};
    factum_status status = fct_sized_check(result, "the result of a check", err);
    if (status != FACTUM_OK) {
        return status;
    }
    fct_sized_write(result, &none, sizeof none);
    return schema == NULL || checker == NULL
               ? fct_fail(err, FACTUM_INVALID, "a schema and a checker are needed")
               : FACTUM_OK;
}

factum_status factum_schema_check(const factum_schema *schema, factum_schema_checker *checker,
                                  factum_slice text, size_t faults_max,
                                  factum_schema_result *result, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_schema_result answer = {.valid = false};
    factum_status status = begin_result(schema, checker, result, err);
    if (status == FACTUM_OK && text.ptr == NULL) {
        status = fct_fail(err, FACTUM_INVALID, "the JSON text is NULL");
    }
    if (status == FACTUM_OK) {
        status =
            fct_run_text(run_of(checker), program_read(schema), text, faults_max, &answer, err);
    }
    if (status == FACTUM_OK) {
        fct_sized_write(result, &answer, sizeof answer);
    }
    return status;
}

factum_status factum_schema_check_json(const factum_schema *schema, factum_schema_checker *checker,
                                       const factum_json *json, size_t faults_max,
                                       factum_schema_result *result, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_schema_result answer = {.valid = false};
    factum_status status = begin_result(schema, checker, result, err);
    if (status == FACTUM_OK && (json == NULL || json->nodes == NULL || json->count == 0)) {
        status = fct_fail(err, FACTUM_INVALID, "the value was not parsed");
    }
    if (status == FACTUM_OK) {
        status =
            fct_run_json(run_of(checker), program_read(schema), json, faults_max, &answer, err);
    }
    if (status == FACTUM_OK) {
        fct_sized_write(result, &answer, sizeof answer);
    }
    return status;
}

factum_status factum_schema_tag(const factum_schema *schema, size_t index,
                                factum_schema_tag_place *place, factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_schema_tag_place full = {.path_count = 0};
    factum_status status = fct_sized_check(place, "the place of a tag", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (schema == NULL) {
        return fct_fail(err, FACTUM_INVALID, "there is no schema");
    }
    if (!fct_program_tag(program_read(schema), index, &full)) {
        return FACTUM_DONE;
    }
    fct_sized_write(place, &full, sizeof full);
    return FACTUM_OK;
}
