/* projection_int.h - what a factum_projection is. Layer: projection. */
#ifndef FCT_PROJECTION_PROJECTION_INT_H
#define FCT_PROJECTION_PROJECTION_INT_H

#include "projection/definition.h"

struct factum_projection {
    struct fct_definition *definition; /* parsed for SQLite, and checked */
};

#endif
