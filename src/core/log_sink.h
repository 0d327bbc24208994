/* log_sink.h - the one logging call. Layer: core. */
#ifndef FCT_CORE_LOG_SINK_H
#define FCT_CORE_LOG_SINK_H

#include <factum/base.h>

#include "core/compiler.h"

/* Formats a message (one line, at most 511 bytes) and passes it to |sink|. Does nothing if |sink|
 * is NULL or has no write function. */
FCT_PRINTF(4, 5)
void fct_log_message(const factum_log_sink *sink, factum_log_level level, const char *id,
                     const char *format, ...);

#endif
