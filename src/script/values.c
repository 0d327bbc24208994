/* values.c - JSON into values of Lua and back, without a change on the way. Layer: script.
 *
 *     JSON                  Lua
 *     null                  json.null
 *     whole number          integer
 *     other number          float, or an exact number (number.c)
 *     array                 table with the metatable of arrays, so that an empty one stays an array
 *     object                table
 *
 * Back, a table with that metatable, or with items from 1 on, is an array. Any other table is an
 * object, whose members are sorted by their bytes: the same value gives the same text. A value that
 * JSON does not have (nan, a function, a table that contains itself) is an error that names its
 * place.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/slice.h"
#include "script/sandbox_int.h"

#define NODES_FIRST 64

static const char array_key; /* the metatable of arrays */
static const char null_mark;

bool fct_is_null(lua_State *lua, int index)
{
    return lua_islightuserdata(lua, index) &&
           lua_touserdata(lua, index) == (const void *)&null_mark;
}

static void push_null(lua_State *lua)
{
    union {
        const char *in;
        void *out;
    } mark = {.in = &null_mark}; /* an address that no code writes to */
    lua_pushlightuserdata(lua, mark.out);
}

static void mark_array(lua_State *lua)
{
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &array_key);
    (void)lua_setmetatable(lua, -2);
}

static bool is_marked(lua_State *lua, int index)
{
    if (lua_getmetatable(lua, index) == 0) {
        return false;
    }
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &array_key);
    bool marked = lua_rawequal(lua, -1, -2) != 0;
    lua_pop(lua, 2);
    return marked;
}

/* ---- from JSON ------------------------------------------------------------------------------- */

/* Keeps no nodes: each parse starts from the beginning. */
static factum_status grow_tape(struct fct_sandbox *sandbox, struct sandbox_tape *tape,
                               size_t capacity, factum_error *err)
{
    fct_mem_free(sandbox->mem, tape->nodes);
    *tape = (struct sandbox_tape){
        .nodes = fct_mem_alloc(sandbox->mem, capacity * sizeof(factum_json_node))};
    if (tape->nodes == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "out of memory");
    }
    tape->capacity = capacity;
    return FACTUM_OK;
}

/* The maximum of nodes of a tape. A tape is not in Lua's memory, so it has its own maximum: a text
 * that needs a larger one needs about as much memory for its values. */
static size_t tape_max(const struct fct_sandbox *sandbox)
{
    uint64_t most = sandbox->limits.memory / sizeof(factum_json_node);
    return most < NODES_FIRST ? NODES_FIRST : most < UINT32_MAX ? (size_t)most : UINT32_MAX;
}

factum_status fct_values_parse(struct fct_sandbox *sandbox, size_t tape, factum_slice text,
                               factum_json *json, factum_error *err)
{
    struct sandbox_tape *to = &sandbox->tapes[tape];
    char number[GROUPED_SIZE];
    size_t most = tape_max(sandbox);
    factum_status status = to->capacity > 0 ? FACTUM_OK : grow_tape(sandbox, to, NODES_FIRST, err);
    while (status == FACTUM_OK) {
        status = factum_json_parse(text, NULL, to->nodes, to->capacity, json, err);
        if (status != FACTUM_TOO_BIG) {
            return status;
        }
        if (to->capacity >= most) {
            return fct_fail(err, FACTUM_TOO_BIG, "JSON that needs more than %s bytes of memory",
                            fct_grouped(sandbox->limits.memory, number));
        }
        status = grow_tape(sandbox, to, to->capacity < most / 4 ? to->capacity * 4 : most, err);
    }
    return status;
}

static void push_text(lua_State *lua, const factum_json *json, uint32_t value)
{
    factum_slice inside = factum_json_inside(json, value);
    if (!factum_json_is_escaped(json, value)) {
        lua_pushlstring(lua, (const char *)inside.ptr, inside.len);
        return;
    }
    luaL_Buffer buffer;
    size_t len = 0;
    char *to = luaL_buffinitsize(lua, &buffer, inside.len);
    if (factum_json_unescape(json, value, to, inside.len, &len) != FACTUM_OK) {
        (void)luaL_error(lua, "a text with a lone surrogate (\\ud800 to \\udfff) is not Unicode");
    }
    luaL_pushresultsize(&buffer, len);
}

static int size_hint(uint32_t count)
{
    return count < 1024 ? (int)count : 1024; /* only a hint: the budget decides */
}

/* The parser has limited the depth to FACTUM_JSON_DEPTH_MAX. */
// NOLINTNEXTLINE(misc-no-recursion)
void fct_push_json(lua_State *lua, const factum_json *json, uint32_t value)
{
    factum_json_kind kind = factum_json_kind_of(json, value);
    luaL_checkstack(lua, 6, NULL);
    switch (kind) {
    case FACTUM_JSON_NULL:
        push_null(lua);
        return;
    case FACTUM_JSON_FALSE:
    case FACTUM_JSON_TRUE:
        lua_pushboolean(lua, kind == FACTUM_JSON_TRUE ? 1 : 0);
        return;
    case FACTUM_JSON_NUMBER:
        fct_push_number(lua, factum_json_raw(json, value));
        return;
    case FACTUM_JSON_TEXT:
        push_text(lua, json, value);
        return;
    case FACTUM_JSON_ARRAY:
    case FACTUM_JSON_OBJECT:
        break;
    }
    bool is_array = kind == FACTUM_JSON_ARRAY;
    int count = size_hint(factum_json_count(json, value));
    lua_createtable(lua, is_array ? count : 0, is_array ? 0 : count);
    lua_Integer item = 0;
    for (uint32_t at = factum_json_first(json, value); at != FACTUM_JSON_NONE;
         at = factum_json_next(json, value, at)) {
        if (is_array) {
            fct_push_json(lua, json, at);
            lua_rawseti(lua, -2, ++item);
        } else {
            push_text(lua, json, at);
            fct_push_json(lua, json, at + 1);
            lua_rawset(lua, -3);
        }
    }
    if (is_array) {
        mark_array(lua);
    }
}

/* ---- to JSON --------------------------------------------------------------------------------- */

struct json_out {
    lua_State *lua;
    struct fct_buf *buf;
    const char *what;
    int flags;
    int depth;
};

FCT_COLD static void refuse(const struct json_out *out, const char *why)
{
    (void)luaL_error(out->lua, "%s: %s", out->what, why);
}

static void add_bytes(const struct json_out *out, const void *bytes, size_t len)
{
    fct_charge_bytes(out->lua, len);
    factum_status status = fct_buf_add(out->buf, bytes, len);
    if (status != FACTUM_OK) {
        refuse(out, status == FACTUM_TOO_BIG ? "too long" : "out of memory");
    }
}

static void add_escaped(const struct json_out *out, factum_slice text)
{
    static const char digits[] = "0123456789abcdef";
    if (!fct_utf8_valid(text)) {
        refuse(out, "a text that is not UTF-8");
    }
    add_bytes(out, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= ' ' && c != '"' && c != '\\') {
            continue;
        }
        add_bytes(out, text.ptr + from, i - from);
        from = i + 1;
        static const char controls[] = "btn?fr";
        char escape[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
        bool is_short = c >= ' ' || (c >= 8 && c <= 13 && c != 11);
        if (c >= ' ') {
            escape[1] = (char)c;
        } else if (is_short) {
            escape[1] = controls[c - 8];
        }
        add_bytes(out, escape, is_short ? 2 : 6);
    }
    add_bytes(out, text.ptr + from, text.len - from);
    add_bytes(out, "\"", 1);
}

static void add_number(const struct json_out *out, int index)
{
    char text[NUMBER_TEXT_SIZE + 2];
    size_t len;
    if (lua_isinteger(out->lua, index)) {
        int64_t number = lua_tointeger(out->lua, index);
        len = (size_t)snprintf(text, sizeof text, "%" PRId64, number);
    } else {
        double number = lua_tonumber(out->lua, index);
        if (!isfinite(number)) {
            refuse(out, isnan(number) ? "nan is not a number in JSON"
                                      : "infinite numbers are not in JSON");
        }
        len = fct_number_format(number, text);
        if ((out->flags & FCT_JSON_KEEP_FLOATS) != 0 && strpbrk(text, ".e") == NULL) {
            memcpy(text + len, ".0", 2);
            len += 2;
        }
    }
    add_bytes(out, text, len);
}

static void add_value(struct json_out *out, int index);

/* The |count| items of the table at |index|. */
// NOLINTNEXTLINE(misc-no-recursion): the depth is bounded by add_table
static void add_items(struct json_out *out, int index, lua_Integer count)
{
    add_bytes(out, "[", 1);
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1) {
            add_bytes(out, ",", 1);
        }
        (void)lua_rawgeti(out->lua, index, i);
        if (lua_isnil(out->lua, -1)) {
            refuse(out, "a list with a hole in it: json.null fills one");
        }
        add_value(out, lua_gettop(out->lua));
        lua_pop(out->lua, 1);
    }
    add_bytes(out, "]", 1);
}

/* The members of the table at |index|, whose sorted keys are the list at the top. */
// NOLINTNEXTLINE(misc-no-recursion): the depth is bounded by add_table
static void add_members(struct json_out *out, int index, lua_Integer count)
{
    lua_State *lua = out->lua;
    int keys = lua_gettop(lua);
    add_bytes(out, "{", 1);
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1) {
            add_bytes(out, ",", 1);
        }
        (void)lua_rawgeti(lua, keys, i);
        if (lua_type(lua, -1) != LUA_TSTRING) {
            refuse(out, "a table with numbers and names, or with numbers that do not begin at 1: "
                        "it is neither a list nor an object");
        }
        size_t len;
        const char *name = lua_tolstring(lua, -1, &len);
        add_escaped(out, fct_slice(name, len));
        add_bytes(out, ":", 1);
        (void)lua_rawget(lua, index);
        add_value(out, lua_gettop(lua));
        lua_pop(lua, 1);
    }
    add_bytes(out, "}", 1);
}

// NOLINTNEXTLINE(misc-no-recursion): at most FACTUM_JSON_DEPTH_MAX deep
static void add_table(struct json_out *out, int index)
{
    if (++out->depth > FACTUM_JSON_DEPTH_MAX) {
        refuse(out, "tables nested deeper than 64, or in a circle");
    }
    luaL_checkstack(out->lua, 12, NULL);
    lua_Integer items = (lua_Integer)lua_rawlen(out->lua, index);
    bool marked = is_marked(out->lua, index);
    lua_Integer count = fct_push_sorted_keys(out->lua, index, out->what);
    /* A list has as many keys as items: no name, no hole. */
    if (items > 0 ? items == count : marked && count == 0) {
        add_items(out, index, items);
    } else if (marked || items > 0) {
        refuse(out, "a list with a hole in it, or with names");
    } else {
        add_members(out, index, count);
    }
    lua_pop(out->lua, 1);
    out->depth--;
}

// NOLINTNEXTLINE(misc-no-recursion): see add_table
static void add_value(struct json_out *out, int index)
{
    lua_State *lua = out->lua;
    factum_slice exact;
    size_t len;
    const char *text;
    switch (lua_type(lua, index)) {
    case LUA_TNIL:
        add_bytes(out, "null", 4);
        return;
    case LUA_TBOOLEAN:
        add_bytes(out, lua_toboolean(lua, index) != 0 ? "true" : "false",
                  lua_toboolean(lua, index) != 0 ? 4 : 5);
        return;
    case LUA_TNUMBER:
        add_number(out, index);
        return;
    case LUA_TSTRING:
        text = lua_tolstring(lua, index, &len);
        add_escaped(out, fct_slice(text, len));
        return;
    case LUA_TTABLE:
        add_table(out, index);
        return;
    default:
        break;
    }
    exact = fct_exact_text(lua, index);
    if (exact.ptr != NULL) {
        add_bytes(out, exact.ptr, exact.len);
    } else if (fct_is_null(lua, index)) {
        add_bytes(out, "null", 4);
    } else {
        (void)luaL_error(lua, "%s: a %s is not JSON", out->what, luaL_typename(lua, index));
    }
}

void fct_begin_json(lua_State *lua)
{
    fct_buf_clear(&fct_sandbox_of(lua)->out);
}

void fct_add_json(lua_State *lua, int index, const char *what, int flags)
{
    struct json_out out = {lua, &fct_sandbox_of(lua)->out, what, flags, 0};
    luaL_checkstack(lua, 4, NULL);
    add_value(&out, lua_absindex(lua, index));
}

/* ---- copies ---------------------------------------------------------------------------------- */

// NOLINTNEXTLINE(misc-no-recursion): at most FACTUM_JSON_DEPTH_MAX deep
static void push_copy(lua_State *lua, int index, const char *what, int depth)
{
    if (lua_type(lua, index) != LUA_TTABLE) {
        lua_pushvalue(lua, index);
        return;
    }
    if (depth > FACTUM_JSON_DEPTH_MAX) {
        (void)luaL_error(lua, "%s: tables nested deeper than 64, or in a circle", what);
    }
    luaL_checkstack(lua, 8, NULL);
    lua_newtable(lua);
    int copy = lua_gettop(lua);
    lua_pushnil(lua);
    while (lua_next(lua, index) != 0) {
        fct_charge_elements(lua, 1);
        push_copy(lua, copy + 2, what, depth + 1);
        lua_pushvalue(lua, copy + 1);
        lua_insert(lua, -2);
        lua_rawset(lua, copy);
        lua_settop(lua, copy + 1);
    }
    if (is_marked(lua, index)) {
        mark_array(lua);
    }
}

void fct_push_copy(lua_State *lua, int index, const char *what)
{
    push_copy(lua, lua_absindex(lua, index), what, 1);
}

/* ---- json.* ---------------------------------------------------------------------------------- */

/* array(list) makes |list| an array and returns it; without a list it creates an empty one. */
static int json_array(lua_State *lua)
{
    if (lua_isnoneornil(lua, 1)) {
        lua_settop(lua, 0);
        lua_newtable(lua);
    }
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 1);
    if (!is_marked(lua, 1) && lua_getmetatable(lua, 1) != 0) {
        return luaL_error(lua, "json.array: that table cannot be changed");
    }
    mark_array(lua);
    return 1;
}

static int json_is_array(lua_State *lua)
{
    lua_pushboolean(lua, lua_istable(lua, 1) && is_marked(lua, 1) ? 1 : 0);
    return 1;
}

void fct_values_open(lua_State *lua)
{
    lua_newtable(lua);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &array_key);
    lua_createtable(lua, 0, 3);
    push_null(lua);
    lua_setfield(lua, -2, "null");
    lua_pushcfunction(lua, json_array);
    lua_setfield(lua, -2, "array");
    lua_pushcfunction(lua, json_is_array);
    lua_setfield(lua, -2, "is_array");
}

/* ---- a call with JSON ------------------------------------------------------------------------ */

struct json_call {
    const char *name;
    const factum_json *argument;
};

static int call_json(lua_State *lua)
{
    const struct json_call *call = lua_touserdata(lua, 1);
    fct_push_globals(lua);
    if (lua_getfield(lua, -1, call->name) != LUA_TFUNCTION) {
        return luaL_error(lua, "there is no function %s", call->name);
    }
    fct_push_json(lua, call->argument, FACTUM_JSON_ROOT);
    lua_call(lua, 1, 1);
    fct_begin_json(lua);
    fct_add_json(lua, lua_gettop(lua), call->name, 0);
    return 0;
}

factum_status fct_sandbox_call_json(struct fct_sandbox *sandbox, const char *name,
                                    factum_slice argument, factum_slice *json, factum_error *err)
{
    factum_json parsed;
    factum_status status = fct_values_parse(sandbox, 0, argument, &parsed, err);
    if (status != FACTUM_OK) {
        return fct_wrap(err, status, "the argument");
    }
    struct json_call call = {name, &parsed};
    status = fct_sandbox_run(sandbox, call_json, &call, err);
    if (status == FACTUM_OK) {
        *json = fct_buf_slice(&sandbox->out);
    }
    return status;
}
