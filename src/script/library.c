/* library.c - the functions that scripts may call. Layer: script.
 *
 * An allow-list: what is not added to the globals here does not exist for a script. Left out on
 * purpose: what could swallow a limit's error (pcall, coroutine), run without a hook (patterns,
 * finalizers), load code, reach the machine, or differ from run to run (addresses, random numbers,
 * the order of pairs, and functions such as logarithms, whose last digit depends on the processor).
 *
 * Functions of Lua's own libraries are kept if they are safe once their arguments are charged;
 * others are written here. Scripts cannot change the tables of functions.
 */
#include <string.h>

#include "core/slice.h"
#include "script/sandbox_int.h"

struct function {
    const char *name;
    lua_CFunction call;
};

/* ---- basic functions ------------------------------------------------------------------------- */

static int pairs_step(lua_State *lua)
{
    lua_Integer at = lua_tointeger(lua, lua_upvalueindex(2));
    lua_Integer count = lua_tointeger(lua, lua_upvalueindex(3));
    luaL_checktype(lua, 1, LUA_TTABLE);
    while (at < count) {
        (void)lua_rawgeti(lua, lua_upvalueindex(1), ++at);
        lua_pushvalue(lua, -1);
        if (lua_rawget(lua, 1) != LUA_TNIL) { /* not removed since */
            lua_pushinteger(lua, at);
            lua_replace(lua, lua_upvalueindex(2));
            return 2;
        }
        lua_pop(lua, 2);
        fct_charge_elements(lua, 1);
    }
    lua_pushinteger(lua, at);
    lua_replace(lua, lua_upvalueindex(2));
    lua_pushnil(lua);
    return 1;
}

static int sandbox_pairs(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_Integer count = fct_push_sorted_keys(lua, 1, "pairs");
    lua_pushinteger(lua, 0);
    lua_pushinteger(lua, count);
    lua_pushcclosure(lua, pairs_step, 3);
    lua_pushvalue(lua, 1);
    lua_pushnil(lua);
    return 3;
}

static int sandbox_tostring(lua_State *lua)
{
    luaL_checkany(lua, 1);
    lua_settop(lua, 1);
    if (fct_make_text(lua, 1)) {
        return 1;
    }
    factum_slice exact = fct_exact_text(lua, 1);
    if (exact.ptr != NULL) {
        lua_pushlstring(lua, (const char *)exact.ptr, exact.len);
    } else if (lua_isnil(lua, 1)) {
        lua_pushliteral(lua, "nil");
    } else if (lua_isboolean(lua, 1)) {
        lua_pushstring(lua, lua_toboolean(lua, 1) != 0 ? "true" : "false");
    } else if (fct_is_null(lua, 1)) {
        lua_pushliteral(lua, "null");
    } else {
        return luaL_error(lua, "tostring of a %s: it has no text that would always be the same",
                          luaL_typename(lua, 1));
    }
    return 1;
}

/* ---- functions of Lua behind a charge -------------------------------------------------------- */

/* The closure's first value is Lua's own function, which takes its arguments from the same
 * stack. */
static int call_original(lua_State *lua)
{
    return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

/* Its cost depends on the bytes of its first argument. */
static int by_bytes(lua_State *lua)
{
    if (fct_make_text(lua, 1)) {
        fct_charge_bytes(lua, lua_rawlen(lua, 1));
    }
    return call_original(lua);
}

/* Numbers become their text; Lua's own way writes fourteen digits of a float. */
static int by_text(lua_State *lua)
{
    (void)fct_make_text(lua, 1);
    return call_original(lua);
}

static int by_elements(lua_State *lua)
{
    if (fct_make_text(lua, 1)) {
        fct_charge_elements(lua, lua_rawlen(lua, 1));
    }
    return call_original(lua);
}

static int by_arguments(lua_State *lua)
{
    int count = lua_gettop(lua);
    fct_charge_elements(lua, count > 0 ? (uint64_t)count : 0);
    return call_original(lua);
}

/* insert(list, at, value) and remove(list, at) move the items after the place. */
static int by_length(lua_State *lua)
{
    if (lua_istable(lua, 1) && lua_gettop(lua) > 1) {
        fct_charge_elements(lua, lua_rawlen(lua, 1) / 4 + 1);
    }
    return call_original(lua);
}

/* The number of steps from |from| to |to| of a loop in C. */
static uint64_t range(lua_Integer from, lua_Integer to)
{
    return from > to                                     ? 0
           : (uint64_t)to - (uint64_t)from == UINT64_MAX ? UINT64_MAX
                                                         : (uint64_t)to - (uint64_t)from + 1;
}

static int by_move(lua_State *lua)
{
    fct_charge_elements(lua, range(luaL_checkinteger(lua, 2), luaL_checkinteger(lua, 3)));
    return call_original(lua);
}

static int by_unpack(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_Integer to = luaL_opt(lua, luaL_checkinteger, 3, (lua_Integer)lua_rawlen(lua, 1));
    fct_charge_elements(lua, range(luaL_optinteger(lua, 2, 1), to));
    return call_original(lua);
}

static int by_number_text(lua_State *lua)
{
    if (lua_type(lua, 1) == LUA_TSTRING) {
        fct_charge_bytes(lua, lua_rawlen(lua, 1));
    }
    return call_original(lua);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static factum_slice check_text(lua_State *lua, int argument)
{
    if (!fct_make_text(lua, argument)) {
        (void)luaL_typeerror(lua, argument, "string");
    }
    size_t len;
    const char *text = lua_tolstring(lua, argument, &len);
    return fct_slice(text, len);
}

static int text_rep(lua_State *lua)
{
    factum_slice text = check_text(lua, 1);
    lua_Integer count = luaL_checkinteger(lua, 2);
    size_t between_len = lua_isnoneornil(lua, 3) ? 0 : check_text(lua, 3).len;
    uint64_t each = (uint64_t)text.len + between_len;
    if (each == 0) { /* Lua's own would count to |count| */
        lua_pushliteral(lua, "");
        return 1;
    }
    if (count > 0) {
        fct_charge_bytes(lua,
                         (uint64_t)count > UINT64_MAX / each ? UINT64_MAX : (uint64_t)count * each);
    }
    return call_original(lua);
}

/* The offset of |what| in |text| at or after |from|, or SIZE_MAX. Charges for the comparisons. */
static size_t find_text(lua_State *lua, factum_slice text, factum_slice what, size_t from)
{
    if (what.len == 0) {
        return from;
    }
    while (from <= text.len && what.len <= text.len - from) {
        const uint8_t *start = text.ptr + from;
        const uint8_t *at = memchr(start, what.ptr[0], text.len - from - what.len + 1);
        size_t skipped = at == NULL ? text.len - from : (size_t)(at - start);
        fct_charge_bytes(lua, skipped + what.len);
        if (at == NULL) {
            break;
        }
        if (memcmp(at, what.ptr, what.len) == 0) {
            return from + skipped;
        }
        from += skipped + 1;
    }
    return SIZE_MAX;
}

/* find(text, what [, from]), without patterns: its first and last byte, or nil. */
static int text_find(lua_State *lua)
{
    factum_slice text = check_text(lua, 1);
    factum_slice what = check_text(lua, 2);
    lua_Integer from = luaL_optinteger(lua, 3, 1);
    if (from < 0) {
        from = (uint64_t)0 - (uint64_t)from <= text.len ? (lua_Integer)text.len + from + 1 : 1;
    }
    from = from == 0 ? 1 : from;
    size_t at =
        (uint64_t)from - 1 > text.len ? SIZE_MAX : find_text(lua, text, what, (size_t)from - 1);
    if (at == SIZE_MAX) {
        lua_pushnil(lua);
        return 1;
    }
    lua_pushinteger(lua, (lua_Integer)at + 1);
    lua_pushinteger(lua, (lua_Integer)at + (lua_Integer)what.len);
    return 2;
}

/* replace(text, what, by): replaces all; returns the new text and the number of replacements. */
static int text_replace(lua_State *lua)
{
    factum_slice text = check_text(lua, 1);
    factum_slice what = check_text(lua, 2);
    factum_slice by = check_text(lua, 3);
    luaL_argcheck(lua, what.len > 0, 2, "empty");
    luaL_Buffer made;
    luaL_buffinit(lua, &made);
    lua_Integer count = 0;
    size_t from = 0;
    for (size_t at = find_text(lua, text, what, 0); at != SIZE_MAX;
         at = find_text(lua, text, what, from)) {
        fct_charge_bytes(lua, at - from + by.len);
        luaL_addlstring(&made, (const char *)text.ptr + from, at - from);
        luaL_addlstring(&made, (const char *)by.ptr, by.len);
        from = at + what.len;
        count++;
    }
    luaL_addlstring(&made, (const char *)text.ptr + from, text.len - from);
    luaL_pushresult(&made);
    lua_pushinteger(lua, count);
    return 2;
}

static int text_byte(lua_State *lua)
{
    factum_slice text = check_text(lua, 1);
    lua_Integer from = luaL_optinteger(lua, 2, 1);
    lua_Integer to = luaL_optinteger(lua, 3, from);
    uint64_t count = from > 0 && to > 0 ? range(from, to) : text.len;
    fct_charge_elements(lua, count < text.len ? count : text.len);
    return call_original(lua);
}

/* Checks one conversion of a format; returns its end, with its width in *width. An error unless it
 * gives the same text everywhere. */
static const char *check_conversion(lua_State *lua, const char *at, const char *end,
                                    unsigned *width)
{
    *width = 0;
    while (at < end && strchr("-+ #0", *at) != NULL && *at != '\0') {
        at++;
    }
    for (int part = 0; part < 2; part++) {
        unsigned number = 0;
        for (int digits = 0; at < end && *at >= '0' && *at <= '9'; digits++, at++) {
            number = digits < 2 ? number * 10 + (unsigned)(*at - '0') : 100;
        }
        if (number > 99) {
            (void)luaL_error(lua, "format: a width or precision may have two digits");
        }
        *width += number;
        if (part == 1 || at == end || *at != '.') {
            break;
        }
        at++;
    }
    if (at == end || *at == '\0' || strchr("diuxXoceEfgGs%", *at) == NULL) {
        (void)luaL_error(lua, "format: after %% comes one of d i u x X o c e E f g G s %%");
    }
    return at;
}

static int text_format(lua_State *lua)
{
    size_t len;
    const char *at = luaL_checklstring(lua, 1, &len);
    const char *end = at + len;
    int argument = 1;
    fct_charge_bytes(lua, len);
    for (; at < end; at++) {
        unsigned width;
        if (*at != '%') {
            continue;
        }
        at = check_conversion(lua, at + 1, end, &width);
        fct_charge_bytes(lua, width);
        if (*at == '%') {
            continue;
        }
        argument++;
        if (*at == 's') {
            luaL_checkany(lua, argument);
            lua_pushcfunction(lua, sandbox_tostring);
            lua_pushvalue(lua, argument);
            lua_call(lua, 1, 1);
            fct_charge_bytes(lua, lua_rawlen(lua, -1));
            lua_replace(lua, argument);
        }
    }
    return call_original(lua);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static int list_concat(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 4);
    factum_slice between = {(const uint8_t *)"", 0};
    if (!lua_isnil(lua, 2)) {
        between = check_text(lua, 2);
    }
    lua_Integer from = luaL_optinteger(lua, 3, 1);
    lua_Integer to = luaL_opt(lua, luaL_checkinteger, 4, (lua_Integer)lua_rawlen(lua, 1));
    uint64_t count = range(from, to);
    fct_charge_elements(lua, count / 4 + 1);
    luaL_Buffer made;
    luaL_buffinit(lua, &made);
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0) {
            luaL_addlstring(&made, (const char *)between.ptr, between.len);
        }
        (void)lua_rawgeti(lua, 1, from + (lua_Integer)i);
        if (!fct_make_text(lua, lua_gettop(lua))) {
            return luaL_error(lua, "concat: item %I is a %s", (LUAI_UACINT)(from + (lua_Integer)i),
                              luaL_typename(lua, -1));
        }
        fct_charge_bytes(lua, lua_rawlen(lua, -1) + between.len);
        luaL_addvalue(&made);
    }
    luaL_pushresult(&made);
    return 1;
}

/* ---- utf8 ------------------------------------------------------------------------------------ */

static size_t character_size(uint8_t lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* The text is the first upvalue and valid UTF-8, as codes() has checked. */
static int codes_step(lua_State *lua)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t len;
    const uint8_t *text = (const uint8_t *)lua_tolstring(lua, lua_upvalueindex(1), &len);
    lua_Integer before = luaL_checkinteger(lua, 2);
    luaL_argcheck(lua, before >= 0 && (uint64_t)before <= len, 2, "no place in the text");
    /* Counted from 1: the place of the next character, unless this one is longer. */
    size_t at = (size_t)before;
    at +=
        before > 0 && (text[before - 1] & 0xc0) != 0x80 ? character_size(text[before - 1]) - 1 : 0;
    if (at >= len || (text[at] & 0xc0) == 0x80) {
        return 0;
    }
    size_t size = character_size(text[at]);
    uint32_t point = text[at] & masks[size];
    for (size_t i = 1; i < size; i++) {
        point = point << 6 | (text[at + i] & 0x3fu);
    }
    lua_pushinteger(lua, (lua_Integer)at + 1);
    lua_pushinteger(lua, (lua_Integer)point);
    return 2;
}

/* offset(text, n [, from]) steps over |n| characters, and over any number of bytes where a text is
 * not UTF-8. */
static int utf8_offset(lua_State *lua)
{
    factum_slice text = check_text(lua, 1);
    lua_Integer steps = luaL_checkinteger(lua, 2);
    uint64_t count = steps < 0 ? (uint64_t)0 - (uint64_t)steps : (uint64_t)steps;
    fct_charge_elements(lua, (count < text.len ? count : text.len) + text.len / 64 + 1);
    return call_original(lua);
}

static int utf8_codepoint(lua_State *lua)
{
    factum_slice text = check_text(lua, 1);
    fct_charge_elements(lua, lua_isnoneornil(lua, 3) ? 1 : text.len);
    return call_original(lua);
}

static int utf8_codes(lua_State *lua)
{
    factum_slice text = check_text(lua, 1);
    fct_charge_elements(lua, text.len / 8 + 1);
    luaL_argcheck(lua, fct_utf8_valid(text), 1, "not valid UTF-8");
    lua_pushvalue(lua, 1);
    lua_pushcclosure(lua, codes_step, 1);
    lua_pushvalue(lua, 1);
    lua_pushinteger(lua, 0);
    return 3;
}

/* ---- the tables ------------------------------------------------------------------------------ */

static int refuse_change(lua_State *lua)
{
    return luaL_error(lua, "%s cannot be changed", lua_tostring(lua, lua_upvalueindex(1)));
}

/* Puts an empty table in front of the one at the top of the stack, so that scripts can read the
 * functions but not change them, and makes it the member |name| of the table below. */
static void set_protected(lua_State *lua, const char *name)
{
    lua_newtable(lua);
    lua_createtable(lua, 0, 2);
    lua_pushvalue(lua, -3);
    lua_setfield(lua, -2, "__index");
    lua_pushstring(lua, name);
    lua_pushcclosure(lua, refuse_change, 1);
    lua_setfield(lua, -2, "__newindex");
    (void)lua_setmetatable(lua, -2);
    lua_setfield(lua, -3, name);
    lua_pop(lua, 1);
}

/* Adds functions to the table at the top, from Lua's library in the table below it. Functions
 * without a wrapper are taken unchanged. */
static void take_functions(lua_State *lua, const struct function *functions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)lua_getfield(lua, -2, functions[i].name);
        if (functions[i].call != NULL) {
            lua_pushcclosure(lua, functions[i].call, 1);
        }
        lua_setfield(lua, -2, functions[i].name);
    }
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Lua's library at the top, the globals below it: replaces it by an empty table above it. */
static void open_original(lua_State *lua, lua_CFunction open)
{
    lua_pushcfunction(lua, open);
    lua_call(lua, 0, 1);
    lua_newtable(lua);
}

static void open_basic(lua_State *lua)
{
    static const struct function functions[] = {
        {"assert", NULL},
        {"error", NULL},
        {"ipairs", NULL},
        {"pairs", sandbox_pairs},
        {"select", by_arguments},
        {"type", NULL},
        {"tonumber", by_number_text},
        {"tostring", sandbox_tostring},
    };
    /* luaopen_base fills the state's globals, which are replaced afterwards. */
    open_original(lua, luaopen_base);
    take_functions(lua, functions, COUNT_OF(functions));
    lua_pushnil(lua);
    while (lua_next(lua, -2) != 0) {
        lua_pushvalue(lua, -2);
        lua_insert(lua, -2);
        lua_settable(lua, -6);
    }
    lua_pop(lua, 2);
}

static void open_text(lua_State *lua)
{
    static const struct function functions[] = {
        {"byte", text_byte},     {"char", by_arguments},    {"find", text_find},
        {"format", text_format}, {"len", by_text},          {"lower", by_bytes},
        {"rep", text_rep},       {"replace", text_replace}, {"reverse", by_bytes},
        {"sub", by_text},        {"upper", by_bytes},
    };
    open_original(lua, luaopen_string);
    take_functions(lua, functions, COUNT_OF(functions));
    /* ("x"):rep(3) works, "1" + 1 does not: texts have no arithmetic here. */
    lua_pushliteral(lua, "");
    lua_createtable(lua, 0, 1);
    lua_pushvalue(lua, -3);
    lua_setfield(lua, -2, "__index");
    (void)lua_setmetatable(lua, -2);
    lua_pop(lua, 1);
    lua_remove(lua, -2);
    set_protected(lua, "string");
}

static void open_lists(lua_State *lua)
{
    static const struct function functions[] = {
        {"concat", list_concat}, {"insert", by_length}, {"move", by_move},
        {"pack", by_arguments},  {"remove", by_length}, {"sort", fct_table_sort},
        {"unpack", by_unpack},
    };
    open_original(lua, luaopen_table);
    take_functions(lua, functions, COUNT_OF(functions));
    lua_remove(lua, -2);
    set_protected(lua, "table");
}

static void open_math(lua_State *lua)
{
    static const struct function functions[] = {
        {"abs", NULL},        {"ceil", NULL}, {"floor", NULL},
        {"fmod", NULL},       {"huge", NULL}, {"max", NULL},
        {"maxinteger", NULL}, {"min", NULL},  {"mininteger", NULL},
        {"modf", NULL},       {"pi", NULL},   {"sqrt", NULL},
        {"type", NULL},       {"ult", NULL},  {"tointeger", by_number_text},
    };
    open_original(lua, luaopen_math);
    take_functions(lua, functions, COUNT_OF(functions));
    lua_remove(lua, -2);
    set_protected(lua, "math");
}

static void open_utf8(lua_State *lua)
{
    static const struct function functions[] = {
        {"char", by_arguments}, {"codepoint", utf8_codepoint}, {"codes", utf8_codes},
        {"len", by_elements},   {"offset", utf8_offset},
    };
    open_original(lua, luaopen_utf8);
    take_functions(lua, functions, COUNT_OF(functions));
    lua_remove(lua, -2);
    set_protected(lua, "utf8");
}

void fct_library_open(lua_State *lua)
{
    luaL_checkstack(lua, 16, NULL);
    open_basic(lua);
    open_text(lua);
    open_lists(lua);
    open_math(lua);
    open_utf8(lua);
    fct_values_open(lua);
    set_protected(lua, "json");
    fct_number_open(lua);
    set_protected(lua, "decimal");
    fct_time_open(lua);
    set_protected(lua, "time");
}
