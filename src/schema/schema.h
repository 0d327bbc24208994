/* schema.h - JSON Schema from the inside: compiling a program, checking a value. Layer: schema;
 * pure over codec: no files, no network, no clock.
 *
 * The contract for users is in <factum/schema.h>, where a program is a factum_schema and a run a
 * factum_schema_checker.
 */
#ifndef FCT_SCHEMA_SCHEMA_H
#define FCT_SCHEMA_SCHEMA_H

#include <factum/schema.h>

#include "core/mem.h"

struct fct_program;
struct fct_run;

/* |options| is complete: its size was checked. *program is NULL on failure. */
FCT_MUST_USE factum_status fct_program_create(const struct fct_mem *mem, factum_slice text,
                                              const factum_schema_options *options,
                                              struct fct_program **program, factum_error *err);
/* Accepts NULL. */
void fct_program_destroy(struct fct_program *program);
factum_schema_draft fct_program_draft(const struct fct_program *program);
/* The |index|-th tag. False: after the last. */
bool fct_program_tag(const struct fct_program *program, size_t index,
                     factum_schema_tag_place *place);

FCT_MUST_USE factum_status fct_run_create(const struct fct_mem *mem, struct fct_run **run,
                                          factum_error *err);
/* Accepts NULL. */
void fct_run_destroy(struct fct_run *run);
FCT_MUST_USE factum_status fct_run_text(struct fct_run *run, const struct fct_program *program,
                                        factum_slice text, size_t faults_max,
                                        factum_schema_result *result, factum_error *err);
FCT_MUST_USE factum_status fct_run_json(struct fct_run *run, const struct fct_program *program,
                                        const factum_json *json, size_t faults_max,
                                        factum_schema_result *result, factum_error *err);

#endif
