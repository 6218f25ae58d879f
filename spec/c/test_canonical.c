#include "text/canonical.h"
#include "test.h"

static void tells_plain_strings(void) {
  CHECK(cm_canonical_is_plain("caf\xc3\xa9 /", 7));
  CHECK(!cm_canonical_is_plain("a\\/", 3));
  CHECK(!cm_canonical_is_plain("a\x7f", 2));
}

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

static void compares_bytes(void) {
  CHECK(cm_canonical_compare("A", 1, "a", 1) < 0);
  CHECK(cm_canonical_compare("a", 1, "ab", 2) < 0);
  CHECK(cm_canonical_compare("\xc3", 1, "z", 1) > 0);
  CHECK(cm_canonical_compare("", 0, "", 0) == 0);
}

int main(void) {
  RUN(tells_plain_strings);
  RUN(reads_escapes);
  RUN(escapes_only_what_must_be);
  RUN(compares_bytes);
  return test_end();
}
