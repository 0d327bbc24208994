/* hash.c - XXH3 of libxxhash, inlined. Layer: core. See hash.h. */
#include "core/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

struct fct_hash128 fct_hash128(factum_slice bytes, uint64_t seed)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.ptr, bytes.len, seed);
    return (struct fct_hash128){.low = hash.low64, .high = hash.high64};
}

uint64_t fct_hash64(factum_slice bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.ptr, bytes.len, seed);
}
