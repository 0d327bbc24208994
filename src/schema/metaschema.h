/* metaschema.h - the meta-schemas of the drafts, built in. Layer: schema. */
#ifndef FCT_SCHEMA_METASCHEMA_H
#define FCT_SCHEMA_METASCHEMA_H

#include <factum/schema.h>

struct fct_metaschema {
    const char *uri; /* without a fragment */
    factum_schema_draft draft;
    bool is_dialect; /* allowed as a "$schema" */
    const char *text;
};

/* Ends with a NULL uri. */
extern const struct fct_metaschema fct_metaschemas[];

#endif
