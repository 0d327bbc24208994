/* store_int.h - what is behind the public handles. Private to api. */
#ifndef FCT_API_STORE_INT_H
#define FCT_API_STORE_INT_H

#include <stdatomic.h>

#include "engine/engine.h"

struct factum_store {
    struct fct_engine engine;
    bool local; /* the embedded engine: backups can be made */
};

/* INVALID with this text ("append: a store is needed") unless |given|. */
factum_status fct_api_need(bool given, const char *text, factum_error *err);

#endif
