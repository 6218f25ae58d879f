/*
** mapper.h: from the bytes of an object to the bytes of its records, by a program. Lua-free.
**
**   cm_mapper_read(m, text, len)       an object; cm_mapper_value(m, …) gives its members
**   cm_mapper_make(m, recipe, dated)   its records of one data type: m->records[0 .. n_records-1]
**
** Both return false for what the program does not cover, with `why`; the object's records are then
** to be made otherwise. Nothing of it is kept.
*/
#ifndef CM_MAPPER_H
#define CM_MAPPER_H

#include "text/program.h"

typedef enum cm_type {
  CM_NIL,
  CM_NULL,
  CM_FALSE,
  CM_TRUE,
  CM_NUMBER,
  CM_STRING,
  CM_OBJECT,
  CM_ARRAY
} cm_type;

typedef struct cm_value {
  uint8_t type; /* cm_type */
  uint8_t base; /* where its bytes are, see cm_mapper_bytes */
  bool own;     /* a string without escapes or quotes; other values: canonical already */
  uint32_t at, len;
} cm_value;

typedef struct cm_made {
  uint32_t id_at, id_len;     /* in `ids` */
  uint32_t body_at, body_len; /* in `out` */
  uint32_t name_len, number;  /* of a split one: its id without " (number)" */
} cm_made;

typedef struct cm_mapper cm_mapper;

/*
** Calls the function number `function` with values and sets its result, which must be made with
** cm_mapper_own. Returns false if it failed.
*/
typedef bool (*cm_mapper_call)(void *context, cm_mapper *m, int function, cm_value *args, int n,
                               cm_value *result);

typedef struct cm_entry { /* a member of an object that is being written */
  bool apart;             /* its name had escapes: it stands in `names` */
  uint32_t at, len;
  cm_value value;
} cm_entry;

struct cm_mapper {
  const cm_program *program;
  cm_mapper_call call;
  void *context;
  const char *text; /* the object */
  size_t len;
  const char *why; /* the last failure; NULL for none */
  cm_value *slots, *stack;
  cm_entry *entries;
  size_t n_slots, slots_room, n_stack, stack_room, n_entries, entries_room;
  cm_buf arena, names, scratch, out, ids;
  cm_made *records;
  size_t n_records, records_room;
  uint32_t *seen, *given;         /* of each tally, of the objects that have been mapped */
  uint32_t *seen_now, *given_now; /* of this object */
};

void cm_mapper_init(cm_mapper *m, const cm_program *program);
bool cm_mapper_read(cm_mapper *m, const char *text, size_t len);
const cm_value *cm_mapper_value(const cm_mapper *m, int key);
bool cm_mapper_make(cm_mapper *m, int recipe, const char *dated);
const char *cm_mapper_bytes(const cm_mapper *m, const cm_value *v);
bool cm_mapper_text(cm_mapper *m, cm_value *v);
bool cm_mapper_own(cm_mapper *m, cm_value *v, cm_type type, const char *bytes, size_t len);
bool cm_mapper_own_number(cm_mapper *m, cm_value *v, double number);
void cm_mapper_free(cm_mapper *m);

#endif
