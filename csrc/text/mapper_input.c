#include "text/mapper_parts.h"

#include "text/canonical.h"
#include "text/number.h"

#include <stdlib.h>
#include <string.h>

/* Makes room for `more` elements of an array. */
bool cm_mapper_room_for(cm_mapper *m, void **array, size_t n, size_t *room, size_t more,
                        size_t size) {
  size_t want = *room ? *room : 64;
  void *moved;
  if (*array && n + more <= *room) /* of no elements, too, an array is made */
    return true;
  while (want < n + more)
    want *= 2;
  moved = realloc(*array, want * size);
  if (!moved)
    return cm_mapper_no_memory(m);
  *array = moved;
  *room = want;
  return true;
}

/*
** The bytes of a value: of a string without its quotes. They stay until something else is made.
*/
const char *cm_mapper_bytes(const cm_mapper *m, const cm_value *v) {
  if (v->base == CM_BASE_TEXT)
    return m->text + v->at;
  return cm_buf_str(v->base == CM_BASE_ARENA ? &m->arena : &m->program->pool) + v->at;
}

bool cm_mapper_is(const cm_mapper *m, const cm_value *v, const char *text) {
  return v->len == strlen(text) && memcmp(cm_mapper_bytes(m, v), text, v->len) == 0;
}

/* A value that was just appended to the arena, from a place on. */
cm_value cm_mapper_of_arena(const cm_mapper *m, cm_type type, bool own, size_t from) {
  return (cm_value){(uint8_t)type, CM_BASE_ARENA, own, (uint32_t)from,
                    (uint32_t)(m->arena.len - from)};
}

bool cm_mapper_in_bounds(cm_mapper *m) {
  return m->arena.len < UINT32_MAX / 2 || cm_mapper_decline(m, "too large");
}

/*
** Reads the escapes of a string.
*/
bool cm_mapper_text(cm_mapper *m, cm_value *v) {
  size_t from = m->arena.len;
  const char *raw = cm_mapper_bytes(m, v);
  char *to;
  if (v->own || v->type != CM_STRING)
    return true;
  if (!memchr(raw, '\\', v->len)) {
    v->own = true;
    return true;
  }
  /* the string may be in the arena itself, which moves when it grows */
  to = cm_buf_room(&m->arena, (size_t)v->len + 4);
  if (!to || !cm_canonical_decode(&m->arena, cm_mapper_bytes(m, v), v->len))
    return cm_mapper_no_memory(m);
  *v = cm_mapper_of_arena(m, CM_STRING, true, from);
  return cm_mapper_in_bounds(m);
}

/*
** Makes a value of the caller's bytes: a text, a canonical number, or canonical JSON.
*/
bool cm_mapper_own(cm_mapper *m, cm_value *v, cm_type type, const char *bytes, size_t len) {
  size_t from = m->arena.len;
  if (len >= UINT32_MAX / 2 || !cm_buf_add(&m->arena, bytes, len))
    return cm_mapper_no_memory(m);
  *v = cm_mapper_of_arena(m, type, true, from);
  return cm_mapper_in_bounds(m);
}

/*
** Makes a value of a number; false for one that JSON cannot carry.
*/
bool cm_mapper_own_number(cm_mapper *m, cm_value *v, double number) {
  size_t from = m->arena.len;
  if (!cm_number_add_double(&m->arena, number))
    return cm_mapper_decline(m, "a number that JSON cannot carry");
  *v = cm_mapper_of_arena(m, CM_NUMBER, true, from);
  return cm_mapper_in_bounds(m);
}

/* ---------------------------------------------------------------- reading */

cm_type cm_mapper_type_of(int first) {
  switch (first) {
  case '"':
    return CM_STRING;
  case '{':
    return CM_OBJECT;
  case '[':
    return CM_ARRAY;
  case 't':
    return CM_TRUE;
  case 'f':
    return CM_FALSE;
  case 'n':
    return CM_NULL;
  default:
    return CM_NUMBER;
  }
}

/* Takes a value that begins at the scanner's place; `offset`: of the scanned text in its base. */
static bool take(cm_json *j, size_t offset, const cm_value *like, cm_value *v) {
  size_t from;
  cm_span inside;
  v->type = (uint8_t)cm_mapper_type_of(cm_json_peek(j));
  v->base = like->base;
  v->own = like->own;
  from = j->at;
  if (v->type == CM_STRING) {
    if (!cm_json_string(j, &inside))
      return false;
    v->own = !j->escaped;
    v->at = (uint32_t)(offset + inside.at);
    v->len = (uint32_t)inside.len;
    return true;
  }
  if (!cm_json_skip(j))
    return false;
  v->at = (uint32_t)(offset + from);
  v->len = (uint32_t)(j->at - from);
  return true;
}

static int find_key(const cm_mapper *m, const cm_key *k, const char *name, size_t len) {
  const cm_program *p = m->program;
  uint32_t at = cm_program_hash(name, len) & k->mask;
  int found;
  while ((found = p->tables[k->table + (int)at]) != CM_NONE) {
    cm_text t = p->keys[found].name;
    if (t.len == len && memcmp(cm_mapper_pool(m, t), name, len) == 0)
      return found;
    at = (at + 1) & k->mask;
  }
  return CM_NONE;
}

/* As find_key for the raw name that was taken last, which may have escapes. */
static bool find_raw(cm_mapper *m, const cm_key *k, const cm_json *j, cm_span name, int *found) {
  const char *raw = j->text + name.at;
  if (!j->escaped) {
    *found = find_key(m, k, raw, name.len);
    return true;
  }
  cm_buf_clear(&m->scratch);
  if (!cm_canonical_decode(&m->scratch, raw, name.len))
    return cm_mapper_no_memory(m);
  *found = find_key(m, k, m->scratch.data, m->scratch.len);
  return true;
}

/* Forgets what is in a member: it comes a second time, and the last one counts. */
static void forget(cm_mapper *m, size_t slots, int key) {
  int i;
  m->slots[slots + (size_t)m->program->keys[key].slot].type = CM_NIL;
  for (i = m->program->keys[key].first; i != CM_NONE; i = m->program->keys[i].next)
    forget(m, slots, i);
}

static bool read_members(cm_mapper *m, cm_json *j, int key, size_t slots, size_t offset,
                         const cm_value *like);

static bool read_member(cm_mapper *m, cm_json *j, int key, size_t slots, size_t offset,
                        const cm_value *like) {
  cm_value *v = &m->slots[slots + (size_t)m->program->keys[key].slot];
  if (v->type != CM_NIL)
    forget(m, slots, key);
  if (m->program->keys[key].first == CM_NONE || cm_json_peek(j) != '{')
    return take(j, offset, like, v);
  *v = *like;
  v->type = CM_OBJECT;
  v->at = (uint32_t)(offset + j->at);
  if (!read_members(m, j, key, slots, offset, like))
    return false;
  v->len = (uint32_t)(offset + j->at - v->at);
  return true;
}

static bool read_members(cm_mapper *m, cm_json *j, int key, size_t slots, size_t offset,
                         const cm_value *like) {
  const cm_key *k = &m->program->keys[key];
  cm_span name;
  int more, found = CM_NONE;
  if (!cm_json_open(j, '{'))
    return false;
  while ((more = cm_json_member(j, &name)) > 0) {
    if (!find_raw(m, k, j, name, &found))
      return false;
    if (found == CM_NONE ? !cm_json_skip(j) : !read_member(m, j, found, slots, offset, like))
      return false;
  }
  return more == 0;
}

/* Begins a frame: all keys of the scope without a value. */
bool cm_mapper_open_frame(cm_mapper *m, cm_frame *f, int scope, const cm_frame *up) {
  size_t n = (size_t)m->program->scopes[scope].slots;
  if (!cm_mapper_room_for(m, (void **)&m->slots, m->n_slots, &m->slots_room, n, sizeof *m->slots))
    return false;
  *f = (cm_frame){scope, m->n_slots, up};
  memset(m->slots + m->n_slots, 0, n * sizeof *m->slots);
  m->n_slots += n;
  return true;
}

void cm_mapper_close_frame(cm_mapper *m, const cm_frame *f) {
  m->n_slots = f->slots;
}

/* Reads a value's members into a frame. Only an object has any; the elements of some lists are
   bare ids where they were not inlined. */
bool cm_mapper_fill_frame(cm_mapper *m, const cm_frame *f, const cm_value *v) {
  int key = m->program->scopes[f->scope].key;
  cm_json j;
  m->slots[f->slots] = *v;
  if (v->type == CM_ARRAY || v->type == CM_STRING)
    return true;
  if (v->type != CM_OBJECT)
    return cm_mapper_decline(m, "an element is not an object");
  cm_json_init(&j, cm_mapper_bytes(m, v), v->len);
  if (!read_members(m, &j, key, f->slots, v->at, v) || !cm_json_end(&j))
    return cm_mapper_decline(m, j.error ? j.error : "it is not valid JSON");
  return true;
}

/*
** Reads an object. Returns false if it is not one, or no valid JSON. The text must stay until its
** records have been made.
*/
bool cm_mapper_read(cm_mapper *m, const char *text, size_t len) {
  cm_frame f;
  cm_value whole = {CM_OBJECT, CM_BASE_TEXT, false, 0, (uint32_t)len};
  m->text = text;
  m->len = len;
  m->why = NULL;
  m->n_slots = m->n_stack = m->n_entries = m->n_records = 0;
  cm_buf_clear(&m->arena);
  if (len >= UINT32_MAX / 8)
    return cm_mapper_decline(m, "too large");
  return cm_mapper_open_frame(m, &f, 0, NULL) && cm_mapper_fill_frame(m, &f, &whole);
}

/*
** The value of a key of the object that was read, if the key is one of scope 0.
*/
const cm_value *cm_mapper_value(const cm_mapper *m, int key) {
  return &m->slots[m->program->keys[key].slot];
}

/* ---------------------------------------------------------------- entries */

const char *cm_mapper_name_of(const cm_mapper *m, const cm_entry *e, const cm_value *object) {
  cm_value name = {CM_STRING, object->base, false, e->at, e->len};
  return e->apart ? m->names.data + e->at : cm_mapper_bytes(m, &name);
}

static bool is_after(const cm_mapper *m, const cm_entry *a, const cm_entry *b,
                     const cm_value *object) {
  int order = cm_canonical_compare(cm_mapper_name_of(m, a, object), a->len,
                                   cm_mapper_name_of(m, b, object), b->len);
  return order > 0 || (order == 0 && a->value.at > b->value.at);
}

/* Orders entries by name and, of one name, by their places (Shell's method). */
static void sort(const cm_mapper *m, cm_entry *e, size_t n, const cm_value *object) {
  size_t gap, i, k;
  for (gap = 1; gap < n / 3; gap = gap * 3 + 1)
    ;
  for (; gap > 0; gap /= 3) {
    for (i = gap; i < n; i++) {
      cm_entry moved = e[i];
      for (k = i; k >= gap && is_after(m, &e[k - gap], &moved, object); k -= gap)
        e[k] = e[k - gap];
      e[k] = moved;
    }
  }
}

/* Keeps the last of the entries of one name; they are in order. */
static size_t without_repeats(const cm_mapper *m, cm_entry *e, size_t n, const cm_value *object) {
  size_t i, count = 0;
  for (i = 0; i < n; i++) {
    if (i + 1 < n &&
        cm_canonical_compare(cm_mapper_name_of(m, &e[i], object), e[i].len,
                             cm_mapper_name_of(m, &e[i + 1], object), e[i + 1].len) == 0)
      continue;
    e[count++] = e[i];
  }
  return count;
}

static cm_entry *new_entry(cm_mapper *m) {
  if (!cm_mapper_room_for(m, (void **)&m->entries, m->n_entries, &m->entries_room, 1,
                          sizeof *m->entries))
    return NULL;
  memset(&m->entries[m->n_entries], 0, sizeof *m->entries);
  return &m->entries[m->n_entries++];
}

static bool note_name(cm_mapper *m, cm_entry *e, const cm_value *object, const cm_json *j,
                      cm_span name) {
  e->apart = j->escaped;
  e->at = (uint32_t)(object->at + name.at);
  e->len = (uint32_t)name.len;
  if (e->apart) {
    size_t from = m->names.len;
    if (!cm_canonical_decode(&m->names, j->text + name.at, name.len))
      return cm_mapper_no_memory(m);
    e->at = (uint32_t)from;
    e->len = (uint32_t)(m->names.len - from);
  }
  return true;
}

/* Puts the members of an object, in order, or the elements of an array on the stack of entries. */
bool cm_mapper_entries_of(cm_mapper *m, const cm_value *v) {
  bool named = v->type == CM_OBJECT;
  size_t from = m->n_entries;
  cm_json j;
  cm_span name;
  int more;
  cm_json_init(&j, cm_mapper_bytes(m, v), v->len);
  if (!cm_json_open(&j, named ? '{' : '['))
    return cm_mapper_decline(m, j.error);
  while ((more = named ? cm_json_member(&j, &name) : cm_json_item(&j)) > 0) {
    cm_entry *e = new_entry(m);
    if (!e || (named && !note_name(m, e, v, &j, name)))
      return false;
    if (!take(&j, v->at, v, &e->value))
      return cm_mapper_decline(m, j.error);
  }
  if (more < 0)
    return cm_mapper_decline(m, j.error);
  if (named && m->n_entries > from) {
    sort(m, m->entries + from, m->n_entries - from, v);
    m->n_entries = from + without_repeats(m, m->entries + from, m->n_entries - from, v);
  }
  return true;
}

/*
** Puts the members of an object, in order, on the stack of entries; an array has none.
*/
bool cm_mapper_members_of(cm_mapper *m, const cm_value *v) {
  return v->type == CM_ARRAY || cm_mapper_entries_of(m, v);
}

/*
** Puts the elements of an array on the stack of entries; an object has none.
*/
bool cm_mapper_elements_of(cm_mapper *m, const cm_value *v) {
  return v->type == CM_OBJECT || cm_mapper_entries_of(m, v);
}

/* Ends the use of the entries from a place on, and of their names. */
void cm_mapper_drop_entries(cm_mapper *m, size_t from, size_t names) {
  m->n_entries = from;
  if (m->names.data)
    cm_buf_cut(&m->names, names);
}
