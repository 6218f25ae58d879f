#include "text/mapper.h"
#include "test.h"

/* What the records of golden_spec.lua do not show: limits, and parts that do not fit. */

static cm_given text(const char *s) {
  return (cm_given){s, strlen(s)};
}

static int path(cm_program *p, const char *name) {
  int args[2] = {0, cm_program_key(p, CM_KEY_OBJECT, text(name))};
  return cm_program_expr(p, 0, CM_OP_PATH, args, 2);
}

/* A program of records { id, a } of the members `id` and `name`, of which `a` may be anything. */
static cm_program *program(const char *name) {
  cm_given_member members[2] = {{text("id"), CM_KIND_STRING, CM_NONE, CM_NONE, false},
                                {text("a"), CM_KIND_ANY, CM_NONE, CM_NONE, false}};
  cm_recipe r = {.where = CM_NONE, .each = CM_NONE};
  cm_program *p = cm_program_new();
  int exprs[2];
  exprs[0] = path(p, "id");
  exprs[1] = path(p, name);
  r.shape = cm_program_shape(p, members, 2);
  if (cm_program_recipe(p, &r, exprs, NULL, 2) != 0 || !cm_program_finish(p))
    return NULL;
  return p;
}

/* The body of an object's record; "declined" if there is none. */
static const char *body(const char *name, const char *object) {
  static char out[512];
  cm_program *p = program(name);
  cm_mapper m;
  cm_mapper_init(&m, p);
  strcpy(out, "declined");
  if (cm_mapper_read(&m, object, strlen(object)) && cm_mapper_make(&m, 0, NULL) && m.n_records == 1)
    snprintf(out, sizeof out, "%.*s", (int)m.records[0].body_len,
             m.out.data + m.records[0].body_at);
  cm_mapper_free(&m);
  cm_program_free(p);
  return out;
}

static void copies_values(void) {
  CHECK_TEXT(body("x", "{\"x\":\"caf\\u00e9\\/\",\"id\":\"ch_1\"}"),
             "{\"id\":\"ch_1\",\"a\":\"caf\xc3\xa9/\"");
  CHECK_TEXT(body("x", "{\"id\":\"ch_1\",\"x\":{\"b\":1.50,\"a\":[null,-0]}}"),
             "{\"id\":\"ch_1\",\"a\":{\"a\":[null,0],\"b\":1.5}");
}

static void takes_the_last_of_two_members(void) {
  CHECK_TEXT(body("x", "{\"id\":\"a\",\"x\":1,\"x\":2}"), "{\"id\":\"a\",\"a\":2");
  CHECK_TEXT(body("x", "{\"id\":\"a\",\"x\":{\"k\":1,\"k\":2}}"), "{\"id\":\"a\",\"a\":{\"k\":2}");
}

static void finds_names_with_escapes(void) {
  CHECK_TEXT(body("x", "{\"\\u0069d\":\"a\",\"\\u0078\":1}"), "{\"id\":\"a\",\"a\":1");
}

static void declines_what_is_no_object(void) {
  CHECK_TEXT(body("x", "[]"), "declined");
  CHECK_TEXT(body("x", "{\"id\":\"a\",}"), "declined");
  CHECK_TEXT(body("x", "{\"id\":\"a\"} x"), "declined");
  CHECK_TEXT(body("x", "{\"id\":5}"), "declined");
  CHECK_TEXT(body("x", "{\"id\":\"a\",\"x\":1e999}"), "declined");
}

static void refuses_what_does_not_fit(void) {
  cm_program *p = cm_program_new();
  int e = path(p, "x"), args[3], inner;
  args[0] = e;
  CHECK(cm_program_expr(p, 0, CM_OP_CURRENCY, args, 1) != CM_NONE);
  CHECK(cm_program_expr(p, 0, CM_OP_CURRENCY, args, 1) == CM_NONE); /* it has a user */
  args[0] = 99;
  CHECK(cm_program_expr(p, 0, CM_OP_FIRST, args, 1) == CM_NONE);
  args[0] = 1; /* there is no scope around the object */
  args[1] = CM_KEY_ID;
  CHECK(cm_program_expr(p, 0, CM_OP_PATH, args, 2) == CM_NONE);
  inner = cm_program_scope(p, 0);
  args[0] = 0; /* a key of another scope */
  CHECK(cm_program_expr(p, inner, CM_OP_PATH, args, 2) == CM_NONE);
  CHECK(cm_program_scope(p, 7) == CM_NONE);
  CHECK(cm_program_key(p, 99, text("x")) == CM_NONE);
  cm_program_free(p);
}

static void bounds_the_depth(void) {
  cm_program *p = cm_program_new();
  int e = path(p, "x"), i;
  for (i = 0; i < 2 * CM_PROGRAM_DEPTH && e != CM_NONE; i++)
    e = cm_program_expr(p, 0, CM_OP_FIRST, &e, 1);
  CHECK(e == CM_NONE);
  for (i = e = 0; i < 2 * CM_PROGRAM_DEPTH && e != CM_NONE; i++)
    e = cm_program_scope(p, e);
  CHECK(e == CM_NONE);
  cm_program_free(p);
}

int main(void) {
  RUN(copies_values);
  RUN(takes_the_last_of_two_members);
  RUN(finds_names_with_escapes);
  RUN(declines_what_is_no_object);
  RUN(refuses_what_does_not_fit);
  RUN(bounds_the_depth);
  return test_end();
}
