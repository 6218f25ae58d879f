#include "text/mapper.h"

#include "text/canonical.h"
#include "text/mapper_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SPLIT 20000 /* elements that an object is split by */

/*
** Prepares a mapper. The program must be finished, and outlive it.
*/
void cm_mapper_init(cm_mapper *m, const cm_program *program) {
  memset(m, 0, sizeof *m);
  m->program = program;
}

/* ---------------------------------------------------------------- records */

/* The later one of a date that was computed and `dated`: dates of one form. */
static bool later(cm_mapper *m, cm_value *v, const char *dated) {
  if (!dated || v->type == CM_NIL)
    return true;
  if (v->type != CM_STRING || !cm_mapper_text(m, v))
    return cm_mapper_decline(m, "a date is not a text");
  if (cm_canonical_compare(dated, strlen(dated), cm_mapper_bytes(m, v), v->len) > 0)
    return cm_mapper_own(m, v, CM_STRING, dated, strlen(dated));
  return true;
}

/* Writes a record's body. own_id: the id of a split one; NULL: it has its own, which goes to *id.
 */
static bool write_body(cm_mapper *m, const cm_frame *f, const cm_recipe *r, int exprs,
                       const char *dated, const cm_value *own_id, cm_value *id) {
  const cm_program *p = m->program;
  const cm_shape *shape = &p->shapes[r->shape];
  bool empty = true;
  int i;
  *id = CM_NOTHING_GIVEN;
  if (!cm_mapper_add(m, &m->out, "{", 1))
    return false;
  for (i = 0; i < shape->count; i++) {
    const cm_member *member = &p->members[shape->first + i];
    int expr = p->args[exprs + i];
    cm_value v = CM_NOTHING_GIVEN;
    if (i == r->id && own_id)
      v = *own_id;
    else if (expr != CM_NONE && !cm_mapper_eval(m, f, expr, &v))
      return false;
    if (i == r->id)
      *id = v;
    if (i == r->dated && !later(m, &v, dated))
      return false;
    if (v.type == CM_NIL) {
      if (member->required)
        return cm_mapper_decline(m, "a required field is missing");
      continue;
    }
    if ((!empty && !cm_mapper_add(m, &m->out, ",", 1)) ||
        !cm_mapper_add(m, &m->out, cm_mapper_pool(m, member->start), member->start.len) ||
        !cm_mapper_write_member(m, &m->out, member, &v))
      return false;
    empty = false;
  }
  return true;
}

static bool add_record(cm_mapper *m, const cm_recipe *r, cm_value *id, size_t body) {
  cm_made *made;
  if (id->type != CM_STRING && r->loose)
    *id = cm_mapper_of_pool(CM_STRING, (cm_text){0, 0});
  if (id->type != CM_STRING || !cm_mapper_text(m, id))
    return cm_mapper_decline(m, "an id is not a text");
  if (!cm_mapper_room_for(m, (void **)&m->records, m->n_records, &m->records_room, 1,
                          sizeof *m->records))
    return false;
  made = &m->records[m->n_records];
  made->id_at = (uint32_t)m->ids.len;
  made->id_len = id->len;
  made->body_at = (uint32_t)body;
  made->body_len = (uint32_t)(m->out.len - body);
  made->name_len = made->number = 0;
  if (!cm_mapper_add_bytes(m, &m->ids, id))
    return false;
  m->n_records++;
  return m->out.len < UINT32_MAX / 2 || cm_mapper_decline(m, "too large");
}

/* The part behind the colon in the id of a split record. */
static bool suffix_text(cm_mapper *m, cm_value *v) {
  switch ((cm_type)v->type) {
  case CM_NIL:
    return cm_mapper_own(m, v, CM_STRING, "nil", 3);
  case CM_FALSE:
    return cm_mapper_own(m, v, CM_STRING, "false", 5);
  case CM_TRUE:
    return cm_mapper_own(m, v, CM_STRING, "true", 4);
  case CM_NUMBER:
    if (!cm_mapper_canonical(m, v))
      return false;
    v->type = CM_STRING;
    return true;
  case CM_STRING:
    return cm_mapper_text(m, v);
  default:
    return cm_mapper_decline(m, "an id is not a text");
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
    return cm_mapper_decline(m, "an id is not a text");
  if (!suffix_text(m, suffix))
    return false;
  from = m->arena.len;
  if (!cm_mapper_add_bytes(m, &m->arena, parent) || !cm_mapper_add(m, &m->arena, ":", 1) ||
      !cm_mapper_add_bytes(m, &m->arena, suffix))
    return false;
  *id = name = cm_mapper_of_arena(m, CM_STRING, true, from);
  number = number_for(m, &name);
  while (number > 1 || is_taken(m, 1, id)) {
    char more[24];
    number += number == 1;
    from = m->arena.len;
    if (!cm_mapper_add_bytes(m, &m->arena, &name) ||
        !cm_mapper_add(m, &m->arena, more, (size_t)snprintf(more, sizeof more, " (%u)", number)))
      return false;
    *id = cm_mapper_of_arena(m, CM_STRING, true, from);
    if (!is_taken(m, 1, id))
      break;
    cm_buf_cut(&m->arena, from);
    number++;
  }
  named->name_len = name.len;
  named->number = number;
  return cm_mapper_in_bounds(m);
}

static bool split_off(cm_mapper *m, const cm_frame *f, const cm_recipe *r, const char *dated,
                      const cm_value *parent, const cm_value *element) {
  cm_value v, id, ignored;
  cm_made named = {0, 0, 0, 0, 0, 0}, *made;
  size_t body = m->out.len;
  if (!cm_mapper_fill_frame(m, f, element))
    return false;
  if (r->inner_where != CM_NONE) {
    if (!cm_mapper_eval(m, f, r->inner_where, &v))
      return false;
    if (v.type == CM_NIL || v.type == CM_FALSE)
      return true;
  }
  if (!cm_mapper_eval(m, f, r->suffix, &v) || !split_id(m, parent, &v, &id, &named) ||
      !write_body(m, f, r, r->inner_exprs, dated, &id, &ignored) || !add_record(m, r, &id, body))
    return false;
  made = &m->records[m->n_records - 1];
  made->name_len = named.name_len;
  made->number = named.number;
  return true;
}

static bool split(cm_mapper *m, const cm_frame *f, const cm_recipe *r, const char *dated,
                  const cm_value *parent) {
  size_t entries = m->n_entries, names = m->names.len, i;
  cm_value array;
  cm_frame inner;
  if (!cm_mapper_eval(m, f, r->each, &array))
    return false;
  if (array.type == CM_NIL || array.type == CM_FALSE)
    return true;
  if (!cm_mapper_has_elements((cm_type)array.type) || !cm_mapper_elements_of(m, &array))
    return cm_mapper_decline(m, "a value is not an array");
  if (m->n_entries - entries > MOST_SPLIT)
    return cm_mapper_decline(m, "too many elements");
  if (!cm_mapper_open_frame(m, &inner, r->inner, f))
    return false;
  for (i = entries; i < m->n_entries; i++) {
    cm_value element = m->entries[i].value;
    memset(m->slots + inner.slots, 0,
           (size_t)m->program->scopes[inner.scope].slots * sizeof *m->slots);
    if (!split_off(m, &inner, r, dated, parent, &element))
      return false;
  }
  cm_mapper_close_frame(m, &inner);
  cm_mapper_drop_entries(m, entries, names);
  return true;
}

static bool make(cm_mapper *m, const cm_frame *f, const cm_recipe *r, const char *dated) {
  cm_value v, id;
  if (r->where != CM_NONE) {
    if (!cm_mapper_eval(m, f, r->where, &v))
      return false;
    if (v.type == CM_NIL || v.type == CM_FALSE)
      return true;
  }
  if (!write_body(m, f, r, r->exprs, dated, NULL, &id))
    return false;
  if (id.type == CM_NIL)
    id = cm_mapper_given(m, f, 0, CM_KEY_ID);
  return add_record(m, r, &id, 0) && (r->each == CM_NONE || split(m, f, r, dated, &id));
}

/* Room for the tallies, once. */
static bool open_tallies(cm_mapper *m) {
  size_t n = (size_t)m->program->n_tallies;
  if (!n || m->seen)
    return true;
  m->seen = calloc(n * 4, sizeof *m->seen);
  if (!m->seen)
    return cm_mapper_no_memory(m);
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
  cm_frame f = {0, 0, NULL};
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
    cm_mapper_decline(m, "out of memory");
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
