/* sized.c - structs that grow: see sized.h. Layer: core. */
#include "core/sized.h"

#include <string.h>

#include "core/error.h"

/* Larger than any struct of the API: a larger size is an uninitialised member. */
#define SIZE_SANE_MAX 65536u

static size_t size_of(const void *given)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    return size;
}

factum_status fct_sized_check(const void *given, const char *what, factum_error *err)
{
    if (given == NULL) {
        return fct_fail(err, FACTUM_INVALID, "%s is NULL", what);
    }
    size_t size = size_of(given);
    if (size < sizeof size || size > SIZE_SANE_MAX) {
        return fct_fail(err, FACTUM_INVALID, "%s has size %zu: set it to sizeof the struct", what,
                        size);
    }
    return FACTUM_OK;
}

factum_status fct_sized_read(void *full, size_t full_size, const void *given, const char *what,
                             factum_error *err)
{
    factum_status status = fct_sized_check(given, what, err);
    if (status != FACTUM_OK) {
        return status;
    }
    size_t size = size_of(given);
    const uint8_t *bytes = given;
    for (size_t i = full_size; i < size; i++) {
        if (bytes[i] != 0) {
            return fct_fail(err, FACTUM_INVALID,
                            "%s sets a member that this version of the library does not know (byte "
                            "%zu of %zu, it knows %zu): update the library or leave it out",
                            what, i, size, full_size);
        }
    }
    fct_sized_copy(full, full_size, given);
    return FACTUM_OK;
}

void fct_sized_copy(void *full, size_t full_size, const void *given)
{
    size_t size = size_of(given);
    size_t known = size < full_size ? size : full_size;
    memcpy(full, given, known);
    memset((uint8_t *)full + known, 0, full_size - known);
    memcpy(full, &full_size, sizeof full_size);
}

void fct_sized_write(void *given, const void *full, size_t full_size)
{
    size_t size = size_of(given);
    size_t known = size < full_size ? size : full_size;
    memcpy((uint8_t *)given + sizeof size, (const uint8_t *)full + sizeof size,
           known - sizeof size);
    memset((uint8_t *)given + known, 0, size - known);
}
