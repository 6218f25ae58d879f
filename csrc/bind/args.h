/*
** args.h: reads option tables and numbers from Lua. Everything here raises on a value that does not
** fit and names the option: a wrong option is a mistake of the program.
*/
#ifndef CM_ARGS_H
#define CM_ARGS_H

#include "bind/compat.h"
#include "text/buf.h"

#define CM_INT_MAX 9007199254740992.0 /* 2^53: the largest integers a LuaJIT number holds */

double cm_checknumber(lua_State *L, int index, double min, double max);
long long cm_checkint(lua_State *L, int index, long long min, long long max);
void cm_opt_table(lua_State *L, int index, const char *const *names);
double cm_opt_number(lua_State *L, int index, const char *name, double def, double min, double max);
bool cm_opt_int(lua_State *L, int index, const char *name, long long *value, long long min,
                long long max);
bool cm_opt_bool(lua_State *L, int index, const char *name, bool def);
const char *cm_opt_string(lua_State *L, int index, const char *name, const char *def, size_t *len);
const char *cm_opt_text(lua_State *L, int index, const char *name, const char *def, size_t max);
void *cm_opt_object(lua_State *L, int index, const char *name, const char *class_name,
                    bool required);
void cm_opt_pairs(lua_State *L, int index, const char *name, cm_buf *out,
                  const char *(*refuse)(const char *key));
int cm_opt_error(lua_State *L, const char *name, const char *wrong);

#endif
