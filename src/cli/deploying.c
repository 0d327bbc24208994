/* deploying.c - see deploying.h. Layer: cli. */
#include "cli/deploying.h"

#include "cli/input.h"
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int read_file(const char *path, size_t size_max, uint8_t **bytes, size_t *len)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    if (file == NULL) {
        int code = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILURE_;
        (void)complain("%s: %s", path, strerror(errno));
        return code;
    }
    uint8_t *text = malloc(size_max + 1);
    size_t got = text == NULL ? 0 : fread(text, 1, size_max + 1, file);
    bool failed = text == NULL || ferror(file) != 0;
    if (!standard) {
        (void)fclose(file);
    }
    if (failed || got > size_max) {
        free(text);
        (void)complain("%s: %s", input_name(path),
                       failed ? "cannot be read" : "too long for this command");
        return failed ? EXIT_FAILURE_ : EXIT_USAGE;
    }
    *bytes = text;
    *len = got;
    return 0;
}

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
