/* tap.c - see tap.h. */
#include "support/tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned cases;
static unsigned failed;

static void begin_case(bool passed)
{
    cases++;
    failed += passed ? 0 : 1;
    printf("%s %u - ", passed ? "ok" : "not ok", cases);
}

static void end_case(void)
{
    printf("\n");
    (void)fflush(stdout);
}

void tap_case(bool passed, const char *format, ...)
{
    va_list args;
    begin_case(passed);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    end_case();
}

void tap_fail(const char *format, ...)
{
    va_list args;
    begin_case(false);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    end_case();
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
