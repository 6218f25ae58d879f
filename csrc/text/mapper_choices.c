#include "text/mapper_parts.h"

#include "text/number.h"

#include <string.h>

/*
** The first of several expressions that gives a value; an empty text counts as none.
*/
bool cm_mapper_first(cm_mapper *m, const cm_frame *f, const cm_expr *e, cm_value *v) {
  int i;
  for (i = 0; i < e->count; i++) {
    if (!cm_mapper_eval(m, f, m->program->args[e->first + i], v))
      return false;
    if (v->type != CM_NIL && !(v->type == CM_STRING && v->len == 0))
      return true;
  }
  *v = CM_NOTHING_GIVEN;
  return true;
}

/*
** Translates a text by a set of words.
*/
bool cm_mapper_enumerated(cm_mapper *m, const int *args, cm_value *v) {
  const cm_word *found = NULL;
  if (!cm_mapper_text(m, v))
    return false;
  if (v->type == CM_STRING)
    found = cm_mapper_find_word(m, args[1], v);
  if (found)
    *v = cm_mapper_of_pool(CM_STRING, found->ours);
  else if (args[2] == CM_NONE)
    *v = CM_NOTHING_GIVEN;
  else
    *v = cm_mapper_of_pool(CM_STRING, m->program->words[args[2]].word);
  return true;
}

/*
** Takes the value away if it is one of a set of words.
*/
bool cm_mapper_unlisted(cm_mapper *m, const int *args, cm_value *v) {
  if (!cm_mapper_text(m, v))
    return false;
  if (v->type == CM_FALSE || (v->type == CM_STRING && cm_mapper_find_word(m, args[1], v)))
    *v = CM_NOTHING_GIVEN;
  return true;
}

/* The word by which a switch knows a value; NULL if its kind has none. */
static const char *case_of(cm_mapper *m, cm_value *v, size_t *n) {
  const char *word;
  if (v->type == CM_STRING) {
    if (!cm_mapper_text(m, v))
      return NULL;
    *n = v->len;
    return cm_mapper_bytes(m, v);
  }
  word = v->type == CM_TRUE    ? "true"
         : v->type == CM_FALSE ? "false"
         : v->type == CM_NIL   ? "nil"
                               : NULL;
  *n = word ? strlen(word) : 0;
  return word;
}

/* The place of a word's branch, which the set has as the text of a number; 0 for the default. */
static int branch_of(const cm_mapper *m, int words, const char *word, size_t len) {
  const cm_word *found = cm_mapper_word(m, words, word, len);
  const char *digits = found ? cm_mapper_pool(m, found->ours) : "";
  size_t i, n = found ? found->ours.len : 0;
  int place = 0;
  for (i = 0; i < n && i < 4; i++)
    place = place * 10 + (digits[i] >= '0' && digits[i] <= '9' ? digits[i] - '0' : 0);
  return place;
}

/*
** Computes the branch of the word that an expression gives, or the default.
*/
bool cm_mapper_switch(cm_mapper *m, const cm_frame *f, const cm_expr *e, cm_value *v) {
  const int *args = m->program->args + e->first;
  const char *word;
  size_t len;
  int place = 0, expr;
  if (!cm_mapper_eval(m, f, args[0], v))
    return false;
  word = case_of(m, v, &len);
  if (word)
    place = branch_of(m, args[1], word, len);
  if (m->why)
    return false;
  expr = args[2 + (place < e->count - 2 ? place : 0)];
  *v = CM_NOTHING_GIVEN;
  return expr == CM_NONE || cm_mapper_eval(m, f, expr, v);
}

/*
** The sign of a number as a text, "-", "0" or "+"; a missing one counts as 0.
*/
bool cm_mapper_sign(cm_mapper *m, cm_value *v) {
  double number = 0;
  if (v->type == CM_NUMBER)
    number = cm_number_value(cm_mapper_bytes(m, v), v->len);
  else if (v->type != CM_NIL && v->type != CM_FALSE)
    return cm_mapper_decline(m, "a value is not a number");
  return cm_mapper_own(m, v, CM_STRING, number > 0 ? "+" : number < 0 ? "-" : "0", 1);
}

/*
** The letters before the underscore of a Stripe id, which tell the kind of its object.
*/
bool cm_mapper_prefix(cm_mapper *m, cm_value *v) {
  const char *text;
  uint32_t n = 0;
  if (v->type == CM_NIL || v->type == CM_FALSE) {
    *v = CM_NOTHING_GIVEN;
    return true;
  }
  if (v->type != CM_STRING)
    return cm_mapper_decline(m, "an id is not a text");
  if (!cm_mapper_text(m, v))
    return false;
  text = cm_mapper_bytes(m, v);
  while (n < v->len && ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= 'A' && text[n] <= 'Z')))
    n++;
  if (n == 0 || n == v->len || text[n] != '_')
    *v = CM_NOTHING_GIVEN;
  else
    v->len = n;
  return true;
}

/* The number that an object has as a member; what is not a number counts as 0. */
static bool amount_of(cm_mapper *m, const cm_value *object, cm_text name, double *amount) {
  size_t from = m->n_entries, names = m->names.len, i;
  *amount = 0;
  if (object->type != CM_OBJECT)
    return true;
  if (!cm_mapper_entries_of(m, object))
    return false;
  for (i = from; i < m->n_entries; i++) {
    const cm_entry *e = &m->entries[i];
    if (e->value.type == CM_NUMBER && e->len == name.len &&
        memcmp(cm_mapper_name_of(m, e, object), cm_mapper_pool(m, name), name.len) == 0)
      *amount = cm_number_value(cm_mapper_bytes(m, &e->value), e->value.len);
  }
  cm_mapper_drop_entries(m, from, names);
  return true;
}

/* Subtracts a member of an array's elements. */
static bool subtract_all(cm_mapper *m, const cm_value *array, cm_text name, double *rest) {
  size_t from = m->n_entries, names = m->names.len, i;
  double amount;
  if (array->type != CM_ARRAY)
    return true;
  if (!cm_mapper_elements_of(m, array))
    return false;
  for (i = from; i < m->n_entries; i++) {
    cm_value element = m->entries[i].value;
    if (!amount_of(m, &element, name, &amount))
      return false;
    *rest -= amount;
  }
  cm_mapper_drop_entries(m, from, names);
  return true;
}

/*
** An array as it is if a member of its elements adds up to a total, or if the total is missing;
** another expression if it does not.
*/
bool cm_mapper_remainder(cm_mapper *m, const cm_frame *f, const int *args, cm_value *v) {
  cm_value total;
  double rest;
  if (!cm_mapper_eval(m, f, args[0], &total) || !cm_mapper_eval(m, f, args[1], v))
    return false;
  if (total.type != CM_NUMBER)
    return true;
  rest = cm_number_value(cm_mapper_bytes(m, &total), total.len);
  if (!subtract_all(m, v, m->program->words[args[2]].word, &rest))
    return false;
  return rest == 0 || cm_mapper_eval(m, f, args[3], v);
}
