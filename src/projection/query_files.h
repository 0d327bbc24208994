/* query_files.h - the files of a query: reads of the model are timed, temporary files are memory.
 * Layer: projection.
 *
 * SQLite sorts and collects rows in temporary files when they exceed its cache. This VFS keeps such
 * files in SQLite's own memory. So they are counted as memory of the query, they fill no disk, and
 * a crash leaves none behind. SQLite still sorts in runs of the size of its cache, which it does
 * not do with "temp_store = memory": there one step sorts everything, however long that takes.
 *
 * All other files are those of SQLite's default VFS. Each read of them checks the guard of the
 * thread, because one step such as "count(*)" can read a whole table.
 */
#ifndef FCT_PROJECTION_QUERY_FILES_H
#define FCT_PROJECTION_QUERY_FILES_H

#include <factum/base.h>

/* The name of the VFS for sqlite3_open_v2; the first call registers it. NULL: SQLite has no default
 * VFS or no memory. Any thread. */
const char *fct_query_files_vfs(void);

#endif
