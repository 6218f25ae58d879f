#include "bind/lua_json.h"

#include "bind/class.h"
#include "text/buf.h"
#include "text/canonical.h"
#include "text/number.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITER_CLASS "commerce.json.writer"
#define MOST_DEPTH 500 /* tables inside one another: Lua and C have room for more */

/* Keys of the registry: the metatables that mark decimals and arrays. */
static const char DECIMAL = 'd', ARRAY = 'a';

typedef struct cm_writer {
  cm_buf out;
  int decimal, array; /* where these metatables stand on the stack */
  int depth;
  cm_buf path;     /* of a record that is not valid: to the field */
  const char *got; /* the type of that field's value */
} cm_writer;

static int writer_free(lua_State *L) {
  cm_writer *w = lua_touserdata(L, 1);
  cm_buf_free(&w->out);
  cm_buf_free(&w->path);
  return 0;
}

static void keep_at(lua_State *L, const void *key) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  lua_insert(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

static void push_kept(lua_State *L, const void *key) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  lua_rawget(L, LUA_REGISTRYINDEX);
}

/*
** core.json_marks(decimal, array): the metatables of decimals, whose `text` is a number's JSON, and
** of tables that are arrays even if they are empty.
*/
int cm_json_marks(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  keep_at(L, &ARRAY);
  keep_at(L, &DECIMAL);
  return 0;
}

/* Begins a text. The writer, a userdata whose memory goes with it if an error is raised, and the
   two metatables stay on the stack. */
static cm_writer *begin(lua_State *L) {
  cm_writer *w = cm_new(L, WRITER_CLASS, sizeof *w);
  push_kept(L, &DECIMAL);
  w->decimal = lua_gettop(L);
  push_kept(L, &ARRAY);
  w->array = lua_gettop(L);
  return w;
}

/* Raises without a position in Lua: people read the message. */
static void raise(lua_State *L, const char *message, const char *more) {
  lua_pushfstring(L, "%s%s", message, more);
  lua_error(L);
}

static void kept(lua_State *L, bool ok) {
  if (!ok)
    raise(L, "out of memory", "");
}

static void add(lua_State *L, cm_writer *w, const char *text, size_t n) {
  kept(L, cm_buf_add(&w->out, text, n));
}

/* Whether the table at the top has the metatable at an index. */
static bool is_marked(lua_State *L, int mark) {
  bool marked;
  if (!lua_getmetatable(L, -1))
    return false;
  marked = lua_rawequal(L, -1, mark);
  lua_pop(L, 1);
  return marked;
}

static void write_string(lua_State *L, cm_writer *w) {
  size_t n;
  const char *text = lua_tolstring(L, -1, &n);
  kept(L, cm_canonical_string(&w->out, text, n));
}

/* Writes the number or decimal at the top. Returns false for infinities and NaN. */
static bool write_number(lua_State *L, cm_writer *w) {
  char text[32];
  double value;
  if (lua_type(L, -1) == LUA_TTABLE) {
    size_t n;
    const char *digits;
    lua_getfield(L, -1, "text");
    digits = luaL_checklstring(L, -1, &n);
    add(L, w, digits, n);
    lua_pop(L, 1);
    return true;
  }
  if (lua_isinteger(L, -1)) {
    add(L, w, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(L, -1)));
    return true;
  }
  value = (double)lua_tonumber(L, -1);
  if (value < 1e15 && value > -1e15 && value == (double)(long long)value) {
    add(L, w, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)value));
    return true;
  }
  if (value != value || value - value != 0)
    return false;
  kept(L, cm_number_add_double(&w->out, value));
  return true;
}

static void write_value(lua_State *L, cm_writer *w);

static void enter(lua_State *L, cm_writer *w) {
  if (++w->depth > MOST_DEPTH)
    raise(L, "JSON is nested too deep, or a table is inside itself", "");
  luaL_checkstack(L, 8, NULL);
}

static void write_array(lua_State *L, cm_writer *w) {
  int i, n = (int)lua_rawlen(L, -1);
  add(L, w, "[", 1);
  for (i = 1; i <= n; i++) {
    if (i > 1)
      add(L, w, ",", 1);
    lua_rawgeti(L, -1, i);
    write_value(L, w);
    lua_pop(L, 1);
  }
  add(L, w, "]", 1);
}

typedef struct name {
  const char *text;
  size_t len;
} name;

static int by_bytes(const void *a, const void *b) {
  const name *one = a, *other = b;
  return cm_canonical_compare(one->text, one->len, other->text, other->len);
}

/* Counts the members of the table at the top; *texts: whether all their names are texts. */
static size_t count_members(lua_State *L, bool *texts) {
  size_t n = 0;
  *texts = true;
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_pop(L, 1);
    n++;
    *texts = *texts && lua_type(L, -1) == LUA_TSTRING;
  }
  return n;
}

/* Replaces the table at the top by one with the same members, whose names are texts. */
static void name_by_texts(lua_State *L) {
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, -3)) {
    switch (lua_type(L, -2)) {
    case LUA_TSTRING:
    case LUA_TNUMBER:
      lua_pushvalue(L, -2);
      lua_tolstring(L, -1, NULL);
      break;
    case LUA_TBOOLEAN:
      lua_pushstring(L, lua_toboolean(L, -2) ? "true" : "false");
      break;
    default:
      raise(L, "JSON has no name that is a ", luaL_typename(L, -2));
    }
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  lua_replace(L, -2);
}

static void write_object(lua_State *L, cm_writer *w) {
  bool texts;
  size_t n = count_members(L, &texts), i = 0;
  name few[32], *names = few;
  lua_pushvalue(L, -1);
  if (!texts) {
    name_by_texts(L);
    n = count_members(L, &texts);
  }
  if (n > sizeof few / sizeof *few)
    names = lua_newuserdata(L, n * sizeof *names);
  else
    lua_pushnil(L);
  lua_pushnil(L);
  while (lua_next(L, -3)) { /* the texts stay where they are while the table has them */
    lua_pop(L, 1);
    names[i].text = lua_tolstring(L, -1, &names[i].len);
    i++;
  }
  qsort(names, n, sizeof *names, by_bytes);
  add(L, w, "{", 1);
  for (i = 0; i < n; i++) {
    if (i > 0)
      add(L, w, ",", 1);
    kept(L, cm_canonical_string(&w->out, names[i].text, names[i].len));
    add(L, w, ":", 1);
    lua_pushlstring(L, names[i].text, names[i].len);
    lua_rawget(L, -3);
    write_value(L, w);
    lua_pop(L, 1);
  }
  add(L, w, "}", 1);
  lua_pop(L, 2);
}

static bool is_array(lua_State *L, const cm_writer *w) {
  bool first;
  lua_rawgeti(L, -1, 1);
  first = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return first || is_marked(L, w->array);
}

/* Writes the value at the top of the stack. */
static void write_value(lua_State *L, cm_writer *w) {
  switch (lua_type(L, -1)) {
  case LUA_TSTRING:
    write_string(L, w);
    return;
  case LUA_TBOOLEAN:
    if (lua_toboolean(L, -1))
      add(L, w, "true", 4);
    else
      add(L, w, "false", 5);
    return;
  case LUA_TNUMBER:
    if (!write_number(L, w))
      raise(L, "JSON has no infinity and no NaN", "");
    return;
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(L, -1) == NULL) { /* lua-cjson's null */
      add(L, w, "null", 4);
      return;
    }
    break;
  case LUA_TTABLE:
    enter(L, w);
    if (is_marked(L, w->decimal))
      write_number(L, w);
    else if (is_array(L, w))
      write_array(L, w);
    else
      write_object(L, w);
    w->depth--;
    return;
  default:
    break;
  }
  raise(L, "JSON has no ", luaL_typename(L, -1));
}

static int give(lua_State *L, cm_writer *w) {
  lua_pushlstring(L, cm_buf_str(&w->out), w->out.len);
  cm_buf_free(&w->out);
  return 1;
}

/*
** core.json_encode(value) -> its canonical JSON: members by the bytes of their names, no spaces. A
** table with a first element, or marked as an array, is one. Raises for what JSON cannot carry.
*/
int cm_json_encode(lua_State *L) {
  cm_writer *w;
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  w = begin(L);
  lua_pushvalue(L, 1);
  write_value(L, w);
  return give(L, w);
}

/* ---------------------------------------------------------------- records */

/* Puts a field's name before the path. */
static void name_field(lua_State *L, cm_writer *w, int field, const char *between) {
  cm_buf path;
  bool ok;
  cm_buf_init(&path, 0, false);
  lua_getfield(L, field, "name");
  ok = cm_buf_adds(&path, luaL_checkstring(L, -1)) && cm_buf_adds(&path, between) &&
       cm_buf_add(&path, cm_buf_str(&w->path), w->path.len);
  lua_pop(L, 1);
  cm_buf_move(&w->path, &path);
  kept(L, ok);
}

/* A field, at an index, does not take its value, which is at the top. */
static bool refuse(lua_State *L, cm_writer *w, int field) {
  w->got = lua_isnil(L, -1) ? "nothing" : luaL_typename(L, -1);
  name_field(L, w, field, "");
  lua_pushvalue(L, field);
  keep_at(L, w); /* until it is given */
  return false;
}

/* Puts the name of a field, and the place in its list (0: it has none), before the path to the
   field inside it that was refused. */
static bool refuse_inside(lua_State *L, cm_writer *w, int field, int place) {
  char between[32] = ".";
  if (place)
    snprintf(between, sizeof between, "[%d].", place);
  name_field(L, w, field, between);
  return false;
}

static bool write_members(lua_State *L, cm_writer *w, int shape, const char *skip);

/* Writes the value at the top, if it is an object, by the shape of a field. */
static bool write_shaped(lua_State *L, cm_writer *w, int field, int place) {
  int shape;
  bool ok;
  if (lua_type(L, -1) != LUA_TTABLE || is_marked(L, w->decimal))
    return refuse(L, w, field);
  enter(L, w);
  add(L, w, "{", 1);
  lua_getfield(L, field, "shape");
  shape = lua_gettop(L);
  lua_pushvalue(L, -2);
  ok = write_members(L, w, shape, NULL);
  lua_settop(L, shape - 1);
  w->depth--;
  if (!ok)
    return refuse_inside(L, w, field, place);
  add(L, w, "}", 1);
  return true;
}

static bool write_list(lua_State *L, cm_writer *w, int field) {
  int i, n;
  bool shaped, ok = true;
  if (lua_type(L, -1) != LUA_TTABLE || is_marked(L, w->decimal))
    return refuse(L, w, field);
  enter(L, w);
  lua_getfield(L, field, "shape");
  shaped = !lua_isnil(L, -1);
  lua_pop(L, 1);
  n = (int)lua_rawlen(L, -1);
  add(L, w, "[", 1);
  for (i = 1; i <= n && ok; i++) {
    if (i > 1)
      add(L, w, ",", 1);
    lua_rawgeti(L, -1, i);
    if (shaped)
      ok = write_shaped(L, w, field, i);
    else
      write_value(L, w);
    lua_pop(L, 1);
  }
  w->depth--;
  if (ok)
    add(L, w, "]", 1);
  return ok;
}

/* Whether the text at the top is one of a field's words. */
static bool is_word(lua_State *L, int field) {
  bool found;
  if (lua_type(L, -1) != LUA_TSTRING)
    return false;
  lua_getfield(L, field, "values");
  lua_pushvalue(L, -2);
  lua_rawget(L, -2);
  found = lua_toboolean(L, -1);
  lua_pop(L, 2);
  return found;
}

static bool write_if(lua_State *L, cm_writer *w, int field, bool fits) {
  if (!fits)
    return refuse(L, w, field);
  write_value(L, w);
  return true;
}

/* Writes the value at the top as the kind of the field at an index has it; false if it does not. */
static bool write_field(lua_State *L, cm_writer *w, int field, const char *kind) {
  int type = lua_type(L, -1);
  if (strcmp(kind, "boolean") == 0)
    return write_if(L, w, field, type == LUA_TBOOLEAN);
  if (strcmp(kind, "decimal") == 0 || strcmp(kind, "integer") == 0)
    return ((type == LUA_TNUMBER || (type == LUA_TTABLE && is_marked(L, w->decimal))) &&
            write_number(L, w)) ||
           refuse(L, w, field);
  if (strcmp(kind, "enum") == 0)
    return write_if(L, w, field, is_word(L, field));
  if (strcmp(kind, "map") == 0)
    return write_if(L, w, field, type == LUA_TTABLE);
  if (strcmp(kind, "any") == 0)
    return write_if(L, w, field, true);
  if (strcmp(kind, "object") == 0)
    return write_shaped(L, w, field, 0);
  if (strcmp(kind, "list") == 0)
    return write_list(L, w, field);
  return write_if(L, w, field, type == LUA_TSTRING);
}

/* Writes the members of the table at the top that a shape, at an index, has: in the shape's order,
   but without the one of the name `skip`. */
static bool write_members(lua_State *L, cm_writer *w, int shape, const char *skip) {
  int value = lua_gettop(L), fields, i, n;
  size_t start = w->out.len;
  luaL_checkstack(L, 12, NULL);
  lua_getfield(L, shape, "fields");
  fields = lua_gettop(L);
  n = (int)lua_rawlen(L, fields);
  for (i = 1; i <= n; i++) {
    const char *text;
    size_t len;
    lua_rawgeti(L, fields, i);
    lua_getfield(L, fields + 1, "name");
    text = luaL_checklstring(L, -1, &len);
    if (!skip || strcmp(skip, text) != 0) {
      lua_pushvalue(L, -1);
      lua_gettable(L, value); /* a hook may give a table that has its fields from another one */
      if (!lua_isnil(L, -1)) {
        const char *kind;
        if (w->out.len > start)
          add(L, w, ",", 1);
        kept(L, cm_canonical_string(&w->out, text, len));
        add(L, w, ":", 1);
        lua_getfield(L, fields + 1, "kind");
        kind = luaL_checkstring(L, -1);
        lua_insert(L, -2);
        if (!write_field(L, w, fields + 1, kind))
          return false;
      } else {
        lua_getfield(L, fields + 1, "required");
        if (lua_toboolean(L, -1)) {
          lua_pop(L, 1);
          return refuse(L, w, fields + 1);
        }
      }
    }
    lua_settop(L, fields);
  }
  lua_settop(L, value);
  return true;
}

/*
** core.json_body(shape, values, skip) -> the JSON of a record's members by its shape (see
** commerce.model.shape), without the closing brace and without the member named `skip`; nil, the
** path to the field that does not take its value, the field, and what it got if there is one.
*/
int cm_json_body(lua_State *L) {
  cm_writer *w;
  const char *skip = luaL_optstring(L, 3, NULL);
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  w = begin(L);
  add(L, w, "{", 1);
  lua_pushvalue(L, 2);
  if (write_members(L, w, 1, skip))
    return give(L, w);
  cm_buf_free(&w->out);
  lua_pushnil(L);
  lua_pushlstring(L, cm_buf_str(&w->path), w->path.len);
  push_kept(L, w);
  lua_pushnil(L);
  keep_at(L, w);
  lua_pushstring(L, w->got);
  return 4;
}

/*
** Registers the class.
*/
void cm_open_json(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", writer_free}, {NULL, NULL}};
  cm_class(L, WRITER_CLASS, meta, NULL);
}
