/* deploying.c - see deploying.h. Layer: cli. */
#include "cli/deploying.h"

#include <pwd.h>
#include <unistd.h>

factum_slice who_acts(const struct options *options)
{
    const struct passwd *user = options->by == NULL ? getpwuid(geteuid()) : NULL;
    return factum_slice_from(user == NULL ? options->by : user->pw_name);
}

void print_filled_member(const char *name, factum_slice text)
{
    if (text.len > 0) {
        (void)printf(",\"%s\":", name);
        print_json_text(stdout, text);
    }
}
