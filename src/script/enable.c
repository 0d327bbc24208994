/* enable.c - puts Lua into api's table of script hosts. Layer: script. */
#include "script/lua.h"

void factum_lua_enable(void)
{
    fct_api_register_script_host(&fct_lua_host);
}
