/* definition_types.c - what a saga names, held against the schemas. Layer: saga. */
#include "saga/definition_int.h"

factum_status fct_load_types(struct fct_loader *loader)
{
    (void)loader;
    return FACTUM_OK;
}
