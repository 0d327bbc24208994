/* query_files.h - the files of a query: reads of the model are timed, temporary files are memory.
 * Layer: projection.
 *
 * SQLite sorts and collects rows in temporary files when they are more than its cache. This VFS
 * keeps such files in SQLite's own memory: so they count as memory of the query, no disk fills up,
 * and nothing is left behind by a crash. SQLite still sorts in runs of the size of its cache, which
 * it does not do with "temp_store = memory": there one step sorts everything, as long as it takes.
 *
 * All other files are those of SQLite's default VFS. Each read of them looks at the guard of the
 * thread: a step such as "count(*)" walks a whole table without asking anybody else.
 */
#ifndef FCT_PROJECTION_QUERY_FILES_H
#define FCT_PROJECTION_QUERY_FILES_H

#include <factum/base.h>

/* The name of the VFS, for sqlite3_open_v2; registers it at the first call. NULL: SQLite has no
 * default VFS or no memory. Any thread. */
const char *fct_query_files_vfs(void);

#endif
