/*
** lua_mapper_parts.h: the userdata that lua_mapper.c makes, runs and frees, and to whose program
** lua_mapper_build.c adds parts before it is finished.
*/
#ifndef CM_LUA_MAPPER_PARTS_H
#define CM_LUA_MAPPER_PARTS_H

#include "bind/compat.h"
#include "text/mapper.h"

#define CM_MOST_PARTS 100000 /* of anything in a program */

typedef struct lua_mapper {
  cm_program *program;
  cm_mapper run;
  bool finished;
  lua_State *L;     /* while it runs, and its functions may be called */
  int self;         /* its index there */
  bool interrupted; /* Ctrl-C fell into a function: the error is at the top of the stack */
  bool raised;      /* a function failed: the userdata keeps what it raised */
} lua_mapper;

/* lua_mapper.c */
lua_mapper *cm_check_mapper(lua_State *L);

/* lua_mapper_build.c */
lua_mapper *cm_check_building(lua_State *L);
int cm_build_expr(lua_State *L);
int cm_build_fields(lua_State *L);
int cm_build_key(lua_State *L);
int cm_build_recipe(lua_State *L);
int cm_build_scope(lua_State *L);
int cm_build_shape(lua_State *L);
int cm_build_text(lua_State *L);
int cm_build_words(lua_State *L);

#endif
