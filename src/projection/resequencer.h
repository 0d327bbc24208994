/* resequencer.h - factum_resequencer_open with the heap passed in, for tests that make it fail.
 * Layer: projection. */
#ifndef FCT_PROJECTION_RESEQUENCER_H
#define FCT_PROJECTION_RESEQUENCER_H

#include <factum/delivery.h>

#include "core/compiler.h"
#include "core/mem.h"

FCT_MUST_USE factum_status fct_resequencer_open(const struct fct_mem *mem,
                                                const factum_resequencer_options *options,
                                                factum_resequencer **resequencer,
                                                factum_error *err);

#endif
