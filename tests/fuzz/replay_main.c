/* replay_main.c - runs a fuzz target over the files of a corpus. Prints TAP.
 *
 *     fuzz_TARGET DIRECTORY...
 *
 * The empty input comes first, then every file, in the order of their names. A target that finds a
 * defect aborts, which ends the run: the last line "# input ..." names it.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_SIZE_MAX ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A target may define this, as with libFuzzer. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static unsigned input_count;

static void try_input(const char *name, const uint8_t *data, size_t size)
{
    printf("# input %s, %zu bytes\n", name, size);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, size);
    input_count++;
    printf("ok %u - %s\n", input_count, name);
}

/* The heap block is as long as the input, so that reading past the end is noticed. */
static bool try_file(const char *directory, const char *name)
{
    bool done = false;
    uint8_t *room = NULL;
    FILE *file = NULL;
    char *path = NULL;
    if (asprintf(&path, "%s/%s", directory, name) < 0) {
        return false;
    }
    file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        goto done;
    }
    long size = ftell(file);
    if (size < 0 || (size_t)size > INPUT_SIZE_MAX || fseek(file, 0, SEEK_SET) != 0) {
        goto done;
    }
    room = malloc(size == 0 ? 1 : (size_t)size);
    if (room == NULL || fread(room, 1, (size_t)size, file) != (size_t)size) {
        goto done;
    }
    try_input(name, room, (size_t)size);
    done = true;
done:
    if (!done) {
        perror(path);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    free(room);
    free(path);
    return done;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool try_directory(const char *directory)
{
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_visible, alphasort);
    if (count < 0) {
        perror(directory);
        return false;
    }
    bool good = true;
    for (int i = 0; i < count; i++) {
        good = good && try_file(directory, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return good;
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize != NULL) {
        (void)LLVMFuzzerInitialize(&argc, &argv);
    }
    try_input("the empty input", (const uint8_t *)"", 0);
    bool good = true;
    for (int i = 1; i < argc; i++) {
        good = try_directory(argv[i]) && good;
    }
    printf("1..%u\n", input_count);
    return good ? 0 : 1;
}
