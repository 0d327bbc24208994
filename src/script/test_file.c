/* test_file.c - test() of files of tests: collects the cases while the file runs. Layer: script.
 *
 * test("name", { given = ..., when = ..., expect = ... }) adds the case to a list in Lua's
 * registry, with the line of the call.
 */
#include "script/sandbox_int.h"

#include "core/slice.h"

static const char cases_key;

static int add_case(lua_State *lua)
{
    lua_Debug where;
    lua_settop(lua, 2);
    luaL_checktype(lua, 1, LUA_TSTRING);
    luaL_checktype(lua, 2, LUA_TTABLE);
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &cases_key);
    lua_createtable(lua, 0, 3);
    lua_pushvalue(lua, 1);
    lua_setfield(lua, -2, "name");
    lua_pushvalue(lua, 2);
    lua_setfield(lua, -2, "case");
    bool known = lua_getstack(lua, 1, &where) == 1 && lua_getinfo(lua, "l", &where) != 0;
    lua_pushinteger(lua, known ? where.currentline : 0);
    lua_setfield(lua, -2, "line");
    lua_rawseti(lua, -2, (lua_Integer)lua_rawlen(lua, -2) + 1);
    return 0;
}

void fct_test_open(lua_State *lua)
{
    lua_newtable(lua);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &cases_key);
    lua_pushcfunction(lua, add_case);
    lua_setfield(lua, -2, "test");
}

static int list_cases(lua_State *lua)
{
    (void)lua_rawgetp(lua, LUA_REGISTRYINDEX, &cases_key);
    if (lua_rawlen(lua, -1) == 0) {
        return luaL_error(lua, "no test in it: test(\"name\", { given = ..., when = ..., expect = "
                               "... })");
    }
    fct_begin_json(lua);
    fct_add_json(lua, -1, "the tests", 0);
    return 0;
}

factum_status fct_test_cases(struct fct_sandbox *sandbox, factum_slice *json, factum_error *err)
{
    factum_status status = fct_sandbox_run(sandbox, list_cases, NULL, err);
    *json = status == FACTUM_OK ? fct_buf_slice(&sandbox->out) : fct_slice(NULL, 0);
    return status;
}
