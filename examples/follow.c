/* follow.c - follow: a subscriber in plain C, over HTTP, without a library. Layer: example.
 *
 *     follow ADDRESS PORT PATH [COUNT]
 *     follow 127.0.0.1 2113 '/api/v1/events?category=order' 100
 *
 * Prints each event, a line of JSON, when it comes, and ends after COUNT events. If the server or
 * the connection is lost, it connects again and continues after the last event that it has printed:
 * each event comes once, none is missing. Its only state is the field "id" of the last event; a
 * real subscriber stores that together with the effects of the event.
 *
 * The request is HTTP/1.0, so that the answer is not chunked and its lines come unchanged. */
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ID_SIZE 128
#define REFUSED (-2) /* trying again does not help */

struct subscriber {
    const char *host;
    const char *port;
    const char *path;
    char last_id[ID_SIZE];
    unsigned long count; /* events printed */
    unsigned long count_max;
};

static int connect_to(const struct subscriber *subscriber)
{
    struct addrinfo *found = NULL;
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    int fd = -1;
    if (getaddrinfo(subscriber->host, subscriber->port, &wanted, &found) != 0) {
        return -1;
    }
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

static FILE *ask(const struct subscriber *subscriber)
{
    int fd = connect_to(subscriber);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "r+");
    if (stream == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    bool resuming = subscriber->last_id[0] != '\0';
    fprintf(stream, "GET %s HTTP/1.0\r\nHost: %s:%s\r\nAccept: text/event-stream\r\n%s%s%s\r\n",
            subscriber->path, subscriber->host, subscriber->port, resuming ? "Last-Event-ID: " : "",
            subscriber->last_id, resuming ? "\r\n" : "");
    if (fflush(stream) != 0) {
        fclose(stream);
        return NULL;
    }
    return stream;
}

/* 0 if events follow, REFUSED if the server refuses, -1 if it does not answer, or answers "not
 * now". */
static int read_head(FILE *stream)
{
    char *line = NULL;
    size_t size = 0;
    int result = -1;
    if (getline(&line, &size, stream) > 12 && strncmp(line, "HTTP/1.", 7) == 0) {
        long code = strtol(line + 9, NULL, 10);
        result = code == 200 ? 0 : code >= 500 ? -1 : REFUSED;
    }
    if (result == REFUSED) {
        fprintf(stderr, "follow: %s", line);
    }
    while (result == 0 && getline(&line, &size, stream) > 0 && strcmp(line, "\r\n") != 0) {
    }
    free(line);
    return result;
}

/* Reads until the connection or the server ends, or COUNT events have come. An event is complete at
 * its empty line; only then it is printed, and its id remembered. */
static void read_events(struct subscriber *subscriber, FILE *stream)
{
    char *line = NULL;
    char *data = NULL;
    size_t size = 0;
    char id[ID_SIZE] = "";
    bool failed = false;
    ssize_t len;
    while (subscriber->count < subscriber->count_max && !failed &&
           (len = getline(&line, &size, stream)) > 0 && line[len - 1] == '\n') {
        line[len - 1] = '\0';
        if (strncmp(line, "id: ", 4) == 0 && (size_t)len - 4 <= ID_SIZE) {
            memcpy(id, line + 4, (size_t)len - 4);
        } else if (strncmp(line, "data: ", 6) == 0) {
            free(data);
            data = strdup(line + 6);
        } else if (strcmp(line, "event: error") == 0) {
            failed = true; /* the server sends the reason, and ends */
        } else if (line[0] == '\0') {
            if (data != NULL) {
                puts(data);
                fflush(stdout);
                subscriber->count++;
            }
            memcpy(subscriber->last_id, id, sizeof id);
            free(data);
            data = NULL;
        }
    }
    free(data);
    free(line);
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: follow ADDRESS PORT PATH [COUNT]\n");
        return 2;
    }
    struct subscriber subscriber = {.host = argv[1],
                                    .port = argv[2],
                                    .path = argv[3],
                                    .count_max =
                                        argc == 5 ? strtoul(argv[4], NULL, 10) : (unsigned long)-1};
    while (subscriber.count < subscriber.count_max) {
        FILE *stream = ask(&subscriber);
        int head = stream == NULL ? -1 : read_head(stream);
        if (head == 0) {
            read_events(&subscriber, stream);
        }
        if (stream != NULL) {
            fclose(stream);
        }
        if (head == REFUSED) {
            return 1;
        }
        const struct timespec moment = {.tv_nsec = 100000000};
        if (subscriber.count < subscriber.count_max) {
            nanosleep(&moment, NULL);
        }
    }
    return 0;
}
