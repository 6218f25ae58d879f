#include "bind/lua_projection.h"

#include "bind/class.h"
#include "text/projection.h"

typedef struct lua_projection {
  cm_projection *root;
  cm_buf out; /* kept between copies: they come by the thousand */
} lua_projection;

/*
** core.projection{path, ...} -> projection
** What of a source object is to be decoded: dotted paths ("charge.id"), each kept with all that is
** in it. For page:element and page:elements.
*/
int cm_projection_make(lua_State *L) {
  size_t i, count, len;
  lua_projection *p;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  count = lua_rawlen(L, 1);
  p = cm_new(L, CM_PROJECTION_CLASS, sizeof *p);
  p->root = cm_projection_new();
  if (!p->root)
    return luaL_error(L, "out of memory");
  for (i = 1; i <= count; i++) {
    const char *path;
    lua_rawgeti(L, 1, (int)i);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 1, "a list of paths expected");
    path = lua_tolstring(L, -1, &len);
    if (!cm_projection_add(p->root, path, len))
      return luaL_error(L, "out of memory");
    lua_pop(L, 1);
  }
  return 1;
}

/*
** Pushes what the projection at a stack index keeps of a text. If that is no JSON, pushes nothing
** and returns false.
*/
bool cm_push_kept(lua_State *L, int index, const char *text, size_t len) {
  lua_projection *p = luaL_checkudata(L, index, CM_PROJECTION_CLASS);
  cm_buf_clear(&p->out);
  if (!cm_projection_copy(p->root, text, len, &p->out))
    return false;
  lua_pushlstring(L, cm_buf_str(&p->out), p->out.len);
  return true;
}

/*
** Pushes the projected copy of a JSON text through the projection at a stack index, or the text
** itself without a projection. Raises if another value stands there.
*/
void cm_push_projected(lua_State *L, int index, const char *text, size_t len) {
  if (lua_isnoneornil(L, index))
    lua_pushlstring(L, text, len);
  else if (!cm_push_kept(L, index, text, len))
    luaL_error(L, "out of memory"); /* the page was scanned: its elements are JSON */
}

static int projection_gc(lua_State *L) {
  lua_projection *p = luaL_checkudata(L, 1, CM_PROJECTION_CLASS);
  cm_projection_free(p->root);
  cm_buf_free(&p->out);
  p->root = NULL;
  return 0;
}

/*
** Registers the class.
*/
void cm_open_projection(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", projection_gc}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{NULL, NULL}};
  cm_class(L, CM_PROJECTION_CLASS, meta, methods);
}
