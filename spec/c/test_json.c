#include "text/json.h"
#include "test.h"

#include <stdlib.h>

/* Scans a whole text, in memory of exactly its size so that reading past its end is noticed. */
static const char *scan(const char *text) {
  static cm_json j;
  size_t n = strlen(text);
  char *copy = malloc(n ? n : 1);
  memcpy(copy, text, n);
  cm_json_init(&j, copy, n);
  if (cm_json_skip(&j))
    cm_json_end(&j);
  free(copy);
  return j.error ? j.error : "";
}

static void takes_valid_json(void) {
  CHECK_TEXT(scan("{}"), "");
  CHECK_TEXT(scan(" [ ] \r\n\t"), "");
  CHECK_TEXT(scan("[1,-2,0,-0,3.5,1e9,1E-2,0.5e+3]"), "");
  CHECK_TEXT(scan("[true,false,null,\"\"]"), "");
  CHECK_TEXT(scan("{\"a\":{\"b\":[{\"c\":\"d\"}]},\"e\":1}"), "");
  CHECK_TEXT(scan("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\""), "");
  CHECK_TEXT(scan("\"\x7f \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\""), "");
  CHECK_TEXT(scan("\"a long string without anything special in it\""), "");
}

/* Texts of each length, so that each piece that the scanner looks at once begins and ends anywhere.
 */
static void takes_each_length(void) {
  char text[160];
  int before, inside;
  for (before = 0; before < 40; before++)
    for (inside = 0; inside < 40; inside++) {
      const char *filling = "0123456789012345678901234567890123456789";
      snprintf(text, sizeof text, "%*s\"%.*s\"%*s", before, "", inside, filling, inside, "");
      CHECK_TEXT(scan(text), "");
      snprintf(text, sizeof text, "[%*s\n%*s\"%.*s\\n\xC3\xA9\"]", before, "", inside, "", inside,
               filling);
      CHECK_TEXT(scan(text), "");
      snprintf(text, sizeof text, "%*s\"%.*s\n\"", before, "", inside, filling);
      CHECK_TEXT(scan(text), "control character in a string");
      snprintf(text, sizeof text, "%*s\"%.*s", before, "", inside, filling);
      CHECK_TEXT(scan(text), "ends too early");
    }
}

static void tells_of_escapes(void) {
  cm_json j;
  cm_span s;
  cm_json_init(&j, "[\"a\\n\",\"b\",\"01234567890123456789\\/\"]", 35);
  CHECK(cm_json_open(&j, '[') && cm_json_item(&j) && cm_json_string(&j, &s) && j.escaped);
  CHECK(cm_json_item(&j) && cm_json_string(&j, &s) && !j.escaped);
  CHECK(cm_json_item(&j) && cm_json_string(&j, &s) && j.escaped);
}

static void refuses_the_rest(void) {
  CHECK_TEXT(scan(""), "ends too early");
  CHECK_TEXT(scan("{"), "ends too early");
  CHECK_TEXT(scan("[1"), "ends too early");
  CHECK_TEXT(scan("[1,"), "ends too early");
  CHECK_TEXT(scan("{\"a\""), "ends too early");
  CHECK_TEXT(scan("{\"a\":"), "ends too early");
  CHECK_TEXT(scan("\"abc"), "ends too early");
  CHECK_TEXT(scan("\"abcdefgh\\"), "ends too early");
  CHECK_TEXT(scan("\"\\u00"), "ends too early");
  CHECK_TEXT(scan("tru"), "ends too early");
  CHECK_TEXT(scan("-"), "ends too early");
  CHECK_TEXT(scan("trux"), "value expected");
  CHECK_TEXT(scan("[1,]"), "value expected after ','");
  CHECK_TEXT(scan("{\"a\":1,}"), "value expected after ','");
  CHECK_TEXT(scan("[1 2]"), "',' or ']' expected");
  CHECK_TEXT(scan("{\"a\" 1}"), "':' expected");
  CHECK_TEXT(scan("{a:1}"), "string expected");
  CHECK_TEXT(scan("{\"a\":1 \"b\":2}"), "',' or '}' expected");
  CHECK_TEXT(scan("[}"), "value expected");
  CHECK_TEXT(scan("[,1]"), "value expected");
  CHECK_TEXT(scan("01"), "number with a leading zero");
  CHECK_TEXT(scan("-01"), "number with a leading zero");
  CHECK_TEXT(scan("1."), "digit expected");
  CHECK_TEXT(scan("1e"), "digit expected");
  CHECK_TEXT(scan("+1"), "value expected");
  CHECK_TEXT(scan(".5"), "value expected");
  CHECK_TEXT(scan("NaN"), "value expected");
  CHECK_TEXT(scan("{} x"), "more text after the value");
  CHECK_TEXT(scan("\xEF\xBB\xBF{}"), "value expected");
  CHECK_TEXT(scan("// c\n1"), "value expected");
  CHECK_TEXT(scan("\"a\nb\""), "control character in a string");
  CHECK_TEXT(scan("\"abcdefghijk\x01\""), "control character in a string");
  CHECK_TEXT(scan("\"\\x\""), "bad escape");
  CHECK_TEXT(scan("\"\\u12g4\""), "bad \\u escape");
}

static void refuses_invalid_utf8(void) {
  static const char *const bad[] = {"\"\x80\"",             /* continuation alone */
                                    "\"\xC3\"",             /* cut short */
                                    "\"\xC0\xAF\"",         /* overlong */
                                    "\"\xE0\x80\x80\"",     /* overlong */
                                    "\"\xF0\x80\x80\x80\"", /* overlong */
                                    "\"\xED\xA0\x80\"",     /* surrogate */
                                    "\"\xF4\x90\x80\x80\"", /* above U+10FFFF */
                                    "\"\xF5\x80\x80\x80\"",
                                    "\"\xFF\"",
                                    "\"abcdefgh\xE2\x82\""};
  size_t i;
  for (i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK_TEXT(scan(bad[i]), "invalid UTF-8");
}

static void bounds_nesting(void) {
  char text[4 * CM_JSON_DEPTH];
  memset(text, '[', sizeof text);
  memset(text + CM_JSON_DEPTH, ']', CM_JSON_DEPTH);
  text[2 * CM_JSON_DEPTH] = '\0';
  CHECK_TEXT(scan(text), "");
  memset(text, '[', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  CHECK_TEXT(scan(text), "nested too deep");
}

static void says_where(void) {
  cm_json j;
  cm_json_init(&j, "[1, x]", 6);
  CHECK(!cm_json_skip(&j) && j.at == 4);
  CHECK(!cm_json_skip(&j) && !cm_json_end(&j) && j.at == 4);
}

static void reads_integers(void) {
  int64_t n = 7;
  cm_json j;
  const char *text = "[1234567890,-5,999999999999999999,1000000000000000000,1.0,1e3,\"x\",null]";
  cm_json_init(&j, text, strlen(text));
  CHECK(cm_json_open(&j, '['));
  CHECK(cm_json_item(&j) == 1 && cm_json_int(&j, &n) == 1 && n == 1234567890);
  CHECK(cm_json_item(&j) == 1 && cm_json_int(&j, &n) == 1 && n == -5);
  CHECK(cm_json_item(&j) == 1 && cm_json_int(&j, &n) == 1 && n == 999999999999999999);
  CHECK(cm_json_item(&j) == 1 && cm_json_int(&j, &n) == 0);
  CHECK(cm_json_item(&j) == 1 && cm_json_int(&j, &n) == 0);
  CHECK(cm_json_item(&j) == 1 && cm_json_int(&j, &n) == 0);
  CHECK(cm_json_item(&j) == 1 && cm_json_int(&j, &n) == 0);
  CHECK(cm_json_item(&j) == 1 && cm_json_int(&j, &n) == 0);
  CHECK(cm_json_item(&j) == 0 && cm_json_end(&j));
}

static const char *copy(const char *text, size_t room) {
  static char out[64];
  cm_span s;
  cm_json j;
  cm_json_init(&j, text, strlen(text));
  if (!cm_json_string(&j, &s))
    return j.error;
  cm_json_copy(&j, s, out, room);
  return out;
}

static void copies_text(void) {
  CHECK_TEXT(copy("\"plain\"", 64), "plain");
  CHECK_TEXT(copy("\"a\\n\\\"\\/\\u0041\"", 64), "a\n\"/A");
  CHECK_TEXT(copy("\"\\u00e9\\u20ac\\ud83d\\ude00\"", 64), "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK_TEXT(copy("\"\\ud83d!\"", 64), "\xEF\xBF\xBD!");
  CHECK_TEXT(copy("\"\\ud83d\\u0041\"", 64), "\xEF\xBF\xBD"
                                             "A");
  CHECK_TEXT(copy("\"\\ude00\"", 64), "\xEF\xBF\xBD");
  CHECK_TEXT(copy("\"\\u0000\"", 64), "\xEF\xBF\xBD");
  CHECK_TEXT(copy("\"abcdef\"", 4), "abc");
  CHECK_TEXT(copy("\"ab\xE2\x82\xAC\"", 5), "ab");
  CHECK_TEXT(copy("\"ab\xE2\x82\xAC\"", 6), "ab\xE2\x82\xAC");
}

int main(void) {
  RUN(takes_valid_json);
  RUN(takes_each_length);
  RUN(tells_of_escapes);
  RUN(refuses_the_rest);
  RUN(refuses_invalid_utf8);
  RUN(bounds_nesting);
  RUN(says_where);
  RUN(reads_integers);
  RUN(copies_text);
  return test_end();
}
