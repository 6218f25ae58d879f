#include "text/buf.h"
#include "test.h"

static void starts_empty(void) {
  cm_buf b = {0};
  CHECK_TEXT(cm_buf_str(&b), "");
  cm_buf_clear(&b);
  cm_buf_free(&b);
  cm_buf_free(&b);
}

static void grows_and_stays_terminated(void) {
  cm_buf b = {0};
  int i;
  for (i = 0; i < 1000; i++)
    CHECK(cm_buf_adds(&b, "abc"));
  CHECK(b.len == 3000 && b.data[3000] == '\0' && strlen(b.data) == 3000);
  cm_buf_clear(&b);
  CHECK(b.len == 0 && b.room >= 3000);
  CHECK(cm_buf_addint(&b, -9007199254740992LL));
  CHECK_TEXT(b.data, "-9007199254740992");
  cm_buf_free(&b);
}

static void fits_its_bytes(void) {
  cm_buf b, none;
  cm_buf_init(&b, 0, false);
  cm_buf_init(&none, 0, false);
  CHECK(cm_buf_adds(&b, "a text of more than sixty-four bytes, so that its room was doubled once"));
  cm_buf_fit(&b);
  CHECK(b.room == b.len + 1 && b.data[b.len] == '\0');
  CHECK(cm_buf_adds(&b, "!") && b.data[b.len - 1] == '!');
  cm_buf_fit(&none);
  CHECK_TEXT(cm_buf_str(&none), "");
  cm_buf_free(&b);
}

static void keeps_its_bound(void) {
  cm_buf b;
  cm_buf_init(&b, 5, false);
  CHECK(cm_buf_add(&b, "12345", 5));
  CHECK(!cm_buf_add(&b, "6", 1));
  CHECK_TEXT(b.data, "12345");
  CHECK(cm_buf_add(&b, "", 0));
  cm_buf_free(&b);
  CHECK(b.max == 5);
}

static void refuses_impossible_sizes(void) {
  volatile size_t largest = (size_t)-1; /* the compiler knows better than to take it */
  cm_buf b = {0};
  CHECK(cm_buf_adds(&b, "x"));
  CHECK(!cm_buf_add(&b, "y", largest));
  CHECK(!cm_buf_add(&b, "y", largest - 1));
  CHECK_TEXT(b.data, "x");
  cm_buf_free(&b);
}

static void wipes_a_secret_when_cleared(void) {
  cm_buf b;
  int i;
  cm_buf_init(&b, 0, true);
  for (i = 0; i < 40; i++)
    CHECK(cm_buf_adds(&b, "sk_test_"));
  CHECK(b.len == 320 && memcmp(b.data, "sk_test_sk_test_", 16) == 0);
  cm_buf_clear(&b);
  for (i = 0; i < 320; i++)
    CHECK(b.data[i] == '\0');
  cm_buf_free(&b);
}

static void moves_bytes_but_not_the_bound(void) {
  cm_buf a, b = {0};
  cm_buf_init(&a, 100, false);
  CHECK(cm_buf_adds(&a, "bytes") && cm_buf_adds(&b, "old"));
  cm_buf_move(&b, &a);
  CHECK_TEXT(b.data, "bytes");
  CHECK(a.len == 0 && a.data == NULL && a.max == 100);
  cm_buf_free(&a);
  cm_buf_free(&b);
}

static void drops_an_end(void) {
  cm_buf b = {0};
  cm_buf_cut(&b, 0);
  CHECK(cm_buf_adds(&b, "abcdef"));
  cm_buf_cut(&b, 2);
  CHECK(b.len == 2);
  CHECK_TEXT(b.data, "ab");
  cm_buf_free(&b);
  cm_buf_init(&b, 0, true);
  CHECK(cm_buf_adds(&b, "sk_test_1234"));
  cm_buf_cut(&b, 3);
  CHECK(memcmp(b.data, "sk_\0\0\0\0\0\0\0\0\0", 12) == 0);
  cm_buf_free(&b);
}

int main(void) {
  RUN(starts_empty);
  RUN(grows_and_stays_terminated);
  RUN(fits_its_bytes);
  RUN(keeps_its_bound);
  RUN(refuses_impossible_sizes);
  RUN(wipes_a_secret_when_cleared);
  RUN(moves_bytes_but_not_the_bound);
  RUN(drops_an_end);
  return test_end();
}
