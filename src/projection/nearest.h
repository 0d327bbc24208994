/* nearest.h - the name that was probably meant by another one. Layer: projection. Pure. */
#ifndef FCT_PROJECTION_NEAREST_H
#define FCT_PROJECTION_NEAREST_H

#include <factum/base.h>

struct fct_nearest {
    factum_slice meant; /* the name that is not known */
    factum_slice best;  /* empty: nothing near was offered */
    size_t least;
};

/* |name| must last, and so must what is offered. */
void fct_nearest_begin(struct fct_nearest *nearest, factum_slice name);
/* Keeps |name| if it is nearer than all before. Names of more than 63 bytes are near to none. */
void fct_nearest_offer(struct fct_nearest *nearest, factum_slice name);

#endif
