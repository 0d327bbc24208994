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

struct fct_hash128 fct_hash128_parts(const factum_slice *parts, size_t count, uint64_t seed)
{
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    (void)XXH3_128bits_reset_withSeed(&state, seed);
    for (size_t i = 0; i < count; i++) {
        (void)XXH3_128bits_update(&state, parts[i].ptr, parts[i].len);
    }
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    return (struct fct_hash128){.low = hash.low64, .high = hash.high64};
}
