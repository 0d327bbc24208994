/* printer.h - what factum_printer is: JSON that grows in an arena. Layer: decider. Not thread-safe.
 */
#ifndef FCT_DECIDER_PRINTER_H
#define FCT_DECIDER_PRINTER_H

#include <factum/decider.h>

#include "core/compiler.h"

struct factum_printer {
    struct factum_arena *arena;
    factum_slice type;
    uint8_t *ptr;
    size_t len;
    size_t capacity;
    bool not_text;        /* a text that is not UTF-8 was to be printed */
    factum_error failure; /* of a generated event that could not be printed; OK: there is none */
};

/* What it prints lies in |arena|. */
void fct_printer_init(struct factum_printer *out, struct factum_arena *arena);
/* What was printed; lasts as long as the arena. |what| begins the text of a failure. INVALID,
 * NO_MEMORY, TOO_BIG. */
FCT_MUST_USE factum_status fct_printer_end(const struct factum_printer *out, const char *what,
                                           factum_slice *text, factum_error *err);

#endif
