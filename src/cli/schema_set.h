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

/* Both fill an empty set, in the order of the types. 0, or the exit code after a message; no schema
 * at all is EXIT_NOT_FOUND. */
/* TYPE.json, or TYPE/N.json with the newest N. */
int schema_set_from_directory(const char *directory, struct schema_set *schemas);
/* The newest version of each schema that events of the category options->arguments[0] meet: of
 * CATEGORY/TYPE, and of TYPE alone if the category has an event of that type and no schema of its
 * own for it. */
int schema_set_from_store(const struct options *options, struct schema_set *schemas);
void schema_set_free(struct schema_set *schemas);

/* All of |path|, to be freed, if it has |size_max| bytes at most. 0, or the exit code after a
 * message. */
int file_read(const char *path, size_t size_max, factum_slice *content);
/* "DIR/NAME", to be freed; NULL without memory. */
char *path_join(const char *directory, const char *name);
/* Both say it and return the exit code. */
int file_failed(const char *path, int error);
static inline int out_of_memory(void)
{
    (void)complain("out of memory");
    return EXIT_FAILURE_;
}

#endif
