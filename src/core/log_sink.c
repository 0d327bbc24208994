/* log_sink.c - formats log messages of the library. Layer: core. See log_sink.h. */
#include "core/log_sink.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/error.h"

void fct_log_message(const factum_log_sink *sink, factum_log_level level, const char *id,
                     const char *format, ...)
{
    if (sink == NULL || sink->write == NULL) {
        return;
    }
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fct_text_clean(text);
    sink->write(sink->data, level, id, text);
}
