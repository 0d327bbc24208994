/* generate.h - <factum/generate.h> with the heap passed in. Layer: schema. */
#ifndef FCT_SCHEMA_GENERATE_H
#define FCT_SCHEMA_GENERATE_H

#include <factum/generate.h>

#include "core/mem.h"

/* As factum_generate; |mem| must outlive *generated. */
FCT_MUST_USE factum_status fct_generate(const factum_generate_request *request,
                                        const struct fct_mem *mem, factum_generated **generated,
                                        factum_error *err);

#endif
