/* generate_out_int.h - how the generator writes C. Layer: schema, private to it. */
#ifndef FCT_SCHEMA_GENERATE_OUT_INT_H
#define FCT_SCHEMA_GENERATE_OUT_INT_H

#include "schema/generate_int.h"

/* ---- generate_text.c: pieces of C ------------------------------------------------------------ */
struct fct_gen_out {
    struct fct_buf *buf;
    factum_status status; /* the first failure */
};
void fct_gen_put(struct fct_gen_out *out, const char *format, ...) FCT_PRINTF(2, 3);
/* A comment on lines of its own, |indent| columns in, that its text cannot end early. Nothing if
 * |text| is empty. */
void fct_gen_put_comment(struct fct_gen_out *out, unsigned indent, factum_slice text);
/* |code|, indented, with |text| in a comment after it, or before it if the line would be long. */
void fct_gen_put_line(struct fct_gen_out *out, unsigned indent, const char *code,
                      factum_slice text);
/* |text| as a string literal, with its quotes. */
void fct_gen_put_literal(struct fct_gen_out *out, factum_slice text);

/* ---- generate_header.c, generate_source.c ---------------------------------------------------- */
void fct_gen_write_header(const struct fct_gen *gen, struct fct_gen_out *out);
void fct_gen_write_source(const struct fct_gen *gen, struct fct_gen_out *out);
/* "factum_slice", "order_line" */
const char *fct_gen_c_type(const struct fct_gen_type *type);

#endif
