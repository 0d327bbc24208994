/* generate_name.c - names of JSON as names of C and C++. Layer: schema.
 *
 * The same text gives the same name. Names that would collide get numbers, in the order of the
 * schemas. A name of C never begins with '_', never has two '_' in a row, and is not a keyword or a
 * macro of known headers.
 */
#include "schema/generate_int.h"

#include <stdio.h>
#include <string.h>

/* Keywords of C and C++, and macros in small letters. */
static const char *const reserved[] = {
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "assert",
    "atomic_cancel",
    "atomic_commit",
    "atomic_noexcept",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "complex",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "emit",
    "enum",
    "errno",
    "explicit",
    "export",
    "extern",
    "false",
    "far",
    "float",
    "for",
    "foreach",
    "friend",
    "goto",
    "huge",
    "i386",
    "if",
    "imaginary",
    "import",
    "inline",
    "int",
    "interface",
    "linux",
    "long",
    "mips",
    "module",
    "mutable",
    "namespace",
    "near",
    "new",
    "noexcept",
    "noreturn",
    "not",
    "not_eq",
    "nullptr",
    "offsetof",
    "operator",
    "or",
    "or_eq",
    "pixel",
    "private",
    "protected",
    "public",
    "reflexpr",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "s_addr",
    "sa_handler",
    "sa_sigaction",
    "short",
    "signals",
    "signed",
    "sizeof",
    "slots",
    "small",
    "sparc",
    "st_atime",
    "st_ctime",
    "st_mtime",
    "static",
    "static_assert",
    "static_cast",
    "stderr",
    "stdin",
    "stdout",
    "struct",
    "sun",
    "switch",
    "synchronized",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "typeof_unqual",
    "union",
    "unix",
    "unsigned",
    "using",
    "va_arg",
    "va_copy",
    "va_end",
    "va_start",
    "vector",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
};

/* Macros that a prefix could collide with. */
static const char *const macros[] = {
    "CHAR_BIT",       "CHAR_MAX",   "CHAR_MIN",   "INT8_MAX",   "INT8_MIN",     "INT16_MAX",
    "INT16_MIN",      "INT32_MAX",  "INT32_MIN",  "INT64_MAX",  "INT64_MIN",    "INTMAX_MAX",
    "INTMAX_MIN",     "INTPTR_MAX", "INTPTR_MIN", "INT_MAX",    "INT_MIN",      "LLONG_MAX",
    "LLONG_MIN",      "LONG_MAX",   "LONG_MIN",   "PATH_MAX",   "PTRDIFF_MAX",  "PTRDIFF_MIN",
    "RAND_MAX",       "SCHAR_MAX",  "SCHAR_MIN",  "SHRT_MAX",   "SHRT_MIN",     "SIZE_MAX",
    "UCHAR_MAX",      "UINT8_MAX",  "UINT16_MAX", "UINT32_MAX", "UINT64_MAX",   "UINTMAX_MAX",
    "UINTPTR_MAX",    "UINT_MAX",   "ULLONG_MAX", "ULONG_MAX",  "USHRT_MAX",    "WCHAR_MAX",
    "WCHAR_MIN",      "SEEK_CUR",   "SEEK_END",   "SEEK_SET",   "EXIT_FAILURE", "EXIT_SUCCESS",
    "CLOCK_REALTIME",
};

static bool is_upper(int c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(int c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_decimal(int c)
{
    return c >= '0' && c <= '9';
}

/* The code point at |at| of valid UTF-8; *len is its size. */
static uint32_t character_at(factum_slice text, size_t at, size_t *len)
{
    uint8_t first = text.ptr[at];
    *len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code = first < 0x80 ? first : first & (0xffu >> (*len + 1));
    for (size_t i = 1; i < *len; i++) {
        code = code << 6 | (text.ptr[at + i] & 0x3fu);
    }
    return code;
}

/* A name that is being built. */
struct making {
    char *text;
    size_t len;
};

static void add_char(struct making *name, char c)
{
    bool doubled = c == '_' && (name->len == 0 || name->text[name->len - 1] == '_');
    if (!doubled) {
        name->text[name->len++] = c;
    }
}

/* A character outside of ASCII, as "_u00e9_". */
static void add_code(struct making *name, uint32_t code)
{
    char text[16];
    (void)snprintf(text, sizeof text, "_u%04x_", (unsigned)code);
    for (size_t i = 0; text[i] != '\0'; i++) {
        add_char(name, text[i]);
    }
}

/* Does a new word begin at |at|, as in orderPlaced and HTTPServer? */
static bool begins_word(factum_slice text, size_t at)
{
    if (at == 0 || !is_upper(text.ptr[at])) {
        return false;
    }
    int before = text.ptr[at - 1];
    int after = at + 1 < text.len ? text.ptr[at + 1] : 0;
    return is_lower(before) || is_decimal(before) || (is_upper(before) && is_lower(after));
}

/* Reserves room for each byte as "_u0000_", and for what finish_name adds. */
static factum_status begin_name(struct fct_gen *gen, size_t len, struct making *name)
{
    *name = (struct making){.text = fct_gen_take(gen, len * 7 + 16)};
    return name->text == NULL ? fct_gen_no_memory(gen) : FACTUM_OK;
}

/* A name begins with a letter and is not empty. */
static void finish_name(struct making *name)
{
    if (name->len == 0) {
        memcpy(name->text, "empty", 5);
        name->len = 5;
    } else if (is_decimal(name->text[0])) {
        memmove(name->text + 2, name->text, name->len);
        memcpy(name->text, "n_", 2);
        name->len += 2;
    }
    name->text[name->len] = '\0';
}

factum_status fct_gen_snake(struct fct_gen *gen, factum_slice text, const char **name)
{
    struct making made;
    factum_status status = begin_name(gen, text.len, &made);
    if (status != FACTUM_OK) {
        return status;
    }
    for (size_t at = 0, len; at < text.len; at += len) {
        uint32_t code = character_at(text, at, &len);
        if (code >= 0x80) {
            add_code(&made, code);
            continue;
        }
        int c = (int)code;
        if (begins_word(text, at)) {
            add_char(&made, '_');
        }
        bool plain = is_upper(c) || is_lower(c) || is_decimal(c);
        add_char(&made, (char)(is_upper(c) ? c - 'A' + 'a' : plain ? c : '_'));
    }
    made.len -= made.len > 0 && made.text[made.len - 1] == '_' ? 1 : 0;
    finish_name(&made);
    *name = made.text;
    return FACTUM_OK;
}

factum_status fct_gen_upper(struct fct_gen *gen, const char *snake, const char **name)
{
    size_t len = strlen(snake);
    char *text = fct_gen_take(gen, len + 1);
    if (text == NULL) {
        return fct_gen_no_memory(gen);
    }
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(is_lower(snake[i]) ? snake[i] - 'a' + 'A' : snake[i]);
    }
    *name = text;
    return FACTUM_OK;
}

static bool is_listed(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Names in capitals are mostly macros: EOF, NULL, BUFSIZ, I, M_PI. */
static bool may_be_macro(const char *name)
{
    for (size_t i = 0; name[i] != '\0'; i++) {
        if (is_lower(name[i])) {
            return false;
        }
    }
    return true;
}

/* The C library reserves names of types with these endings. */
static bool ends_like_a_type(const char *name)
{
    size_t len = strlen(name);
    return len > 2 && strcmp(name + len - 2, "_t") == 0;
}

/* In C++ a member cannot have the name of its type. */
static bool may_be_type(const struct fct_gen *gen, const char *name)
{
    size_t len = strlen(gen->prefix);
    return (strncmp(name, gen->prefix, len) == 0 && name[len] == '_') || ends_like_a_type(name) ||
           strncmp(name, "factum_", 7) == 0;
}

/* Truncates a long name; a hash replaces the lost part. */
static void shorten_name(char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    if (strlen(name) <= FCT_GEN_IDENTIFIER_MAX) {
        return;
    }
    for (size_t i = 0; name[i] != '\0'; i++) {
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    }
    size_t kept = FCT_GEN_IDENTIFIER_MAX - 10;
    kept -= name[kept - 1] == '_' ? 1 : 0;
    (void)snprintf(name + kept, 10, "_%08x", (unsigned)hash);
}

factum_status fct_gen_member(struct fct_gen *gen, factum_slice text, const char **name)
{
    struct making made;
    factum_status status = begin_name(gen, text.len, &made);
    if (status != FACTUM_OK) {
        return status;
    }
    for (size_t at = 0, len; at < text.len; at += len) {
        uint32_t code = character_at(text, at, &len);
        if (code >= 0x80) {
            add_code(&made, code);
        } else {
            int c = (int)code;
            add_char(&made, (char)(is_upper(c) || is_lower(c) || is_decimal(c) ? c : '_'));
        }
    }
    finish_name(&made);
    shorten_name(made.text);
    if (is_listed(reserved, sizeof reserved / sizeof reserved[0], made.text) ||
        may_be_macro(made.text) || may_be_type(gen, made.text)) {
        memcpy(made.text + strlen(made.text), "_", 2);
    }
    *name = made.text;
    return FACTUM_OK;
}

/* ---- names of the whole file ----------------------------------------------------------------- */

static size_t name_slot(const struct fct_gen_names *names, const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; name[i] != '\0'; i++) {
        hash = (hash ^ (uint8_t)name[i]) * UINT64_C(1099511628211);
    }
    size_t slot = (size_t)(hash ^ hash >> 32) & (names->capacity - 1);
    while (names->slots[slot] != NULL && strcmp(names->slots[slot], name) != 0) {
        slot = (slot + 1) & (names->capacity - 1);
    }
    return slot;
}

/* Keeps at least half of the table empty. */
static factum_status make_room(struct fct_gen *gen, struct fct_gen_names *names, size_t more)
{
    struct fct_gen_names larger = {.count = names->count};
    if (names->count + more <= names->capacity / 2) {
        return FACTUM_OK;
    }
    larger.capacity = names->capacity == 0 ? 32 : names->capacity * 2;
    larger.slots = fct_gen_take(gen, larger.capacity * sizeof *larger.slots);
    if (larger.slots == NULL) {
        return fct_gen_no_memory(gen);
    }
    for (size_t i = 0; i < names->capacity; i++) {
        if (names->slots[i] != NULL) {
            larger.slots[name_slot(&larger, names->slots[i])] = names->slots[i];
        }
    }
    *names = larger;
    return FACTUM_OK;
}

static bool is_taken(const struct fct_gen_names *names, const char *name)
{
    return names->slots[name_slot(names, name)] != NULL;
}

static void take_name(struct fct_gen_names *names, const char *name)
{
    names->slots[name_slot(names, name)] = name;
    names->count++;
}

/* Room for a number after a name. */
#define NUMBER_SIZE 16

/* |text| has |len| bytes and room for NUMBER_SIZE more. */
static void add_number(char *text, size_t len, unsigned number)
{
    (void)snprintf(text + len, NUMBER_SIZE, text[len - 1] == '_' ? "%u" : "_%u", number);
}

factum_status fct_gen_claim(struct fct_gen *gen, const char *wanted, const char **name)
{
    factum_status status = make_room(gen, &gen->names, 1);
    size_t len = strlen(wanted);
    char *text = status != FACTUM_OK ? NULL : fct_gen_take(gen, len + 8 + NUMBER_SIZE);
    if (text == NULL) {
        return fct_gen_no_memory(gen);
    }
    memcpy(text, wanted, len + 1);
    shorten_name(text);
    len = strlen(text);
    if (ends_like_a_type(text)) {
        memcpy(text + len - 1, "type", 5);
        len += 3;
    } else if (is_listed(macros, sizeof macros / sizeof macros[0], text)) {
        memcpy(text + len++, "_", 2);
    }
    for (unsigned number = 2; is_taken(&gen->names, text); number++) {
        add_number(text, len, number);
    }
    take_name(&gen->names, text);
    *name = text;
    return FACTUM_OK;
}

factum_status fct_gen_claim_member(struct fct_gen *gen, struct fct_gen_names *names,
                                   const char *wanted, const char **name)
{
    factum_status status = make_room(gen, names, 3);
    size_t len = strlen(wanted);
    size_t room = len + NUMBER_SIZE + sizeof "_is_null";
    char *text = status != FACTUM_OK ? NULL : fct_gen_take(gen, room);
    char *has = text == NULL ? NULL : fct_gen_take(gen, room);
    char *null = has == NULL ? NULL : fct_gen_take(gen, room);
    if (null == NULL) {
        return fct_gen_no_memory(gen);
    }
    memcpy(text, wanted, len + 1);
    for (unsigned number = 2;; number++) {
        size_t size = strlen(text);
        memcpy(has, "has_", 4);
        memcpy(has + 4, text, size + 1);
        memcpy(null, text, size);
        memcpy(null + size, "_is_null", sizeof "_is_null");
        if (!is_taken(names, text) && !is_taken(names, has) && !is_taken(names, null)) {
            break;
        }
        add_number(text, len, number);
    }
    take_name(names, text);
    take_name(names, has);
    take_name(names, null);
    *name = text;
    return FACTUM_OK;
}

factum_status fct_gen_prefixed(struct fct_gen *gen, const char *snake, const char **name)
{
    size_t len = strlen(gen->prefix);
    if (strncmp(snake, gen->prefix, len) == 0 && snake[len] == '_' && snake[len + 1] != '\0') {
        *name = snake;
        return FACTUM_OK;
    }
    return fct_gen_format(gen, name, "%s_%s", gen->prefix, snake);
}
