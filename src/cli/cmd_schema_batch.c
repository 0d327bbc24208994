/* cmd_schema_batch.c - factum schema validate --batch: a line in, a line out. Layer: cli.
 *
 * Every line gets an answer. If the line is not JSON, its schema is refused, or its check exceeds a
 * limit, the answer is {"valid":null,"error":"..."}. A schema that consecutive lines share is
 * compiled once.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_schema.h"
#include "cli/input.h"

#define FAULTS_MAX 20
#define REMOTES_MAX FACTUM_SCHEMA_DOCUMENTS_MAX
#define LINE_DEPTH 2 /* the object of the line, and the object of its remotes */

struct batch {
    const factum_schema_options *options;
    factum_schema_checker *checker;
    factum_json_node *nodes;
    size_t capacity;
    /* The schema of the last line. */
    factum_schema *schema;
    uint8_t *known; /* the bytes of its "schema" and "remotes" */
    size_t known_len;
};

/* A parsed line. */
struct line {
    factum_json json;
    factum_slice schema, data, remotes; /* raw JSON; ptr NULL: missing */
    uint32_t remotes_node;
};

static void answer_error(const char *text)
{
    (void)printf("{\"valid\":null,\"error\":");
    print_json_text(stdout, factum_slice_from(text));
    (void)printf("}\n");
}

static bool reserve(struct batch *batch, size_t len)
{
    size_t wanted = factum_json_nodes_max(len);
    if (wanted > batch->capacity) {
        factum_json_node *grown = realloc(batch->nodes, wanted * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        batch->nodes = grown;
        batch->capacity = wanted;
    }
    return true;
}

static factum_slice raw_of(const factum_json *json, uint32_t node)
{
    factum_slice none = {NULL, 0};
    return node == FACTUM_JSON_NONE ? none : factum_json_raw(json, node);
}

static bool take_apart(struct batch *batch, factum_slice text, struct line *line, factum_error *err)
{
    factum_json_options options = {.size = sizeof options,
                                   .depth_max = FACTUM_JSON_DEPTH_MAX + LINE_DEPTH};
    if (!reserve(batch, text.len)) {
        (void)snprintf(err->text, sizeof err->text, "a line of %zu bytes: out of memory", text.len);
        return false;
    }
    if (factum_json_parse(text, &options, batch->nodes, batch->capacity, &line->json, err) !=
        FACTUM_OK) {
        return false;
    }
    uint32_t schema = factum_json_find(&line->json, FACTUM_JSON_ROOT, factum_slice_from("schema"));
    uint32_t data = factum_json_find(&line->json, FACTUM_JSON_ROOT, factum_slice_from("data"));
    line->remotes_node =
        factum_json_find(&line->json, FACTUM_JSON_ROOT, factum_slice_from("remotes"));
    line->schema = raw_of(&line->json, schema);
    line->data = raw_of(&line->json, data);
    line->remotes = raw_of(&line->json, line->remotes_node);
    if (schema == FACTUM_JSON_NONE || data == FACTUM_JSON_NONE) {
        (void)snprintf(err->text, sizeof err->text,
                       "a line is an object with \"schema\" and \"data\"");
        return false;
    }
    return true;
}

/* Is it the schema of the last line? */
static bool is_known(const struct batch *batch, const struct line *line)
{
    return batch->schema != NULL && batch->known_len == line->schema.len + line->remotes.len &&
           memcmp(batch->known, line->schema.ptr, line->schema.len) == 0 &&
           (line->remotes.len == 0 ||
            memcmp(batch->known + line->schema.len, line->remotes.ptr, line->remotes.len) == 0);
}

static void keep(struct batch *batch, const struct line *line)
{
    size_t len = line->schema.len + line->remotes.len;
    uint8_t *known = realloc(batch->known, len);
    if (known == NULL) {
        batch->known_len = 0; /* the next line compiles its own schema */
        return;
    }
    memcpy(known, line->schema.ptr, line->schema.len);
    if (line->remotes.len > 0) {
        memcpy(known + line->schema.len, line->remotes.ptr, line->remotes.len);
    }
    batch->known = known;
    batch->known_len = len;
}

/* Takes the members of "remotes" as documents; their URIs are written to |uris|. */
static bool take_remotes(const struct line *line, factum_schema_document *documents, char *uris,
                         size_t *count, factum_error *err)
{
    const factum_json *json = &line->json;
    *count = 0;
    if (line->remotes_node == FACTUM_JSON_NONE) {
        return true;
    }
    for (uint32_t at = factum_json_first(json, line->remotes_node); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, line->remotes_node, at)) {
        size_t len;
        bool member = factum_json_kind_of(json, line->remotes_node) == FACTUM_JSON_OBJECT;
        if (!member || *count == REMOTES_MAX) {
            (void)snprintf(err->text, sizeof err->text,
                           "\"remotes\" is an object of at most %d schemas", REMOTES_MAX);
            return false;
        }
        if (factum_json_unescape(json, at, uris, json->nodes[at].len, &len) != FACTUM_OK) {
            (void)snprintf(err->text, sizeof err->text, "a URI in \"remotes\" is not a text");
            return false;
        }
        documents[*count] = (factum_schema_document){
            .uri = {(const uint8_t *)uris, len},
            .text = factum_json_raw(json, at + 1),
        };
        uris += len;
        (*count)++;
    }
    return true;
}

static bool compile(struct batch *batch, const struct line *line, factum_error *err)
{
    factum_schema_options options = *batch->options;
    if (is_known(batch, line)) {
        return true;
    }
    factum_schema_destroy(batch->schema);
    batch->schema = NULL;
    factum_schema_document *documents = calloc(REMOTES_MAX, sizeof *documents);
    char *uris = malloc(line->remotes.len + 1);
    bool done = documents != NULL && uris != NULL;
    if (!done) {
        (void)snprintf(err->text, sizeof err->text, "out of memory");
    }
    done = done && take_remotes(line, documents, uris, &options.document_count, err);
    options.documents = documents;
    done = done && factum_schema_compile(line->schema, &options, &batch->schema, err) == FACTUM_OK;
    if (done) {
        keep(batch, line);
    }
    free(documents);
    free(uris);
    return done;
}

static void answer(struct batch *batch, factum_slice text)
{
    factum_error err = {.status = FACTUM_OK};
    struct line line;
    factum_schema_result result = {.size = sizeof result};
    bool done = take_apart(batch, text, &line, &err) && compile(batch, &line, &err) &&
                factum_schema_check(batch->schema, batch->checker, line.data, FAULTS_MAX, &result,
                                    &err) == FACTUM_OK;
    if (done) {
        schema_print_result(&result);
    } else {
        answer_error(err.text);
    }
}

int schema_run_batch(const factum_schema_options *options)
{
    factum_error err;
    factum_slice line;
    struct batch batch = {.options = options};
    int code = 0;
    int got = 0;
    struct input *input = input_open("-", &code);
    if (input == NULL) {
        return code;
    }
    code = 0;
    if (factum_schema_checker_create(&batch.checker, &err) != FACTUM_OK) {
        code = fail_with(err.status, &err);
    }
    while (code == 0 && (got = input_line(input, &line)) > 0) {
        if (got == 2) {
            answer_error("a line of more than 16 MiB");
        } else {
            answer(&batch, line);
        }
        if (fflush(stdout) != 0) {
            break; /* finish_output reports why */
        }
    }
    if (code == 0 && got < 0) {
        code = interrupted ? EXIT_INTERRUPTED : EXIT_FAILURE_;
    }
    input_close(input);
    factum_schema_checker_destroy(batch.checker);
    factum_schema_destroy(batch.schema);
    free(batch.nodes);
    free(batch.known);
    return code;
}
