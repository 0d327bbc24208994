/* generate.c - see factum/generate.h: checks arguments; src/schema does the work. Layer: api. */
#include <factum/generate.h>

#include "core/error.h"
#include "core/sized.h"
#include "schema/generate.h"

factum_status factum_generate(const factum_generate_request *request, factum_generated **generated,
                              factum_error *err)
{
    factum_error own;
    err = fct_error_or(err, &own);
    factum_generate_request full;
    *generated = NULL;
    factum_status status =
        fct_sized_read(&full, sizeof full, request, "generate: the request", err);
    if (status != FACTUM_OK) {
        return status;
    }
    if (full.schema_count > 0 && full.schemas == NULL) {
        return fct_fail(err, FACTUM_INVALID, "generate: schemas are missing");
    }
    return fct_generate(&full, fct_mem_heap(), generated, err);
}
