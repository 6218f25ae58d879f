#include "text/mapper.h"

#include "text/canonical.h"
#include "text/json.h"
#include "text/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT, ARENA, POOL }; /* bases of values */

#define LARGEST_TIME 67767976233532799.0 /* the last second of the year 2147483647 */
#define EXACT 1e15                       /* whole numbers below it have 15 digits */
#define WHOLE 9007199254740992.0         /* doubles from here on have no fraction */
#define MOST_SPLIT 20000                 /* elements that an object is split by */
#define NO_CURRENCY "XXX"                /* ISO 4217 */

/* The keys of a scope as they are in one object. */
typedef struct frame {
  int scope;
  size_t slots; /* where its values begin */
  const struct frame *up;
} frame;

static bool decline(cm_mapper *m, const char *why) {
  if (!m->why)
    m->why = why;
  return false;
}

static bool no_memory(cm_mapper *m) {
  return decline(m, "out of memory");
}

static bool kept(cm_mapper *m, bool ok) {
  return ok || no_memory(m);
}

/*
** Prepares a mapper. The program must be finished, and outlive it.
*/
void cm_mapper_init(cm_mapper *m, const cm_program *program) {
  memset(m, 0, sizeof *m);
  m->program = program;
}

/* Makes room for `more` elements of an array. */
static bool room_for(cm_mapper *m, void **array, size_t n, size_t *room, size_t more, size_t size) {
  size_t want = *room ? *room : 64;
  void *moved;
  if (*array && n + more <= *room) /* of no elements, too, an array is made */
    return true;
  while (want < n + more)
    want *= 2;
  moved = realloc(*array, want * size);
  if (!moved)
    return no_memory(m);
  *array = moved;
  *room = want;
  return true;
}

/*
** The bytes of a value: of a string without its quotes. They stay until something else is made.
*/
const char *cm_mapper_bytes(const cm_mapper *m, const cm_value *v) {
  if (v->base == TEXT)
    return m->text + v->at;
  return cm_buf_str(v->base == ARENA ? &m->arena : &m->program->pool) + v->at;
}

static bool is(const cm_mapper *m, const cm_value *v, const char *text) {
  return v->len == strlen(text) && memcmp(cm_mapper_bytes(m, v), text, v->len) == 0;
}

static const char *pool(const cm_mapper *m, cm_text t) {
  return m->program->pool.data + t.at;
}

static cm_value of_pool(cm_type type, cm_text t) {
  return (cm_value){(uint8_t)type, POOL, true, t.at, t.len};
}

/* A value that was just appended to the arena, from a place on. */
static cm_value of_arena(const cm_mapper *m, cm_type type, bool own, size_t from) {
  return (cm_value){(uint8_t)type, ARENA, own, (uint32_t)from, (uint32_t)(m->arena.len - from)};
}

static bool in_bounds(cm_mapper *m) {
  return m->arena.len < UINT32_MAX / 2 || decline(m, "too large");
}

static bool has_elements(cm_type type) {
  return type == CM_OBJECT || type == CM_ARRAY;
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
    return no_memory(m);
  *v = of_arena(m, CM_STRING, true, from);
  return in_bounds(m);
}

/*
** Makes a value of the caller's bytes: a text, a canonical number, or canonical JSON.
*/
bool cm_mapper_own(cm_mapper *m, cm_value *v, cm_type type, const char *bytes, size_t len) {
  size_t from = m->arena.len;
  if (len >= UINT32_MAX / 2 || !cm_buf_add(&m->arena, bytes, len))
    return no_memory(m);
  *v = of_arena(m, type, true, from);
  return in_bounds(m);
}

/*
** Makes a value of a number; false for one that JSON cannot carry.
*/
bool cm_mapper_own_number(cm_mapper *m, cm_value *v, double number) {
  size_t from = m->arena.len;
  if (!cm_number_add_double(&m->arena, number))
    return decline(m, "a number that JSON cannot carry");
  *v = of_arena(m, CM_NUMBER, true, from);
  return in_bounds(m);
}

/* ---------------------------------------------------------------- reading */

static cm_type type_of(int first) {
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
  v->type = (uint8_t)type_of(cm_json_peek(j));
  v->base = like->base;
  v->own = like->own && v->type != CM_STRING;
  from = j->at;
  if (v->type == CM_STRING) {
    if (!cm_json_string(j, &inside))
      return false;
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
    if (t.len == len && memcmp(pool(m, t), name, len) == 0)
      return found;
    at = (at + 1) & k->mask;
  }
  return CM_NONE;
}

/* As find_key for the raw name, which may have escapes. */
static bool find_raw(cm_mapper *m, const cm_key *k, const char *raw, size_t len, int *found) {
  if (!memchr(raw, '\\', len)) {
    *found = find_key(m, k, raw, len);
    return true;
  }
  cm_buf_clear(&m->scratch);
  if (!cm_canonical_decode(&m->scratch, raw, len))
    return no_memory(m);
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
  int more, found;
  if (!cm_json_open(j, '{'))
    return false;
  while ((more = cm_json_member(j, &name)) > 0) {
    if (!find_raw(m, k, j->text + name.at, name.len, &found))
      return false;
    if (found == CM_NONE ? !cm_json_skip(j) : !read_member(m, j, found, slots, offset, like))
      return false;
  }
  return more == 0;
}

/* Begins a frame: all keys of the scope without a value. */
static bool open_frame(cm_mapper *m, frame *f, int scope, const frame *up) {
  size_t n = (size_t)m->program->scopes[scope].slots;
  if (!room_for(m, (void **)&m->slots, m->n_slots, &m->slots_room, n, sizeof *m->slots))
    return false;
  *f = (frame){scope, m->n_slots, up};
  memset(m->slots + m->n_slots, 0, n * sizeof *m->slots);
  m->n_slots += n;
  return true;
}

static void close_frame(cm_mapper *m, const frame *f) {
  m->n_slots = f->slots;
}

/* Reads a value's members into a frame. Only an object has any; the elements of some lists are
   bare ids where they were not inlined. */
static bool fill_frame(cm_mapper *m, const frame *f, const cm_value *v) {
  int key = m->program->scopes[f->scope].key;
  cm_json j;
  m->slots[f->slots] = *v;
  if (v->type == CM_ARRAY || v->type == CM_STRING)
    return true;
  if (v->type != CM_OBJECT)
    return decline(m, "an element is not an object");
  cm_json_init(&j, cm_mapper_bytes(m, v), v->len);
  if (!read_members(m, &j, key, f->slots, v->at, v) || !cm_json_end(&j))
    return decline(m, j.error ? j.error : "it is not valid JSON");
  return true;
}

/*
** Reads an object. Returns false if it is not one, or no valid JSON. The text must stay until its
** records have been made.
*/
bool cm_mapper_read(cm_mapper *m, const char *text, size_t len) {
  frame f;
  cm_value whole = {CM_OBJECT, TEXT, false, 0, (uint32_t)len};
  m->text = text;
  m->len = len;
  m->why = NULL;
  m->n_slots = m->n_stack = m->n_entries = m->n_records = 0;
  cm_buf_clear(&m->arena);
  if (len >= UINT32_MAX / 8)
    return decline(m, "too large");
  return open_frame(m, &f, 0, NULL) && fill_frame(m, &f, &whole);
}

/*
** The value of a key of the object that was read, if the key is one of scope 0.
*/
const cm_value *cm_mapper_value(const cm_mapper *m, int key) {
  return &m->slots[m->program->keys[key].slot];
}

/* ---------------------------------------------------------------- writing */

static bool add(cm_mapper *m, cm_buf *out, const char *bytes, size_t n) {
  return kept(m, cm_buf_add(out, bytes, n));
}

/* Appends a value's bytes, which may stand in the same buffer. */
static bool add_bytes(cm_mapper *m, cm_buf *out, const cm_value *v) {
  char *to = cm_buf_room(out, v->len);
  if (!to)
    return no_memory(m);
  memcpy(to, cm_mapper_bytes(m, v), v->len);
  to[v->len] = '\0';
  out->len += v->len;
  return true;
}

/* Not through cm_mapper_text, which appends to the arena: that may be what is being written. */
static bool add_string(cm_mapper *m, cm_buf *out, const cm_value *v) {
  const char *text = cm_mapper_bytes(m, v);
  if (!v->own && cm_canonical_is_plain(text, v->len))
    return add(m, out, "\"", 1) && add_bytes(m, out, v) && add(m, out, "\"", 1);
  if (!v->own && memchr(text, '\\', v->len)) {
    cm_buf_clear(&m->scratch);
    return kept(m, cm_canonical_decode(&m->scratch, text, v->len) &&
                       cm_canonical_string(out, m->scratch.data, m->scratch.len));
  }
  /* room first: the text may stand in the same buffer, which moves when it grows */
  return kept(m, cm_buf_room(out, (size_t)v->len * 6 + 2) != NULL) &&
         kept(m, cm_canonical_string(out, cm_mapper_bytes(m, v), v->len));
}

static bool add_number(cm_mapper *m, cm_buf *out, const cm_value *v) {
  if (v->own)
    return add_bytes(m, out, v);
  /* only numbers of the object and of JSON that has been read are not canonical yet */
  if (v->base == TEXT)
    return cm_number_add(out, cm_mapper_bytes(m, v), v->len) ||
           decline(m, "a number that JSON cannot carry");
  return decline(m, "BUG: a number that is not canonical");
}

static const char *name_of(const cm_mapper *m, const cm_entry *e, const cm_value *object) {
  cm_value name = {CM_STRING, object->base, false, e->at, e->len};
  return e->apart ? m->names.data + e->at : cm_mapper_bytes(m, &name);
}

static bool is_after(const cm_mapper *m, const cm_entry *a, const cm_entry *b,
                     const cm_value *object) {
  int order = cm_canonical_compare(name_of(m, a, object), a->len, name_of(m, b, object), b->len);
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
    if (i + 1 < n && cm_canonical_compare(name_of(m, &e[i], object), e[i].len,
                                          name_of(m, &e[i + 1], object), e[i + 1].len) == 0)
      continue;
    e[count++] = e[i];
  }
  return count;
}

static cm_entry *new_entry(cm_mapper *m) {
  if (!room_for(m, (void **)&m->entries, m->n_entries, &m->entries_room, 1, sizeof *m->entries))
    return NULL;
  memset(&m->entries[m->n_entries], 0, sizeof *m->entries);
  return &m->entries[m->n_entries++];
}

static bool note_name(cm_mapper *m, cm_entry *e, const cm_value *object, const cm_json *j,
                      cm_span name) {
  e->apart = memchr(j->text + name.at, '\\', name.len) != NULL;
  e->at = (uint32_t)(object->at + name.at);
  e->len = (uint32_t)name.len;
  if (e->apart) {
    size_t from = m->names.len;
    if (!cm_canonical_decode(&m->names, j->text + name.at, name.len))
      return no_memory(m);
    e->at = (uint32_t)from;
    e->len = (uint32_t)(m->names.len - from);
  }
  return true;
}

/* Puts the members of an object on the stack of entries, in order; an array has none. */
static bool members_of(cm_mapper *m, const cm_value *object) {
  size_t from = m->n_entries;
  cm_json j;
  cm_span name;
  int more;
  if (object->type == CM_ARRAY)
    return true;
  cm_json_init(&j, cm_mapper_bytes(m, object), object->len);
  if (!cm_json_open(&j, '{'))
    return decline(m, "a value is not an object");
  while ((more = cm_json_member(&j, &name)) > 0) {
    cm_entry *e = new_entry(m);
    if (!e || !note_name(m, e, object, &j, name))
      return false;
    if (!take(&j, object->at, object, &e->value))
      return decline(m, j.error);
  }
  if (more < 0)
    return decline(m, j.error);
  sort(m, m->entries + from, m->n_entries - from, object);
  m->n_entries = from + without_repeats(m, m->entries + from, m->n_entries - from, object);
  return true;
}

/* Puts the elements of an array on the stack of entries; an object has none. */
static bool elements_of(cm_mapper *m, const cm_value *array) {
  cm_json j;
  int more;
  if (array->type == CM_OBJECT)
    return true;
  cm_json_init(&j, cm_mapper_bytes(m, array), array->len);
  if (!cm_json_open(&j, '['))
    return decline(m, "a value is not an array");
  while ((more = cm_json_item(&j)) > 0) {
    cm_entry *e = new_entry(m);
    if (!e)
      return false;
    if (!take(&j, array->at, array, &e->value))
      return decline(m, j.error);
  }
  return more == 0 || decline(m, j.error);
}

/* Ends the use of the entries from a place on, and of their names. */
static void drop_entries(cm_mapper *m, size_t from, size_t names) {
  m->n_entries = from;
  if (m->names.data)
    cm_buf_cut(&m->names, names);
}

typedef enum written { FAILED = -1, NOTHING, WRITTEN } written;

static written write_any(cm_mapper *m, cm_buf *out, const cm_value *v, bool pruned);

static written write_members(cm_mapper *m, cm_buf *out, const cm_value *v, bool pruned) {
  size_t from = m->n_entries, i;
  const char *comma = "{";
  if (!members_of(m, v))
    return FAILED;
  for (i = from; i < m->n_entries; i++) {
    cm_entry e = m->entries[i];
    size_t before = out->len;
    written done;
    if (!add(m, out, comma, 1) ||
        /* room first: the name may stand in the same buffer */
        !kept(m, cm_buf_room(out, (size_t)e.len * 6 + 2) != NULL) ||
        !kept(m, cm_canonical_string(out, name_of(m, &e, v), e.len)) || !add(m, out, ":", 1))
      return FAILED;
    done = write_any(m, out, &e.value, pruned);
    if (done == FAILED)
      return FAILED;
    if (done == NOTHING)
      cm_buf_cut(out, before);
    else
      comma = ",";
  }
  if (*comma == '{')
    return pruned ? NOTHING : add(m, out, "{}", 2) ? WRITTEN : FAILED;
  return add(m, out, "}", 1) ? WRITTEN : FAILED;
}

static written write_elements(cm_mapper *m, cm_buf *out, const cm_value *v, bool pruned) {
  size_t from = m->n_entries, i, start = out->len;
  const char *comma = "[";
  if (!elements_of(m, v))
    return FAILED;
  for (i = from; i < m->n_entries; i++) {
    cm_value element = m->entries[i].value;
    size_t before = out->len;
    written done;
    if (!add(m, out, comma, 1))
      return FAILED;
    done = write_any(m, out, &element, pruned);
    if (done == FAILED)
      return FAILED;
    if (done == NOTHING)
      cm_buf_cut(out, before);
    else
      comma = ",";
  }
  if (*comma == '[') { /* an empty array is written as an empty object */
    cm_buf_cut(out, start);
    return pruned ? NOTHING : add(m, out, "{}", 2) ? WRITTEN : FAILED;
  }
  return add(m, out, "]", 1) ? WRITTEN : FAILED;
}

/*
** Writes any value; `pruned`: without nulls and empty containers, of which nothing may be left.
*/
static written write_any(cm_mapper *m, cm_buf *out, const cm_value *v, bool pruned) {
  size_t entries = m->n_entries, names = m->names.len;
  written done;
  switch ((cm_type)v->type) {
  case CM_NIL:
    return NOTHING;
  case CM_NULL:
    return pruned ? NOTHING : add(m, out, "null", 4) ? WRITTEN : FAILED;
  case CM_FALSE:
    return add(m, out, "false", 5) ? WRITTEN : FAILED;
  case CM_TRUE:
    return add(m, out, "true", 4) ? WRITTEN : FAILED;
  case CM_NUMBER:
    return add_number(m, out, v) ? WRITTEN : FAILED;
  case CM_STRING:
    return add_string(m, out, v) ? WRITTEN : FAILED;
  default:
    break;
  }
  if (v->own && !pruned)
    return add_bytes(m, out, v) ? WRITTEN : FAILED;
  done =
      v->type == CM_OBJECT ? write_members(m, out, v, pruned) : write_elements(m, out, v, pruned);
  drop_entries(m, entries, names);
  return done;
}

/* ---------------------------------------------------------------- shapes */

static bool write_shape(cm_mapper *m, cm_buf *out, int shape, const cm_value *v);

static const cm_word *find_word(const cm_mapper *m, int words, const cm_value *v) {
  const cm_program *p = m->program;
  const char *text = cm_mapper_bytes(m, v);
  int i = p->sets[words].buckets[cm_program_hash(text, v->len) % 32];
  for (; i != CM_NONE; i = p->words[i].next) {
    cm_text word = p->words[i].word;
    if (word.len == v->len && memcmp(pool(m, word), text, word.len) == 0)
      return &p->words[i];
  }
  return NULL;
}

static bool write_list(cm_mapper *m, cm_buf *out, int shape, const cm_value *v) {
  size_t from = m->n_entries, names = m->names.len, i;
  if (!add(m, out, "[", 1) || !elements_of(m, v))
    return false;
  for (i = from; i < m->n_entries; i++) {
    cm_value element = m->entries[i].value;
    if (i > from && !add(m, out, ",", 1))
      return false;
    if (shape == CM_NONE ? write_any(m, out, &element, false) == FAILED
                         : !write_shape(m, out, shape, &element))
      return false;
  }
  drop_entries(m, from, names);
  return add(m, out, "]", 1);
}

/* Writes a value of a member; false unless it is of the member's kind. */
static bool write_member(cm_mapper *m, cm_buf *out, const cm_member *member, cm_value *v) {
  switch (member->kind) {
  case CM_KIND_BOOLEAN:
    if (v->type == CM_TRUE || v->type == CM_FALSE)
      return write_any(m, out, v, false) == WRITTEN;
    break;
  case CM_KIND_NUMBER:
    if (v->type == CM_NUMBER)
      return add_number(m, out, v);
    break;
  case CM_KIND_STRING:
    if (v->type == CM_STRING)
      return add_string(m, out, v);
    break;
  case CM_KIND_ENUM:
    if (v->type == CM_STRING && cm_mapper_text(m, v) && find_word(m, member->words, v))
      return add_string(m, out, v);
    break;
  case CM_KIND_MAP:
    if (has_elements((cm_type)v->type))
      return write_any(m, out, v, false) == WRITTEN;
    break;
  case CM_KIND_OBJECT:
    if (has_elements((cm_type)v->type))
      return write_shape(m, out, member->shape, v);
    break;
  case CM_KIND_LIST:
    if (has_elements((cm_type)v->type))
      return write_list(m, out, member->shape, v);
    break;
  default:
    return write_any(m, out, v, false) == WRITTEN;
  }
  return decline(m, "a value of another kind than its field");
}

static cm_entry *find_entry(cm_mapper *m, size_t from, cm_text name, const cm_value *object) {
  size_t low = from, high = m->n_entries;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    cm_entry *e = &m->entries[middle];
    int order = cm_canonical_compare(name_of(m, e, object), e->len, pool(m, name), name.len);
    if (order == 0)
      return e;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* Writes an object's members that a shape has, in the shape's order. */
static bool write_shape(cm_mapper *m, cm_buf *out, int shape, const cm_value *v) {
  const cm_program *p = m->program;
  size_t from = m->n_entries, names = m->names.len;
  bool first = true;
  int i;
  if (!has_elements((cm_type)v->type))
    return decline(m, "an element of another kind");
  if (!members_of(m, v) || !add(m, out, "{", 1))
    return false;
  for (i = 0; i < p->shapes[shape].count; i++) {
    const cm_member *member = &p->members[p->shapes[shape].first + i];
    cm_entry *e = find_entry(m, from, member->name, v);
    cm_value value;
    if (!e) {
      if (member->required)
        return decline(m, "a required field is missing");
      continue;
    }
    value = e->value;
    if ((!first && !add(m, out, ",", 1)) ||
        !add(m, out, pool(m, member->start), member->start.len) ||
        !write_member(m, out, member, &value))
      return false;
    first = false;
  }
  drop_entries(m, from, names);
  return add(m, out, "}", 1);
}

/* ---------------------------------------------------------------- computing */

static bool eval(cm_mapper *m, const frame *f, int expr, cm_value *v);

static const cm_value NOTHING_GIVEN = {CM_NIL, TEXT, false, 0, 0};

/* The value of a key of the frame `up` frames outwards; null counts as none. */
static cm_value given(const cm_mapper *m, const frame *f, int up, int key) {
  cm_value v;
  for (; up > 0; up--)
    f = f->up;
  v = m->slots[f->slots + (size_t)m->program->keys[key].slot];
  return v.type == CM_NULL ? NOTHING_GIVEN : v;
}

static cm_value *push(cm_mapper *m, size_t n) {
  if (!room_for(m, (void **)&m->stack, m->n_stack, &m->stack_room, n, sizeof *m->stack))
    return NULL;
  m->n_stack += n;
  return m->stack + m->n_stack - n;
}

static bool upper(cm_mapper *m, cm_value *v) {
  size_t from = m->arena.len, i;
  char *to;
  if (!cm_mapper_text(m, v))
    return false;
  from = m->arena.len;
  if (!add_bytes(m, &m->arena, v))
    return false;
  to = m->arena.data + from;
  for (i = 0; i < v->len; i++)
    if (to[i] >= 'a' && to[i] <= 'z')
      to[i] = (char)(to[i] - 'a' + 'A');
  *v = of_arena(m, CM_STRING, true, from);
  return true;
}

static bool currency(cm_mapper *m, cm_value *v) {
  if (v->type == CM_STRING && v->len > 0)
    return upper(m, v);
  return cm_mapper_own(m, v, CM_STRING, NO_CURRENCY, strlen(NO_CURRENCY));
}

/*
** The decimals of Stripe's minor units of a currency, whose code is in upper case. These are
** Stripe's own, not ISO 4217's; the program brings them as the first set of words.
*/
static size_t exponent_of(const cm_mapper *m, const cm_value *code) {
  const cm_word *found = m->program->n_sets ? find_word(m, 0, code) : NULL;
  char digit = found && found->ours.len ? *pool(m, found->ours) : '2';
  return digit >= '0' && digit <= '3' ? (size_t)(digit - '0') : 2;
}

/* Whole numbers of at most 15 digits as JSON has them, whose digits can be taken as they are. */
static bool is_whole(const char *text, size_t n) {
  size_t i = n && *text == '-';
  if (n - i > 15 || n == i)
    return false;
  for (; i < n; i++)
    if (text[i] < '0' || text[i] > '9')
      return false;
  return true;
}

static bool shifted(cm_mapper *m, cm_value *v, const char *text, size_t n, size_t places) {
  size_t from = m->arena.len;
  if (!cm_number_add_shifted(&m->arena, text, n, places))
    return decline(m, "an amount is not a decimal number");
  *v = of_arena(m, CM_NUMBER, true, from);
  return in_bounds(m);
}

static const double TENS[] = {1, 10, 100, 1000};

/* A number of minor units with the point moved; of one that is not whole, the quotient. */
static bool major_number(cm_mapper *m, cm_value *v, size_t places) {
  char text[512];
  const char *digits = cm_mapper_bytes(m, v);
  double amount;
  int n;
  if (is_whole(digits, v->len) && v->len < sizeof text) {
    memcpy(text, digits, v->len); /* the arena moves when it grows */
    return shifted(m, v, text, v->len, places);
  }
  amount = cm_number_value(digits, v->len);
  if (isinf(amount))
    return decline(m, "a number that JSON cannot carry");
  if (amount < EXACT && amount > -EXACT)
    return cm_mapper_own_number(m, v, amount / TENS[places]);
  n = snprintf(text, sizeof text, "%.0f", amount);
  return shifted(m, v, text, (size_t)n, places);
}

static bool shifted_text(cm_mapper *m, cm_value *v, size_t places) {
  cm_value text = *v;
  if (!cm_mapper_text(m, &text))
    return false;
  cm_buf_clear(&m->scratch); /* the arena moves when it grows */
  return add_bytes(m, &m->scratch, &text) && shifted(m, v, m->scratch.data, m->scratch.len, places);
}

static bool money(cm_mapper *m, const frame *f, const int *args, cm_value *v) {
  cm_value code;
  size_t places;
  if (!eval(m, f, args[0], v) || !eval(m, f, args[1], &code))
    return false;
  if (v->type == CM_NIL)
    return true;
  if (!currency(m, &code))
    return false;
  places = exponent_of(m, &code);
  if (v->type == CM_NUMBER)
    return major_number(m, v, places);
  if (v->type == CM_STRING)
    return shifted_text(m, v, places);
  return decline(m, "an amount is not a number");
}

/* Makes a number canonical. */
static bool canonical(cm_mapper *m, cm_value *v) {
  size_t from = m->arena.len;
  if (v->own)
    return true;
  if (!add_number(m, &m->arena, v))
    return false;
  *v = of_arena(m, CM_NUMBER, true, from);
  return in_bounds(m);
}

static bool is_decimal(const char *at, size_t len) {
  size_t i, point = 0;
  for (i = len && *at == '-'; i < len; i++) {
    if (at[i] == '.' && !point && i > 0 && at[i - 1] != '-' && i + 1 < len)
      point = i;
    else if (at[i] < '0' || at[i] > '9')
      return false;
  }
  return len > 1 || (len == 1 && *at != '-');
}

/* Digits as a text count as a double here. */
static bool negated_text(cm_mapper *m, cm_value *v) {
  double number;
  if (!cm_mapper_text(m, v))
    return false;
  if (!is_decimal(cm_mapper_bytes(m, v), v->len))
    return decline(m, "an amount is not a number");
  number = cm_number_value(cm_mapper_bytes(m, v), v->len);
  return cm_mapper_own_number(m, v, number == 0 ? 0 : -number);
}

static bool negated(cm_mapper *m, cm_value *v) {
  size_t from;
  cm_value digits;
  if (v->type == CM_STRING)
    return negated_text(m, v);
  if (v->type == CM_NIL || v->type == CM_FALSE) {
    if (v->type == CM_FALSE)
      return decline(m, "an amount is not a number");
    return true;
  }
  if (v->type != CM_NUMBER)
    return decline(m, "an amount is not a number");
  if (!canonical(m, v))
    return false;
  if (is(m, v, "0"))
    return true;
  from = m->arena.len;
  digits = *v;
  if (cm_mapper_bytes(m, v)[0] == '-') {
    digits.at++;
    digits.len--;
  } else if (!add(m, &m->arena, "-", 1)) {
    return false;
  }
  if (!add_bytes(m, &m->arena, &digits))
    return false;
  *v = of_arena(m, CM_NUMBER, true, from);
  return true;
}

static bool is_fraction(const cm_mapper *m, const cm_value *v) {
  const char *text = cm_mapper_bytes(m, v);
  double number;
  if (is_whole(text, v->len))
    return false;
  number = cm_number_value(text, v->len);
  return number < WHOLE && number > -WHOLE && number != (double)(int64_t)number;
}

static bool decimal(cm_mapper *m, cm_value *v) {
  cm_value text = *v;
  if (v->type != CM_STRING)
    return true;
  if (!cm_mapper_text(m, &text))
    return false;
  /* a text that is not a decimal number stays a text */
  return !is_decimal(cm_mapper_bytes(m, &text), text.len) || shifted_text(m, v, 0);
}

/* The date of a unix time (days_from_civil of Howard Hinnant, turned round). */
static size_t date(double seconds, char *out, size_t room) {
  int64_t s = (int64_t)seconds, days = s / 86400, rest = s % 86400;
  int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
  int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  int day = (int)(doy - (153 * mp + 2) / 5 + 1), month = (int)(mp < 10 ? mp + 3 : mp - 9);
  int year = (int)(yoe + era * 400 + (month <= 2));
  return (size_t)snprintf(out, room, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day,
                          (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
}

static bool timestamp(cm_mapper *m, cm_value *v) {
  char text[64];
  double seconds = 0;
  if (v->type == CM_NUMBER)
    seconds = cm_number_value(cm_mapper_bytes(m, v), v->len);
  if (!(seconds > 0)) {
    *v = NOTHING_GIVEN;
    return true;
  }
  if (seconds > LARGEST_TIME)
    return decline(m, "a time is too large");
  return cm_mapper_own(m, v, CM_STRING, text, date(seconds, text, sizeof text));
}

static bool first(cm_mapper *m, const frame *f, const cm_expr *e, cm_value *v) {
  int i;
  for (i = 0; i < e->count; i++) {
    if (!eval(m, f, m->program->args[e->first + i], v))
      return false;
    if (v->type != CM_NIL && !(v->type == CM_STRING && v->len == 0))
      return true;
  }
  *v = NOTHING_GIVEN;
  return true;
}

static bool enumerated(cm_mapper *m, const int *args, cm_value *v) {
  const cm_word *found = NULL;
  if (!cm_mapper_text(m, v))
    return false;
  if (v->type == CM_STRING)
    found = find_word(m, args[1], v);
  if (found)
    *v = of_pool(CM_STRING, found->ours);
  else if (args[2] == CM_NONE)
    *v = NOTHING_GIVEN;
  else
    *v = of_pool(CM_STRING, m->program->words[args[2]].word);
  return true;
}

static bool unlisted(cm_mapper *m, const int *args, cm_value *v) {
  if (!cm_mapper_text(m, v))
    return false;
  if (v->type == CM_FALSE || (v->type == CM_STRING && find_word(m, args[1], v)))
    *v = NOTHING_GIVEN;
  return true;
}

static bool call(cm_mapper *m, const frame *f, const cm_expr *e, cm_value *v) {
  const int *args = m->program->args + e->first;
  size_t from = m->n_stack;
  int i;
  *v = NOTHING_GIVEN;
  if (!push(m, (size_t)e->count))
    return false;
  for (i = 1; i < e->count; i++) {
    cm_value arg;
    if (!eval(m, f, args[i], &arg))
      return false;
    m->stack[from + (size_t)i] = arg;
  }
  if (!m->call || !m->call(m->context, m, args[0], m->stack + from + 1, e->count - 1, v))
    return decline(m, "a function failed");
  m->n_stack = from;
  return true;
}

/* Evaluates fields onto the stack. Returns how many gave a value, or -1. */
static int eval_fields(cm_mapper *m, const frame *f, const cm_fields *list) {
  size_t from = m->n_stack;
  int i, count = 0;
  if (!push(m, (size_t)list->count))
    return -1;
  for (i = 0; i < list->count; i++) {
    int expr = m->program->fields[list->first + i].expr;
    cm_value v = NOTHING_GIVEN;
    if (expr != CM_NONE && !eval(m, f, expr, &v))
      return -1;
    m->stack[from + (size_t)i] = v;
    count += v.type != CM_NIL;
  }
  return count;
}

static bool add_name(cm_mapper *m, cm_text name, bool first_one, char open) {
  char comma[2] = {first_one ? open : ',', 0};
  return add(m, &m->arena, comma, first_one && !open ? 0 : 1) &&
         kept(m, cm_canonical_string(&m->arena, pool(m, name), name.len)) &&
         add(m, &m->arena, ":", 1);
}

/* Writes fields from the stack as an object; `nulls`: null for those without a value. */
static written write_fields(cm_mapper *m, const cm_fields *list, size_t from, bool pruned,
                            bool nulls) {
  bool empty = true;
  int i;
  for (i = 0; i < list->count; i++) {
    cm_value v = m->stack[from + (size_t)i];
    size_t before = m->arena.len;
    written done;
    if (v.type == CM_NIL && nulls)
      v.type = CM_NULL;
    if (v.type == CM_NIL)
      continue;
    if (!add_name(m, m->program->fields[list->first + i].name, empty, '{'))
      return FAILED;
    done = write_any(m, &m->arena, &v, pruned);
    if (done == FAILED)
      return FAILED;
    if (done == NOTHING)
      cm_buf_cut(&m->arena, before);
    else
      empty = false;
  }
  if (empty)
    return pruned ? NOTHING : add(m, &m->arena, "{}", 2) ? WRITTEN : FAILED;
  return add(m, &m->arena, "}", 1) ? WRITTEN : FAILED;
}

static bool has_id(const cm_mapper *m, const cm_fields *list, size_t from) {
  int i;
  for (i = 0; i < list->count; i++) {
    cm_text name = m->program->fields[list->first + i].name;
    if (name.len == 2 && memcmp(pool(m, name), "id", 2) == 0)
      return m->stack[from + (size_t)i].type != CM_NIL;
  }
  return false;
}

/* An object of fields; `keep`: also an empty one. */
static bool object(cm_mapper *m, const frame *f, cm_op op, const cm_fields *list, cm_value *v) {
  size_t from = m->n_stack, start;
  int count = eval_fields(m, f, list);
  if (count < 0)
    return false;
  *v = NOTHING_GIVEN;
  start = m->arena.len;
  if ((op == CM_OP_OBJECT && count > 0) || (op == CM_OP_REF && has_id(m, list, from)) ||
      op == CM_OP_NULLS || op == CM_OP_EACH) {
    if (write_fields(m, list, from, false, op == CM_OP_NULLS) != WRITTEN)
      return false;
    *v = of_arena(m, CM_OBJECT, true, start);
  }
  m->n_stack = from;
  return in_bounds(m);
}

/* Writes values from the stack as an array; without any, as Lua's empty table is written. */
static bool array_of(cm_mapper *m, size_t from, cm_value *v) {
  size_t start = m->arena.len, i;
  if (from == m->n_stack) {
    if (!add(m, &m->arena, "{}", 2))
      return false;
    *v = of_arena(m, CM_OBJECT, true, start);
    return true;
  }
  for (i = from; i < m->n_stack; i++) {
    cm_value item = m->stack[i];
    if (!add(m, &m->arena, i == from ? "[" : ",", 1) ||
        write_any(m, &m->arena, &item, false) == FAILED)
      return false;
  }
  m->n_stack = from;
  if (!add(m, &m->arena, "]", 1))
    return false;
  *v = of_arena(m, CM_ARRAY, true, start);
  return in_bounds(m);
}

static bool list(cm_mapper *m, const frame *f, const cm_expr *e, cm_value *v) {
  size_t from = m->n_stack;
  int i;
  for (i = 0; i < e->count; i++) {
    cm_value item, *kept_item;
    if (!eval(m, f, m->program->args[e->first + i], &item))
      return false;
    if (item.type == CM_NIL)
      continue;
    kept_item = push(m, 1);
    if (!kept_item)
      return false;
    *kept_item = item;
  }
  return array_of(m, from, v);
}

static bool each(cm_mapper *m, const frame *f, const int *args, cm_value *v) {
  const cm_fields *fields = &m->program->lists[args[2]];
  cm_value array = given(m, f, args[0], args[1]);
  size_t from = m->n_stack, entries = m->n_entries, names = m->names.len, i;
  frame inner;
  if (array.type == CM_NIL || array.type == CM_FALSE)
    return array_of(m, from, v);
  if (!has_elements((cm_type)array.type))
    return decline(m, "a value is not an array");
  if (!elements_of(m, &array) || !open_frame(m, &inner, fields->scope, f))
    return false;
  for (i = entries; i < m->n_entries; i++) {
    cm_value element = m->entries[i].value, made, *kept_item;
    memset(m->slots + inner.slots, 0,
           (size_t)m->program->scopes[inner.scope].slots * sizeof *m->slots);
    if (!fill_frame(m, &inner, &element) || !object(m, &inner, CM_OP_EACH, fields, &made))
      return false;
    kept_item = push(m, 1);
    if (!kept_item)
      return false;
    *kept_item = made;
  }
  close_frame(m, &inner);
  drop_entries(m, entries, names);
  return array_of(m, from, v);
}

static bool address(cm_mapper *m, const frame *f, const cm_expr *e, cm_value *v) {
  const int *args = m->program->args + e->first;
  cm_value found = given(m, f, args[0], args[1]);
  size_t start = m->arena.len;
  static const char type[] = "\"type\":";
  bool empty = true;
  int i;
  *v = NOTHING_GIVEN;
  if (!has_elements((cm_type)found.type))
    return true;
  for (i = 3; i < e->count; i += 2) {
    cm_value part = given(m, f, args[0], args[i + 1]);
    if (part.type != CM_STRING || part.len == 0)
      continue;
    if (!add_name(m, m->program->words[args[i]].word, empty, '{') ||
        !add_string(m, &m->arena, &part))
      return false;
    empty = false;
  }
  if (empty)
    return true;
  found = of_pool(CM_STRING, m->program->words[args[2]].word);
  if (!add(m, &m->arena, ",", 1) || !add(m, &m->arena, type, strlen(type)) ||
      !add_string(m, &m->arena, &found) || !add(m, &m->arena, "}", 1))
    return false;
  *v = of_arena(m, CM_OBJECT, true, start);
  return in_bounds(m);
}

/* Writes what stands beside `stripe` in supplemental data and comes before or after it. */
static bool write_beside(cm_mapper *m, const cm_fields *list, size_t from, bool before,
                         bool *empty) {
  static const char name[] = "stripe";
  int i;
  for (i = 0; i < list->count; i++) {
    cm_text own = m->program->fields[list->first + i].name;
    cm_value v = m->stack[from + (size_t)i];
    bool is_before = cm_canonical_compare(pool(m, own), own.len, name, strlen(name)) < 0;
    if (is_before != before || v.type == CM_NIL)
      continue;
    if (!add_name(m, own, *empty, 0) || write_any(m, &m->arena, &v, false) == FAILED)
      return false;
    *empty = false;
  }
  return true;
}

static bool supplemental(cm_mapper *m, const frame *f, const int *args, cm_value *v) {
  static const char start[] = "{\"content\":{", stripe[] = "\"stripe\":";
  const cm_fields *ours = &m->program->lists[args[0]];
  const cm_fields *beside = args[1] == CM_NONE ? NULL : &m->program->lists[args[1]];
  size_t from = m->n_stack, at, before;
  bool empty = true;
  written done;
  *v = NOTHING_GIVEN;
  if (eval_fields(m, f, ours) < 0 || (beside && eval_fields(m, f, beside) < 0))
    return false;
  at = m->arena.len;
  if (!add(m, &m->arena, start, strlen(start)) ||
      (beside && !write_beside(m, beside, from + (size_t)ours->count, true, &empty)))
    return false;
  before = m->arena.len;
  if ((!empty && !add(m, &m->arena, ",", 1)) || !add(m, &m->arena, stripe, strlen(stripe)))
    return false;
  done = write_fields(m, ours, from, true, false);
  if (done == FAILED)
    return false;
  if (done == NOTHING)
    cm_buf_cut(&m->arena, before);
  else
    empty = false;
  if (beside && !write_beside(m, beside, from + (size_t)ours->count, false, &empty))
    return false;
  m->n_stack = from;
  if (empty) {
    cm_buf_cut(&m->arena, at);
    return true;
  }
  if (!add(m, &m->arena, "}}", 2))
    return false;
  *v = of_arena(m, CM_OBJECT, true, at);
  return in_bounds(m);
}

/* Computes an expression of an object that another expression gives. */
static bool within(cm_mapper *m, const frame *f, const int *args, cm_value *v) {
  cm_value object;
  frame inner;
  if (!eval(m, f, args[0], &object))
    return false;
  if (object.type == CM_STRING && cm_mapper_text(m, &object))
    object.type = CM_OBJECT;
  if (object.type != CM_OBJECT)
    return decline(m, "a value is not an object");
  if (!open_frame(m, &inner, m->program->exprs[args[1]].scope, f) ||
      !fill_frame(m, &inner, &object) || !eval(m, &inner, args[1], v))
    return false;
  close_frame(m, &inner);
  return true;
}

static bool tally(cm_mapper *m, const int *args, const cm_value *v) {
  m->seen_now[args[1]]++;
  m->given_now[args[1]] += v->type != CM_NIL;
  return true;
}

/* Computes an expression that has another one as its first argument. */
static bool eval_of_one(cm_mapper *m, const frame *f, const cm_expr *e, const int *args,
                        cm_value *v) {
  if (!eval(m, f, args[0], v))
    return false;
  switch (e->op) {
  case CM_OP_CURRENCY:
    return currency(m, v);
  case CM_OP_NEGATED:
    return negated(m, v);
  case CM_OP_INTEGER:
    return v->type != CM_NUMBER || !is_fraction(m, v) || decline(m, "a whole number is expected");
  case CM_OP_DECIMAL:
    return decimal(m, v);
  case CM_OP_TIMESTAMP:
    return timestamp(m, v);
  case CM_OP_ENUM:
    return enumerated(m, args, v);
  case CM_OP_UNLISTED:
    return unlisted(m, args, v);
  default:
    return tally(m, args, v);
  }
}

static bool eval(cm_mapper *m, const frame *f, int expr, cm_value *v) {
  const cm_program *p = m->program;
  const cm_expr *e = &p->exprs[expr];
  const int *args = p->args + e->first;
  switch (e->op) {
  case CM_OP_PATH:
    *v = given(m, f, args[0], args[1]);
    return true;
  case CM_OP_SOURCE:
    *v = given(m, f, args[0], args[1]);
    if (!has_elements((cm_type)v->type))
      return decline(m, "a value is not an object");
    v->type = CM_STRING;
    v->own = true;
    return true;
  case CM_OP_ID:
    *v = given(m, f, args[0], args[1]);
    if (has_elements((cm_type)v->type))
      *v = v->type == CM_OBJECT ? given(m, f, args[0], args[2]) : NOTHING_GIVEN;
    if (v->type == CM_FALSE)
      *v = NOTHING_GIVEN;
    return true;
  case CM_OP_TEXT:
    *v = of_pool(CM_STRING, p->words[args[0]].word);
    return true;
  case CM_OP_NUMBER:
    *v = of_pool(CM_NUMBER, p->words[args[0]].word);
    return true;
  case CM_OP_BOOLEAN:
    *v = NOTHING_GIVEN;
    v->type = args[0] ? CM_TRUE : CM_FALSE;
    return true;
  case CM_OP_JSON:
    *v = of_pool(CM_OBJECT, p->words[args[0]].word);
    v->type = (uint8_t)type_of((unsigned char)*cm_mapper_bytes(m, v));
    return true;
  case CM_OP_MONEY:
    return money(m, f, args, v);
  case CM_OP_FIRST:
    return first(m, f, e, v);
  case CM_OP_CALL:
    return call(m, f, e, v);
  case CM_OP_OBJECT:
  case CM_OP_REF:
  case CM_OP_NULLS:
    return object(m, f, e->op, &p->lists[args[0]], v);
  case CM_OP_LIST:
    return list(m, f, e, v);
  case CM_OP_EACH:
    return each(m, f, args, v);
  case CM_OP_ADDRESS:
    return address(m, f, e, v);
  case CM_OP_SUPPLEMENTAL:
    return supplemental(m, f, args, v);
  case CM_OP_PARENT:
    return eval(m, f->up, args[0], v);
  case CM_OP_WITHIN:
    return within(m, f, args, v);
  default:
    return eval_of_one(m, f, e, args, v);
  }
}

/* ---------------------------------------------------------------- records */

/* The later one of a date that was computed and `dated`: dates of one form. */
static bool later(cm_mapper *m, cm_value *v, const char *dated) {
  if (!dated || v->type == CM_NIL)
    return true;
  if (v->type != CM_STRING || !cm_mapper_text(m, v))
    return decline(m, "a date is not a text");
  if (cm_canonical_compare(dated, strlen(dated), cm_mapper_bytes(m, v), v->len) > 0)
    return cm_mapper_own(m, v, CM_STRING, dated, strlen(dated));
  return true;
}

/* Writes a record's body. own_id: the id of a split one; NULL: it has its own, which goes to *id.
 */
static bool write_body(cm_mapper *m, const frame *f, const cm_recipe *r, int exprs,
                       const char *dated, const cm_value *own_id, cm_value *id) {
  const cm_program *p = m->program;
  const cm_shape *shape = &p->shapes[r->shape];
  bool empty = true;
  int i;
  *id = NOTHING_GIVEN;
  if (!add(m, &m->out, "{", 1))
    return false;
  for (i = 0; i < shape->count; i++) {
    const cm_member *member = &p->members[shape->first + i];
    int expr = p->args[exprs + i];
    cm_value v = NOTHING_GIVEN;
    if (i == r->id && own_id)
      v = *own_id;
    else if (expr != CM_NONE && !eval(m, f, expr, &v))
      return false;
    if (i == r->id)
      *id = v;
    if (i == r->dated && !later(m, &v, dated))
      return false;
    if (v.type == CM_NIL) {
      if (member->required)
        return decline(m, "a required field is missing");
      continue;
    }
    if ((!empty && !add(m, &m->out, ",", 1)) ||
        !add(m, &m->out, pool(m, member->start), member->start.len) ||
        !write_member(m, &m->out, member, &v))
      return false;
    empty = false;
  }
  return true;
}

static bool add_record(cm_mapper *m, const cm_recipe *r, cm_value *id, size_t body) {
  cm_made *made;
  if (id->type != CM_STRING && r->loose)
    *id = of_pool(CM_STRING, (cm_text){0, 0});
  if (id->type != CM_STRING || !cm_mapper_text(m, id))
    return decline(m, "an id is not a text");
  if (!room_for(m, (void **)&m->records, m->n_records, &m->records_room, 1, sizeof *m->records))
    return false;
  made = &m->records[m->n_records];
  made->id_at = (uint32_t)m->ids.len;
  made->id_len = id->len;
  made->body_at = (uint32_t)body;
  made->body_len = (uint32_t)(m->out.len - body);
  made->name_len = made->number = 0;
  if (!add_bytes(m, &m->ids, id))
    return false;
  m->n_records++;
  return m->out.len < UINT32_MAX / 2 || decline(m, "too large");
}

/* What comes behind the colon in the id of a split record. */
static bool suffix_text(cm_mapper *m, cm_value *v) {
  switch ((cm_type)v->type) {
  case CM_NIL:
    return cm_mapper_own(m, v, CM_STRING, "nil", 3);
  case CM_FALSE:
    return cm_mapper_own(m, v, CM_STRING, "false", 5);
  case CM_TRUE:
    return cm_mapper_own(m, v, CM_STRING, "true", 4);
  case CM_NUMBER:
    if (!canonical(m, v))
      return false;
    v->type = CM_STRING;
    return true;
  case CM_STRING:
    return cm_mapper_text(m, v);
  default:
    return decline(m, "an id is not a text");
  }
}

static bool is_taken(const cm_mapper *m, size_t first_one, const cm_value *id) {
  size_t i;
  for (i = first_one; i < m->n_records; i++)
    if (m->records[i].id_len == id->len &&
        memcmp(m->ids.data + m->records[i].id_at, cm_mapper_bytes(m, id), id->len) == 0)
      return true;
  return false;
}

/* The number to try for a name: the last record of this name took all those before its own. */
static uint32_t number_for(const cm_mapper *m, const cm_value *name) {
  size_t i;
  for (i = m->n_records; i > 1; i--) {
    const cm_made *made = &m->records[i - 1];
    if (made->name_len == name->len &&
        memcmp(m->ids.data + made->id_at, cm_mapper_bytes(m, name), name->len) == 0)
      return made->number + 1;
  }
  return 1;
}

/* `<id>:<suffix>`; a second one of the same name gets " (2)". Numbers that the source itself put
   into a name are stepped over. */
static bool split_id(cm_mapper *m, const cm_value *parent, cm_value *suffix, cm_value *id,
                     cm_made *named) {
  size_t from;
  cm_value name;
  uint32_t number;
  if (parent->type != CM_STRING)
    return decline(m, "an id is not a text");
  if (!suffix_text(m, suffix))
    return false;
  from = m->arena.len;
  if (!add_bytes(m, &m->arena, parent) || !add(m, &m->arena, ":", 1) ||
      !add_bytes(m, &m->arena, suffix))
    return false;
  *id = name = of_arena(m, CM_STRING, true, from);
  number = number_for(m, &name);
  while (number > 1 || is_taken(m, 1, id)) {
    char more[24];
    number += number == 1;
    from = m->arena.len;
    if (!add_bytes(m, &m->arena, &name) ||
        !add(m, &m->arena, more, (size_t)snprintf(more, sizeof more, " (%u)", number)))
      return false;
    *id = of_arena(m, CM_STRING, true, from);
    if (!is_taken(m, 1, id))
      break;
    cm_buf_cut(&m->arena, from);
    number++;
  }
  named->name_len = name.len;
  named->number = number;
  return in_bounds(m);
}

static bool split_off(cm_mapper *m, const frame *f, const cm_recipe *r, const char *dated,
                      const cm_value *parent, const cm_value *element) {
  cm_value v, id, ignored;
  cm_made named, *made;
  size_t body = m->out.len;
  if (!fill_frame(m, f, element))
    return false;
  if (r->inner_where != CM_NONE) {
    if (!eval(m, f, r->inner_where, &v))
      return false;
    if (v.type == CM_NIL || v.type == CM_FALSE)
      return true;
  }
  if (!eval(m, f, r->suffix, &v) || !split_id(m, parent, &v, &id, &named) ||
      !write_body(m, f, r, r->inner_exprs, dated, &id, &ignored) || !add_record(m, r, &id, body))
    return false;
  made = &m->records[m->n_records - 1];
  made->name_len = named.name_len;
  made->number = named.number;
  return true;
}

static bool split(cm_mapper *m, const frame *f, const cm_recipe *r, const char *dated,
                  const cm_value *parent) {
  size_t entries = m->n_entries, names = m->names.len, i;
  cm_value array;
  frame inner;
  if (!eval(m, f, r->each, &array))
    return false;
  if (array.type == CM_NIL || array.type == CM_FALSE)
    return true;
  if (!has_elements((cm_type)array.type) || !elements_of(m, &array))
    return decline(m, "a value is not an array");
  if (m->n_entries - entries > MOST_SPLIT)
    return decline(m, "too many elements");
  if (!open_frame(m, &inner, r->inner, f))
    return false;
  for (i = entries; i < m->n_entries; i++) {
    cm_value element = m->entries[i].value;
    memset(m->slots + inner.slots, 0,
           (size_t)m->program->scopes[inner.scope].slots * sizeof *m->slots);
    if (!split_off(m, &inner, r, dated, parent, &element))
      return false;
  }
  close_frame(m, &inner);
  drop_entries(m, entries, names);
  return true;
}

static bool make(cm_mapper *m, const frame *f, const cm_recipe *r, const char *dated) {
  cm_value v, id;
  if (r->where != CM_NONE) {
    if (!eval(m, f, r->where, &v))
      return false;
    if (v.type == CM_NIL || v.type == CM_FALSE)
      return true;
  }
  if (!write_body(m, f, r, r->exprs, dated, NULL, &id))
    return false;
  if (id.type == CM_NIL)
    id = given(m, f, 0, CM_KEY_ID);
  return add_record(m, r, &id, 0) && (r->each == CM_NONE || split(m, f, r, dated, &id));
}

/* Room for the tallies, once. */
static bool open_tallies(cm_mapper *m) {
  size_t n = (size_t)m->program->n_tallies;
  if (!n || m->seen)
    return true;
  m->seen = calloc(n * 4, sizeof *m->seen);
  if (!m->seen)
    return no_memory(m);
  m->given = m->seen + n;
  m->seen_now = m->given + n;
  m->given_now = m->seen_now + n;
  return true;
}

static void keep_tallies(cm_mapper *m) {
  int i;
  for (i = 0; i < m->program->n_tallies; i++) {
    m->seen[i] += m->seen_now[i];
    m->given[i] += m->given_now[i];
  }
}

/*
** Makes the records of one data type of the object that was read. recipe: its number. dated: when
** the object changed last, as a date, or NULL. Without a record the object is left out.
*/
bool cm_mapper_make(cm_mapper *m, int recipe, const char *dated) {
  frame f = {0, 0, NULL};
  m->why = NULL;
  m->n_stack = m->n_entries = m->n_records = 0;
  m->n_slots = (size_t)m->program->scopes[0].slots;
  cm_buf_clear(&m->arena);
  cm_buf_clear(&m->names);
  cm_buf_clear(&m->out);
  cm_buf_clear(&m->ids);
  if (!open_tallies(m))
    return false;
  if (m->program->n_tallies)
    memset(m->seen_now, 0, (size_t)m->program->n_tallies * 2 * sizeof *m->seen_now);
  if (!make(m, &f, &m->program->recipes[recipe], dated)) {
    m->n_records = 0;
    decline(m, "out of memory");
    return false;
  }
  keep_tallies(m);
  return true;
}

/*
** Gives the memory back, but not the program's. Harmless when it is repeated.
*/
void cm_mapper_free(cm_mapper *m) {
  free(m->slots);
  free(m->stack);
  free(m->entries);
  free(m->records);
  free(m->seen);
  cm_buf_free(&m->arena);
  cm_buf_free(&m->names);
  cm_buf_free(&m->scratch);
  cm_buf_free(&m->out);
  cm_buf_free(&m->ids);
  memset(m, 0, sizeof *m);
}
