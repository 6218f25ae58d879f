#include "text/projection.h"
#include "test.h"

/* Projects `text` through paths separated by spaces; the result stays until the next call. */
static const char *project(const char *paths, const char *text) {
  static cm_buf out;
  cm_projection *p = cm_projection_new();
  bool ok;
  while (*paths) {
    size_t n = strcspn(paths, " ");
    if (!cm_projection_add(p, paths, n))
      return "out of memory";
    paths += n + (paths[n] == ' ');
  }
  cm_buf_clear(&out);
  ok = cm_projection_copy(p, text, strlen(text), &out);
  cm_projection_free(p);
  return ok ? cm_buf_str(&out) : "failed";
}

static void keeps_named_members(void) {
  CHECK_TEXT(project("a c", "{\"a\":1,\"b\":2,\"c\":\"x\"}"), "{\"a\":1,\"c\":\"x\"}");
  CHECK_TEXT(project("c", "{ \"a\" : [1, 2] , \"c\" : null }"), "{\"c\":null}");
}

static void keeps_what_is_inside_whole(void) {
  CHECK_TEXT(project("a", "{\"a\":{\"b\":[1, {\"c\":2}]},\"d\":0}"),
             "{\"a\":{\"b\":[1, {\"c\":2}]}}");
}

static void goes_into_objects(void) {
  CHECK_TEXT(project("a.b.c", "{\"a\":{\"b\":{\"c\":1,\"d\":2},\"e\":3},\"c\":4}"),
             "{\"a\":{\"b\":{\"c\":1}}}");
  CHECK_TEXT(project("a.b a.e", "{\"a\":{\"b\":1,\"c\":2,\"e\":3}}"), "{\"a\":{\"b\":1,\"e\":3}}");
}

static void goes_on_in_every_element(void) {
  CHECK_TEXT(project("a.b", "{\"a\":[{\"b\":1,\"c\":2},{\"c\":3},7]}"), "{\"a\":[{\"b\":1},{},7]}");
  CHECK_TEXT(project("a.b", "{\"a\":[]}"), "{\"a\":[]}");
}

static void keeps_what_is_no_object(void) {
  CHECK_TEXT(project("charge.id", "{\"charge\":\"ch_1\"}"), "{\"charge\":\"ch_1\"}");
  CHECK_TEXT(project("charge.id", "{\"charge\":null}"), "{\"charge\":null}");
}

static void wider_path_wins(void) {
  CHECK_TEXT(project("a.b a", "{\"a\":{\"b\":1,\"c\":2}}"), "{\"a\":{\"b\":1,\"c\":2}}");
  CHECK_TEXT(project("a a.b", "{\"a\":{\"b\":1,\"c\":2}}"), "{\"a\":{\"b\":1,\"c\":2}}");
}

static void may_keep_nothing(void) {
  CHECK_TEXT(project("x", "{\"a\":1}"), "{}");
  CHECK_TEXT(project("", "{\"a\":1}"), "{}");
  CHECK_TEXT(project("a", "{}"), "{}");
}

static void names_are_compared_whole(void) {
  CHECK_TEXT(project("ab", "{\"a\":1,\"abc\":2,\"ab\":3}"), "{\"ab\":3}");
}

static void refuses_damaged_text(void) {
  CHECK_TEXT(project("a", "{\"a\":1"), "failed");
  CHECK_TEXT(project("a", "{\"b\":tru}"), "failed");
  CHECK_TEXT(project("a", "{\"a\":1} x"), "failed");
  CHECK_TEXT(project("a.b", "{\"a\":[{\"b\":1},]}"), "failed");
}

int main(void) {
  RUN(keeps_named_members);
  RUN(keeps_what_is_inside_whole);
  RUN(goes_into_objects);
  RUN(goes_on_in_every_element);
  RUN(keeps_what_is_no_object);
  RUN(wider_path_wins);
  RUN(may_keep_nothing);
  RUN(names_are_compared_whole);
  RUN(refuses_damaged_text);
  return test_end();
}
