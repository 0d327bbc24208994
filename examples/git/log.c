/* log.c - see log.h. Layer: example.
 *
 * The output has zero bytes between its parts (-z), because no path contains that byte:
 *
 *   \x01 hash, parents, name, email, time, subject      six parts
 *   :modes hashes kind, path [, new path]               per change (--raw); the kind R has two
 * paths
 *   added TAB deleted TAB path                          per change (--numstat), or with an empty
 * path
 *                                                       and then two parts: the paths of a rename
 *
 * The options switch off what a user's configuration could change, because the same commit must
 * give the same events whenever it is read.
 *
 * Invariant: |text| has the parts of one commit and may move while they are read. So parts are
 * offsets until the commit is complete.
 */
#define _POSIX_C_SOURCE 200809L
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK '\x01'
#define NOWHERE SIZE_MAX
#define HEADER_PARTS 6

/* Where a change's texts are in |text|. */
struct change_places {
    size_t path;
    size_t from;
};

struct git_log {
    FILE *out; /* of git */
    pid_t pid;
    char *part; /* the part read last, part_len < 0: none */
    size_t part_room;
    ssize_t part_len;
    char *text; /* of the commit under way */
    size_t text_size;
    size_t text_room;
    struct git_change *changes;
    struct change_places *places;
    size_t change_count;
    size_t change_room;
};

/* ---- running git ----------------------------------------------------------------------------- */

/* Starts git with |argv|; its output is in *out. False on failure, with errno. */
static bool start(const char *const *argv, bool quiet, FILE **out, pid_t *pid)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return false;
    }
    *pid = fork();
    if (*pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        if (quiet && freopen("/dev/null", "w", stderr) == NULL) {
            _exit(127);
        }
        execvp("git", (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(ends[1]);
    *out = *pid > 0 ? fdopen(ends[0], "r") : NULL;
    if (*out == NULL) {
        close(ends[0]);
    }
    return *out != NULL;
}

/* Git's exit status; 127: it could not be run. */
static int finish(FILE *out, pid_t pid)
{
    int status = 0;
    fclose(out);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return 127;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

/* Asks git one question; the first line of the answer in |answer|. Returns git's exit status. */
static int ask(const char *repository, const char *what, const char *argument, char *answer,
               int size)
{
    const char *argv[] = {"git", "-C", repository, "rev-parse", what, argument, NULL};
    FILE *out;
    pid_t pid;
    answer[0] = '\0';
    if (!start(argv, true, &out, &pid)) {
        return 127;
    }
    if (fgets(answer, size, out) != NULL) {
        answer[strcspn(answer, "\n")] = '\0';
    }
    return finish(out, pid);
}

static bool check(const char *repository, bool *shallow, char error[GIT_ERROR_SIZE])
{
    char answer[128];
    int status = ask(repository, "--is-shallow-repository", NULL, answer, sizeof answer);
    *shallow = strcmp(answer, "true") == 0;
    if (status == 127) {
        snprintf(error, GIT_ERROR_SIZE, "the program git cannot be run: is it installed?");
        return false;
    }
    if (status != 0) {
        snprintf(error, GIT_ERROR_SIZE, "%.200s is not a git repository", repository);
        return false;
    }
    if (ask(repository, "--verify", "HEAD^{commit}", answer, sizeof answer) != 0) {
        snprintf(error, GIT_ERROR_SIZE, "%.200s has no commits yet: nothing to read", repository);
        return false;
    }
    return true;
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* Reads the next part, unless the last one was not used. False at the end. */
static bool peek(struct git_log *log)
{
    if (log->part_len < 0) {
        log->part_len = getdelim(&log->part, &log->part_room, '\0', log->out);
    }
    return log->part_len >= 0;
}

/* Keeps the next part, from its byte |skip| on, with the text of the commit. NOWHERE at the end, or
 * without memory. */
static size_t keep(struct git_log *log, size_t skip)
{
    if (!peek(log)) {
        return NOWHERE;
    }
    size_t len = strlen(log->part + skip) + 1;
    if (log->text_room - log->text_size < len) {
        size_t room = (log->text_size + len) * 2;
        char *text = realloc(log->text, room);
        if (text == NULL) {
            return NOWHERE;
        }
        log->text = text;
        log->text_room = room;
    }
    size_t place = log->text_size;
    memcpy(log->text + place, log->part + skip, len);
    log->text_size += len;
    log->part_len = -1;
    return place;
}

static bool new_change(struct git_log *log)
{
    if (log->change_count == log->change_room) {
        size_t room = log->change_room == 0 ? 64 : log->change_room * 2;
        struct git_change *changes = realloc(log->changes, room * sizeof *changes);
        if (changes == NULL) {
            return false;
        }
        log->changes = changes;
        struct change_places *places = realloc(log->places, room * sizeof *places);
        if (places == NULL) {
            return false;
        }
        log->places = places;
        log->change_room = room;
    }
    log->change_count++;
    return true;
}

/* ":100644 100644 hash hash R100", path, new path */
static bool read_raw(struct git_log *log, const char *raw)
{
    const char *kind = strrchr(raw, ' ');
    if (kind == NULL || kind[1] == '\0' || !new_change(log)) {
        return false;
    }
    size_t at = log->change_count - 1;
    log->changes[at] = (struct git_change){.kind = kind[1]};
    log->part_len = -1;
    bool two = log->changes[at].kind == 'R' || log->changes[at].kind == 'C';
    size_t from = two ? keep(log, 0) : NOWHERE;
    size_t path = keep(log, 0);
    log->places[at] = (struct change_places){.path = path, .from = from};
    return path != NOWHERE && (!two || from != NOWHERE);
}

/* "12 TAB 3 TAB path", or "12 TAB 3 TAB", old path, path. The changes come in the order of the
 * raw ones; one without such a line is skipped. */
static bool read_numbers(struct git_log *log, size_t *next)
{
    char *end;
    bool binary = log->part[0] == '-';
    long long added = binary ? 0 : strtoll(log->part, &end, 10);
    const char *tab = strchr(log->part, '\t');
    long long deleted = tab == NULL || binary ? 0 : strtoll(tab + 1, &end, 10);
    tab = tab == NULL ? NULL : strchr(tab + 1, '\t');
    if (tab == NULL) {
        return false;
    }
    size_t skip = (size_t)(tab + 1 - log->part);
    if (tab[1] == '\0') {
        log->part_len = -1;
        if (keep(log, 0) == NOWHERE) {
            return false;
        }
        skip = 0;
    }
    size_t path = keep(log, skip);
    if (path == NOWHERE) {
        return false;
    }
    for (size_t i = *next; i < log->change_count; i++) {
        if (strcmp(log->text + log->places[i].path, log->text + path) == 0) {
            log->changes[i].added = added;
            log->changes[i].deleted = deleted;
            log->changes[i].binary = binary;
            *next = i + 1;
            break;
        }
    }
    return true;
}

static bool read_changes(struct git_log *log)
{
    size_t next = 0;
    while (peek(log) && log->part[0] != MARK) {
        const char *part = log->part + strspn(log->part, "\n");
        bool well = *part == ':' ? read_raw(log, part) : read_numbers(log, &next);
        if (!well) {
            return false;
        }
    }
    return true;
}

/* ---- the log --------------------------------------------------------------------------------- */

struct git_log *git_log_open(const char *repository, bool *shallow, char error[GIT_ERROR_SIZE])
{
    if (!check(repository, shallow, error)) {
        return NULL;
    }
    const char *argv[] = {
        "git",
        "-C",
        repository,
        "-c",
        "diff.renameLimit=1000",
        "-c",
        "diff.renames=true",
        "-c",
        "diff.algorithm=myers",
        "-c",
        "diff.relative=false",
        "-c",
        "log.showRoot=true",
        "-c",
        "log.showSignature=false",
        "-c",
        "log.follow=false",
        "log",
        "HEAD",
        "--reverse",
        "--topo-order",
        "-z",
        "--raw",
        "--numstat",
        "--no-abbrev",
        "--find-renames=50%",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--no-mailmap",
        "--no-notes",
        "--ignore-submodules=none",
        "--no-diff-merges",
        "-O/dev/null",
        "--encoding=UTF-8",
        "--format=%x01%H%x00%P%x00%an%x00%ae%x00%ct%x00%s",
        NULL,
    };
    struct git_log *log = calloc(1, sizeof *log);
    if (log == NULL || !start(argv, false, &log->out, &log->pid)) {
        snprintf(error, GIT_ERROR_SIZE, "git cannot be started: %s", strerror(errno));
        free(log);
        return NULL;
    }
    log->part_len = -1;
    return log;
}

static int at_end(struct git_log *log, char error[GIT_ERROR_SIZE])
{
    int status = finish(log->out, log->pid);
    log->out = NULL;
    if (status != 0) {
        snprintf(error, GIT_ERROR_SIZE, "git log ended with status %d", status);
        return -1;
    }
    return 0;
}

int git_log_next(struct git_log *log, struct git_commit *commit, char error[GIT_ERROR_SIZE])
{
    if (log->out == NULL) {
        return 0;
    }
    if (!peek(log)) {
        return at_end(log, error);
    }
    log->text_size = 0;
    log->change_count = 0;
    bool well = log->part[0] == MARK;
    size_t parts[HEADER_PARTS];
    for (size_t i = 0; i < HEADER_PARTS && well; i++) {
        parts[i] = keep(log, i == 0 ? 1 : 0);
        well = parts[i] != NOWHERE;
    }
    if (!well || !read_changes(log)) {
        snprintf(error, GIT_ERROR_SIZE, "the output of git log is not understood, or no memory");
        return -1;
    }
    for (size_t i = 0; i < log->change_count; i++) {
        const struct change_places *places = &log->places[i];
        log->changes[i].path = log->text + places->path;
        log->changes[i].from = places->from == NOWHERE ? NULL : log->text + places->from;
    }
    *commit = (struct git_commit){
        .hash = log->text + parts[0],
        .parents = log->text + parts[1],
        .name = log->text + parts[2],
        .email = log->text + parts[3],
        .time = strtoll(log->text + parts[4], NULL, 10),
        .subject = log->text + parts[5],
        .changes = log->changes,
        .change_count = log->change_count,
    };
    return 1;
}

void git_log_close(struct git_log *log)
{
    if (log == NULL) {
        return;
    }
    if (log->out != NULL) {
        (void)finish(log->out, log->pid);
    }
    free(log->part);
    free(log->text);
    free(log->changes);
    free(log->places);
    free(log);
}
