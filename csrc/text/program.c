#include "text/program.h"

#include "text/canonical.h"

#include <stdlib.h>
#include <string.h>

#define MOST 100000 /* of anything */

#define FITS(n, count) ((n) >= 0 && (n) < (count))

/* Room for `more` elements behind the first n of an array; arrays grow by doubling. */
static bool grow(void **array, int n, size_t more, size_t size) {
  size_t have = 8, need = (size_t)n + more;
  void *moved;
  if (need > MOST)
    return false;
  while (have < (size_t)n)
    have *= 2;
  if (*array && need <= have)
    return true;
  while (have < need)
    have *= 2;
  moved = realloc(*array, have * size);
  if (!moved)
    return false;
  *array = moved;
  return true;
}

#define GROW(p, array, n, more) grow((void **)&(p)->array, (p)->n, more, sizeof *(p)->array)

static bool keep(cm_program *p, cm_given text, cm_text *kept) {
  kept->at = (uint32_t)p->pool.len;
  kept->len = (uint32_t)text.len;
  return p->pool.len + text.len < UINT32_MAX && cm_buf_add(&p->pool, text.at, text.len);
}

/* A member's name as it is written: with its quotes and the colon. */
static bool keep_start(cm_program *p, cm_given name, cm_text *kept) {
  kept->at = (uint32_t)p->pool.len;
  if (!cm_canonical_string(&p->pool, name.at, name.len) || !cm_buf_adds(&p->pool, ":"))
    return false;
  kept->len = (uint32_t)(p->pool.len - kept->at);
  return p->pool.len < UINT32_MAX;
}

static bool is(const cm_program *p, cm_text text, const char *bytes, size_t len) {
  return text.len == len && memcmp(p->pool.data + text.at, bytes, len) == 0;
}

/*
** A program without a recipe. NULL when memory is short.
*/
cm_program *cm_program_new(void) {
  static const char *const names[] = {"id", "livemode", "updated"};
  cm_program *p = calloc(1, sizeof *p);
  size_t i;
  if (!p)
    return NULL;
  if (!cm_buf_adds(&p->pool, "") || cm_program_scope(p, CM_NONE) != 0)
    return cm_program_free(p), NULL;
  for (i = 0; i < sizeof names / sizeof *names; i++)
    if (cm_program_key(p, CM_KEY_OBJECT, (cm_given){names[i], strlen(names[i])}) == CM_NONE)
      return cm_program_free(p), NULL;
  return p;
}

/*
** Adds a scope inside another one (CM_NONE: scope 0, which every program has). Its `key` stands for
** an element.
*/
int cm_program_scope(cm_program *p, int parent) {
  cm_scope *s;
  cm_key *k;
  if (parent == CM_NONE ? p->n_scopes != 0 : !FITS(parent, p->n_scopes))
    return CM_NONE;
  if (!GROW(p, scopes, n_scopes, 1) || !GROW(p, keys, n_keys, 1))
    return CM_NONE;
  s = &p->scopes[p->n_scopes];
  k = &p->keys[p->n_keys];
  memset(s, 0, sizeof *s);
  memset(k, 0, sizeof *k);
  s->parent = parent;
  s->depth = parent == CM_NONE ? 0 : p->scopes[parent].depth + 1;
  if (s->depth > CM_PROGRAM_DEPTH)
    return CM_NONE;
  s->key = p->n_keys++;
  s->slots = 1;
  k->scope = p->n_scopes;
  k->parent = k->first = k->next = CM_NONE;
  return p->n_scopes++;
}

/*
** Adds the member of an object to read, or finds it. parent: the key of the object.
*/
int cm_program_key(cm_program *p, int parent, cm_given name) {
  cm_key *k;
  int i;
  if (!FITS(parent, p->n_keys))
    return CM_NONE;
  for (i = p->keys[parent].first; i != CM_NONE; i = p->keys[i].next)
    if (is(p, p->keys[i].name, name.at, name.len))
      return i;
  if (!GROW(p, keys, n_keys, 1))
    return CM_NONE;
  k = &p->keys[p->n_keys];
  memset(k, 0, sizeof *k);
  if (!keep(p, name, &k->name))
    return CM_NONE;
  k->scope = p->keys[parent].scope;
  k->parent = parent;
  k->first = CM_NONE;
  k->next = p->keys[parent].first;
  k->slot = p->scopes[k->scope].slots++;
  p->keys[parent].first = p->n_keys;
  return p->n_keys++;
}

/*
** Adds a constant text; also JSON and numbers, which are copied into records as they are.
*/
int cm_program_text(cm_program *p, cm_given text) {
  cm_word *w;
  if (!GROW(p, words, n_words, 1))
    return CM_NONE;
  w = &p->words[p->n_words];
  memset(w, 0, sizeof *w);
  w->next = CM_NONE;
  return keep(p, text, &w->word) ? p->n_words++ : CM_NONE;
}

/*
** Adds a set of words. ours: what each stands for, or NULL.
*/
int cm_program_words(cm_program *p, const cm_given *words, const cm_given *ours, size_t n) {
  cm_words *set;
  size_t i;
  if (!GROW(p, sets, n_sets, 1) || !GROW(p, words, n_words, n))
    return CM_NONE;
  set = &p->sets[p->n_sets];
  for (i = 0; i < sizeof set->buckets / sizeof *set->buckets; i++)
    set->buckets[i] = CM_NONE;
  for (i = 0; i < n; i++) {
    int *bucket = &set->buckets[cm_program_hash(words[i].at, words[i].len) % 32];
    cm_word *w = &p->words[p->n_words];
    memset(w, 0, sizeof *w);
    if (!keep(p, words[i], &w->word) || (ours && !keep(p, ours[i], &w->ours)))
      return CM_NONE;
    w->next = *bucket;
    *bucket = p->n_words++;
  }
  return p->n_sets++;
}

/* Takes an expression as an argument: each has one user, so that work is not multiplied. */
static bool take(cm_program *p, int scope, int e, int *depth) {
  if (!FITS(e, p->n_exprs) || p->exprs[e].used || p->exprs[e].scope != scope)
    return false;
  p->exprs[e].used = true;
  if (*depth <= p->exprs[e].depth)
    *depth = p->exprs[e].depth + 1;
  return true;
}

/*
** Adds fields of an object: names, in the order of their bytes, and expressions (CM_NONE: no
** value).
*/
int cm_program_fields(cm_program *p, int scope, const cm_given *names, const int *exprs, size_t n) {
  cm_fields *list;
  size_t i;
  if (!FITS(scope, p->n_scopes) || !GROW(p, lists, n_lists, 1) || !GROW(p, fields, n_fields, n))
    return CM_NONE;
  list = &p->lists[p->n_lists];
  memset(list, 0, sizeof *list);
  list->scope = scope;
  list->first = p->n_fields;
  for (i = 0; i < n; i++) {
    cm_field *f = &p->fields[p->n_fields];
    f->expr = exprs[i];
    if ((exprs[i] != CM_NONE && !take(p, scope, exprs[i], &list->depth)) ||
        !keep(p, names[i], &f->name) || !keep_start(p, names[i], &f->start))
      return CM_NONE;
    p->n_fields++;
  }
  list->count = (int)n;
  return p->n_lists++;
}

/* The scope that is `up` scopes outwards; CM_NONE if there is none. */
static int outwards(const cm_program *p, int scope, int up) {
  for (; up > 0 && scope != CM_NONE; up--)
    scope = p->scopes[scope].parent;
  return up < 0 ? CM_NONE : scope;
}

static bool is_key(const cm_program *p, int scope, int up, int key) {
  scope = outwards(p, scope, up);
  return scope != CM_NONE && FITS(key, p->n_keys) && p->keys[key].scope == scope;
}

static bool take_fields(cm_program *p, int scope, int list, int *depth) {
  if (!FITS(list, p->n_lists) || p->lists[list].used || p->lists[list].scope != scope)
    return false;
  p->lists[list].used = true;
  if (*depth <= p->lists[list].depth)
    *depth = p->lists[list].depth + 1;
  return true;
}

static bool take_all(cm_program *p, int scope, const int *args, size_t n, int *depth) {
  size_t i;
  for (i = 0; i < n; i++)
    if (!take(p, scope, args[i], depth))
      return false;
  return true;
}

static bool is_address(const cm_program *p, int scope, const int *args, size_t n) {
  size_t i;
  if (n < 3 || n % 2 == 0 || !is_key(p, scope, args[0], args[1]) || !FITS(args[2], p->n_words))
    return false;
  for (i = 3; i < n; i += 2)
    if (!FITS(args[i], p->n_words) || !is_key(p, scope, args[0], args[i + 1]))
      return false;
  return true;
}

/* Whether the arguments are those of the operation; takes the expressions among them. */
static bool take_args(cm_program *p, int scope, cm_op op, const int *a, size_t n, int *depth) {
  switch (op) {
  case CM_OP_PATH:
  case CM_OP_SOURCE:
    return n == 2 && is_key(p, scope, a[0], a[1]);
  case CM_OP_ID:
    return n == 3 && is_key(p, scope, a[0], a[1]) && is_key(p, scope, a[0], a[2]);
  case CM_OP_TEXT:
  case CM_OP_NUMBER:
  case CM_OP_JSON:
    return n == 1 && FITS(a[0], p->n_words);
  case CM_OP_BOOLEAN:
    return n == 1 && FITS(a[0], 2);
  case CM_OP_CURRENCY:
  case CM_OP_NEGATED:
  case CM_OP_INTEGER:
  case CM_OP_DECIMAL:
  case CM_OP_TIMESTAMP:
  case CM_OP_SIGN:
  case CM_OP_PREFIX:
    return n == 1 && take(p, scope, a[0], depth);
  case CM_OP_MONEY:
    return n == 2 && take_all(p, scope, a, n, depth);
  case CM_OP_FIRST:
  case CM_OP_LIST:
    return take_all(p, scope, a, n, depth);
  case CM_OP_ENUM:
    return n == 3 && take(p, scope, a[0], depth) && FITS(a[1], p->n_sets) &&
           (a[2] == CM_NONE || FITS(a[2], p->n_words));
  case CM_OP_UNLISTED:
    return n == 2 && take(p, scope, a[0], depth) && FITS(a[1], p->n_sets);
  case CM_OP_SWITCH:
    return n >= 3 && take(p, scope, a[0], depth) && FITS(a[1], p->n_sets) &&
           (a[2] == CM_NONE || take(p, scope, a[2], depth)) &&
           take_all(p, scope, a + 3, n - 3, depth);
  case CM_OP_REMAINDER:
    return n == 4 && take_all(p, scope, a, 2, depth) && FITS(a[2], p->n_words) &&
           take(p, scope, a[3], depth);
  case CM_OP_CALL:
    return n >= 1 && FITS(a[0], MOST) && take_all(p, scope, a + 1, n - 1, depth);
  case CM_OP_OBJECT:
  case CM_OP_REF:
  case CM_OP_NULLS:
    return n == 1 && take_fields(p, scope, a[0], depth);
  case CM_OP_EACH:
    return n == 3 && is_key(p, scope, a[0], a[1]) && FITS(a[2], p->n_lists) &&
           p->scopes[p->lists[a[2]].scope].parent == scope &&
           take_fields(p, p->lists[a[2]].scope, a[2], depth);
  case CM_OP_ADDRESS:
    return is_address(p, scope, a, n);
  case CM_OP_SUPPLEMENTAL:
    return n == 2 && take_fields(p, scope, a[0], depth) &&
           (a[1] == CM_NONE || take_fields(p, scope, a[1], depth));
  case CM_OP_TALLY:
    return n == 2 && take(p, scope, a[0], depth) && FITS(a[1], MOST);
  case CM_OP_PARENT:
    return n == 1 && p->scopes[scope].parent != CM_NONE &&
           take(p, p->scopes[scope].parent, a[0], depth);
  case CM_OP_WITHIN:
    return n == 2 && take(p, scope, a[0], depth) && FITS(a[1], p->n_exprs) &&
           p->scopes[p->exprs[a[1]].scope].parent == scope &&
           take(p, p->exprs[a[1]].scope, a[1], depth);
  default:
    return false;
  }
}

static int add_args(cm_program *p, const int *args, size_t n) {
  int first = p->n_args;
  if (!GROW(p, args, n_args, n + 1))
    return CM_NONE;
  if (n)
    memcpy(p->args + first, args, n * sizeof *args);
  p->n_args += (int)n;
  return first;
}

/*
** Adds an expression of a scope; its arguments are those of cm_op.
*/
int cm_program_expr(cm_program *p, int scope, cm_op op, const int *args, size_t n) {
  int depth = 0, first;
  cm_expr *e;
  if (!FITS(scope, p->n_scopes) || !take_args(p, scope, op, args, n, &depth) ||
      depth > CM_PROGRAM_DEPTH)
    return CM_NONE;
  first = add_args(p, args, n);
  if (first == CM_NONE || !GROW(p, exprs, n_exprs, 1))
    return CM_NONE;
  if (op == CM_OP_TALLY && args[1] >= p->n_tallies)
    p->n_tallies = args[1] + 1;
  e = &p->exprs[p->n_exprs];
  *e = (cm_expr){op, scope, first, (int)n, depth, false};
  return p->n_exprs++;
}

/*
** Adds a shape: the members of an object in their order. The shapes inside it come before it.
*/
int cm_program_shape(cm_program *p, const cm_given_member *members, size_t n) {
  cm_shape *shape;
  size_t i;
  if (!GROW(p, shapes, n_shapes, 1) || !GROW(p, members, n_members, n))
    return CM_NONE;
  shape = &p->shapes[p->n_shapes];
  shape->first = p->n_members;
  shape->count = (int)n;
  for (i = 0; i < n; i++) {
    const cm_given_member *g = &members[i];
    cm_member *m = &p->members[p->n_members];
    if (g->kind >= CM_KINDS || (g->kind == CM_KIND_ENUM && !FITS(g->words, p->n_sets)) ||
        (g->kind == CM_KIND_OBJECT && !FITS(g->shape, p->n_shapes)) ||
        (g->shape != CM_NONE && !FITS(g->shape, p->n_shapes)))
      return CM_NONE;
    memset(m, 0, sizeof *m);
    m->kind = g->kind;
    m->words = g->words;
    m->shape = g->shape;
    m->required = g->required;
    if (!keep(p, g->name, &m->name) || !keep_start(p, g->name, &m->start))
      return CM_NONE;
    p->n_members++;
  }
  return p->n_shapes++;
}

static bool take_members(cm_program *p, int scope, const int *exprs, size_t n) {
  size_t i;
  int depth = 0;
  for (i = 0; i < n; i++)
    if (exprs[i] != CM_NONE && !take(p, scope, exprs[i], &depth))
      return false;
  return true;
}

static int find_member(const cm_program *p, const cm_shape *shape, const char *name) {
  int i;
  for (i = 0; i < shape->count; i++)
    if (is(p, p->members[shape->first + i].name, name, strlen(name)))
      return i;
  return CM_NONE;
}

static bool take_split(cm_program *p, cm_recipe *r, const int *inner, size_t n) {
  int depth = 0;
  if (!take(p, 0, r->each, &depth) || !FITS(r->inner, p->n_scopes) ||
      p->scopes[r->inner].parent != 0 || !take(p, r->inner, r->suffix, &depth) ||
      (r->inner_where != CM_NONE && !take(p, r->inner, r->inner_where, &depth)) ||
      !take_members(p, r->inner, inner, n))
    return false;
  r->inner_exprs = add_args(p, inner, n);
  return r->inner_exprs != CM_NONE;
}

/*
** Adds a recipe. given: its shape, `where`, and of a split each, inner, suffix and inner_where;
** exprs, inner: an expression or CM_NONE for each of the shape's n members.
*/
int cm_program_recipe(cm_program *p, const cm_recipe *given, const int *exprs, const int *inner,
                      size_t n) {
  cm_recipe r = *given;
  int depth = 0;
  if (!FITS(r.shape, p->n_shapes) || (size_t)p->shapes[r.shape].count != n ||
      (r.where != CM_NONE && !take(p, 0, r.where, &depth)) || !take_members(p, 0, exprs, n))
    return CM_NONE;
  r.exprs = add_args(p, exprs, n);
  if (r.exprs == CM_NONE || (r.each != CM_NONE && !take_split(p, &r, inner, n)) ||
      !GROW(p, recipes, n_recipes, 1))
    return CM_NONE;
  r.id = find_member(p, &p->shapes[r.shape], "id");
  r.dated = find_member(p, &p->shapes[r.shape], "sourceModifiedDate");
  p->recipes[p->n_recipes] = r;
  return p->n_recipes++;
}

static bool make_table(cm_program *p, cm_key *k) {
  uint32_t count = 0, size = 1;
  int i;
  for (i = k->first; i != CM_NONE; i = p->keys[i].next)
    count++;
  while (size < count * 2 + 1)
    size *= 2;
  if (!GROW(p, tables, n_tables, size))
    return false;
  k->table = p->n_tables;
  k->mask = size - 1;
  p->n_tables += (int)size;
  for (i = 0; i < (int)size; i++)
    p->tables[k->table + i] = CM_NONE;
  for (i = k->first; i != CM_NONE; i = p->keys[i].next) {
    cm_text name = p->keys[i].name;
    uint32_t at = cm_program_hash(p->pool.data + name.at, name.len) & k->mask;
    while (p->tables[k->table + (int)at] != CM_NONE)
      at = (at + 1) & k->mask;
    p->tables[k->table + (int)at] = i;
  }
  return true;
}

/*
** Ends the building; before that the program cannot be run. False when memory is short.
*/
bool cm_program_finish(cm_program *p) {
  int i;
  p->n_tables = 0;
  for (i = 0; i < p->n_keys; i++)
    if (!make_table(p, &p->keys[i]))
      return false;
  return true;
}

/*
** Gives the memory back; NULL is harmless.
*/
void cm_program_free(cm_program *p) {
  if (!p)
    return;
  cm_buf_free(&p->pool);
  free(p->keys);
  free(p->exprs);
  free(p->args);
  free(p->tables);
  free(p->fields);
  free(p->lists);
  free(p->words);
  free(p->sets);
  free(p->members);
  free(p->shapes);
  free(p->scopes);
  free(p->recipes);
  free(p);
}
