#include "bind/lua_page.h"

#include "bind/args.h"
#include "bind/class.h"
#include "bind/lua_projection.h"

#define PAGE_CLASS "commerce.page"

/*
** Pushes an empty page, to be filled by the caller.
*/
cm_page *cm_push_page(lua_State *L) {
  return cm_new(L, PAGE_CLASS, sizeof(cm_page));
}

static cm_page *check(lua_State *L) {
  return luaL_checkudata(L, 1, PAGE_CLASS);
}

/* The element at argument 2, counted from 1. */
static const cm_element *check_element(lua_State *L, const cm_page *p) {
  long long i = cm_checkint(L, 2, 1, CM_PAGE_MAX);
  luaL_argcheck(L, (size_t)i <= p->count, 2, "the page has no such element");
  return &p->list[i - 1];
}

/*
** The JSON text of an element, whose number (from 1) is the argument `element` of a function,
** in the page that is its argument `page`. NULL if it cannot be read alone. Raises for wrong
** arguments.
*/
const char *cm_page_text(lua_State *L, int page, int element, size_t *len) {
  const cm_page *p = luaL_checkudata(L, page, PAGE_CLASS);
  long long i = cm_checkint(L, element, 1, CM_PAGE_MAX);
  luaL_argcheck(L, (size_t)i <= p->count, element, "the page has no such element");
  *len = p->list[i - 1].len;
  return p->list[i - 1].fault ? NULL : p->body.data + p->list[i - 1].at;
}

static int push_id(lua_State *L, const cm_page *p, const cm_element *e) {
  size_t len;
  const char *id = cm_page_id(p, (size_t)(e - p->list), &len);
  if (len)
    lua_pushlstring(L, id, len);
  else
    lua_pushnil(L);
  return 1;
}

/* #page, page:count() -> number of elements */
static int page_count(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L)->count);
  return 1;
}

/* page:has_more() -> boolean: the server has older objects */
static int page_has_more(lua_State *L) {
  lua_pushboolean(L, check(L)->has_more);
  return 1;
}

/*
** page:element(i, projection?) -> the JSON text of element i, or of what the projection keeps; nil
** and the reason if it is not an object of valid JSON
*/
static int page_element(lua_State *L) {
  const cm_page *p = check(L);
  const cm_element *e = check_element(L, p);
  if (e->fault) {
    lua_pushnil(L);
    lua_pushstring(L, e->fault);
    return 2;
  }
  cm_push_projected(L, 3, p->body.data + e->at, e->len);
  return 1;
}

/* page:id(i) -> its id, or nil if it has none */
static int page_id(lua_State *L) {
  const cm_page *p = check(L);
  return push_id(L, p, check_element(L, p));
}

/* page:created(i) -> its `created` in Unix seconds, or nil if it has none */
static int page_created(lua_State *L) {
  const cm_element *e = check_element(L, check(L));
  if (e->has_created)
    lua_pushinteger(L, (lua_Integer)e->created);
  else
    lua_pushnil(L);
  return 1;
}

/* page:first_id() -> id of the first element, or nil */
static int page_first_id(lua_State *L) {
  const cm_page *p = check(L);
  return p->count ? push_id(L, p, &p->list[0]) : 0;
}

/* page:last_id() -> id of the last element: the cursor after this page, or nil */
static int page_last_id(lua_State *L) {
  const cm_page *p = check(L);
  return p->count ? push_id(L, p, &p->list[p->count - 1]) : 0;
}

/* page:request_id() -> Stripe's id of the request that brought it, or nil */
static int page_request_id(lua_State *L) {
  const cm_page *p = check(L);
  if (!p->request_id[0])
    return 0;
  lua_pushstring(L, p->request_id);
  return 1;
}

/* page:bytes() -> size of its JSON text, uncompressed */
static int page_bytes(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L)->body.len);
  return 1;
}

static int next_element(lua_State *L) {
  const cm_page *p = check(L);
  long long i = cm_checkint(L, 2, 0, CM_PAGE_MAX);
  if ((size_t)i >= p->count)
    return 0;
  lua_pushinteger(L, (lua_Integer)i + 1);
  lua_pushlstring(L, p->body.data + p->list[i].at, p->list[i].len);
  return 2;
}

/* for i, json in page:elements() do */
static int page_elements(lua_State *L) {
  check(L);
  lua_pushcfunction(L, next_element);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

/* page:close() gives its memory back early; then it has no elements. Also its finalizer. */
static int page_close(lua_State *L) {
  cm_page_free(check(L));
  return 0;
}

/*
** Registers the class.
*/
void cm_open_page(lua_State *L) {
  static const luaL_Reg meta[] = {
      {"__gc", page_close}, {"__close", page_close}, {"__len", page_count}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"count", page_count},
                                     {"has_more", page_has_more},
                                     {"element", page_element},
                                     {"elements", page_elements},
                                     {"id", page_id},
                                     {"created", page_created},
                                     {"first_id", page_first_id},
                                     {"last_id", page_last_id},
                                     {"request_id", page_request_id},
                                     {"bytes", page_bytes},
                                     {"close", page_close},
                                     {NULL, NULL}};
  cm_class(L, PAGE_CLASS, meta, methods);
}
