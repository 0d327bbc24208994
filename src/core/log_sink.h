/* log_sink.h - the one logging call. Layer: core. */
#ifndef FCT_CORE_LOG_SINK_H
#define FCT_CORE_LOG_SINK_H

#include <factum/base.h>

#include "core/compiler.h"

/* Formats (at most 511 bytes, one line) and writes; silent if |sink| is NULL or has no write. */
FCT_PRINTF(4, 5)
void fct_log_message(const factum_log_sink *sink, factum_log_level level, const char *id,
                     const char *format, ...);

#endif
