/* model_build.h - the builds of a model in its file: made, listed, dropped, put into use; and acts
 * of operators, each in one transaction with its effect. Layer: projection.
 *
 * A build is a version's tables. A table {{t}} is "t__v3" in it: the name and the build's suffix. A
 * version that is built once more gets run 2 and the suffix "__v3_2". The build in use is seen
 * through views: "t" is SELECT * FROM "t__v3".
 *
 * Invariants:
 *  1. A build has its row in factum_checkpoint if and only if it has its tables.
 *  2. Every view of the file is a table of the build in use, and each of its tables has one.
 *
 * Every function that writes takes part in a transaction that is open, as a whole or not at all,
 * and otherwise is one of its own. One thread at a time.
 */
#ifndef FCT_PROJECTION_MODEL_BUILD_H
#define FCT_PROJECTION_MODEL_BUILD_H

#include "projection/model_file.h"
#include "projection/target.h"

#define FCT_BUILD_SUFFIX_SIZE 48 /* with the zero byte */

struct fct_build {
    uint64_t version; /* from 1 */
    uint64_t run;     /* from 1: 2 is the first rebuild of the version */
};

struct fct_build_row {
    struct fct_build build;
    char name[FCT_MODEL_BUILD_NAME_SIZE];
    bool in_use;
    bool previous; /* what a rollback returns to */
    struct fct_checkpoint checkpoint;
};

struct fct_build_each {
    void *data;
    bool (*each)(void *data, const struct fct_build_row *row); /* false ends the list */
};

/* "__v3" or "__v3_2". */
void fct_build_suffix(struct fct_build build, char suffix[FCT_BUILD_SUFFIX_SIZE]);
/* "orders__v3" or "orders__v3_2". */
void fct_build_name(const struct fct_model_file *file, struct fct_build build,
                    char name[FCT_MODEL_BUILD_NAME_SIZE]);

/* Makes the tables and indexes of |definition| and a checkpoint at the beginning. EXISTS. FAILED: a
 * statement of the definition cannot be carried out; the text names its line. */
FCT_MUST_USE factum_status fct_model_build_create(struct fct_model_file *file,
                                                  const struct fct_definition *definition,
                                                  struct fct_build build, factum_error *err);
/* NOT_FOUND. */
FCT_MUST_USE factum_status fct_model_build_find(struct fct_model_file *file, struct fct_build build,
                                                struct fct_build_row *row, factum_error *err);
/* Tells |each| of all builds, oldest version and run first. */
FCT_MUST_USE factum_status fct_model_build_list(struct fct_model_file *file,
                                                const struct fct_build_each *each,
                                                factum_error *err);
/* Drops its tables, its checkpoint and its parked events. INVALID: it is in use. NOT_FOUND. */
FCT_MUST_USE factum_status fct_model_build_drop(struct fct_model_file *file, struct fct_build build,
                                                factum_error *err);

/* Puts |build| into use: views, in_use and previous change in one transaction. NOT_FOUND. INVALID:
 * it is in use. FAILED: a view cannot be made, because another table has its name. */
FCT_MUST_USE factum_status fct_model_swap(struct fct_model_file *file, struct fct_build build,
                                          factum_error *err);
/* Takes the build in use out of use: no view is left, and none is in use or was before. */
FCT_MUST_USE factum_status fct_model_unuse(struct fct_model_file *file, factum_error *err);
/* Puts the previous build into use again, and the one in use becomes the previous one. INVALID:
 * there is none. */
FCT_MUST_USE factum_status fct_model_rollback(struct fct_model_file *file, factum_error *err);

/* The tables of a build, each without its suffix, in the order of their names; |each| returns false
 * to end. |table| lasts for the call only. */
FCT_MUST_USE factum_status fct_model_build_tables(struct fct_model_file *file,
                                                  struct fct_build build, void *data,
                                                  bool (*each)(void *data, factum_slice table),
                                                  factum_error *err);

/* ---- acts ------------------------------------------------------------------------------------ */

/* Begins a transaction that records the act at |revision| of the definition's stream. EXISTS: it,
 * or a later one, was carried out: nothing was begun. */
FCT_MUST_USE factum_status fct_model_act_begin(struct fct_model_file *file, uint64_t revision,
                                               factum_error *err);
/* The same inside a transaction that is open, as a target's. EXISTS: the transaction goes on. */
FCT_MUST_USE factum_status fct_model_act_mark(struct fct_model_file *file, uint64_t revision,
                                              factum_error *err);
/* Inside the act's transaction: the act could not be done, and why. The newest 10,000 are kept. */
FCT_MUST_USE factum_status fct_model_act_refuse(struct fct_model_file *file, uint64_t revision,
                                                const char *reason, factum_error *err);
/* After a failure nothing of the act has happened. */
FCT_MUST_USE factum_status fct_model_act_commit(struct fct_model_file *file, factum_error *err);
void fct_model_act_cancel(struct fct_model_file *file);
/* Has the act at |revision| been carried out? INVALID: it could not be, says the text. */
FCT_MUST_USE factum_status fct_model_act_look(struct fct_model_file *file, uint64_t revision,
                                              bool *done, factum_error *err);

#endif
