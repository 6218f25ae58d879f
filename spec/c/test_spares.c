#include "text/spares.h"
#include "test.h"

static void gives_memory_again(void) {
  cm_spares *s = cm_spares_new();
  cm_buf b = {0}, next = {0};
  const char *data;
  CHECK(s && cm_buf_adds(&b, "a page"));
  data = b.data;
  cm_spares_give(s, &b);
  CHECK(!b.data && b.len == 0 && b.room == 0);
  cm_buf_init(&next, 10, false);
  cm_spares_take(s, &next);
  CHECK(next.data == data && next.len == 0 && next.max == 10);
  CHECK_TEXT(cm_buf_str(&next), "");
  cm_spares_take(s, &b);
  CHECK(!b.data);
  CHECK(cm_buf_adds(&next, "0123456789") && !cm_buf_adds(&next, "x"));
  cm_spares_give(s, &next);
  cm_spares_release(s);
}

static void keeps_a_buffer_that_has_memory(void) {
  cm_spares *s = cm_spares_new();
  cm_buf b = {0}, own = {0};
  CHECK(s && cm_buf_adds(&b, "spare") && cm_buf_adds(&own, "own"));
  cm_spares_give(s, &b);
  cm_spares_take(s, &own);
  CHECK_TEXT(cm_buf_str(&own), "own");
  CHECK(s->n == 1);
  cm_buf_free(&own);
  cm_spares_release(s);
}

static void keeps_few_and_none_that_is_large_or_secret(void) {
  cm_spares *s = cm_spares_new();
  cm_buf b = {0};
  int i;
  CHECK(s && cm_buf_room(&b, CM_SPARE_MAX + 1));
  cm_spares_give(s, &b);
  CHECK(s->n == 0);
  cm_buf_init(&b, 0, true);
  CHECK(cm_buf_adds(&b, "secret"));
  cm_spares_give(s, &b);
  CHECK(s->n == 0 && !b.data);
  for (i = 0; i < CM_SPARES + 2; i++) {
    cm_buf_init(&b, 0, false);
    CHECK(cm_buf_adds(&b, "a page"));
    cm_spares_give(s, &b);
  }
  CHECK(s->n == CM_SPARES);
  cm_spares_release(s);
}

static void lives_as_long_as_its_holders(void) {
  cm_spares *s = cm_spares_new(), *page = cm_spares_hold(s);
  cm_buf b = {0};
  CHECK(s && cm_buf_adds(&b, "a page"));
  cm_spares_release(s);
  cm_spares_give(page, &b);
  CHECK(page->n == 1);
  cm_spares_release(page);
}

static void does_without(void) {
  cm_buf b = {0};
  CHECK(cm_spares_hold(NULL) == NULL);
  cm_spares_take(NULL, &b);
  CHECK(cm_buf_adds(&b, "a page"));
  cm_spares_give(NULL, &b);
  CHECK(!b.data);
  cm_spares_release(NULL);
}

int main(void) {
  RUN(gives_memory_again);
  RUN(keeps_a_buffer_that_has_memory);
  RUN(keeps_few_and_none_that_is_large_or_secret);
  RUN(lives_as_long_as_its_holders);
  RUN(does_without);
  return test_end();
}
