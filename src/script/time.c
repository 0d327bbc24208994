/* time.c - time.text and time.parse: moments between text and nanoseconds. Layer: script.
 *
 * Scripts have no clock: a script knows the time of its command and of its events, as whole
 * nanoseconds since 1970.
 */
#include "core/slice.h"
#include "script/sandbox_int.h"

static int time_as_text(lua_State *lua)
{
    char text[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(luaL_checkinteger(lua, 1), text);
    lua_pushstring(lua, text);
    return 1;
}

static int time_parse(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TSTRING);
    size_t len;
    const char *text = lua_tolstring(lua, 1, &len);
    int64_t time;
    if (factum_time_parse(fct_slice(text, len), &time) != FACTUM_OK) {
        return luaL_error(lua, "time.parse: not a time as 2026-01-31T12:00:00Z or 2026-01-31");
    }
    lua_pushinteger(lua, time);
    return 1;
}

void fct_time_open(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"parse", time_parse},
        {"text", time_as_text},
        {NULL, NULL},
    };
    luaL_newlib(lua, functions);
}
