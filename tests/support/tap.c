/* tap.c - see tap.h. */
#include "support/tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned cases;
static unsigned failed;

FCT_PRINTF(2, 0) static void print_case(bool passed, const char *format, va_list args)
{
    cases++;
    failed += passed ? 0 : 1;
    printf("%s %u - ", passed ? "ok" : "not ok", cases);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): every caller calls va_start */
    (void)vprintf(format, args);
    printf("\n");
    (void)fflush(stdout);
}

void tap_case(bool passed, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_case(passed, format, args);
    va_end(args);
}

void tap_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_case(false, format, args);
    va_end(args);
    exit(tap_end());
}

int tap_end(void)
{
    printf("1..%u\n", cases);
    (void)fflush(stdout);
    return failed == 0 ? 0 : 1;
}

uint64_t tap_setting(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    return value == NULL || *value == '\0' ? otherwise : strtoull(value, NULL, 10);
}
