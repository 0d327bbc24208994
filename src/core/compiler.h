/* compiler.h - the only file that uses extensions of the C language. Layer: core. */
#ifndef FCT_CORE_COMPILER_H
#define FCT_CORE_COMPILER_H

#include <stddef.h>

#define FCT_LIKELY(x) __builtin_expect(!!(x), 1)
#define FCT_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define FCT_PREFETCH(p) __builtin_prefetch(p)
/* How many bits a uint64_t needs: 1 for 0 and 1, 64 at most. */
#define FCT_BITS64(x) (64 - __builtin_clzll((x) | 1))
#define FCT_POPCOUNT64(x) __builtin_popcountll(x)
/* The number of the lowest bit that is set; there is one. */
#define FCT_LOWEST_BIT64(x) __builtin_ctzll(x)
/* The number of the lowest bit that is set in a uint64_t other than 0. */
#define FCT_LOW_BIT64(x) __builtin_ctzll(x)
#define FCT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define FCT_MUST_USE __attribute__((warn_unused_result))
#define FCT_NORETURN __attribute__((noreturn))
#define FCT_COLD __attribute__((cold))
/* The struct of |type| whose |member| is at |pointer|. */
#define FCT_CONTAINER_OF(pointer, type, member)                                                    \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
