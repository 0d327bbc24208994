/* number.c - numbers between JSON, which is decimal, and Lua, which has int64 and double.
 * Layer: script.
 *
 * No number changes on its way. A JSON number becomes an integer, or a float if the shortest text
 * of that float is the same number ("19.99"). Any other number becomes an exact number: a value
 * that keeps its text, can be compared, stored and scaled, and refuses arithmetic by name ("1e400",
 * "0.12345678901234567890"). decimal.scale and decimal.unscale move the point by digits.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/slice.h"
#include "script/sandbox_int.h"

#define FLOAT_TEXT_MAX 512 /* a longer number stays an exact one */
#define DIGITS_MAX 64      /* in a number for decimal.scale: an int64 has 19 */

static const char exact_key;

size_t fct_number_format(double number, char text[NUMBER_TEXT_SIZE])
{
    if (isnan(number)) { /* printf prints two different ones */
        memcpy(text, "nan", 4);
        return 3;
    }
    int len = 0;
    if (fabs(number) < 9.3e18 && floor(number) == number) {
        len = snprintf(text, NUMBER_TEXT_SIZE, "%.0f", number);
        return (size_t)len;
    }
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, NUMBER_TEXT_SIZE, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    return (size_t)len;
}

bool fct_make_text(lua_State *lua, int index)
{
    int type = lua_type(lua, index);
    if (type == LUA_TNUMBER) {
        index = lua_absindex(lua, index);
        char text[NUMBER_TEXT_SIZE];
        size_t len;
        if (lua_isinteger(lua, index)) {
            int64_t number = lua_tointeger(lua, index);
            len = (size_t)snprintf(text, sizeof text, "%" PRId64, number);
        } else {
            len = fct_number_format(lua_tonumber(lua, index), text);
        }
        lua_pushlstring(lua, text, len);
        lua_replace(lua, index);
    }
    return type == LUA_TNUMBER || type == LUA_TSTRING;
}

/* ---- from JSON ------------------------------------------------------------------------------- */

/* A whole number within int64, except -0, which only a float can be. */
static bool read_integer(factum_slice text, int64_t *number)
{
    bool negative = text.ptr[0] == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    uint64_t value = 0;
    for (size_t i = negative ? 1 : 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(text.ptr[i] - '0');
        if (value > (limit - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    if (negative && value == 0) {
        return false;
    }
    *number = !negative ? (int64_t)value : value > INT64_MAX ? INT64_MIN : -(int64_t)value;
    return true;
}

static bool read_float(factum_slice text, double *number)
{
    char copy[FLOAT_TEXT_MAX];
    char shortest[NUMBER_TEXT_SIZE];
    if (text.len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *number = strtod(copy, NULL);
    if (!isfinite(*number)) {
        return false;
    }
    size_t len = fct_number_format(*number, shortest);
    return factum_json_compare_numbers(text, fct_slice(shortest, len)) == 0;
}

static void push_exact(lua_State *lua, factum_slice text)
{
    void *to = lua_newuserdatauv(lua, text.len, 0);
    memcpy(to, text.ptr, text.len);
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &exact_key);
    (void)lua_setmetatable(lua, -2);
}

void fct_push_number(lua_State *lua, factum_slice text)
{
    int64_t integer;
    double number;
    if (read_integer(text, &integer)) {
        lua_pushinteger(lua, integer);
    } else if (read_float(text, &number)) {
        lua_pushnumber(lua, number);
    } else {
        push_exact(lua, text);
    }
}

/* ---- exact numbers --------------------------------------------------------------------------- */

factum_slice fct_exact_text(lua_State *lua, int index)
{
    index = lua_absindex(lua, index);
    if (lua_type(lua, index) != LUA_TUSERDATA || lua_getmetatable(lua, index) == 0) {
        return (factum_slice){NULL, 0};
    }
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &exact_key);
    bool is_exact = lua_rawequal(lua, -1, -2) != 0;
    lua_pop(lua, 2);
    return is_exact ? fct_slice(lua_touserdata(lua, index), lua_rawlen(lua, index))
                    : (factum_slice){NULL, 0};
}

/* The number at |index| in the form of JSON, in |text| or in the value itself. Empty: not a
 * number. */
static factum_slice number_text(lua_State *lua, int index, char text[NUMBER_TEXT_SIZE])
{
    size_t len = 0;
    if (lua_type(lua, index) != LUA_TNUMBER) {
        return fct_exact_text(lua, index);
    }
    if (lua_isinteger(lua, index)) {
        int64_t number = lua_tointeger(lua, index);
        len = (size_t)snprintf(text, NUMBER_TEXT_SIZE, "%" PRId64, number);
    } else if (isfinite(lua_tonumber(lua, index))) {
        len = fct_number_format(lua_tonumber(lua, index), text);
    }
    return fct_slice(len == 0 ? NULL : text, len);
}

static int refuse_arithmetic(lua_State *lua)
{
    factum_slice text = fct_exact_text(lua, 1);
    text = text.ptr == NULL ? fct_exact_text(lua, 2) : text;
    char start[NUMBER_TEXT_SIZE];
    size_t len = text.len < sizeof start ? text.len : sizeof start - 1;
    if (len > 0) {
        memcpy(start, text.ptr, len);
    }
    start[len] = '\0';
    return luaL_error(lua,
                      "the number %s%s is not an exact integer or float: it can be kept and "
                      "compared, and decimal.scale takes it, but there is no arithmetic on it",
                      start, len < text.len ? "..." : "");
}

static int compare(lua_State *lua)
{
    char texts[2][NUMBER_TEXT_SIZE];
    factum_slice a = number_text(lua, 1, texts[0]);
    factum_slice b = number_text(lua, 2, texts[1]);
    if (a.ptr == NULL || b.ptr == NULL) {
        (void)luaL_error(lua, "attempt to compare a %s with a %s", luaL_typename(lua, 1),
                         luaL_typename(lua, 2));
    }
    fct_charge_bytes(lua, a.len + b.len);
    return factum_json_compare_numbers(a, b);
}

static int exact_equal(lua_State *lua)
{
    char texts[2][NUMBER_TEXT_SIZE];
    bool numbers =
        number_text(lua, 1, texts[0]).ptr != NULL && number_text(lua, 2, texts[1]).ptr != NULL;
    lua_pushboolean(lua, numbers && compare(lua) == 0 ? 1 : 0);
    return 1;
}

static int exact_less(lua_State *lua)
{
    lua_pushboolean(lua, compare(lua) < 0 ? 1 : 0);
    return 1;
}

static int exact_at_most(lua_State *lua)
{
    lua_pushboolean(lua, compare(lua) <= 0 ? 1 : 0);
    return 1;
}

/* ---- decimal --------------------------------------------------------------------------------- */

/* Digits without leading and trailing zeros, and the place of the point: |digits| *
 * 10^|exponent|. */
struct decimal {
    bool negative;
    size_t count;
    int64_t exponent;
    uint8_t digits[DIGITS_MAX];
};

static int64_t read_exponent(factum_slice text, size_t at)
{
    bool negative = at < text.len && text.ptr[at] == '-';
    int64_t value = 0;
    for (; at < text.len; at++) {
        if (text.ptr[at] >= '0' && text.ptr[at] <= '9' && value < 1000000) {
            value = value * 10 + (text.ptr[at] - '0');
        }
    }
    return negative ? -value : value;
}

/* False: more digits than any result of scale. */
static bool read_decimal(factum_slice text, struct decimal *decimal)
{
    *decimal = (struct decimal){.negative = text.len > 0 && text.ptr[0] == '-'};
    bool point = false;
    int64_t zeros = 0; /* zeros that may turn out to be trailing */
    size_t i = decimal->negative ? 1 : 0;
    for (; i < text.len && text.ptr[i] != 'e' && text.ptr[i] != 'E'; i++) {
        uint8_t c = text.ptr[i];
        if (c == '.') {
            point = true;
            continue;
        }
        decimal->exponent -= point ? 1 : 0;
        if (c == '0') {
            zeros += decimal->count > 0 ? 1 : 0;
            continue;
        }
        if ((uint64_t)zeros + decimal->count >= DIGITS_MAX) {
            return false;
        }
        for (; zeros > 0; zeros--) {
            decimal->digits[decimal->count++] = 0;
        }
        decimal->digits[decimal->count++] = (uint8_t)(c - '0');
    }
    decimal->exponent += zeros + (i < text.len ? read_exponent(text, i + 1) : 0);
    return true;
}

static bool decimal_to_int64(const struct decimal *decimal, int64_t *number)
{
    uint64_t limit = decimal->negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    uint64_t value = 0;
    if (decimal->exponent > 18 && decimal->count > 0) {
        return false;
    }
    size_t zeros = decimal->count > 0 ? (size_t)decimal->exponent : 0;
    for (size_t i = 0; i < decimal->count + zeros; i++) {
        uint64_t digit = i < decimal->count ? decimal->digits[i] : 0;
        if (value > (limit - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *number = !decimal->negative ? (int64_t)value : value > INT64_MAX ? INT64_MIN : -(int64_t)value;
    return true;
}

static lua_Integer check_places(lua_State *lua)
{
    lua_Integer places = luaL_checkinteger(lua, 2);
    luaL_argcheck(lua, places >= 0 && places <= 18, 2, "0 to 18 decimals");
    return places;
}

/* scale(19.99, 2) is 1999. */
static int decimal_scale(lua_State *lua)
{
    char buffer[NUMBER_TEXT_SIZE];
    factum_slice text = number_text(lua, 1, buffer);
    lua_Integer places = check_places(lua);
    if (text.ptr == NULL) {
        return luaL_typeerror(lua, 1, "number");
    }
    struct decimal decimal;
    int64_t number = 0;
    fct_charge_bytes(lua, text.len);
    lua_pushlstring(lua, (const char *)text.ptr, text.len < 40 ? text.len : 40);
    const char *name = lua_tostring(lua, -1);
    bool read = read_decimal(text, &decimal);
    decimal.exponent += places;
    if (!read || (decimal.exponent < 0 && decimal.count > 0)) {
        return luaL_error(lua, "decimal.scale: %s has more than %d decimals", name, (int)places);
    }
    if (!decimal_to_int64(&decimal, &number)) {
        return luaL_error(lua, "decimal.scale: %s with %d decimals is over 64 bits", name,
                          (int)places);
    }
    lua_pushinteger(lua, number);
    return 1;
}

/* unscale(1999, 2) is 19.99; unscale(2000, 2) is 20. */
static int decimal_unscale(lua_State *lua)
{
    lua_Integer number = luaL_checkinteger(lua, 1);
    lua_Integer places = check_places(lua);
    uint64_t size = number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number;
    uint64_t unit = 1;
    for (lua_Integer i = 0; i < places; i++) {
        unit *= 10;
    }
    char text[NUMBER_TEXT_SIZE + 8];
    int len = places == 0 || size % unit == 0
                  ? snprintf(text, sizeof text, "%s%" PRIu64, number < 0 ? "-" : "", size / unit)
                  : snprintf(text, sizeof text, "%s%" PRIu64 ".%0*" PRIu64, number < 0 ? "-" : "",
                             size / unit, (int)places, size % unit);
    fct_push_number(lua, fct_slice(text, (size_t)len));
    return 1;
}

/* ---- open ------------------------------------------------------------------------------------ */

void fct_number_open(lua_State *lua)
{
    static const luaL_Reg exact[] = {
        {"__add", refuse_arithmetic}, {"__sub", refuse_arithmetic},  {"__mul", refuse_arithmetic},
        {"__div", refuse_arithmetic}, {"__mod", refuse_arithmetic},  {"__pow", refuse_arithmetic},
        {"__unm", refuse_arithmetic}, {"__idiv", refuse_arithmetic}, {"__band", refuse_arithmetic},
        {"__bor", refuse_arithmetic}, {"__bxor", refuse_arithmetic}, {"__shl", refuse_arithmetic},
        {"__shr", refuse_arithmetic}, {"__bnot", refuse_arithmetic}, {"__eq", exact_equal},
        {"__lt", exact_less},         {"__le", exact_at_most},       {NULL, NULL},
    };
    static const luaL_Reg decimal[] = {
        {"scale", decimal_scale},
        {"unscale", decimal_unscale},
        {NULL, NULL},
    };
    luaL_newlib(lua, exact);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &exact_key);
    luaL_newlib(lua, decimal);
}
