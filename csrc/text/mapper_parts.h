/*
** mapper_parts.h: what the parts of the mapper have of one another. Each part uses those before it;
** the choices and the values use each other, since an expression is made of expressions.
**
**   mapper_input.c   owns the object's text, the slots with the values of its keys, and the entries
**                    of the container that is being taken apart
**   mapper_output.c  appends values to a buffer of the caller's, as canonical JSON; owns nothing
**                    but the scratch buffer
**   mapper_choices.c chooses among values and expressions; owns nothing
**   mapper_values.c  owns the stack of the values of expressions and what they append to the arena
**   mapper_records.c owns the records that were made, their bytes and ids, and the tallies
**
** A value is a place in the object's text, in the arena or in the program's pool. The arena grows
** and moves while an object is mapped: cm_mapper_bytes gives the present place of a value's bytes.
** Functions that return bool give false after they have noted why in the mapper.
*/
#ifndef CM_MAPPER_PARTS_H
#define CM_MAPPER_PARTS_H

#include "text/json.h"
#include "text/mapper.h"

enum { CM_BASE_TEXT, CM_BASE_ARENA, CM_BASE_POOL }; /* bases of values */

typedef enum cm_written { CM_FAILED = -1, CM_NOTHING, CM_WRITTEN } cm_written;

#define CM_NOTHING_GIVEN ((cm_value){CM_NIL, CM_BASE_TEXT, false, 0, 0})

typedef struct cm_frame { /* the keys of a scope as they are in one object */
  int scope;
  size_t slots; /* where its values begin */
  const struct cm_frame *up;
} cm_frame;

static inline bool cm_mapper_decline(cm_mapper *m, const char *why) {
  if (!m->why)
    m->why = why;
  return false;
}

static inline bool cm_mapper_no_memory(cm_mapper *m) {
  return cm_mapper_decline(m, "out of memory");
}

static inline bool cm_mapper_kept(cm_mapper *m, bool ok) {
  return ok || cm_mapper_no_memory(m);
}

static inline bool cm_mapper_has_elements(cm_type type) {
  return type == CM_OBJECT || type == CM_ARRAY;
}

static inline const char *cm_mapper_pool(const cm_mapper *m, cm_text t) {
  return m->program->pool.data + t.at;
}

static inline cm_value cm_mapper_of_pool(cm_type type, cm_text t) {
  return (cm_value){(uint8_t)type, CM_BASE_POOL, true, t.at, t.len};
}

static inline bool cm_mapper_add(cm_mapper *m, cm_buf *out, const char *bytes, size_t n) {
  return cm_mapper_kept(m, cm_buf_add(out, bytes, n));
}

/* mapper_input.c */
void cm_mapper_close_frame(cm_mapper *m, const cm_frame *f);
void cm_mapper_drop_entries(cm_mapper *m, size_t from, size_t names);
bool cm_mapper_elements_of(cm_mapper *m, const cm_value *v);
bool cm_mapper_entries_of(cm_mapper *m, const cm_value *v);
bool cm_mapper_fill_frame(cm_mapper *m, const cm_frame *f, const cm_value *v);
bool cm_mapper_in_bounds(cm_mapper *m);
bool cm_mapper_is(const cm_mapper *m, const cm_value *v, const char *text);
bool cm_mapper_members_of(cm_mapper *m, const cm_value *v);
const char *cm_mapper_name_of(const cm_mapper *m, const cm_entry *e, const cm_value *object);
cm_value cm_mapper_of_arena(const cm_mapper *m, cm_type type, bool own, size_t from);
bool cm_mapper_open_frame(cm_mapper *m, cm_frame *f, int scope, const cm_frame *up);
bool cm_mapper_room_for(cm_mapper *m, void **array, size_t n, size_t *room, size_t more,
                        size_t size);
cm_type cm_mapper_type_of(int first);

/* mapper_output.c */
bool cm_mapper_add_bytes(cm_mapper *m, cm_buf *out, const cm_value *v);
bool cm_mapper_add_number(cm_mapper *m, cm_buf *out, const cm_value *v);
bool cm_mapper_add_string(cm_mapper *m, cm_buf *out, const cm_value *v);
const cm_word *cm_mapper_find_word(const cm_mapper *m, int words, const cm_value *v);
const cm_word *cm_mapper_word(const cm_mapper *m, int words, const char *text, size_t len);
cm_written cm_mapper_write_any(cm_mapper *m, cm_buf *out, const cm_value *v, bool pruned);
bool cm_mapper_write_member(cm_mapper *m, cm_buf *out, const cm_member *member, cm_value *v);

/* mapper_choices.c */
bool cm_mapper_enumerated(cm_mapper *m, const int *args, cm_value *v);
bool cm_mapper_first(cm_mapper *m, const cm_frame *f, const cm_expr *e, cm_value *v);
bool cm_mapper_prefix(cm_mapper *m, cm_value *v);
bool cm_mapper_remainder(cm_mapper *m, const cm_frame *f, const int *args, cm_value *v);
bool cm_mapper_sign(cm_mapper *m, cm_value *v);
bool cm_mapper_switch(cm_mapper *m, const cm_frame *f, const cm_expr *e, cm_value *v);
bool cm_mapper_unlisted(cm_mapper *m, const int *args, cm_value *v);

/* mapper_values.c */
bool cm_mapper_canonical(cm_mapper *m, cm_value *v);
bool cm_mapper_eval(cm_mapper *m, const cm_frame *f, int expr, cm_value *v);
cm_value cm_mapper_given(const cm_mapper *m, const cm_frame *f, int up, int key);

#endif
