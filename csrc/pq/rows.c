#include "pq/rows.h"

#include "bind/class.h"
#include "text/buf.h"
#include "text/json.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_NUMBER 200 /* bytes; a numeric holds more digits, but no amount has them */

typedef enum kind { TEXT, NUMBER, BOOLEAN, DATE, JSON } kind;

static const char *const KINDS[] = {"text", "number", "boolean", "date", "json", NULL};

/* A member that a column is read from, or that leads to one. */
typedef struct node {
  struct node *next, *members;
  int column; /* -1: it only leads to others */
  size_t len;
  char name[];
} node;

typedef struct column {
  kind kind;
  cm_buf values; /* the array literal without its end */
} column;

typedef struct rows {
  node *root;
  int count; /* columns of values */
  column *columns;
  cm_span *found; /* where each column's value stands in the record under way; len 0: nowhere */
  cm_buf ids, data;
  cm_buf scratch;
  int added;
} rows;

static void free_nodes(node *n) {
  while (n) {
    node *next = n->next;
    free_nodes(n->members);
    free(n);
    n = next;
  }
}

static void free_rows(rows *r) {
  int i;
  free_nodes(r->root);
  for (i = 0; r->columns && i < r->count; i++)
    cm_buf_free(&r->columns[i].values);
  free(r->columns);
  free(r->found);
  cm_buf_free(&r->ids);
  cm_buf_free(&r->data);
  cm_buf_free(&r->scratch);
  memset(r, 0, sizeof *r);
}

static node *add_node(node **list, const char *name, size_t len) {
  node *n;
  for (n = *list; n; n = n->next)
    if (n->len == len && memcmp(n->name, name, len) == 0)
      return n;
  n = malloc(sizeof *n + len);
  if (!n)
    return NULL;
  n->next = *list;
  n->members = NULL;
  n->column = -1;
  n->len = len;
  memcpy(n->name, name, len);
  *list = n;
  return n;
}

static bool add_path(rows *r, const char *path, int index) {
  node **list = &r->root, *n = NULL;
  while (*path) {
    size_t len = strcspn(path, ".");
    n = add_node(list, path, len);
    if (!n)
      return false;
    list = &n->members;
    path += len + (path[len] == '.');
  }
  if (n)
    n->column = index;
  return true;
}

/* ---------------------------------------------------------------- reading a record */

/* Notes where the values of the columns stand. False if the text is not a JSON object. */
static bool find_values(rows *r, cm_json *j, const node *members) {
  cm_span key;
  int more;
  if (!cm_json_open(j, '{'))
    return false;
  while ((more = cm_json_member(j, &key)) > 0) {
    const node *n = members;
    size_t at;
    while (n && !(n->len == key.len && memcmp(n->name, j->text + key.at, key.len) == 0))
      n = n->next;
    if (n && n->members && cm_json_peek(j) == '{') {
      if (!find_values(r, j, n->members))
        return false;
      continue;
    }
    cm_json_peek(j); /* passes over the space before the value */
    at = j->at;
    if (!cm_json_skip(j))
      return false;
    if (n && n->column >= 0) {
      r->found[n->column].at = at;
      r->found[n->column].len = j->at - at;
    }
  }
  return more == 0;
}

/* ---------------------------------------------------------------- writing array literals */

/* Appends a text as an element in quotes. A NUL is left out: PostgreSQL has none in a text. */
static bool add_quoted(cm_buf *out, const char *text, size_t len) {
  size_t from = 0, i;
  if (!cm_buf_add(out, "\"", 1))
    return false;
  for (i = 0; i < len; i++) {
    if (text[i] != '"' && text[i] != '\\' && text[i] != '\0')
      continue;
    if (!cm_buf_add(out, text + from, i - from))
      return false;
    if (text[i] && !cm_buf_add(out, "\\", 1))
      return false;
    from = text[i] ? i : i + 1;
  }
  return cm_buf_add(out, text + from, len - from) && cm_buf_add(out, "\"", 1);
}

static bool is_digits(const char *s, size_t n) {
  size_t i;
  for (i = 0; i < n; i++)
    if (s[i] < '0' || s[i] > '9')
      return false;
  return true;
}

static int number_of(const char *s, size_t n) {
  int value = 0;
  while (n-- > 0)
    value = value * 10 + (*s++ - '0');
  return value;
}

static bool is_day(const char *s) {
  static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int year, month, day;
  if (!is_digits(s, 4) || s[4] != '-' || !is_digits(s + 5, 2) || s[7] != '-' ||
      !is_digits(s + 8, 2))
    return false;
  year = number_of(s, 4);
  month = number_of(s + 5, 2);
  day = number_of(s + 8, 2);
  if (year < 1 || month < 1 || month > 12 || day < 1)
    return false;
  if (month == 2 && day == 29)
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= DAYS[month - 1];
}

/* Whether a text is a date of the model, YYYY-MM-DDTHH:MM:SSZ. */
static bool is_date(const char *s, size_t len) {
  return len == 20 && is_day(s) && s[10] == 'T' && is_digits(s + 11, 2) &&
         number_of(s + 11, 2) < 24 && s[13] == ':' && is_digits(s + 14, 2) &&
         number_of(s + 14, 2) < 60 && s[16] == ':' && is_digits(s + 17, 2) &&
         number_of(s + 17, 2) < 60 && s[19] == 'Z';
}

/* Whether a JSON number fits a numeric. */
static bool is_number(const char *s, size_t len) {
  size_t i;
  if (len > LONGEST_NUMBER || !(s[0] == '-' || is_digits(s, 1)))
    return false;
  for (i = 0; i < len; i++)
    if (s[i] == 'e' || s[i] == 'E') { /* 1e99999999 would be as many digits */
      size_t from = i + 1 + (s[i + 1] == '-' || s[i + 1] == '+');
      return len - from <= 3;
    }
  return true;
}

/* Appends a JSON string's text, or NULL if the string is not a date where one is wanted. */
static bool add_string(rows *r, column *c, const cm_json *j, cm_span value) {
  cm_span inside = {value.at + 1, value.len - 2};
  size_t len = inside.len;
  const char *text = j->text + inside.at;
  if (memchr(text, '\\', len)) {
    cm_buf_clear(&r->scratch);
    if (!cm_buf_add(&r->scratch, text, len)) /* reading the escapes makes it no longer */
      return false;
    len = cm_json_copy(j, inside, r->scratch.data, len + 1);
    text = r->scratch.data;
  }
  if (c->kind == DATE && !is_date(text, len))
    return cm_buf_adds(&c->values, "NULL");
  return add_quoted(&c->values, text, len);
}

/* A value of any kind keeps its JSON, in which PostgreSQL takes no escaped NUL. */
static bool add_json(rows *r, column *c, const char *text, size_t len) {
  size_t i, from = 0;
  cm_buf_clear(&r->scratch);
  for (i = 0; i + 1 < len; i++) {
    if (text[i] != '\\')
      continue;
    if (i + 6 <= len && memcmp(text + i, "\\u0000", 6) == 0) {
      if (!cm_buf_add(&r->scratch, text + from, i - from))
        return false;
      from = i + 6;
      i = from - 1;
    } else {
      i++;
    }
  }
  return cm_buf_add(&r->scratch, text + from, len - from) &&
         add_quoted(&c->values, r->scratch.data, r->scratch.len);
}

/* Appends a column's value, or NULL if the record has none of the column's kind. */
static bool add_value(rows *r, column *c, const cm_json *j, cm_span value) {
  const char *text = j->text + value.at;
  if (value.len == 0 || (value.len == 4 && memcmp(text, "null", 4) == 0))
    return cm_buf_adds(&c->values, "NULL");
  switch (c->kind) {
  case JSON:
    return add_json(r, c, text, value.len);
  case NUMBER:
    if (is_number(text, value.len))
      return cm_buf_add(&c->values, text, value.len);
    break;
  case BOOLEAN:
    if (text[0] == 't' || text[0] == 'f')
      return cm_buf_add(&c->values, text, 1);
    break;
  case TEXT:
  case DATE:
    if (text[0] == '"')
      return add_string(r, c, j, value);
    if (c->kind == TEXT)
      return add_quoted(&c->values, text, value.len);
  }
  return cm_buf_adds(&c->values, "NULL");
}

static bool separate(cm_buf *b, bool first) {
  return cm_buf_add(b, first ? "{" : ",", 1);
}

/* Appends a row. False on lack of memory; `is_object` tells whether the data is a JSON object. */
static bool add_row(rows *r, const char *id, size_t id_len, const char *data, size_t len,
                    bool *is_object) {
  bool first = r->added == 0;
  cm_json j;
  int i;
  memset(r->found, 0, sizeof *r->found * (size_t)(r->count + 1));
  cm_json_init(&j, data, len);
  *is_object = find_values(r, &j, r->root);
  if (!*is_object)
    return true;
  r->added++;
  if (!separate(&r->ids, first) || !add_quoted(&r->ids, id, id_len) || !separate(&r->data, first) ||
      !add_quoted(&r->data, data, len))
    return false;
  for (i = 0; i < r->count; i++)
    if (!separate(&r->columns[i].values, first) || !add_value(r, &r->columns[i], &j, r->found[i]))
      return false;
  return true;
}

/* ---------------------------------------------------------------- Lua */

/*
** pq.rows{ { path, kind }, ... } -> rows
** path: dotted, in the record's JSON. kind: "text", "number", "boolean", "date"
** (YYYY-MM-DDTHH:MM:SSZ) or "json" (a scalar of any kind). A value of another kind is NULL.
*/
int pq_rows(lua_State *L) {
  int i, count;
  rows *r;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  count = (int)lua_rawlen(L, 1);
  r = cm_new(L, PQ_ROWS, sizeof *r);
  r->columns = calloc((size_t)count + 1, sizeof *r->columns);
  r->found = calloc((size_t)count + 1, sizeof *r->found);
  if (!r->columns || !r->found)
    return luaL_error(L, "out of memory");
  r->count = count;
  for (i = 0; i < count; i++) {
    const char *path;
    lua_rawgeti(L, 1, i + 1);
    luaL_argcheck(L, lua_istable(L, -1), 1, "a list of { path, kind } expected");
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    path = luaL_checkstring(L, -2);
    r->columns[i].kind = (kind)luaL_checkoption(L, -1, NULL, KINDS);
    if (!add_path(r, path, i))
      return luaL_error(L, "out of memory");
    lua_pop(L, 3);
  }
  return 1;
}

/*
** rows:add(id, data) -> true | false if the data is not a JSON object
*/
static int rows_add(lua_State *L) {
  rows *r = luaL_checkudata(L, 1, PQ_ROWS);
  size_t id_len, len;
  const char *id = luaL_checklstring(L, 2, &id_len), *data = luaL_checklstring(L, 3, &len);
  bool is_object = false;
  luaL_argcheck(L, r->columns, 1, "the rows are closed");
  if (!add_row(r, id, id_len, data, len, &is_object))
    return luaL_error(L, "out of memory");
  lua_pushboolean(L, is_object);
  return 1;
}

static void push_literal(lua_State *L, cm_buf *b, int added) {
  if (added == 0)
    lua_pushliteral(L, "{}");
  else if (!cm_buf_add(b, "}", 1))
    luaL_error(L, "out of memory");
  else
    lua_pushlstring(L, b->data, b->len);
  cm_buf_clear(b);
}

/*
** rows:take() -> count, ids, data, values of the first column, …
** The array literals of what was added, which is forgotten.
*/
static int rows_take(lua_State *L) {
  rows *r = luaL_checkudata(L, 1, PQ_ROWS);
  int i, added = r->added;
  luaL_argcheck(L, r->columns, 1, "the rows are closed");
  luaL_checkstack(L, r->count + 4, "too many columns");
  r->added = 0;
  lua_pushinteger(L, added);
  push_literal(L, &r->ids, added);
  push_literal(L, &r->data, added);
  for (i = 0; i < r->count; i++)
    push_literal(L, &r->columns[i].values, added);
  return r->count + 3;
}

/* rows:close() frees them; also the finalizer. */
static int rows_close(lua_State *L) {
  free_rows(luaL_checkudata(L, 1, PQ_ROWS));
  return 0;
}

/*
** Registers the class.
*/
void pq_open_rows(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", rows_close}, {"__close", rows_close}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"add", rows_add}, {"close", rows_close}, {"take", rows_take}, {NULL, NULL}};
  cm_class(L, PQ_ROWS, meta, methods);
}
