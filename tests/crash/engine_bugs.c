/* engine_bugs.c - lets a program that knows nothing of it run with one of the index's and the
 * engine's seeded defects (core/bug.h): FCT_BUG says which, from 1; 77 if there is none of that
 * number.
 */
#include <stdlib.h>
#include <unistd.h>

#include "core/bug.h"

enum { NO_SUCH_BUG = 77 };

__attribute__((constructor)) static void take_bug(void)
{
    const char *value = getenv("FCT_BUG");
    long number = value == NULL ? 0 : strtol(value, NULL, 10);
    if (number > FCT_BUGS - FCT_BUGS_OF_LOG) {
        _exit(NO_SUCH_BUG);
    }
    fct_bug_active = number <= 0 ? FCT_BUG_NONE : (int)(FCT_BUGS_OF_LOG + number - 1);
}
