/* sort.c - sorting inside the sandbox: table.sort, and the keys of a table. Layer: script.
 *
 * Lua's own table.sort picks its pivots by the clock once a partition is uneven, and is not stable.
 * This is a merge sort: the same input gives the same output, equal items keep their order, and no
 * comparison function makes it slower.
 */
#include <string.h>

#include "script/sandbox_int.h"

/* A key in the order of scripts: numbers come before texts. */
struct sort_key {
    const char *text; /* NULL: a number */
    size_t len;
    lua_Number number;
    lua_Integer integer;
    bool is_integer;
    lua_Integer at; /* its index in the list of keys */
};

static int compare_numbers(const struct sort_key *a, const struct sort_key *b)
{
    if (a->is_integer && b->is_integer) {
        return a->integer < b->integer ? -1 : a->integer > b->integer ? 1 : 0;
    }
    lua_Number x = a->is_integer ? (lua_Number)a->integer : a->number;
    lua_Number y = b->is_integer ? (lua_Number)b->integer : b->number;
    return x < y ? -1 : x > y ? 1 : 0;
}

static int compare_keys(const struct sort_key *a, const struct sort_key *b)
{
    if (a->text == NULL || b->text == NULL) {
        return a->text == NULL && b->text == NULL ? compare_numbers(a, b)
               : a->text == NULL                  ? -1
                                                  : 1;
    }
    size_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->text, b->text, len);
    return order != 0 ? order : a->len < b->len ? -1 : a->len > b->len ? 1 : 0;
}

/* |keys| and |spare| have |count| items each; the result is the one that contains the sorted keys.
 */
static struct sort_key *sort_keys(struct sort_key *keys, struct sort_key *spare, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t from = 0; from < count; from += 2 * width) {
            size_t middle = from + width < count ? from + width : count;
            size_t end = middle + width < count ? middle + width : count;
            size_t left = from;
            size_t right = middle;
            for (size_t to = from; to < end; to++) {
                bool take_left =
                    left < middle && (right == end || compare_keys(&keys[left], &keys[right]) <= 0);
                spare[to] = take_left ? keys[left++] : keys[right++];
            }
        }
        struct sort_key *sorted = spare;
        spare = keys;
        keys = sorted;
    }
    return keys;
}

/* The key at the top of the stack. */
static struct sort_key key_at_top(lua_State *lua, const char *what)
{
    struct sort_key key = {.text = NULL};
    int type = lua_type(lua, -1);
    if (type == LUA_TSTRING) {
        key.text = lua_tolstring(lua, -1, &key.len);
    } else if (type == LUA_TNUMBER) {
        key.is_integer = lua_isinteger(lua, -1) != 0;
        key.integer = lua_tointeger(lua, -1);
        key.number = lua_tonumber(lua, -1);
    } else {
        (void)luaL_error(lua, "%s: a key that is a %s; keys are texts or numbers", what,
                         lua_typename(lua, type));
    }
    return key;
}

/* Pushes a list of all keys, in any order. */
static lua_Integer list_keys(lua_State *lua, int index)
{
    lua_Integer count = 0;
    lua_newtable(lua);
    lua_pushnil(lua);
    while (lua_next(lua, index) != 0) {
        lua_pop(lua, 1);
        lua_pushvalue(lua, -1);
        lua_rawseti(lua, -3, ++count);
    }
    return count;
}

lua_Integer fct_push_sorted_keys(lua_State *lua, int index, const char *what)
{
    luaL_checkstack(lua, 8, NULL);
    index = lua_absindex(lua, index);
    lua_Integer count = list_keys(lua, index);
    int list = lua_gettop(lua);
    fct_charge_elements(lua, fct_sort_steps((uint64_t)count) / 4 + 1);
    if (count == 0) {
        return 0;
    }
    /* Both halves belong to Lua: an error cannot leak them. The texts stay in |list|. */
    size_t size = (size_t)count * sizeof(struct sort_key);
    struct sort_key *keys = lua_newuserdatauv(lua, 2 * size, 0);
    uint64_t bytes = 0;
    for (lua_Integer i = 0; i < count; i++) {
        (void)lua_rawgeti(lua, list, i + 1);
        keys[i] = key_at_top(lua, what);
        keys[i].at = i + 1;
        bytes += keys[i].len;
        lua_pop(lua, 1);
    }
    fct_charge_bytes(lua, bytes);
    struct sort_key *sorted = sort_keys(keys, keys + count, (size_t)count);
    lua_createtable(lua, (int)(count < INT32_MAX ? count : 0), 0);
    for (lua_Integer i = 0; i < count; i++) {
        (void)lua_rawgeti(lua, list, sorted[i].at);
        lua_rawseti(lua, -2, i + 1);
    }
    lua_replace(lua, list);
    lua_settop(lua, list);
    return count;
}

/* ---- table.sort ------------------------------------------------------------------------------ */

/* Is the value at the top less than the one below it? Both stay. */
static bool right_is_less(lua_State *lua, bool compares)
{
    if (compares) {
        lua_pushvalue(lua, 2);
        lua_pushvalue(lua, -2);
        lua_pushvalue(lua, -4);
        lua_call(lua, 2, 1);
        bool less = lua_toboolean(lua, -1) != 0;
        lua_pop(lua, 1);
        return less;
    }
    if (lua_type(lua, -1) == LUA_TSTRING && lua_type(lua, -2) == LUA_TSTRING) {
        size_t left = lua_rawlen(lua, -2);
        size_t right = lua_rawlen(lua, -1);
        fct_charge_bytes(lua, left < right ? left : right);
    }
    return lua_compare(lua, -1, -2, LUA_OPLT) != 0;
}

struct merge {
    int from; /* stack indexes of the tables */
    int to;
    bool compares;
};

/* Merges the items (left, middle] and (middle, end] of one table into the other. */
static void merge_runs(lua_State *lua, const struct merge *merge, lua_Integer left,
                       lua_Integer middle, lua_Integer end)
{
    lua_Integer right = middle;
    for (lua_Integer to = left; to < end;) {
        if (left < middle && right < end) {
            (void)lua_rawgeti(lua, merge->from, left + 1);
            (void)lua_rawgeti(lua, merge->from, right + 1);
            bool take_right = right_is_less(lua, merge->compares);
            left += take_right ? 0 : 1;
            right += take_right ? 1 : 0;
            if (!take_right) {
                lua_pop(lua, 1);
            }
            lua_rawseti(lua, merge->to, ++to);
            lua_settop(lua, 3);
        } else {
            (void)lua_rawgeti(lua, merge->from, left < middle ? ++left : ++right);
            lua_rawseti(lua, merge->to, ++to);
        }
    }
}

int fct_table_sort(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    bool compares = !lua_isnoneornil(lua, 2);
    if (compares) {
        luaL_checktype(lua, 2, LUA_TFUNCTION);
    }
    lua_settop(lua, 2);
    lua_Integer count = (lua_Integer)lua_rawlen(lua, 1);
    fct_charge_elements(lua, fct_sort_steps((uint64_t)count));
    lua_createtable(lua, (int)(count < INT32_MAX ? count : 0), 0);
    struct merge merge = {1, 3, compares};
    for (lua_Integer width = 1; width < count; width *= 2) {
        for (lua_Integer from = 0; from < count; from += 2 * width) {
            lua_Integer middle = from + width < count ? from + width : count;
            merge_runs(lua, &merge, from, middle, middle + width < count ? middle + width : count);
        }
        int swapped = merge.from;
        merge.from = merge.to;
        merge.to = swapped;
    }
    for (lua_Integer i = 1; merge.from != 1 && i <= count; i++) {
        (void)lua_rawgeti(lua, merge.from, i);
        lua_rawseti(lua, 1, i);
    }
    return 0;
}
