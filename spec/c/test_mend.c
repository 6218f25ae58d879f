#include "text/mend.h"
#include "test.h"

static char out[128];

static const char *mend(const char *text) {
  snprintf(out, sizeof out, "%s", text);
  cm_mend(out, strlen(out), 0);
  return out;
}

static void replaces_halves_of_pairs(void) {
  CHECK_TEXT(mend("\"cut \\ud83d\""), "\"cut \\uFFFD\"");
  CHECK_TEXT(mend("\"\\uDC00 low\""), "\"\\uFFFD low\"");
  CHECK_TEXT(mend("\"\\ud83d\\u0041\""), "\"\\uFFFD\\u0041\"");
  CHECK_TEXT(mend("\"\\ud83d\\ud83d\\ude00\""), "\"\\uFFFD\\ud83d\\ude00\"");
  CHECK_TEXT(mend("\"\\ude00\\ud83d\""), "\"\\uFFFD\\uFFFD\"");
}

static void replaces_nul(void) {
  CHECK_TEXT(mend("\"a\\u0000b\\u0001\""), "\"a\\uFFFDb\\u0001\"");
}

static void leaves_the_rest(void) {
  static const char *const texts[] = {"",
                                      "{}",
                                      "\"\\ud83d\\ude00\"",
                                      "\"\\\\ud83d\"",
                                      "\"\\\\u0000\"",
                                      "\"\\u00\"",
                                      "\"\\ud83\"",
                                      "\\",
                                      "\\u",
                                      "\"\\u00e9\\n\"",
                                      "\"\\uzzzz\"",
                                      "\"\\uFFFD\""};
  size_t i;
  for (i = 0; i < sizeof texts / sizeof *texts; i++) {
    CHECK_TEXT(mend(texts[i]), texts[i]);
    CHECK(cm_mend_find(texts[i], strlen(texts[i]), 0) == strlen(texts[i]));
  }
}

int main(void) {
  RUN(replaces_halves_of_pairs);
  RUN(replaces_nul);
  RUN(leaves_the_rest);
  return test_end();
}
