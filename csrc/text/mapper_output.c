#include "text/mapper_parts.h"

#include "text/canonical.h"
#include "text/number.h"

#include <string.h>

/* ---------------------------------------------------------------- writing */

/* Appends a value's bytes, which may stand in the same buffer. */
bool cm_mapper_add_bytes(cm_mapper *m, cm_buf *out, const cm_value *v) {
  char *to = cm_buf_room(out, v->len);
  if (!to)
    return cm_mapper_no_memory(m);
  memcpy(to, cm_mapper_bytes(m, v), v->len);
  to[v->len] = '\0';
  out->len += v->len;
  return true;
}

/* Not through cm_mapper_text, which appends to the arena: that may be what is being written. */
bool cm_mapper_add_string(cm_mapper *m, cm_buf *out, const cm_value *v) {
  const char *text = cm_mapper_bytes(m, v);
  if (!v->own && memchr(text, '\\', v->len)) {
    cm_buf_clear(&m->scratch);
    return cm_mapper_kept(m, cm_canonical_decode(&m->scratch, text, v->len) &&
                                 cm_canonical_string(out, m->scratch.data, m->scratch.len));
  }
  /* room first: the text may stand in the same buffer, which moves when it grows */
  return cm_mapper_kept(m, cm_buf_room(out, CM_CANONICAL_ROOM((size_t)v->len)) != NULL) &&
         cm_mapper_kept(m, cm_canonical_string(out, cm_mapper_bytes(m, v), v->len));
}

bool cm_mapper_add_number(cm_mapper *m, cm_buf *out, const cm_value *v) {
  if (v->own)
    return cm_mapper_add_bytes(m, out, v);
  /* only numbers of the object and of JSON that has been read are not canonical yet */
  if (v->base == CM_BASE_TEXT)
    return cm_number_add(out, cm_mapper_bytes(m, v), v->len) ||
           cm_mapper_decline(m, "a number that JSON cannot carry");
  return cm_mapper_decline(m, "BUG: a number that is not canonical");
}

/* The name of a member; room first, since the name may stand in the same buffer. */
static bool write_name(cm_mapper *m, cm_buf *out, const cm_entry *e, const cm_value *object) {
  return cm_mapper_kept(m, cm_buf_room(out, CM_CANONICAL_ROOM((size_t)e->len)) != NULL) &&
         cm_mapper_kept(m, cm_canonical_string(out, cm_mapper_name_of(m, e, object), e->len)) &&
         cm_mapper_add(m, out, ":", 1);
}

static cm_written write_elements(cm_mapper *m, cm_buf *out, const cm_value *v, bool pruned) {
  bool named = v->type == CM_OBJECT;
  size_t from = m->n_entries, i, start = out->len;
  if (!cm_mapper_entries_of(m, v))
    return CM_FAILED;
  for (i = from; i < m->n_entries; i++) {
    cm_entry e = m->entries[i];
    size_t before = out->len;
    cm_written done;
    if (!cm_mapper_add(m, out,
                       before > start ? ","
                       : named        ? "{"
                                      : "[",
                       1) ||
        (named && !write_name(m, out, &e, v)))
      return CM_FAILED;
    done = cm_mapper_write_any(m, out, &e.value, pruned);
    if (done == CM_FAILED)
      return CM_FAILED;
    if (done == CM_NOTHING)
      cm_buf_cut(out, before);
  }
  if (out->len == start) /* an empty array is written as an empty object */
    return pruned ? CM_NOTHING : cm_mapper_add(m, out, "{}", 2) ? CM_WRITTEN : CM_FAILED;
  return cm_mapper_add(m, out, named ? "}" : "]", 1) ? CM_WRITTEN : CM_FAILED;
}

/*
** Writes any value; `pruned`: without nulls and empty containers, of which nothing may be left.
*/
cm_written cm_mapper_write_any(cm_mapper *m, cm_buf *out, const cm_value *v, bool pruned) {
  size_t entries = m->n_entries, names = m->names.len;
  cm_written done;
  switch ((cm_type)v->type) {
  case CM_NIL:
    return CM_NOTHING;
  case CM_NULL:
    return pruned ? CM_NOTHING : cm_mapper_add(m, out, "null", 4) ? CM_WRITTEN : CM_FAILED;
  case CM_FALSE:
    return cm_mapper_add(m, out, "false", 5) ? CM_WRITTEN : CM_FAILED;
  case CM_TRUE:
    return cm_mapper_add(m, out, "true", 4) ? CM_WRITTEN : CM_FAILED;
  case CM_NUMBER:
    return cm_mapper_add_number(m, out, v) ? CM_WRITTEN : CM_FAILED;
  case CM_STRING:
    return cm_mapper_add_string(m, out, v) ? CM_WRITTEN : CM_FAILED;
  default:
    break;
  }
  if (v->own && !pruned)
    return cm_mapper_add_bytes(m, out, v) ? CM_WRITTEN : CM_FAILED;
  done = write_elements(m, out, v, pruned);
  cm_mapper_drop_entries(m, entries, names);
  return done;
}

/* ---------------------------------------------------------------- shapes */

static bool write_shape(cm_mapper *m, cm_buf *out, int shape, const cm_value *v);

const cm_word *cm_mapper_word(const cm_mapper *m, int words, const char *text, size_t len) {
  const cm_program *p = m->program;
  int i = p->sets[words].buckets[cm_program_hash(text, len) % 32];
  for (; i != CM_NONE; i = p->words[i].next) {
    cm_text word = p->words[i].word;
    if (word.len == len && memcmp(cm_mapper_pool(m, word), text, word.len) == 0)
      return &p->words[i];
  }
  return NULL;
}

const cm_word *cm_mapper_find_word(const cm_mapper *m, int words, const cm_value *v) {
  return cm_mapper_word(m, words, cm_mapper_bytes(m, v), v->len);
}

static bool write_list(cm_mapper *m, cm_buf *out, int shape, const cm_value *v) {
  size_t from = m->n_entries, names = m->names.len, i;
  if (!cm_mapper_add(m, out, "[", 1) || !cm_mapper_elements_of(m, v))
    return false;
  for (i = from; i < m->n_entries; i++) {
    cm_value element = m->entries[i].value;
    if (i > from && !cm_mapper_add(m, out, ",", 1))
      return false;
    if (shape == CM_NONE ? cm_mapper_write_any(m, out, &element, false) == CM_FAILED
                         : !write_shape(m, out, shape, &element))
      return false;
  }
  cm_mapper_drop_entries(m, from, names);
  return cm_mapper_add(m, out, "]", 1);
}

/* Writes a value of a member; false unless it is of the member's kind. */
bool cm_mapper_write_member(cm_mapper *m, cm_buf *out, const cm_member *member, cm_value *v) {
  switch (member->kind) {
  case CM_KIND_BOOLEAN:
    if (v->type == CM_TRUE || v->type == CM_FALSE)
      return cm_mapper_write_any(m, out, v, false) == CM_WRITTEN;
    break;
  case CM_KIND_NUMBER:
    if (v->type == CM_NUMBER)
      return cm_mapper_add_number(m, out, v);
    break;
  case CM_KIND_STRING:
    if (v->type == CM_STRING)
      return cm_mapper_add_string(m, out, v);
    break;
  case CM_KIND_ENUM:
    if (v->type == CM_STRING && cm_mapper_text(m, v) && cm_mapper_find_word(m, member->words, v))
      return cm_mapper_add_string(m, out, v);
    break;
  case CM_KIND_MAP:
    if (cm_mapper_has_elements((cm_type)v->type))
      return cm_mapper_write_any(m, out, v, false) == CM_WRITTEN;
    break;
  case CM_KIND_OBJECT:
    if (cm_mapper_has_elements((cm_type)v->type))
      return write_shape(m, out, member->shape, v);
    break;
  case CM_KIND_LIST:
    if (cm_mapper_has_elements((cm_type)v->type))
      return write_list(m, out, member->shape, v);
    break;
  default:
    return cm_mapper_write_any(m, out, v, false) == CM_WRITTEN;
  }
  return cm_mapper_decline(m, "a value of another kind than its field");
}

static cm_entry *find_entry(cm_mapper *m, size_t from, cm_text name, const cm_value *object) {
  size_t low = from, high = m->n_entries;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    cm_entry *e = &m->entries[middle];
    int order = cm_canonical_compare(cm_mapper_name_of(m, e, object), e->len,
                                     cm_mapper_pool(m, name), name.len);
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
  if (!cm_mapper_has_elements((cm_type)v->type))
    return cm_mapper_decline(m, "an element of another kind");
  if (!cm_mapper_members_of(m, v) || !cm_mapper_add(m, out, "{", 1))
    return false;
  for (i = 0; i < p->shapes[shape].count; i++) {
    const cm_member *member = &p->members[p->shapes[shape].first + i];
    cm_entry *e = find_entry(m, from, member->name, v);
    cm_value value;
    if (!e) {
      if (member->required)
        return cm_mapper_decline(m, "a required field is missing");
      continue;
    }
    value = e->value;
    if ((!first && !cm_mapper_add(m, out, ",", 1)) ||
        !cm_mapper_add(m, out, cm_mapper_pool(m, member->start), member->start.len) ||
        !cm_mapper_write_member(m, out, member, &value))
      return false;
    first = false;
  }
  cm_mapper_drop_entries(m, from, names);
  return cm_mapper_add(m, out, "}", 1);
}
