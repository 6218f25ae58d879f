#include "bind/lua_mapper.h"

#include "bind/args.h"
#include "bind/class.h"
#include "bind/lua_mapper_parts.h"
#include "bind/lua_page.h"
#include "text/number.h"

#include <stdio.h>
#include <string.h>

#define MAPPER_CLASS "commerce.mapper"
#define MOST_OBJECTS 100000 /* of a page */

/* What the userdata keeps: the functions of the mapping, and two of the library. */
enum { FUNCTIONS = 1, DECODE, ENCODE, TEXT, RAISED };

/*
** The mapper at index 1.
*/
lua_mapper *cm_check_mapper(lua_State *L) {
  return luaL_checkudata(L, 1, MAPPER_CLASS);
}

static bool call_function(void *context, cm_mapper *run, int function, cm_value *args, int n,
                          cm_value *result);

/* mapper:finish(functions, decode, encode): the functions by their numbers, from 1 */
static int mapper_finish(lua_State *L) {
  lua_mapper *m = cm_check_building(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  luaL_checktype(L, 4, LUA_TFUNCTION);
  lua_settop(L, 4);
  lua_createtable(L, 3, 0);
  lua_insert(L, 2);
  lua_rawseti(L, 2, ENCODE);
  lua_rawseti(L, 2, DECODE);
  lua_rawseti(L, 2, FUNCTIONS);
  lua_setuservalue(L, 1);
  if (!cm_program_finish(m->program))
    return luaL_error(L, "out of memory");
  cm_mapper_init(&m->run, m->program);
  m->run.call = call_function;
  m->run.context = m;
  m->finished = true;
  return 0;
}

/* ---------------------------------------------------------------- calling functions */

/* Calls what is on the stack with its arguments. Returns false if it raised. */
static bool protected_call(lua_mapper *m, int args) {
  lua_State *L = m->L;
  const char *message;
  if (lua_pcall(L, args, 1, 0) == 0)
    return true;
  message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  m->interrupted = message && strstr(message, "interrupted!") != NULL;
  lua_getuservalue(L, m->self);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, RAISED);
  lua_pop(L, 1);
  m->raised = true;
  return false;
}

/* Pushes one of the values that the userdata keeps. */
static void push_kept(lua_mapper *m, int which) {
  lua_getuservalue(m->L, m->self);
  lua_rawgeti(m->L, -1, which);
  lua_remove(m->L, -2);
}

/* Whether a decimal that was computed may be among the numbers of a text: Lua would round it. */
static bool has_long_number(const char *text, size_t n) {
  size_t i, digits = 0;
  for (i = 0; i < n && digits <= 15; i++)
    digits = (text[i] >= '0' && text[i] <= '9') || (digits && text[i] == '.') ? digits + 1 : 0;
  return digits > 15;
}

static bool push_decoded(lua_mapper *m, const cm_value *v) {
  const char *text = cm_mapper_bytes(&m->run, v);
  push_kept(m, DECODE);
  lua_pushlstring(m->L, text, v->len);
  lua_pushboolean(m->L, v->own && has_long_number(text, v->len));
  return protected_call(m, 2);
}

static bool push_value(lua_mapper *m, cm_value *v) {
  lua_State *L = m->L;
  const char *bytes;
  switch ((cm_type)v->type) {
  case CM_FALSE:
  case CM_TRUE:
    lua_pushboolean(L, v->type == CM_TRUE);
    return true;
  case CM_NUMBER:
    bytes = cm_mapper_bytes(&m->run, v);
    /* a decimal of more digits than a double has is an object in Lua */
    if (v->own && cm_number_significant(bytes, v->len) > 15)
      return push_decoded(m, v);
    lua_pushnumber(L, (lua_Number)cm_number_value(bytes, v->len));
    return true;
  case CM_STRING:
    if (!cm_mapper_text(&m->run, v))
      return false;
    lua_pushlstring(L, cm_mapper_bytes(&m->run, v), v->len);
    return true;
  case CM_OBJECT:
  case CM_ARRAY:
    return push_decoded(m, v);
  default:
    lua_pushnil(L);
    return true;
  }
}

static bool take_number(lua_mapper *m, cm_value *result) {
  char text[32];
  int n;
  if (!lua_isinteger(m->L, -1))
    return cm_mapper_own_number(&m->run, result, (double)lua_tonumber(m->L, -1));
  n = snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(m->L, -1));
  return cm_mapper_own(&m->run, result, CM_NUMBER, text, (size_t)n);
}

/* A table, by the library's encoder: the JSON of an object or array, or a decimal's digits. */
static bool take_table(lua_mapper *m, cm_value *result) {
  const char *text;
  size_t len;
  cm_type type;
  push_kept(m, ENCODE);
  lua_insert(m->L, -2);
  if (!protected_call(m, 1) || lua_type(m->L, -1) != LUA_TSTRING)
    return false;
  text = lua_tolstring(m->L, -1, &len);
  if (len == 0)
    return false;
  type = *text == '{' ? CM_OBJECT : *text == '[' ? CM_ARRAY : CM_NUMBER;
  return cm_mapper_own(&m->run, result, type, text, len);
}

static bool take_result(lua_mapper *m, cm_value *result) {
  const char *text;
  size_t len;
  memset(result, 0, sizeof *result);
  switch (lua_type(m->L, -1)) {
  case LUA_TNIL:
    return true;
  case LUA_TBOOLEAN:
    result->type = lua_toboolean(m->L, -1) ? CM_TRUE : CM_FALSE;
    return true;
  case LUA_TNUMBER:
    return take_number(m, result);
  case LUA_TSTRING:
    text = lua_tolstring(m->L, -1, &len);
    return cm_mapper_own(&m->run, result, CM_STRING, text, len);
  case LUA_TTABLE:
    return take_table(m, result);
  default:
    m->run.why = "a function gave a value that JSON does not have";
    return false;
  }
}

static bool call_function(void *context, cm_mapper *run, int function, cm_value *args, int n,
                          cm_value *result) {
  lua_mapper *m = context;
  lua_State *L = m->L;
  int top = lua_gettop(L), i;
  bool ok = true;
  (void)run;
  if (!lua_checkstack(L, n + 8))
    return false;
  lua_getuservalue(L, m->self);
  lua_rawgeti(L, -1, FUNCTIONS);
  lua_rawgeti(L, -1, function);
  for (i = 0; i < n && ok; i++)
    ok = push_value(m, &args[i]);
  ok = ok && protected_call(m, n) && take_result(m, result);
  if (!m->interrupted)
    lua_settop(L, top);
  return ok;
}

/* ---------------------------------------------------------------- running */

static lua_mapper *check_finished(lua_State *L) {
  lua_mapper *m = cm_check_mapper(L);
  if (!m->finished)
    luaL_error(L, "the program is not finished");
  return m;
}

/* The id of the object that was read. False if it is to be read by Lua: it has none, or is of the
   other mode. */
static bool take_id(lua_mapper *m, bool livemode, cm_value *id) {
  const cm_value *v = cm_mapper_value(&m->run, CM_KEY_LIVEMODE);
  if ((v->type == CM_TRUE || v->type == CM_FALSE) && (v->type == CM_TRUE) != livemode)
    return false;
  *id = *cm_mapper_value(&m->run, CM_KEY_ID);
  return id->type == CM_STRING && cm_mapper_text(&m->run, id);
}

/* Pushes that id, or nothing. */
static int push_id(lua_State *L, lua_mapper *m, bool read, int mode) {
  cm_value id;
  if (!read || !take_id(m, lua_toboolean(L, mode) != 0, &id))
    return 0;
  lua_pushlstring(L, cm_mapper_bytes(&m->run, &id), id.len);
  return 1;
}

/* mapper:read(page, i, livemode) -> the object's id; nil: it is to be read otherwise */
static int mapper_read(lua_State *L) {
  lua_mapper *m = check_finished(L);
  size_t len;
  const char *text = cm_page_text(L, 2, 3, &len);
  return push_id(L, m, text && cm_mapper_read(&m->run, text, len), 4);
}

/* Reads an object of the JSON text that is the second argument. */
static bool load_text(lua_State *L, lua_mapper *m) {
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  lua_getuservalue(L, 1);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, TEXT);
  lua_pop(L, 1);
  return cm_mapper_read(&m->run, text, len);
}

/* mapper:read_text(text, livemode) -> as read, of a JSON text, which the mapper keeps */
static int mapper_read_text(lua_State *L) {
  lua_mapper *m = check_finished(L);
  return push_id(L, m, load_text(L, m), 3);
}

/* mapper:load(text) -> as read_text, whatever its id and mode: whether it is a JSON object */
static int mapper_load(lua_State *L) {
  lua_mapper *m = check_finished(L);
  lua_pushboolean(L, load_text(L, m));
  return 1;
}

/* A key of the object that was read. */
static int check_key(lua_State *L, lua_mapper *m, int arg) {
  int key = (int)cm_checkint(L, arg, 0, m->program->n_keys - 1);
  luaL_argcheck(L, m->program->keys[key].scope == 0 && m->run.n_slots > 0, arg, "no such value");
  return key;
}

/* mapper:value(key) -> the text, number or boolean there; nil for anything else */
static int mapper_value(lua_State *L) {
  lua_mapper *m = check_finished(L);
  cm_value v = *cm_mapper_value(&m->run, check_key(L, m, 2));
  if (v.type == CM_TRUE || v.type == CM_FALSE)
    lua_pushboolean(L, v.type == CM_TRUE);
  else if (v.type == CM_NUMBER)
    lua_pushnumber(L, (lua_Number)cm_number_value(cm_mapper_bytes(&m->run, &v), v.len));
  else if (v.type == CM_STRING && cm_mapper_text(&m->run, &v))
    lua_pushlstring(L, cm_mapper_bytes(&m->run, &v), v.len);
  else
    lua_pushnil(L);
  return 1;
}

/* Pushes the id of a record; false if it was made before, by `seen` at an index (0: none). */
static bool push_new_id(lua_State *L, const lua_mapper *m, const cm_made *made, int seen) {
  bool is_new = true;
  lua_pushlstring(L, cm_buf_str(&m->run.ids) + made->id_at, made->id_len);
  if (seen) {
    lua_pushvalue(L, -1);
    lua_rawget(L, seen);
    is_new = !lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (is_new) {
      lua_pushvalue(L, -1);
      lua_pushboolean(L, 1);
      lua_rawset(L, seen);
    }
  }
  if (!is_new)
    lua_pop(L, 1);
  return is_new;
}

/* Makes the records of the object that was read. Ctrl-C in one of its functions is raised. */
static bool make_records(lua_State *L, lua_mapper *m, int recipe, const char *dated) {
  bool ok;
  m->L = L;
  m->self = 1;
  m->interrupted = m->raised = false;
  ok = cm_mapper_make(&m->run, recipe, dated);
  m->L = NULL;
  if (m->interrupted)
    lua_error(L); /* nothing may swallow it */
  return ok;
}

/* Appends the records to the list at an index, which must be absolute. Returns how many. */
static int append_records(lua_State *L, const lua_mapper *m, int list, int seen) {
  int before = (int)lua_rawlen(L, list), n = before;
  size_t i;
  for (i = 0; i < m->run.n_records; i++) {
    const cm_made *made = &m->run.records[i];
    if (!push_new_id(L, m, made, seen))
      continue;
    lua_createtable(L, 0, 2);
    lua_insert(L, -2);
    lua_setfield(L, -2, "id");
    lua_pushlstring(L, cm_buf_str(&m->run.out) + made->body_at, made->body_len);
    lua_setfield(L, -2, "body");
    lua_rawseti(L, list, ++n);
  }
  return n - before;
}

/*
** mapper:make(recipe, list, dated?, seen?) -> how many records were appended to the list, as
** tables { id, body }; nil, the reason and what a function raised if one of them is not valid.
** dated: the date of the object's last change, if it is later than the one that the object has.
** seen: a set of ids, of which no more record is made.
*/
static int mapper_make(lua_State *L) {
  lua_mapper *m = check_finished(L);
  int recipe = (int)cm_checkint(L, 2, 0, m->program->n_recipes - 1);
  const char *dated = luaL_optstring(L, 4, NULL);
  int seen = lua_isnoneornil(L, 5) ? 0 : 5;
  luaL_checktype(L, 3, LUA_TTABLE);
  if (seen)
    luaL_checktype(L, 5, LUA_TTABLE);
  luaL_argcheck(L, m->run.text && m->run.n_slots > 0, 1, "no object was read");
  if (!make_records(L, m, recipe, dated)) {
    lua_pushnil(L);
    lua_pushstring(L, m->run.why);
    if (!m->raised)
      return 2;
    lua_getuservalue(L, 1);
    lua_rawgeti(L, -1, RAISED);
    lua_remove(L, -2);
    return 3;
  }
  lua_pushinteger(L, append_records(L, m, 3, seen));
  return 1;
}

/* Whether the value of one of the keys of a list { key, text, ... } is its text; the text "true"
   stands for true. */
static bool is_stopped(lua_State *L, lua_mapper *m, int stops) {
  int i, n = (int)lua_rawlen(L, stops);
  bool stopped = false;
  for (i = 1; i < n && !stopped; i += 2) {
    cm_value v;
    const char *text;
    size_t len;
    lua_rawgeti(L, stops, i);
    lua_rawgeti(L, stops, i + 1);
    v = *cm_mapper_value(&m->run, check_key(L, m, -2));
    text = luaL_checklstring(L, -1, &len);
    if (v.type == CM_TRUE)
      stopped = strcmp(text, "true") == 0;
    else
      stopped = v.type == CM_STRING && cm_mapper_text(&m->run, &v) && v.len == len &&
                memcmp(cm_mapper_bytes(&m->run, &v), text, len) == 0;
    lua_pop(L, 2);
  }
  return stopped;
}

/* Whether a set of ids, at an index or none (0), has the id. */
static bool is_named(lua_State *L, const lua_mapper *m, int set, const cm_value *id) {
  bool named;
  if (!set)
    return false;
  lua_pushlstring(L, cm_mapper_bytes(&m->run, id), id->len);
  lua_rawget(L, set);
  named = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return named;
}

/* Makes the records of an object by the recipes of all plans { recipe, list, none }; `none` gets
   the id of an object without records. Returns the place of the plan that declined it; 0 for none.
 */
static int make_all(lua_State *L, lua_mapper *m, int plans, const cm_value *given_id) {
  int i, n = (int)lua_rawlen(L, plans), top = lua_gettop(L);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, plans, i);
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_rawgeti(L, top + 1, 1);
    if (!make_records(L, m, (int)cm_checkint(L, -1, 0, m->program->n_recipes - 1), NULL))
      break;
    lua_rawgeti(L, top + 1, 2);
    luaL_checktype(L, -1, LUA_TTABLE);
    if (append_records(L, m, top + 3, 0) == 0) {
      cm_value id = *given_id;
      lua_rawgeti(L, top + 1, 3);
      luaL_checktype(L, -1, LUA_TTABLE);
      lua_pushlstring(L, cm_mapper_bytes(&m->run, &id), id.len);
      lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
    }
    lua_settop(L, top);
  }
  lua_settop(L, top);
  return i <= n ? i : 0;
}

/*
** mapper:run(page, first, last, livemode, plans, stops, ids?) -> the place of the first object that
** is to be handled otherwise, and the first plan that has not made its records; the place behind
** `last` if all were. Plans: { { recipe, list of records, list of ids without records }, ... }.
** Stops: { key, text, ... }, an object with one of these values is left; ids: the ones whose
** objects are left.
*/
static int mapper_run(lua_State *L) {
  lua_mapper *m = check_finished(L);
  int i, first = (int)cm_checkint(L, 3, 1, MOST_OBJECTS),
         last = (int)cm_checkint(L, 4, 0, MOST_OBJECTS), plan = 0;
  bool livemode = lua_toboolean(L, 5);
  int ids = lua_isnoneornil(L, 8) ? 0 : 8;
  luaL_checktype(L, 6, LUA_TTABLE);
  luaL_checktype(L, 7, LUA_TTABLE);
  if (ids)
    luaL_checktype(L, 8, LUA_TTABLE);
  luaL_checkstack(L, 20, NULL);
  for (i = first; i <= last && !plan; i += !plan) {
    cm_value id;
    size_t len;
    const char *text;
    lua_pushinteger(L, i);
    text = cm_page_text(L, 2, -1, &len);
    lua_pop(L, 1);
    if (!text || !cm_mapper_read(&m->run, text, len) || !take_id(m, livemode, &id) ||
        is_stopped(L, m, 7) || is_named(L, m, ids, &id))
      plan = 1;
    else
      plan = make_all(L, m, 6, &id);
  }
  lua_pushinteger(L, i);
  if (!plan)
    return 1;
  lua_pushinteger(L, plan);
  return 2;
}

/* mapper:tallies() -> of each tally: objects it was computed for, objects that gave a value */
static int mapper_tallies(lua_State *L) {
  lua_mapper *m = check_finished(L);
  int i, n = m->run.seen ? m->program->n_tallies : 0;
  lua_createtable(L, n * 2, 0);
  for (i = 0; i < n; i++) {
    lua_pushinteger(L, (lua_Integer)m->run.seen[i]);
    lua_rawseti(L, -2, i * 2 + 1);
    lua_pushinteger(L, (lua_Integer)m->run.given[i]);
    lua_rawseti(L, -2, i * 2 + 2);
    m->run.seen[i] = m->run.given[i] = 0;
  }
  return 1;
}

static int mapper_gc(lua_State *L) {
  lua_mapper *m = cm_check_mapper(L);
  cm_mapper_free(&m->run);
  cm_program_free(m->program);
  m->program = NULL;
  m->finished = false;
  return 0;
}

/*
** core.mapper() -> an empty program; see commerce.mapping.program.
*/
int cm_mapper_new(lua_State *L) {
  lua_mapper *m = cm_new(L, MAPPER_CLASS, sizeof *m);
  m->program = cm_program_new();
  return m->program ? 1 : luaL_error(L, "out of memory");
}

/*
** core.decimal(number) -> its shortest decimal text, the same under every runtime and locale; nil
** for infinities and NaN
*/
int cm_mapper_decimal(lua_State *L) {
  double value = (double)luaL_checknumber(L, 1);
  char *copy = lua_newuserdata(L, 400); /* more than the digits of any double */
  size_t len;
  cm_buf text;
  cm_buf_init(&text, 399, false);
  if (!cm_number_add_double(&text, value)) {
    cm_buf_free(&text);
    return 0;
  }
  len = text.len;
  memcpy(copy, text.data, len);
  cm_buf_free(&text);
  lua_pushlstring(L, copy, len);
  return 1;
}

/*
** Registers the class.
*/
void cm_open_mapper(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", mapper_gc}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"scope", cm_build_scope},
                                     {"key", cm_build_key},
                                     {"text", cm_build_text},
                                     {"words", cm_build_words},
                                     {"fields", cm_build_fields},
                                     {"expr", cm_build_expr},
                                     {"shape", cm_build_shape},
                                     {"recipe", cm_build_recipe},
                                     {"finish", mapper_finish},
                                     {"read", mapper_read},
                                     {"read_text", mapper_read_text},
                                     {"load", mapper_load},
                                     {"value", mapper_value},
                                     {"make", mapper_make},
                                     {"run", mapper_run},
                                     {"tallies", mapper_tallies},
                                     {NULL, NULL}};
  cm_class(L, MAPPER_CLASS, meta, methods);
}
