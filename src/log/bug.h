/* bug.h - the log's seeded defects stand with all others in core/bug.h. Layer: log. */
#ifndef FCT_LOG_BUG_H
#define FCT_LOG_BUG_H

#include "core/bug.h"

#endif
