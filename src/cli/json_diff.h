/* json_diff.h - what differs between two JSON values, place by place. Layer: cli. */
#ifndef FACTUM_CLI_JSON_DIFF_H
#define FACTUM_CLI_JSON_DIFF_H

#include <factum/json.h>

#define JSON_DIFF_POINTER_SIZE 1024

/* |before| or |after| is empty where the value is missing. A long |pointer| is truncated. */
typedef void (*json_diff_found)(void *data, const char *pointer, factum_slice before,
                                factum_slice after);

/* Calls |found| for each difference: first in the order of |a|, then the members that only |b| has.
 * Returns the count of calls. Items of arrays are compared by their index. */
size_t json_diff(const factum_json *a, const factum_json *b, json_diff_found found, void *data);

#endif
