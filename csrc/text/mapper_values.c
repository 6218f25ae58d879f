#include "text/mapper_parts.h"

#include "text/canonical.h"
#include "text/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LARGEST_TIME 67767976233532799.0 /* the last second of the year 2147483647 */
#define EXACT 1e15                       /* whole numbers below it have 15 digits */
#define WHOLE 9007199254740992.0         /* doubles from here on have no fraction */
#define NO_CURRENCY "XXX"                /* ISO 4217 */

/* ---------------------------------------------------------------- computing */

/* The value of a key of the frame `up` frames outwards; null counts as none. */
cm_value cm_mapper_given(const cm_mapper *m, const cm_frame *f, int up, int key) {
  cm_value v;
  for (; up > 0; up--)
    f = f->up;
  v = m->slots[f->slots + (size_t)m->program->keys[key].slot];
  return v.type == CM_NULL ? CM_NOTHING_GIVEN : v;
}

static cm_value *push(cm_mapper *m, size_t n) {
  if (!cm_mapper_room_for(m, (void **)&m->stack, m->n_stack, &m->stack_room, n, sizeof *m->stack))
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
  if (!cm_mapper_add_bytes(m, &m->arena, v))
    return false;
  to = m->arena.data + from;
  for (i = 0; i < v->len; i++)
    if (to[i] >= 'a' && to[i] <= 'z')
      to[i] = (char)(to[i] - 'a' + 'A');
  *v = cm_mapper_of_arena(m, CM_STRING, true, from);
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
  const cm_word *found = m->program->n_sets ? cm_mapper_find_word(m, 0, code) : NULL;
  char digit = found && found->ours.len ? *cm_mapper_pool(m, found->ours) : '2';
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
    return cm_mapper_decline(m, "an amount is not a decimal number");
  *v = cm_mapper_of_arena(m, CM_NUMBER, true, from);
  return cm_mapper_in_bounds(m);
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
    return cm_mapper_decline(m, "a number that JSON cannot carry");
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
  return cm_mapper_add_bytes(m, &m->scratch, &text) &&
         shifted(m, v, m->scratch.data, m->scratch.len, places);
}

static bool money(cm_mapper *m, const cm_frame *f, const int *args, cm_value *v) {
  cm_value code;
  size_t places;
  if (!cm_mapper_eval(m, f, args[0], v) || !cm_mapper_eval(m, f, args[1], &code))
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
  return cm_mapper_decline(m, "an amount is not a number");
}

/* Makes a number canonical. */
bool cm_mapper_canonical(cm_mapper *m, cm_value *v) {
  size_t from = m->arena.len;
  if (v->own)
    return true;
  if (!cm_mapper_add_number(m, &m->arena, v))
    return false;
  *v = cm_mapper_of_arena(m, CM_NUMBER, true, from);
  return cm_mapper_in_bounds(m);
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
    return cm_mapper_decline(m, "an amount is not a number");
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
      return cm_mapper_decline(m, "an amount is not a number");
    return true;
  }
  if (v->type != CM_NUMBER)
    return cm_mapper_decline(m, "an amount is not a number");
  if (!cm_mapper_canonical(m, v))
    return false;
  if (cm_mapper_is(m, v, "0"))
    return true;
  from = m->arena.len;
  digits = *v;
  if (cm_mapper_bytes(m, v)[0] == '-') {
    digits.at++;
    digits.len--;
  } else if (!cm_mapper_add(m, &m->arena, "-", 1)) {
    return false;
  }
  if (!cm_mapper_add_bytes(m, &m->arena, &digits))
    return false;
  *v = cm_mapper_of_arena(m, CM_NUMBER, true, from);
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

static void put_digits(char *to, int n, int value) {
  for (; n > 0; value /= 10)
    to[--n] = (char)('0' + value % 10);
}

/* The date of a unix time (days_from_civil of Howard Hinnant, turned round). */
static size_t date(double seconds, char *out, size_t room) {
  int64_t s = (int64_t)seconds, days = s / 86400, rest = s % 86400;
  int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
  int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  int day = (int)(doy - (153 * mp + 2) / 5 + 1), month = (int)(mp < 10 ? mp + 3 : mp - 9);
  int year = (int)(yoe + era * 400 + (month <= 2));
  if (year > 9999)
    return (size_t)snprintf(out, room, "%d-%02d-%02dT%02d:%02d:%02dZ", year, month, day,
                            (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
  memcpy(out, "YYYY-MM-DDTHH:MM:SSZ", 20);
  put_digits(out, 4, year);
  put_digits(out + 5, 2, month);
  put_digits(out + 8, 2, day);
  put_digits(out + 11, 2, (int)(rest / 3600));
  put_digits(out + 14, 2, (int)(rest / 60 % 60));
  put_digits(out + 17, 2, (int)(rest % 60));
  return 20;
}

static bool timestamp(cm_mapper *m, cm_value *v) {
  char text[64];
  double seconds = 0;
  if (v->type == CM_NUMBER)
    seconds = cm_number_value(cm_mapper_bytes(m, v), v->len);
  if (!(seconds > 0)) {
    *v = CM_NOTHING_GIVEN;
    return true;
  }
  if (seconds > LARGEST_TIME)
    return cm_mapper_decline(m, "a time is too large");
  return cm_mapper_own(m, v, CM_STRING, text, date(seconds, text, sizeof text));
}

static bool call(cm_mapper *m, const cm_frame *f, const cm_expr *e, cm_value *v) {
  const int *args = m->program->args + e->first;
  size_t from = m->n_stack;
  int i;
  *v = CM_NOTHING_GIVEN;
  if (!push(m, (size_t)e->count))
    return false;
  for (i = 1; i < e->count; i++) {
    cm_value arg;
    if (!cm_mapper_eval(m, f, args[i], &arg))
      return false;
    m->stack[from + (size_t)i] = arg;
  }
  if (!m->call || !m->call(m->context, m, args[0], m->stack + from + 1, e->count - 1, v))
    return cm_mapper_decline(m, "a function failed");
  m->n_stack = from;
  return true;
}

/* Evaluates fields onto the stack. Returns how many gave a value, or -1. */
static int eval_fields(cm_mapper *m, const cm_frame *f, const cm_fields *list) {
  size_t from = m->n_stack;
  int i, count = 0;
  if (!push(m, (size_t)list->count))
    return -1;
  for (i = 0; i < list->count; i++) {
    int expr = m->program->fields[list->first + i].expr;
    cm_value v = CM_NOTHING_GIVEN;
    if (expr != CM_NONE && !cm_mapper_eval(m, f, expr, &v))
      return -1;
    m->stack[from + (size_t)i] = v;
    count += v.type != CM_NIL;
  }
  return count;
}

/* Adds what comes before a member's name; `open` before the first one, or 0 for nothing. */
static bool add_comma(cm_mapper *m, bool first_one, char open) {
  char comma = first_one ? open : ',';
  return !comma || cm_mapper_add(m, &m->arena, &comma, 1);
}

static bool add_name(cm_mapper *m, const cm_field *field, bool first_one, char open) {
  return add_comma(m, first_one, open) &&
         cm_mapper_add(m, &m->arena, cm_mapper_pool(m, field->start), field->start.len);
}

/* Writes fields from the stack as an object; `nulls`: null for those without a value. */
static cm_written write_fields(cm_mapper *m, const cm_fields *list, size_t from, bool pruned,
                               bool nulls) {
  bool empty = true;
  int i;
  for (i = 0; i < list->count; i++) {
    cm_value v = m->stack[from + (size_t)i];
    size_t before = m->arena.len;
    cm_written done;
    if (v.type == CM_NIL && nulls)
      v.type = CM_NULL;
    if (v.type == CM_NIL)
      continue;
    if (!add_name(m, &m->program->fields[list->first + i], empty, '{'))
      return CM_FAILED;
    done = cm_mapper_write_any(m, &m->arena, &v, pruned);
    if (done == CM_FAILED)
      return CM_FAILED;
    if (done == CM_NOTHING)
      cm_buf_cut(&m->arena, before);
    else
      empty = false;
  }
  if (empty)
    return pruned ? CM_NOTHING : cm_mapper_add(m, &m->arena, "{}", 2) ? CM_WRITTEN : CM_FAILED;
  return cm_mapper_add(m, &m->arena, "}", 1) ? CM_WRITTEN : CM_FAILED;
}

static bool has_id(const cm_mapper *m, const cm_fields *list, size_t from) {
  int i;
  for (i = 0; i < list->count; i++) {
    cm_text name = m->program->fields[list->first + i].name;
    if (name.len == 2 && memcmp(cm_mapper_pool(m, name), "id", 2) == 0)
      return m->stack[from + (size_t)i].type != CM_NIL;
  }
  return false;
}

/* An object of fields; `keep`: also an empty one. */
static bool object(cm_mapper *m, const cm_frame *f, cm_op op, const cm_fields *list, cm_value *v) {
  size_t from = m->n_stack, start;
  int count = eval_fields(m, f, list);
  if (count < 0)
    return false;
  *v = CM_NOTHING_GIVEN;
  start = m->arena.len;
  if ((op == CM_OP_OBJECT && count > 0) || (op == CM_OP_REF && has_id(m, list, from)) ||
      op == CM_OP_NULLS || op == CM_OP_EACH) {
    if (write_fields(m, list, from, false, op == CM_OP_NULLS) != CM_WRITTEN)
      return false;
    *v = cm_mapper_of_arena(m, CM_OBJECT, true, start);
  }
  m->n_stack = from;
  return cm_mapper_in_bounds(m);
}

/* Writes values from the stack as an array; without any, as Lua's empty table is written. */
static bool array_of(cm_mapper *m, size_t from, cm_value *v) {
  size_t start = m->arena.len, i;
  if (from == m->n_stack) {
    if (!cm_mapper_add(m, &m->arena, "{}", 2))
      return false;
    *v = cm_mapper_of_arena(m, CM_OBJECT, true, start);
    return true;
  }
  for (i = from; i < m->n_stack; i++) {
    cm_value item = m->stack[i];
    if (!cm_mapper_add(m, &m->arena, i == from ? "[" : ",", 1) ||
        cm_mapper_write_any(m, &m->arena, &item, false) == CM_FAILED)
      return false;
  }
  m->n_stack = from;
  if (!cm_mapper_add(m, &m->arena, "]", 1))
    return false;
  *v = cm_mapper_of_arena(m, CM_ARRAY, true, start);
  return cm_mapper_in_bounds(m);
}

static bool list(cm_mapper *m, const cm_frame *f, const cm_expr *e, cm_value *v) {
  size_t from = m->n_stack;
  int i;
  for (i = 0; i < e->count; i++) {
    cm_value item, *kept_item;
    if (!cm_mapper_eval(m, f, m->program->args[e->first + i], &item))
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

static bool each(cm_mapper *m, const cm_frame *f, const int *args, cm_value *v) {
  const cm_fields *fields = &m->program->lists[args[2]];
  cm_value array = cm_mapper_given(m, f, args[0], args[1]);
  size_t from = m->n_stack, entries = m->n_entries, names = m->names.len, i;
  cm_frame inner;
  if (array.type == CM_NIL || array.type == CM_FALSE)
    return array_of(m, from, v);
  if (!cm_mapper_has_elements((cm_type)array.type))
    return cm_mapper_decline(m, "a value is not an array");
  if (!cm_mapper_elements_of(m, &array) || !cm_mapper_open_frame(m, &inner, fields->scope, f))
    return false;
  for (i = entries; i < m->n_entries; i++) {
    cm_value element = m->entries[i].value, made, *kept_item;
    memset(m->slots + inner.slots, 0,
           (size_t)m->program->scopes[inner.scope].slots * sizeof *m->slots);
    if (!cm_mapper_fill_frame(m, &inner, &element) || !object(m, &inner, CM_OP_EACH, fields, &made))
      return false;
    kept_item = push(m, 1);
    if (!kept_item)
      return false;
    *kept_item = made;
  }
  cm_mapper_close_frame(m, &inner);
  cm_mapper_drop_entries(m, entries, names);
  return array_of(m, from, v);
}

static bool address(cm_mapper *m, const cm_frame *f, const cm_expr *e, cm_value *v) {
  const int *args = m->program->args + e->first;
  cm_value found = cm_mapper_given(m, f, args[0], args[1]);
  size_t start = m->arena.len;
  static const char type[] = "\"type\":";
  bool empty = true;
  int i;
  *v = CM_NOTHING_GIVEN;
  if (!cm_mapper_has_elements((cm_type)found.type))
    return true;
  for (i = 3; i < e->count; i += 2) {
    cm_value part = cm_mapper_given(m, f, args[0], args[i + 1]), name;
    if (part.type != CM_STRING || part.len == 0)
      continue;
    name = cm_mapper_of_pool(CM_STRING, m->program->words[args[i]].word);
    if (!add_comma(m, empty, '{') || !cm_mapper_add_string(m, &m->arena, &name) ||
        !cm_mapper_add(m, &m->arena, ":", 1) || !cm_mapper_add_string(m, &m->arena, &part))
      return false;
    empty = false;
  }
  if (empty)
    return true;
  found = cm_mapper_of_pool(CM_STRING, m->program->words[args[2]].word);
  if (!cm_mapper_add(m, &m->arena, ",", 1) || !cm_mapper_add(m, &m->arena, type, strlen(type)) ||
      !cm_mapper_add_string(m, &m->arena, &found) || !cm_mapper_add(m, &m->arena, "}", 1))
    return false;
  *v = cm_mapper_of_arena(m, CM_OBJECT, true, start);
  return cm_mapper_in_bounds(m);
}

/* Writes what stands beside `stripe` in supplemental data and comes before or after it. */
static bool write_beside(cm_mapper *m, const cm_fields *list, size_t from, bool before,
                         bool *empty) {
  static const char name[] = "stripe";
  int i;
  for (i = 0; i < list->count; i++) {
    const cm_field *field = &m->program->fields[list->first + i];
    cm_text own = field->name;
    cm_value v = m->stack[from + (size_t)i];
    bool is_before = cm_canonical_compare(cm_mapper_pool(m, own), own.len, name, strlen(name)) < 0;
    if (is_before != before || v.type == CM_NIL)
      continue;
    if (!add_name(m, field, *empty, 0) || cm_mapper_write_any(m, &m->arena, &v, false) == CM_FAILED)
      return false;
    *empty = false;
  }
  return true;
}

static bool supplemental(cm_mapper *m, const cm_frame *f, const int *args, cm_value *v) {
  static const char start[] = "{\"content\":{", stripe[] = "\"stripe\":";
  const cm_fields *ours = &m->program->lists[args[0]];
  const cm_fields *beside = args[1] == CM_NONE ? NULL : &m->program->lists[args[1]];
  size_t from = m->n_stack, at, before;
  bool empty = true;
  cm_written done;
  *v = CM_NOTHING_GIVEN;
  if (eval_fields(m, f, ours) < 0 || (beside && eval_fields(m, f, beside) < 0))
    return false;
  at = m->arena.len;
  if (!cm_mapper_add(m, &m->arena, start, strlen(start)) ||
      (beside && !write_beside(m, beside, from + (size_t)ours->count, true, &empty)))
    return false;
  before = m->arena.len;
  if ((!empty && !cm_mapper_add(m, &m->arena, ",", 1)) ||
      !cm_mapper_add(m, &m->arena, stripe, strlen(stripe)))
    return false;
  done = write_fields(m, ours, from, true, false);
  if (done == CM_FAILED)
    return false;
  if (done == CM_NOTHING)
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
  if (!cm_mapper_add(m, &m->arena, "}}", 2))
    return false;
  *v = cm_mapper_of_arena(m, CM_OBJECT, true, at);
  return cm_mapper_in_bounds(m);
}

/* Computes an expression of an object that another expression gives. */
static bool within(cm_mapper *m, const cm_frame *f, const int *args, cm_value *v) {
  cm_value object;
  cm_frame inner;
  if (!cm_mapper_eval(m, f, args[0], &object))
    return false;
  if (object.type == CM_STRING && cm_mapper_text(m, &object))
    object.type = CM_OBJECT;
  if (object.type != CM_OBJECT)
    return cm_mapper_decline(m, "a value is not an object");
  if (!cm_mapper_open_frame(m, &inner, m->program->exprs[args[1]].scope, f) ||
      !cm_mapper_fill_frame(m, &inner, &object) || !cm_mapper_eval(m, &inner, args[1], v))
    return false;
  cm_mapper_close_frame(m, &inner);
  return true;
}

static bool tally(cm_mapper *m, const int *args, const cm_value *v) {
  m->seen_now[args[1]]++;
  m->given_now[args[1]] += v->type != CM_NIL;
  return true;
}

/* Computes an expression that has another one as its first argument. */
static bool eval_of_one(cm_mapper *m, const cm_frame *f, const cm_expr *e, const int *args,
                        cm_value *v) {
  if (!cm_mapper_eval(m, f, args[0], v))
    return false;
  switch (e->op) {
  case CM_OP_CURRENCY:
    return currency(m, v);
  case CM_OP_NEGATED:
    return negated(m, v);
  case CM_OP_INTEGER:
    return v->type != CM_NUMBER || !is_fraction(m, v) ||
           cm_mapper_decline(m, "a whole number is expected");
  case CM_OP_DECIMAL:
    return decimal(m, v);
  case CM_OP_TIMESTAMP:
    return timestamp(m, v);
  case CM_OP_ENUM:
    return cm_mapper_enumerated(m, args, v);
  case CM_OP_UNLISTED:
    return cm_mapper_unlisted(m, args, v);
  case CM_OP_SIGN:
    return cm_mapper_sign(m, v);
  case CM_OP_PREFIX:
    return cm_mapper_prefix(m, v);
  default:
    return tally(m, args, v);
  }
}

bool cm_mapper_eval(cm_mapper *m, const cm_frame *f, int expr, cm_value *v) {
  const cm_program *p = m->program;
  const cm_expr *e = &p->exprs[expr];
  const int *args = p->args + e->first;
  switch (e->op) {
  case CM_OP_PATH:
    *v = cm_mapper_given(m, f, args[0], args[1]);
    return true;
  case CM_OP_SOURCE:
    *v = cm_mapper_given(m, f, args[0], args[1]);
    if (!cm_mapper_has_elements((cm_type)v->type))
      return cm_mapper_decline(m, "a value is not an object");
    v->type = CM_STRING;
    v->own = true;
    return true;
  case CM_OP_ID:
    *v = cm_mapper_given(m, f, args[0], args[1]);
    if (cm_mapper_has_elements((cm_type)v->type))
      *v = v->type == CM_OBJECT ? cm_mapper_given(m, f, args[0], args[2]) : CM_NOTHING_GIVEN;
    if (v->type == CM_FALSE)
      *v = CM_NOTHING_GIVEN;
    return true;
  case CM_OP_TEXT:
    *v = cm_mapper_of_pool(CM_STRING, p->words[args[0]].word);
    return true;
  case CM_OP_NUMBER:
    *v = cm_mapper_of_pool(CM_NUMBER, p->words[args[0]].word);
    return true;
  case CM_OP_BOOLEAN:
    *v = CM_NOTHING_GIVEN;
    v->type = args[0] ? CM_TRUE : CM_FALSE;
    return true;
  case CM_OP_JSON:
    *v = cm_mapper_of_pool(CM_OBJECT, p->words[args[0]].word);
    v->type = (uint8_t)cm_mapper_type_of((unsigned char)*cm_mapper_bytes(m, v));
    return true;
  case CM_OP_MONEY:
    return money(m, f, args, v);
  case CM_OP_FIRST:
    return cm_mapper_first(m, f, e, v);
  case CM_OP_SWITCH:
    return cm_mapper_switch(m, f, e, v);
  case CM_OP_REMAINDER:
    return cm_mapper_remainder(m, f, args, v);
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
    return cm_mapper_eval(m, f->up, args[0], v);
  case CM_OP_WITHIN:
    return within(m, f, args, v);
  default:
    return eval_of_one(m, f, e, args, v);
  }
}
