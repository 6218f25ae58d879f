#include "text/canonical.h"
#include "test.h"

#include <stdlib.h>

static void reads_escapes(void) {
  static const char raw[] = "\\u00e9\\/\\n\\ud83d\\ude00\\ud83d\\u0000";
  cm_buf out = {0};
  CHECK(cm_canonical_decode(&out, raw, strlen(raw)));
  CHECK_TEXT(cm_buf_str(&out), "\xc3\xa9/\n\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd");
  cm_buf_free(&out);
}

static void escapes_only_what_must_be(void) {
  cm_buf out = {0};
  CHECK(cm_canonical_string(&out, "\"\\/\b\x01\x7f\xc3\xa9", 8));
  CHECK_TEXT(cm_buf_str(&out), "\"\\\"\\\\/\\b\\u0001\\u007f\xc3\xa9\"");
  cm_buf_free(&out);
}

/* Texts of each length, with what is escaped at each place, in memory of exactly their size. */
static void escapes_at_each_place(void) {
  size_t n, at, i;
  for (n = 1; n < 40; n++)
    for (at = 0; at < n; at++) {
      char *text = malloc(n);
      cm_buf out = {0};
      memset(text, 'x', n);
      text[at] = '\n';
      CHECK(text && cm_canonical_string(&out, text, n) && out.len == n + 3);
      CHECK(out.data[0] == '"' && out.data[n + 2] == '"' && out.data[n + 3] == '\0');
      CHECK(memcmp(out.data + 1 + at, "\\n", 2) == 0);
      for (i = 0; i < n + 1; i++)
        CHECK(i == at || i == at + 1 || out.data[1 + i] == 'x');
      cm_buf_free(&out);
      free(text);
    }
}

/* The room is made first, so the text may stand in the buffer that it is appended to. */
static void appends_a_part_of_the_buffer(void) {
  cm_buf out = {0};
  size_t i;
  for (i = 0; i < 200; i++) {
    size_t len = out.len;
    CHECK(cm_buf_adds(&out, "abcdef"));
    CHECK(cm_buf_room(&out, CM_CANONICAL_ROOM((size_t)6)));
    CHECK(cm_canonical_string(&out, out.data + len, 6));
    CHECK_TEXT(out.data + len, "abcdef\"abcdef\"");
  }
  cm_buf_free(&out);
}

static void compares_bytes(void) {
  CHECK(cm_canonical_compare("A", 1, "a", 1) < 0);
  CHECK(cm_canonical_compare("a", 1, "ab", 2) < 0);
  CHECK(cm_canonical_compare("\xc3", 1, "z", 1) > 0);
  CHECK(cm_canonical_compare("", 0, "", 0) == 0);
}

int main(void) {
  RUN(reads_escapes);
  RUN(escapes_only_what_must_be);
  RUN(escapes_at_each_place);
  RUN(appends_a_part_of_the_buffer);
  RUN(compares_bytes);
  return test_end();
}
