/* nearest.h - the known name that was probably meant by an unknown one. Layer: core. Pure. */
#ifndef FCT_CORE_NEAREST_H
#define FCT_CORE_NEAREST_H

#include <factum/base.h>

struct fct_nearest {
    factum_slice meant; /* the unknown name */
    factum_slice best;  /* empty: no offered name is near */
    size_t least;       /* a nearer name has a smaller distance */
};

/* |name| and the offered names must outlive the search. A caller that is stricter lowers |least|
 * before it offers names. */
void fct_nearest_begin(struct fct_nearest *nearest, factum_slice name);
/* Keeps |name| if it is nearer than all before. A name of more than 63 bytes is never near. */
void fct_nearest_offer(struct fct_nearest *nearest, factum_slice name);

#endif
