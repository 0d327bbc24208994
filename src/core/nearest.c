/* nearest.c - see nearest.h. Layer: core. */
#include "core/nearest.h"

#define NEAREST_SIZE_MAX 63u
#define NEAREST_DISTANCE_MAX 4u

static size_t nearest_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The number of insertions, removals and changes that turn |a| into |b| (Levenshtein), one row at a
 * time. */
static size_t nearest_distance(factum_slice a, factum_slice b)
{
    size_t row[NEAREST_SIZE_MAX + 1];
    for (size_t k = 0; k <= b.len; k++) {
        row[k] = k;
    }
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < b.len; k++) {
            size_t changed = diagonal + (a.ptr[i] != b.ptr[k]);
            diagonal = row[k + 1];
            row[k + 1] = nearest_least(changed, nearest_least(row[k], diagonal) + 1);
        }
    }
    return row[b.len];
}

void fct_nearest_begin(struct fct_nearest *nearest, factum_slice name)
{
    *nearest = (struct fct_nearest){
        .meant = name,
        .least = name.len < 6 ? 3 : nearest_least(name.len / 3, NEAREST_DISTANCE_MAX) + 1,
    };
    if (name.len < 3) {
        nearest->least = 2;
    }
}

void fct_nearest_offer(struct fct_nearest *nearest, factum_slice name)
{
    if (nearest->meant.len > NEAREST_SIZE_MAX || name.len > NEAREST_SIZE_MAX) {
        return;
    }
    size_t distance = nearest_distance(nearest->meant, name);
    if (distance < nearest->least) {
        nearest->least = distance;
        nearest->best = name;
    }
}
