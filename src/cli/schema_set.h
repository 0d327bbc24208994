/* schema_set.h - the schemas of a category, from a directory or from a store. Layer: cli. */
#ifndef FACTUM_CLI_SCHEMA_SET_H
#define FACTUM_CLI_SCHEMA_SET_H

#include <factum/generate.h>

#include "cli/cli.h"

/* Zeroed it is empty. */
struct schema_set {
    factum_generate_schema items[FACTUM_GENERATE_TYPES_MAX]; /* their texts are the set's */
    size_t count;
};

/* Both fill an empty set, ordered by type. 0, or the exit code after a message; EXIT_NOT_FOUND
 * without any schema. */
/* Reads TYPE.json, or TYPE/N.json with the newest N. */
int schema_set_from_directory(const char *directory, struct schema_set *schemas);
/* Reads the newest version of each schema that applies to events of the category
 * options->arguments[0]: of CATEGORY/TYPE, and of TYPE alone if the category has an event of that
 * type and no schema of its own for it. */
int schema_set_from_store(const struct options *options, struct schema_set *schemas);
void schema_set_free(struct schema_set *schemas);

/* "DIR/NAME"; the caller frees it. NULL without memory. */
char *path_join(const char *directory, const char *name);
/* Prints the message and returns the exit code. */
static inline int out_of_memory(void)
{
    (void)complain("out of memory");
    return EXIT_FAILURE_;
}

#endif
