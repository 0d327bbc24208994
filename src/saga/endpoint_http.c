/* endpoint_http.c - see endpoint_http.h. Layer: saga. */
#include "saga/endpoint_http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/slice.h"
#include "os/os.h"
#include "saga/endpoint_url.h"

#define CONNECT_MS 10000L
#define ANSWER_MS 5000u /* from the first byte of an answer to its last */
#define HEADER_KEPT_MAX 2000u
#define HEADERS_SIZE_MAX ((size_t)64 << 10) /* of an answer: libcurl keeps them all */

struct fct_http {
    CURLM *multi;
    struct fct_http_options options;
    struct fct_http_flight *first; /* all requests that were started and have not ended */
};

struct fct_http_flight {
    struct fct_http *http;
    struct fct_http_flight *next;
    CURL *easy;
    struct curl_slist *headers;
    struct fct_endpoint_url url;
    struct fct_buf body;
    unsigned requests; /* started on a connection */
    size_t header_size;
    bool too_big;
    bool long_header;
    bool slow;
    uint64_t began; /* when the first byte of the answer came, monotonic ns; 0: not yet */
    char retry_after[64];
    char location[HEADER_KEPT_MAX];
    char curl_text[CURL_ERROR_SIZE];
    char refused[FCT_ENDPOINT_WHY_SIZE]; /* the refused address, and why; "": none */
    char problem[FCT_ENDPOINT_WHY_SIZE];
    CURLcode code;
    void *data;
};

static pthread_once_t http_once = PTHREAD_ONCE_INIT;
static CURLcode http_global;

static void init_curl(void)
{
    http_global = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static enum fct_address_class class_of_socket(const struct curl_sockaddr *address,
                                              char text[INET6_ADDRSTRLEN])
{
    /* libcurl keeps |addrlen| bytes there, more than the member's type has */
    const uint8_t *bytes = (const uint8_t *)address + offsetof(struct curl_sockaddr, addr);
    if (address->family == AF_INET && address->addrlen >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, bytes, sizeof in);
        (void)inet_ntop(AF_INET, &in.sin_addr, text, INET6_ADDRSTRLEN);
        return fct_address_classify((const uint8_t *)&in.sin_addr, 4);
    }
    if (address->family == AF_INET6 && address->addrlen >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in;
        memcpy(&in, bytes, sizeof in);
        (void)inet_ntop(AF_INET6, &in.sin6_addr, text, INET6_ADDRSTRLEN);
        return fct_address_classify(in.sin6_addr.s6_addr, 16);
    }
    (void)snprintf(text, INET6_ADDRSTRLEN, "family %d", address->family);
    return FCT_ADDRESS_RESERVED;
}

static bool address_allowed(const struct fct_http_flight *flight, enum fct_address_class class_,
                            const char *text)
{
    const struct fct_http_options *options = &flight->http->options;
    const struct fct_endpoint_place listed = {.host = factum_slice_from(text),
                                              .port = flight->url.place.port,
                                              .default_port = flight->url.place.default_port};
    return class_ == FCT_ADDRESS_PUBLIC ||
           (options->allow_private &&
            (class_ == FCT_ADDRESS_LOOPBACK || class_ == FCT_ADDRESS_PRIVATE)) ||
           fct_endpoint_allowed(options->allow, options->allow_count, &listed);
}

/* Called for each address that a connection is tried to. */
static curl_socket_t on_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    struct fct_http_flight *flight = data;
    enum fct_address_class class_ = class_of_socket(address, text);
    if (purpose != CURLSOCKTYPE_IPCXN || !address_allowed(flight, class_, text)) {
        (void)snprintf(flight->refused, sizeof flight->refused,
                       "%.120s has the address %s, which is %s: not called", flight->url.host, text,
                       fct_address_class_name(class_));
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Called when a connection exists and nothing was sent on it. If a reused connection breaks,
 * libcurl would send the request again on a new one. The outcome of the first would then be
 * unknown, so sending again is left to the courier. */
static int on_request(void *data, char *primary_ip, char *local_ip, int primary_port,
                      int local_port)
{
    struct fct_http_flight *flight = data;
    (void)primary_ip;
    (void)local_ip;
    (void)primary_port;
    (void)local_port;
    return ++flight->requests > 1 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static bool answer_is_slow(struct fct_http_flight *flight)
{
    uint64_t now = fct_os_monotonic(fct_os_real());
    if (flight->began == 0) {
        flight->began = now;
    }
    flight->slow = now - flight->began > ANSWER_MS * UINT64_C(1000000);
    return flight->slow;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    struct fct_http_flight *flight = data;
    size_t len = size * count;
    size_t room = flight->http->options.answer_size_max - flight->body.len;
    flight->too_big = len > room;
    if (answer_is_slow(flight) || flight->too_big ||
        fct_buf_add(&flight->body, bytes, len) != FACTUM_OK) {
        return CURL_WRITEFUNC_ERROR;
    }
    return len;
}

static void keep_header(factum_slice line, const char *name, char *to, size_t size)
{
    size_t len = strlen(name);
    if (line.len > len && line.ptr[len] == ':' &&
        strncasecmp((const char *)line.ptr, name, len) == 0) {
        factum_slice value = fct_slice_trim(fct_slice_from(line, len + 1), " \t\r\n");
        (void)snprintf(to, size, "%.*s", (int)(value.len < size ? value.len : size - 1),
                       (const char *)value.ptr);
    }
}

static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
    struct fct_http_flight *flight = data;
    factum_slice line = fct_slice(bytes, size * count);
    flight->header_size += line.len;
    flight->long_header = flight->header_size > HEADERS_SIZE_MAX;
    if (answer_is_slow(flight) || flight->long_header) {
        return CURL_WRITEFUNC_ERROR;
    }
    keep_header(line, "retry-after", flight->retry_after, sizeof flight->retry_after);
    keep_header(line, "location", flight->location, sizeof flight->location);
    return line.len;
}

/* Called about once a second even if no byte comes. */
static int on_progress(void *data, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct fct_http_flight *flight = data;
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return flight->began != 0 && answer_is_slow(flight);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void free_flight(struct fct_http_flight *flight)
{
    curl_easy_cleanup(flight->easy);
    curl_slist_free_all(flight->headers);
    fct_buf_finish(&flight->body);
    fct_mem_free(fct_mem_heap(), flight);
}

static bool set_headers(struct fct_http_flight *flight, const struct fct_http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        struct curl_slist *longer = curl_slist_append(flight->headers, request->headers[i]);
        if (longer == NULL) {
            return false;
        }
        flight->headers = longer;
    }
    return true;
}

#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

static bool set_limits(CURL *easy, const struct fct_http *http, uint32_t timeout_ms)
{
    long whole = (long)timeout_ms;
    return SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(CURLOPT_PROXY, "") && SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
           SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_TIMEOUT_MS, whole) &&
           SET(CURLOPT_CONNECTTIMEOUT_MS, whole < CONNECT_MS ? whole : CONNECT_MS) &&
           SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L) && SET(CURLOPT_MAXAGE_CONN, 30L) &&
           (http->options.ca_file == NULL || SET(CURLOPT_CAINFO, http->options.ca_file));
}

static bool set_callbacks(CURL *easy, struct fct_http_flight *flight)
{
    return SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket) && SET(CURLOPT_OPENSOCKETDATA, flight) &&
           SET(CURLOPT_PREREQFUNCTION, on_request) && SET(CURLOPT_PREREQDATA, flight) &&
           SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, flight) &&
           SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, flight) &&
           SET(CURLOPT_XFERINFOFUNCTION, on_progress) && SET(CURLOPT_XFERINFODATA, flight) &&
           SET(CURLOPT_NOPROGRESS, 0L) && SET(CURLOPT_ERRORBUFFER, flight->curl_text) &&
           SET(CURLOPT_PRIVATE, flight);
}

static bool set_request(CURL *easy, struct fct_http_flight *flight,
                        const struct fct_http_request *request)
{
    return set_headers(flight, request) && SET(CURLOPT_URL, flight->url.text) &&
           SET(CURLOPT_POST, 1L) && SET(CURLOPT_HTTPHEADER, flight->headers) &&
           SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len) &&
           SET(CURLOPT_POSTFIELDS, (const char *)request->body.ptr);
}

static factum_status check_url(const struct fct_http *http, factum_slice text,
                               struct fct_endpoint_url *url, factum_error *err)
{
    factum_status status = fct_endpoint_url_read(text, url, err);
    if (status == FACTUM_OK &&
        !fct_endpoint_allowed(http->options.allow, http->options.allow_count, &url->place)) {
        return fct_fail(err, FACTUM_DENIED,
                        "%.*s:%u is not on the list of what may be called ([endpoints] allow)",
                        FCT_FMT(url->place.host), (unsigned)url->place.port);
    }
    return status;
}

factum_status fct_http_start(struct fct_http *http, const struct fct_http_request *request,
                             factum_error *err)
{
    struct fct_http_flight *flight = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *flight);
    if (flight == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "endpoint: out of memory");
    }
    flight->http = http;
    flight->data = request->data;
    fct_buf_init(&flight->body, fct_mem_heap(), http->options.answer_size_max);
    factum_status status = check_url(http, request->url, &flight->url, err);
    if (status == FACTUM_OK) {
        CURL *easy = flight->easy = curl_easy_init();
        bool good = easy != NULL && set_limits(easy, http, request->timeout_ms) &&
                    set_callbacks(easy, flight) && set_request(easy, flight, request) &&
                    curl_multi_add_handle(http->multi, easy) == CURLM_OK;
        status = good ? FACTUM_OK : fct_fail(err, FACTUM_NO_MEMORY, "endpoint: no request");
    }
    if (status != FACTUM_OK) {
        free_flight(flight);
        return status;
    }
    flight->next = http->first;
    http->first = flight;
    return FACTUM_OK;
}

/* ---- the end of a request -------------------------------------------------------------------- */

static void describe_problem(struct fct_http_flight *flight)
{
    const char *text = flight->refused[0] != '\0'     ? flight->refused
                       : flight->slow                 ? "the answer came too slowly: cut off"
                       : flight->long_header          ? "the answer's header is too long: cut off"
                       : flight->requests > 1         ? "the connection broke before the answer"
                       : flight->curl_text[0] != '\0' ? flight->curl_text
                                                      : curl_easy_strerror(flight->code);
    (void)snprintf(flight->problem, sizeof flight->problem, "%s", text);
    fct_text_clean(flight->problem);
}

static void fill_answer(struct fct_http_flight *flight, struct fct_http_reply *answer)
{
    *answer = (struct fct_http_reply){.body = fct_buf_slice(&flight->body),
                                      .too_big = flight->too_big,
                                      .retry_after = factum_slice_from(flight->retry_after),
                                      .location = factum_slice_from(flight->location)};
    if (flight->code == CURLE_OK || flight->too_big) {
        (void)curl_easy_getinfo(flight->easy, CURLINFO_RESPONSE_CODE, &answer->status);
        return;
    }
    describe_problem(flight);
    answer->problem = flight->problem;
    answer->not_reached = flight->requests == 0;
}

struct fct_http_flight *fct_http_ended(struct fct_http *http, struct fct_http_reply *answer,
                                       void **data)
{
    int left;
    CURLMsg *message = curl_multi_info_read(http->multi, &left);
    if (message == NULL || message->msg != CURLMSG_DONE) {
        return NULL;
    }
    char *private = NULL;
    CURLcode code = message->data.result;
    (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
    struct fct_http_flight *flight = (struct fct_http_flight *)(void *)private;
    flight->code = code;
    fill_answer(flight, answer);
    *data = flight->data;
    return flight;
}

void fct_http_end(struct fct_http *http, struct fct_http_flight *flight)
{
    struct fct_http_flight **link = &http->first;
    while (*link != flight) {
        link = &(*link)->next;
    }
    *link = flight->next;
    (void)curl_multi_remove_handle(http->multi, flight->easy);
    free_flight(flight);
}

/* ---- the client ------------------------------------------------------------------------------ */

factum_status fct_http_open(const struct fct_http_options *options, struct fct_http **http,
                            factum_error *err)
{
    *http = NULL;
    (void)pthread_once(&http_once, init_curl);
    struct fct_http *fresh = fct_mem_zalloc(fct_mem_heap(), 1, sizeof *fresh);
    if (fresh == NULL || http_global != CURLE_OK) {
        fct_mem_free(fct_mem_heap(), fresh);
        return fct_fail(err, FACTUM_NO_MEMORY, "endpoint: libcurl cannot be started");
    }
    fresh->options = *options;
    fresh->multi = curl_multi_init();
    if (fresh->multi == NULL) {
        fct_mem_free(fct_mem_heap(), fresh);
        return fct_fail(err, FACTUM_NO_MEMORY, "endpoint: out of memory");
    }
    *http = fresh;
    return FACTUM_OK;
}

void fct_http_close(struct fct_http *http, void (*forget)(void *data))
{
    if (http == NULL) {
        return;
    }
    while (http->first != NULL) {
        void *data = http->first->data;
        fct_http_end(http, http->first);
        forget(data);
    }
    (void)curl_multi_cleanup(http->multi);
    fct_mem_free(fct_mem_heap(), http);
}

void fct_http_wait(struct fct_http *http, int timeout_ms)
{
    int running = 0;
    if (curl_multi_perform(http->multi, &running) == CURLM_OK) {
        (void)curl_multi_poll(http->multi, NULL, 0, timeout_ms, NULL);
        (void)curl_multi_perform(http->multi, &running);
    }
}

void fct_http_wake(struct fct_http *http)
{
    (void)curl_multi_wakeup(http->multi);
}
