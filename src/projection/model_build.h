/* model_build.h - the builds of a model in its file: created, listed, dropped, put into use; and
 * acts of operators, each in one transaction with its effect. Layer: projection.
 *
 * A build is a version's tables. Its table {{t}} is named "t__v3": the name and the build's suffix.
 * A second build of the version has run 2 and the suffix "__v3_2". Queries see the build in use
 * through views: "t" is SELECT * FROM "t__v3".
 *
 * Invariants:
 *  1. A build has its row in factum_checkpoint if and only if it has its tables.
 *  2. Every view of the file shows a table of the build in use, and each of its tables has a view.
 *
 * A function that writes, except those of acts, runs as a savepoint if a transaction is open,
 * and otherwise in its own transaction. Its changes are made completely or not at all. One thread
 * at a time.
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
    bool previous; /* the build that a rollback returns to */
    struct fct_checkpoint checkpoint;
};

/* Prints "__v3" or "__v3_2". */
void fct_build_suffix(struct fct_build build, char suffix[FCT_BUILD_SUFFIX_SIZE]);
/* Prints "orders__v3" or "orders__v3_2". */
void fct_build_name(const struct fct_model_file *file, struct fct_build build,
                    char name[FCT_MODEL_BUILD_NAME_SIZE]);

/* Creates the tables and indexes of |definition|, and a checkpoint at the beginning. Errors:
 * EXISTS, FAILED (SQLite refuses a statement of the definition; the message names its line). */
FCT_MUST_USE factum_status fct_model_build_create(struct fct_model_file *file,
                                                  const struct fct_definition *definition,
                                                  struct fct_build build, factum_error *err);
/* Errors: NOT_FOUND. */
FCT_MUST_USE factum_status fct_model_build_find(struct fct_model_file *file, struct fct_build build,
                                                struct fct_build_row *row, factum_error *err);
/* Drops the build's tables, its checkpoint and its parked events. Errors: INVALID (it is in use),
 * NOT_FOUND. */
FCT_MUST_USE factum_status fct_model_build_drop(struct fct_model_file *file, struct fct_build build,
                                                factum_error *err);

/* Puts |build| into use: views, in_use and previous change in one transaction. Errors: NOT_FOUND,
 * INVALID (it is in use), FAILED (a view cannot be created because another table has its name). */
FCT_MUST_USE factum_status fct_model_swap(struct fct_model_file *file, struct fct_build build,
                                          factum_error *err);
/* Leaves no build in use and none as the previous one: drops all views. */
FCT_MUST_USE factum_status fct_model_unuse(struct fct_model_file *file, factum_error *err);

/* Calls |each| for the tables of a build, without their suffix, in the order of their names. |each|
 * returns false to end the list; |table| lasts until it returns. */
FCT_MUST_USE factum_status fct_model_build_tables(struct fct_model_file *file,
                                                  struct fct_build build, void *data,
                                                  bool (*each)(void *data, factum_slice table),
                                                  factum_error *err);

/* ---- acts ------------------------------------------------------------------------------------ */

/* Begins a transaction that records the act at |revision| of the definition's stream. Errors:
 * EXISTS (this act or a later one was carried out; nothing was begun). */
FCT_MUST_USE factum_status fct_model_act_begin(struct fct_model_file *file, uint64_t revision,
                                               factum_error *err);
/* fct_model_act_begin inside an open transaction, as that of a target. Errors: EXISTS (the
 * transaction goes on). */
FCT_MUST_USE factum_status fct_model_act_record(struct fct_model_file *file, uint64_t revision,
                                                factum_error *err);
/* Inside the act's transaction: records that the act could not be done, and why. Refusals of the
 * last 10,000 revisions are kept. */
FCT_MUST_USE factum_status fct_model_act_refuse(struct fct_model_file *file, uint64_t revision,
                                                const char *reason, factum_error *err);
/* Commits the act; after a failure it is rolled back. */
FCT_MUST_USE factum_status fct_model_act_commit(struct fct_model_file *file, factum_error *err);
void fct_model_act_cancel(struct fct_model_file *file);
/* *done: was the act at |revision| carried out? Errors: INVALID (it could not be; the message is
 * the recorded reason). */
FCT_MUST_USE factum_status fct_model_act_look(struct fct_model_file *file, uint64_t revision,
                                              bool *done, factum_error *err);

#endif
