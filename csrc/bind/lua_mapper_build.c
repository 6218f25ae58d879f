#include "bind/lua_mapper_parts.h"

#include "bind/args.h"

#include <string.h>

/*
** The mapper at index 1, whose program must not be finished.
*/
lua_mapper *cm_check_building(lua_State *L) {
  lua_mapper *m = cm_check_mapper(L);
  if (m->finished)
    luaL_error(L, "the program is finished");
  return m;
}

static int number(lua_State *L, int n) {
  if (n == CM_NONE)
    return luaL_error(L, "a part of the program does not fit, or memory is short");
  lua_pushinteger(L, n);
  return 1;
}

static int check_index(lua_State *L, int arg) {
  return (int)cm_checkint(L, arg, CM_NONE, CM_MOST_PARTS);
}

static cm_given check_text(lua_State *L, int arg) {
  cm_given text;
  text.at = luaL_checklstring(L, arg, &text.len);
  return text;
}

/* A zeroed array that the collector gives back. */
static void *temporary(lua_State *L, size_t n, size_t size) {
  void *array = lua_newuserdata(L, n * size + 1);
  memset(array, 0, n * size + 1);
  return array;
}

static size_t length(lua_State *L, int arg) {
  size_t n;
  luaL_checktype(L, arg, LUA_TTABLE);
  n = lua_rawlen(L, arg);
  luaL_argcheck(L, n <= CM_MOST_PARTS, arg, "too long");
  return n;
}

/* The numbers of a list; stays valid until the function returns. */
static int *check_numbers(lua_State *L, int arg, size_t *n) {
  size_t i;
  int *list;
  *n = length(L, arg);
  list = temporary(L, *n, sizeof *list);
  for (i = 0; i < *n; i++) {
    lua_rawgeti(L, arg, (int)i + 1);
    list[i] = check_index(L, -1);
    lua_pop(L, 1);
  }
  return list;
}

/* The texts of a list, which its table keeps alive. */
static cm_given *check_texts(lua_State *L, int arg, size_t *n) {
  size_t i;
  cm_given *list;
  *n = length(L, arg);
  list = temporary(L, *n, sizeof *list);
  for (i = 0; i < *n; i++) {
    lua_rawgeti(L, arg, (int)i + 1);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, arg, "a list of texts expected");
    list[i].at = lua_tolstring(L, -1, &list[i].len);
    lua_pop(L, 1);
  }
  return list;
}

/*
** mapper:scope(parent) -> its number, the key of its elements
*/
int cm_build_scope(lua_State *L) {
  lua_mapper *m = cm_check_building(L);
  int scope = cm_program_scope(m->program, check_index(L, 2));
  number(L, scope);
  lua_pushinteger(L, m->program->scopes[scope].key);
  return 2;
}

/*
** mapper:key(parent, name) -> its number
*/
int cm_build_key(lua_State *L) {
  lua_mapper *m = cm_check_building(L);
  return number(L, cm_program_key(m->program, check_index(L, 2), check_text(L, 3)));
}

/*
** mapper:text(text) -> its number
*/
int cm_build_text(lua_State *L) {
  lua_mapper *m = cm_check_building(L);
  return number(L, cm_program_text(m->program, check_text(L, 2)));
}

/*
** mapper:words(words, ours?) -> the number of the set
*/
int cm_build_words(lua_State *L) {
  lua_mapper *m = cm_check_building(L);
  size_t n, count;
  cm_given *words, *ours = NULL;
  lua_settop(L, 3);
  words = check_texts(L, 2, &n);
  if (!lua_isnoneornil(L, 3)) {
    ours = check_texts(L, 3, &count);
    luaL_argcheck(L, count == n, 3, "as many as words expected");
  }
  return number(L, cm_program_words(m->program, words, ours, n));
}

/*
** mapper:fields(scope, names, expressions) -> the number of the list
*/
int cm_build_fields(lua_State *L) {
  lua_mapper *m = cm_check_building(L);
  size_t n, count;
  cm_given *names;
  int *exprs;
  lua_settop(L, 4);
  names = check_texts(L, 3, &n);
  exprs = check_numbers(L, 4, &count);
  luaL_argcheck(L, count == n, 4, "as many as names expected");
  return number(L, cm_program_fields(m->program, check_index(L, 2), names, exprs, n));
}

static const char *const OPS[] = {
    "path",    "id",      "text",    "number",    "boolean", "json",         "currency",  "money",
    "negated", "integer", "decimal", "timestamp", "first",   "enum",         "unlisted",  "call",
    "object",  "ref",     "list",    "each",      "address", "supplemental", "nulls",     "tally",
    "parent",  "source",  "within",  "switch",    "sign",    "prefix",       "remainder", NULL};

/*
** mapper:expr(scope, operation, arguments) -> its number
*/
int cm_build_expr(lua_State *L) {
  lua_mapper *m = cm_check_building(L);
  int op = luaL_checkoption(L, 3, NULL, OPS);
  size_t n;
  int *args = check_numbers(L, 4, &n);
  return number(L, cm_program_expr(m->program, check_index(L, 2), (cm_op)op, args, n));
}

static const char *const KINDS[] = {"any", "boolean", "number", "string", "enum",
                                    "map", "object",  "list",   NULL};

static int index_at(lua_State *L, const char *name) {
  int n;
  lua_getfield(L, -1, name);
  n = lua_isnil(L, -1) ? CM_NONE : check_index(L, -1);
  lua_pop(L, 1);
  return n;
}

/*
** mapper:shape{{name =, kind =, words =, shape =, required =}, ...} -> its number
*/
int cm_build_shape(lua_State *L) {
  lua_mapper *m = cm_check_building(L);
  size_t n = length(L, 2), i;
  cm_given_member *members = temporary(L, n, sizeof *members);
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, 2, (int)i + 1);
    luaL_argcheck(L, lua_istable(L, -1), 2, "a list of tables expected");
    lua_getfield(L, -1, "name");
    members[i].name = check_text(L, -1);
    lua_pop(L, 1);
    lua_getfield(L, -1, "kind");
    members[i].kind = (cm_kind)luaL_checkoption(L, -1, NULL, KINDS);
    lua_pop(L, 1);
    lua_getfield(L, -1, "required");
    members[i].required = lua_toboolean(L, -1);
    lua_pop(L, 1);
    members[i].words = index_at(L, "words");
    members[i].shape = index_at(L, "shape");
    lua_pop(L, 1);
  }
  return number(L, cm_program_shape(m->program, members, n));
}

/*
** mapper:recipe({shape =, where =, each =, inner =, suffix =, inner_where =, loose =}, expressions,
** expressions of the inner scope?) -> its number
*/
int cm_build_recipe(lua_State *L) {
  lua_mapper *m = cm_check_building(L);
  cm_recipe r;
  size_t n, count;
  int *exprs, *inner = NULL;
  lua_settop(L, 4);
  luaL_checktype(L, 2, LUA_TTABLE);
  memset(&r, 0, sizeof r);
  exprs = check_numbers(L, 3, &n);
  lua_pushvalue(L, 2);
  r.shape = index_at(L, "shape");
  r.where = index_at(L, "where");
  r.each = index_at(L, "each");
  r.inner = index_at(L, "inner");
  r.suffix = index_at(L, "suffix");
  r.inner_where = index_at(L, "inner_where");
  lua_getfield(L, -1, "loose");
  r.loose = lua_toboolean(L, -1);
  lua_pop(L, 1);
  lua_pop(L, 1);
  if (r.each != CM_NONE) {
    inner = check_numbers(L, 4, &count);
    luaL_argcheck(L, count == n, 4, "as many as of the object expected");
  }
  return number(L, cm_program_recipe(m->program, &r, exprs, inner, n));
}
