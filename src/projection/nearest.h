/* nearest.h - the known name that was probably meant by an unknown one. Layer: projection. Pure. */
#ifndef FCT_PROJECTION_NEAREST_H
#define FCT_PROJECTION_NEAREST_H

#include <factum/base.h>

struct fct_nearest {
    factum_slice meant; /* the unknown name */
    factum_slice best;  /* empty: no offered name is near */
    size_t least;
};

/* |name| and the offered names must outlive the search. */
void fct_nearest_begin(struct fct_nearest *nearest, factum_slice name);
/* Keeps |name| if it is nearer than all before. A name of more than 63 bytes is never near. */
void fct_nearest_offer(struct fct_nearest *nearest, factum_slice name);

#endif
