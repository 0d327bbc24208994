/* uuid.h - comparing and making UUIDs (RFC 9562). Layer: core. Pure. base.h has their text. */
#ifndef FCT_CORE_UUID_H
#define FCT_CORE_UUID_H

#include <string.h>

#include <factum/base.h>

static inline bool fct_uuid_equal(factum_uuid a, factum_uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static inline bool fct_uuid_is_zero(factum_uuid id)
{
    return fct_uuid_equal(id, (factum_uuid){{0}});
}

#define FCT_UUID_RANDOM 4  /* random bits */
#define FCT_UUID_DERIVED 8 /* bits of our own choice: here a hash of what the id stands for */

/* |id| with the six bits that say its version, 1 to 15, and its layout. */
factum_uuid fct_uuid_marked(factum_uuid id, unsigned version);

#endif
