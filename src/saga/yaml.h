/* yaml.h - a YAML document as a tree of nodes, each with its line and column. Layer: saga. Pure.
 * Knows nothing of sagas.
 *
 * libyaml scans the text and reports events, from which the tree is built. Nothing is resolved:
 * "on", "0777" and "1:30" stay texts, and |plain| marks a scalar without quotes. The dangerous and
 * ambiguous parts of YAML are refused: aliases, anchors, tags, directives, merge keys, keys that
 * are not scalars, duplicate keys in one mapping, a second document.
 *
 * libyaml takes quadratic time for deep flow nesting. It looks at most 1,024 characters ahead of
 * the event that it reports, and depth is checked with each event, so a deep text ends early.
 */
#ifndef FCT_SAGA_YAML_H
#define FCT_SAGA_YAML_H

#include <factum/arena.h>

#include "core/compiler.h"
#include "saga/definition.h"

#define FCT_YAML_DEPTH_MAX 32u     /* mappings and sequences inside each other */
#define FCT_YAML_NODES_MAX 16384u  /* scalars, mappings and sequences */
#define FCT_YAML_MEMBERS_MAX 1024u /* of one mapping: each is compared with the others */

enum fct_yaml_kind { FCT_YAML_SCALAR, FCT_YAML_MAP, FCT_YAML_LIST };

struct fct_yaml {
    enum fct_yaml_kind kind;
    bool plain; /* a scalar without quotes, on one line */
    struct fct_mark mark;
    factum_slice text;      /* of a scalar; UTF-8, may hold any character */
    size_t count;           /* members of a map, items of a list */
    struct fct_yaml *first; /* the first item of a list; of a map, its first key */
    struct fct_yaml *next;  /* the next item or key */
    struct fct_yaml *value; /* of a key */
};

/* Why a text was refused, and where. */
struct fct_yaml_fault {
    struct fct_mark mark;
    char text[160];
};

/* The tree of |text|, in |arena|; |text| is not needed afterwards. Errors: INVALID and TOO_BIG
 * (nodes, members, depth), which fill |fault|; NO_MEMORY (libyaml's), or as factum_arena_status. */
FCT_MUST_USE factum_status fct_yaml_read(factum_slice text, factum_arena *arena,
                                         struct fct_yaml **root, struct fct_yaml_fault *fault);

/* Is |node| the scalar |text|, in quotes or not? */
bool fct_yaml_is_text(const struct fct_yaml *node, const char *text);
/* Is |node| the scalar |word| without quotes? */
bool fct_yaml_is_word(const struct fct_yaml *node, const char *word);

#endif
