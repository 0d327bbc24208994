/* rights.c - see rights.h. Layer: server. Pure. Does not know who a principal is, nor whether the
 * stream exists or may have its name: the store checks that afterwards.
 *
 * Invariants.
 *  1. Every operation has its line: the table and the enum are made from the same list.
 *  2. A name that is not recognised is treated as a system stream, which needs at least the right
 *     that a plain one needs.
 */
#include "server/rights.h"

#include <assert.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

struct operation_rights {
    const char *name;
    enum fct_right plain;
    enum fct_right system;
};

static const struct operation_rights operation_rights[] = {
#define OPERATION_ENTRY(name, plain, system)                                                       \
    [FCT_OP_##name] = {#name, FCT_RIGHT_##plain, FCT_RIGHT_##system},
    FCT_OPERATION_LIST(OPERATION_ENTRY)
#undef OPERATION_ENTRY
};

static_assert(sizeof operation_rights / sizeof operation_rights[0] == FCT_OP_COUNT,
              "each operation has an entry");
#define OPERATION_ORDER(name, plain, system)                                                       \
    static_assert(FCT_RIGHT_##plain <= FCT_RIGHT_##system, "invariant 2 of " #name);
FCT_OPERATION_LIST(OPERATION_ORDER)
#undef OPERATION_ORDER

static const char *const right_names[] = {
    [FCT_RIGHT_NONE] = "none",   [FCT_RIGHT_READ] = "read",     [FCT_RIGHT_WRITE] = "write",
    [FCT_RIGHT_ADMIN] = "admin", [FCT_RIGHT_DEPLOY] = "deploy",
};

const char *fct_operation_name(enum fct_operation operation)
{
    FCT_ASSERT((unsigned)operation < FCT_OP_COUNT);
    return operation_rights[operation].name;
}

/* What an operation really touches. */
struct touched {
    enum fct_operation operation;
    factum_slice stream;
};

static struct touched metadata_of(enum fct_operation operation, factum_slice stream)
{
    struct touched touched = {operation, fct_slice_from(stream, 2)};
    if (operation == FCT_OP_READ_STREAM) {
        touched.operation = FCT_OP_READ_METADATA;
    } else if (operation == FCT_OP_APPEND || operation == FCT_OP_DELETE) {
        touched.operation = FCT_OP_WRITE_METADATA;
    }
    return touched;
}

static bool is_system_name(factum_slice name)
{
    return name.len == 0 || name.ptr[0] == '$';
}

/* The prefixes of virtual streams, which all have the same size. */
static bool is_virtual_name(factum_slice name)
{
    return fct_slice_starts(name, FCT_SLICE("$ce-")) || fct_slice_starts(name, FCT_SLICE("$et-")) ||
           fct_slice_starts(name, FCT_SLICE("$bc-"));
}

/* True if the operation would change code that the server runs, or what a saga will do. */
static bool changes_what_runs(const struct touched *touched)
{
    bool writes = touched->operation == FCT_OP_APPEND || touched->operation == FCT_OP_DELETE ||
                  touched->operation == FCT_OP_WRITE_METADATA;
    return writes && (fct_slice_starts(touched->stream, FCT_SLICE("$definition:")) ||
                      fct_slice_starts(touched->stream, FCT_SLICE("saga:")));
}

static enum fct_right needed_right(enum fct_operation operation, factum_slice stream)
{
    struct touched touched = {operation, stream};
    bool system = stream.len > 0 && is_system_name(stream);
    if (fct_slice_starts(stream, FCT_SLICE("$$"))) {
        touched = metadata_of(operation, stream);
        system = is_system_name(touched.stream);
    } else if (operation == FCT_OP_READ_STREAM && fct_slice_equal(stream, FCT_SLICE("$all"))) {
        touched.operation = FCT_OP_READ_ALL;
    } else if (operation == FCT_OP_READ_STREAM && is_virtual_name(stream)) {
        system = is_system_name(fct_slice_from(stream, 4));
    }
    if (changes_what_runs(&touched)) {
        return FCT_RIGHT_DEPLOY;
    }
    const struct operation_rights *rights = &operation_rights[touched.operation];
    return system ? rights->system : rights->plain;
}

factum_status fct_rights_check(const struct fct_principal *principal, enum fct_operation operation,
                               factum_slice stream, factum_error *err)
{
    FCT_ASSERT(principal != NULL);
    FCT_ASSERT((unsigned)operation < FCT_OP_COUNT);
    enum fct_right needed = needed_right(operation, stream);
    if (principal->right >= needed) {
        return FACTUM_OK;
    }
    return fct_fail(err, FACTUM_DENIED,
                    "%.*s has no right to %s%s%.*s: it needs the right \"%s\"%s",
                    FCT_FMT(principal->name), operation_rights[operation].name,
                    stream.len == 0 ? "" : " ", FCT_FMT(stream), right_names[needed],
                    needed == FCT_RIGHT_DEPLOY
                        ? ": use the UNIX socket, or start the server with --allow-deploy"
                        : "");
}
