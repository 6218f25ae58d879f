#include "test.h"
#include "text/utf8.h"

static bool valid(const char *text) {
  return cm_utf8_valid(text, strlen(text));
}

static void takes_utf8(void) {
  CHECK(valid(""));
  CHECK(valid("plain"));
  CHECK(cm_utf8_valid("a\0b", 3));
  CHECK(valid("\xC2\x80 \xDF\xBF"));
  CHECK(valid("\xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF"));
  CHECK(valid("\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF"));
}

static void refuses_other_bytes(void) {
  CHECK(!valid("\x80"));
  CHECK(!valid("\xFF"));
  CHECK(!valid("a\xC3"));
  CHECK(!valid("\xC3(")); /* not a continuation byte */
  CHECK(!valid("\xE2\x82"));
  CHECK(!valid("\xE2\x82("));
}

static void refuses_overlong_forms_surrogates_and_what_lies_above(void) {
  CHECK(!valid("\xC0\x80"));
  CHECK(!valid("\xC1\xBF"));
  CHECK(!valid("\xE0\x9F\xBF"));
  CHECK(!valid("\xF0\x8F\xBF\xBF"));
  CHECK(!valid("\xED\xA0\x80"));
  CHECK(!valid("\xF4\x90\x80\x80"));
  CHECK(!valid("\xF5\x80\x80\x80"));
}

static void stays_inside(void) {
  CHECK(cm_utf8_valid("\xC3\xA9\xC3", 2));
  CHECK(!cm_utf8_valid("\xC3\xA9\xC3\xA9", 3));
  CHECK(cm_utf8_sequence((const unsigned char *)"\xF0\x9F\x98\x80", 4) == 4);
  CHECK(cm_utf8_sequence((const unsigned char *)"\xF0\x9F\x98\x80", 3) == 0);
}

int main(void) {
  RUN(takes_utf8);
  RUN(refuses_other_bytes);
  RUN(refuses_overlong_forms_surrogates_and_what_lies_above);
  RUN(stays_inside);
  return test_end();
}
