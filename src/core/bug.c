/* bug.c - the number of the seeded defect that is active; see bug.h. Layer: core.
 *
 * Compiled only into the libraries with seeded defects (tests/crash/meson.build).
 */
#include "core/bug.h"

#if defined(FCT_BUG_BANK) && FCT_BUG_BANK
int fct_bug_active;
#endif
