/* statement.c - a statement of a definition as the database takes it; see definition.h.
 * Layer: projection. */
#include "projection/definition.h"

static factum_status print_part(const struct fct_part *part, const char *suffix,
                                struct fct_buf *buf)
{
    switch (part->kind) {
    case FCT_PART_TEXT:
        return fct_buf_add_slice(buf, part->text);
    case FCT_PART_TEMPLATE:
        return fct_buf_printf(buf, "\"%.*s%s\"", (int)part->text.len, (const char *)part->text.ptr,
                              suffix);
    case FCT_PART_PARAMETER:
        return fct_buf_printf(buf, "?%u", (unsigned)part->parameter + 1);
    }
    return FACTUM_INVALID;
}

factum_status fct_statement_print(const struct fct_statement *statement, const char *suffix,
                                  struct fct_buf *buf)
{
    factum_status status = FACTUM_OK;
    for (size_t i = 0; i < statement->part_count && status == FACTUM_OK; i++) {
        status = print_part(&statement->parts[i], suffix, buf);
    }
    return status;
}
