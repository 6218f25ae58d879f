/*
** Whatever the program and whatever the object: nothing is read or written out of bounds, a program
** that was built runs to its end, and a body that was made is JSON but for its closing brace.
**
** The first byte is a quarter of the program's length; then come its instructions, and the rest
** is the object.
*/
#include "text/json.h"
#include "text/mapper.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

typedef struct input {
  const unsigned char *at, *end;
} input;

static int next(input *in) {
  return in->at < in->end ? *in->at++ : 0;
}

static const char *const NAMES[] = {"id",       "a",       "b",        "c",
                                    "livemode", "amount",  "currency", "sourceModifiedDate",
                                    "",         "updated", "d\"e",     "created"};

static cm_given name(input *in) {
  const char *text = NAMES[(size_t)next(in) % (sizeof NAMES / sizeof *NAMES)];
  return (cm_given){text, strlen(text)};
}

/* A number of something, more often one that exists. */
static int some(input *in, int count) {
  int n = next(in);
  return n == 255 || count == 0 ? CM_NONE : n % count;
}

static void add_fields(cm_program *p, input *in) {
  static const char *const sorted[] = {"a", "b", "c", "id"};
  cm_given names[4];
  int exprs[4], i, n = next(in) % 5;
  for (i = 0; i < n; i++) {
    names[i] = (cm_given){sorted[i], strlen(sorted[i])};
    exprs[i] = some(in, p->n_exprs);
  }
  cm_program_fields(p, some(in, p->n_scopes), names, exprs, (size_t)n);
}

static void add_words(cm_program *p, input *in) {
  cm_given words[3], ours[3];
  int i, n = next(in) % 4;
  for (i = 0; i < n; i++) {
    words[i] = name(in);
    ours[i] = (cm_given){"2", 1};
  }
  cm_program_words(p, words, ours, (size_t)n);
}

static int argument(cm_program *p, input *in) {
  switch (next(in) % 6) {
  case 0:
    return some(in, p->n_keys);
  case 1:
    return some(in, p->n_words);
  case 2:
    return some(in, p->n_lists);
  case 3:
    return next(in) % 3 - 1;
  default:
    return some(in, p->n_exprs);
  }
}

static void add_expr(cm_program *p, input *in) {
  int args[7], i, n = next(in) % 8, op = next(in) % CM_OPS;
  /* these copy a text into records as it is: the builder vouches for it */
  if (op == CM_OP_JSON || op == CM_OP_NUMBER)
    return;
  for (i = 0; i < n; i++)
    args[i] = argument(p, in);
  cm_program_expr(p, some(in, p->n_scopes), (cm_op)op, args, (size_t)n);
}

static void add_shape(cm_program *p, input *in) {
  static const char *const members_of[] = {"id", "a", "b", "c", "sourceModifiedDate"};
  cm_given_member members[5];
  int i, n = next(in) % 6;
  for (i = 0; i < n; i++) {
    members[i].name = (cm_given){members_of[i], strlen(members_of[i])};
    members[i].kind = (cm_kind)(next(in) % CM_KINDS);
    members[i].words = some(in, p->n_sets);
    members[i].shape = some(in, p->n_shapes);
    members[i].required = next(in) % 8 == 0;
  }
  cm_program_shape(p, members, (size_t)n);
}

static void add_recipe(cm_program *p, input *in) {
  int exprs[8], inner[8], i, n;
  cm_recipe r = {0};
  r.shape = some(in, p->n_shapes);
  if (r.shape == CM_NONE)
    return;
  n = p->shapes[r.shape].count;
  r.where = some(in, p->n_exprs);
  r.each = some(in, p->n_exprs);
  r.inner = some(in, p->n_scopes);
  r.suffix = some(in, p->n_exprs);
  r.inner_where = some(in, p->n_exprs);
  r.loose = next(in) % 4 == 0;
  if (next(in) % 2)
    r.each = CM_NONE;
  if (next(in) % 2)
    r.where = r.inner_where = CM_NONE;
  for (i = 0; i < n; i++) {
    exprs[i] = some(in, p->n_exprs);
    inner[i] = some(in, p->n_exprs);
  }
  cm_program_recipe(p, &r, exprs, inner, (size_t)n);
}

static void add(cm_program *p, input *in) {
  switch (next(in) % 12) {
  case 0:
    cm_program_scope(p, some(in, p->n_scopes));
    break;
  case 1:
  case 2:
    cm_program_key(p, some(in, p->n_keys), name(in));
    break;
  case 3:
    cm_program_text(p, name(in));
    break;
  case 4:
    add_words(p, in);
    break;
  case 5:
    add_fields(p, in);
    break;
  case 6:
    add_shape(p, in);
    break;
  case 7:
    add_recipe(p, in);
    break;
  default:
    add_expr(p, in);
  }
}

/* A function that gives back what it got, or something of another kind. */
static bool call(void *context, cm_mapper *m, int function, cm_value *args, int n,
                 cm_value *result) {
  static const char array[] = "[{\"a\":1,\"b\":\"\\u0001\\\"\"},{\"a\":[]}]";
  (void)context;
  if (n > 0 && !cm_mapper_text(m, &args[0]))
    return false;
  switch (function % 5) {
  case 0:
    return cm_mapper_own(m, result, CM_ARRAY, array, strlen(array));
  case 1:
    return cm_mapper_own_number(m, result, 1234567.125);
  case 2:
    return cm_mapper_own(m, result, CM_STRING, "x\"\n", 3);
  case 3:
    return false;
  default:
    if (n > 0)
      *result = args[0];
    return true;
  }
}

static void check_bodies(const cm_mapper *m) {
  size_t i;
  for (i = 0; i < m->n_records; i++) {
    cm_buf text = {0};
    cm_json j;
    if (!cm_buf_add(&text, m->out.data + m->records[i].body_at, m->records[i].body_len) ||
        !cm_buf_adds(&text, "}"))
      abort();
    cm_json_init(&j, text.data, text.len);
    if (!cm_json_skip(&j) || !cm_json_end(&j))
      abort();
    cm_buf_free(&text);
  }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  size_t length = size ? (size_t)data[0] * 4 : 0;
  input in;
  cm_program *p;
  cm_mapper m;
  int i;
  if (size < 1 || length > size - 1)
    return 0;
  in.at = data + 1;
  in.end = in.at + length;
  p = cm_program_new();
  while (in.at < in.end)
    add(p, &in);
  if (cm_program_finish(p)) {
    cm_mapper_init(&m, p);
    m.call = call;
    if (cm_mapper_read(&m, (const char *)in.end, size - 1 - length))
      for (i = 0; i < p->n_recipes; i++)
        if (cm_mapper_make(&m, i, i % 2 ? "2026-01-01T00:00:00Z" : NULL))
          check_bodies(&m);
    cm_mapper_free(&m);
  }
  cm_program_free(p);
  return 0;
}
