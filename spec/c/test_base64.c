#include "text/base64.h"
#include "test.h"

static unsigned char out[64];
static size_t size;

static bool decodes(const char *text, const char *want) {
  return cm_base64_decode(text, strlen(text), out, sizeof out, &size) && size == strlen(want) &&
         memcmp(out, want, size) == 0;
}

static bool refused(const char *text) {
  return !cm_base64_decode(text, strlen(text), out, sizeof out, &size);
}

static const struct {
  const char *bytes, *padded, *bare;
} cases[] = {/* RFC 4648 section 10, and the letters that differ between the alphabets */
             {"", "", ""},
             {"f", "Zg==", "Zg"},
             {"fo", "Zm8=", "Zm8"},
             {"foo", "Zm9v", "Zm9v"},
             {"foob", "Zm9vYg==", "Zm9vYg"},
             {"fooba", "Zm9vYmE=", "Zm9vYmE"},
             {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
             {"\xfb\xff\xbf", "+/+/", "-_-_"}};

static void encodes(void) {
  char text[16];
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t n = strlen(cases[i].bytes);
    memset(text, 'x', sizeof text);
    cm_base64url((const unsigned char *)cases[i].bytes, n, text);
    CHECK_TEXT(text, cases[i].bare);
    CHECK(CM_BASE64URL_SIZE(n) == strlen(text) + 1);
    CHECK(text[strlen(text) + 1] == 'x'); /* nothing beyond its end */
  }
}

static void decodes_both_alphabets_with_padding_or_without(void) {
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK(decodes(cases[i].padded, cases[i].bytes));
    CHECK(decodes(cases[i].bare, cases[i].bytes));
  }
}

static void refuses_what_is_none(void) {
  static const char *const texts[] = {"Z",    "=",        "==",       "Z===",    "Zg=",  "Zg===",
                                      "====", "Z g=",     "Zm9v\n",   " Zm9v",   "Zm$v", "Zm9vY",
                                      "Z=9v", "Zg==Zg==", "Zm9v\xff", "Zm9v===="};
  size_t i;
  for (i = 0; i < sizeof texts / sizeof *texts; i++)
    CHECK(refused(texts[i]));
  CHECK(!cm_base64_decode("Zm\0v", 4, out, sizeof out, &size));
}

static void refuses_a_second_way_to_write_the_same(void) {
  CHECK(refused("Zh==") && refused("Zh") && refused("Zm9=") && refused("Zm9"));
}

static void keeps_to_the_room(void) {
  memset(out, 'x', sizeof out);
  CHECK(!cm_base64_decode("Zm9vYmFy", 8, out, 5, &size));
  CHECK(size == 3 && out[3] == 'x');
  CHECK(cm_base64_decode("Zm9vYmFy", 8, out, 6, &size) && size == 6 && out[6] == 'x');
  CHECK(cm_base64_decode("Zm9vYg==", 8, out, 4, &size) && size == 4);
  CHECK(!cm_base64_decode("Zg", 2, out, 0, &size) && size == 0);
}

int main(void) {
  RUN(encodes);
  RUN(decodes_both_alphabets_with_padding_or_without);
  RUN(refuses_what_is_none);
  RUN(refuses_a_second_way_to_write_the_same);
  RUN(keeps_to_the_room);
  return test_end();
}
