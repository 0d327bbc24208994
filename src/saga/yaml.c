/* yaml.c - see yaml.h. Layer: saga.
 *
 * libyaml allocates from the C library's heap: its memory follows from the size of the text, which
 * the caller bounds, and is freed before fct_yaml_read returns.
 */
#include "saga/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "core/arena.h"
#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"

struct tree_level {
    struct fct_yaml *node; /* a map or a list that has not ended */
    struct fct_yaml *last; /* its last item or key */
    struct fct_yaml *key;  /* of a map: the key that waits for its value */
};

struct tree {
    factum_arena *arena;
    struct fct_yaml_fault *fault;
    struct fct_yaml *root;
    size_t node_count;
    size_t document_count;
    size_t depth;
    struct tree_level levels[FCT_YAML_DEPTH_MAX];
};

FCT_COLD FCT_PRINTF(4, 5) static factum_status
    tree_fail(const struct tree *tree, factum_status status, struct fct_mark mark,
              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(tree->fault->text, sizeof tree->fault->text, format, arguments);
    va_end(arguments);
    tree->fault->mark = mark;
    return status;
}

static struct fct_mark tree_mark(yaml_mark_t mark)
{
    return (struct fct_mark){(uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

/* Where byte |offset| of |text| stands. Counts bytes, as an editor does for ASCII. */
static struct fct_mark tree_mark_at(factum_slice text, size_t offset)
{
    struct fct_mark mark = {1, 1};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        mark.column = text.ptr[i] == '\n' ? 1 : mark.column + 1;
        mark.line += text.ptr[i] == '\n';
    }
    return mark;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static factum_status tree_take_key(const struct tree *tree, struct tree_level *level,
                                   struct fct_yaml *key)
{
    if (key->kind != FCT_YAML_SCALAR) {
        return tree_fail(tree, FACTUM_INVALID, key->mark,
                         "a key is a list or a mapping: write a word before the colon");
    }
    if (fct_yaml_is_word(key, "<<")) {
        return tree_fail(tree, FACTUM_INVALID, key->mark,
                         "merge keys are not supported: write out what is meant");
    }
    if (level->node->count == FCT_YAML_MEMBERS_MAX) {
        return tree_fail(tree, FACTUM_TOO_BIG, key->mark, "a mapping has more than %u members",
                         FCT_YAML_MEMBERS_MAX);
    }
    for (const struct fct_yaml *k = level->node->first; k != NULL; k = k->next) {
        if (fct_slice_equal(k->text, key->text)) {
            return tree_fail(tree, FACTUM_INVALID, key->mark,
                             "\"%.*s\" occurs twice, first in line %u: leave one out",
                             FCT_FMT(key->text), (unsigned)k->mark.line);
        }
    }
    level->key = key;
    return FACTUM_OK;
}

/* Adds |node| at the current place of the events. */
static factum_status tree_hang(struct tree *tree, struct fct_yaml *node)
{
    if (tree->depth == 0) {
        tree->root = node;
        return FACTUM_OK;
    }
    struct tree_level *level = &tree->levels[tree->depth - 1];
    if (level->node->kind == FCT_YAML_MAP && level->key != NULL) {
        level->key->value = node;
        level->key = NULL;
        return FACTUM_OK;
    }
    if (level->node->kind == FCT_YAML_MAP) {
        factum_status status = tree_take_key(tree, level, node);
        if (status != FACTUM_OK) {
            return status;
        }
    }
    if (level->last == NULL) {
        level->node->first = node;
    } else {
        level->last->next = node;
    }
    level->last = node;
    level->node->count++;
    return FACTUM_OK;
}

/* Adds a copy of |given|, *made. */
static factum_status tree_add(struct tree *tree, const struct fct_yaml *given,
                              struct fct_yaml **made)
{
    if (tree->node_count == FCT_YAML_NODES_MAX) {
        return tree_fail(tree, FACTUM_TOO_BIG, given->mark, "more than %u values in one file",
                         FCT_YAML_NODES_MAX);
    }
    struct fct_yaml *node = factum_arena_alloc(tree->arena, sizeof *node);
    factum_slice text = factum_arena_copy(tree->arena, given->text);
    if (node == NULL || text.len != given->text.len) {
        return factum_arena_status(tree->arena);
    }
    tree->node_count++;
    *node = *given;
    node->text = text;
    *made = node;
    return tree_hang(tree, node);
}

static factum_status tree_refuse_extras(const struct tree *tree, const yaml_char_t *anchor,
                                        const yaml_char_t *tag, struct fct_mark mark)
{
    if (anchor != NULL) {
        return tree_fail(tree, FACTUM_INVALID, mark,
                         "anchors (&%.40s) are not supported: write the value where it is used",
                         (const char *)anchor);
    }
    if (tag != NULL) {
        return tree_fail(tree, FACTUM_INVALID, mark,
                         "tags (%.40s) are not supported: leave it out, and quote what is a text",
                         (const char *)tag);
    }
    return FACTUM_OK;
}

static factum_status tree_take_scalar(struct tree *tree, const yaml_event_t *event)
{
    const struct fct_yaml scalar = {
        .kind = FCT_YAML_SCALAR,
        .plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
        .mark = tree_mark(event->start_mark),
        .text = fct_slice(event->data.scalar.value, event->data.scalar.length),
    };
    factum_status status =
        tree_refuse_extras(tree, event->data.scalar.anchor, event->data.scalar.tag, scalar.mark);
    struct fct_yaml *made;
    return status == FACTUM_OK ? tree_add(tree, &scalar, &made) : status;
}

static factum_status tree_open(struct tree *tree, const yaml_event_t *event)
{
    bool map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *anchor =
        map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    const struct fct_yaml node = {
        .kind = map ? FCT_YAML_MAP : FCT_YAML_LIST,
        .mark = tree_mark(event->start_mark),
    };
    factum_status status = tree_refuse_extras(tree, anchor, tag, node.mark);
    if (status != FACTUM_OK) {
        return status;
    }
    if (tree->depth == FCT_YAML_DEPTH_MAX) {
        status = tree_fail(tree, FACTUM_TOO_BIG, node.mark, "nesting deeper than %u",
                           FCT_YAML_DEPTH_MAX);
    }
    if (status != FACTUM_OK) {
        return status;
    }
    struct fct_yaml *made = NULL;
    status = tree_add(tree, &node, &made);
    if (status != FACTUM_OK) {
        return status;
    }
    tree->levels[tree->depth++] = (struct tree_level){.node = made};
    return FACTUM_OK;
}

static factum_status tree_begin(struct tree *tree, const yaml_event_t *event)
{
    struct fct_mark mark = tree_mark(event->start_mark);
    if (tree->document_count++ > 0) {
        return tree_fail(tree, FACTUM_INVALID, mark,
                         "a second document begins: a file holds one saga");
    }
    if (event->data.document_start.version_directive != NULL ||
        event->data.document_start.tag_directives.start !=
            event->data.document_start.tag_directives.end) {
        return tree_fail(tree, FACTUM_INVALID, mark,
                         "directives (lines that begin with %%) are not supported: leave them out");
    }
    return FACTUM_OK;
}

static factum_status tree_take(struct tree *tree, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return tree_begin(tree, event);
    case YAML_ALIAS_EVENT:
        return tree_fail(tree, FACTUM_INVALID, tree_mark(event->start_mark),
                         "aliases (*%.40s) are not supported: write the value out",
                         (const char *)event->data.alias.anchor);
    case YAML_SCALAR_EVENT:
        return tree_take_scalar(tree, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return tree_open(tree, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        FCT_ASSERT(tree->depth > 0);
        FCT_ASSERT(tree->levels[tree->depth - 1].key == NULL);
        tree->depth--;
        return FACTUM_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return FACTUM_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The message of libyaml for a text that is not YAML. */
static FCT_COLD factum_status tree_fail_parser(const struct tree *tree, const yaml_parser_t *parser,
                                               factum_slice text)
{
    const char *problem = parser->problem == NULL ? "not valid YAML" : parser->problem;
    if (parser->error == YAML_MEMORY_ERROR) {
        return FACTUM_NO_MEMORY;
    }
    if (parser->error == YAML_READER_ERROR) {
        return tree_fail(tree, FACTUM_INVALID, tree_mark_at(text, parser->problem_offset), "%s",
                         problem);
    }
    if (strstr(problem, "',' or '}'") != NULL) {
        return tree_fail(tree, FACTUM_INVALID, tree_mark(parser->problem_mark),
                         "%s of what begins in line %u (a path with [] stands in no braces: write "
                         "one field a line)",
                         problem, (unsigned)parser->context_mark.line + 1);
    }
    if (parser->context != NULL) {
        return tree_fail(tree, FACTUM_INVALID, tree_mark(parser->problem_mark), "%s, %s in line %u",
                         problem, parser->context, (unsigned)parser->context_mark.line + 1);
    }
    return tree_fail(tree, FACTUM_INVALID, tree_mark(parser->problem_mark), "%s", problem);
}

static factum_status tree_read(struct tree *tree, yaml_parser_t *parser, factum_slice text)
{
    factum_status status = FACTUM_OK;
    bool ended = false;
    while (status == FACTUM_OK && !ended) {
        yaml_event_t event;
        if (yaml_parser_parse(parser, &event) == 0) {
            return tree_fail_parser(tree, parser, text);
        }
        status = tree_take(tree, &event);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    if (status == FACTUM_OK && tree->root == NULL) {
        status = tree_fail(tree, FACTUM_INVALID, (struct fct_mark){1, 1}, "the file is empty");
    }
    return status;
}

factum_status fct_yaml_read(factum_slice text, factum_arena *arena, struct fct_yaml **root,
                            struct fct_yaml_fault *fault)
{
    struct tree tree = {.arena = arena, .fault = fault};
    yaml_parser_t parser;
    *fault = (struct fct_yaml_fault){.text = ""};
    size_t valid = fct_utf8_prefix(text);
    if (valid < text.len) {
        return tree_fail(&tree, FACTUM_INVALID, tree_mark_at(text, valid),
                         "not valid UTF-8 at byte %zu", valid + 1);
    }
    /* With a given encoding, libyaml takes a byte order mark for a character. */
    if (fct_slice_starts(text, FCT_SLICE("\xef\xbb\xbf"))) {
        text = fct_slice_from(text, 3);
    }
    /* UNTESTED: libyaml takes its memory from the C library. */
    if (yaml_parser_initialize(&parser) == 0) {
        return FACTUM_NO_MEMORY;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    /* libyaml asserts a pointer, also to no bytes. */
    yaml_parser_set_input_string(&parser, text.len > 0 ? text.ptr : (const uint8_t *)"", text.len);
    factum_status status = tree_read(&tree, &parser, text);
    yaml_parser_delete(&parser);
    *root = tree.root;
    return status;
}

bool fct_yaml_is_text(const struct fct_yaml *node, const char *text)
{
    return node->kind == FCT_YAML_SCALAR && fct_slice_equal(node->text, factum_slice_from(text));
}

bool fct_yaml_is_word(const struct fct_yaml *node, const char *word)
{
    return node->plain && fct_yaml_is_text(node, word);
}
