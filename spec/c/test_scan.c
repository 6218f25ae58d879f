/* Each byte at each place, among bytes of each of some kinds, beside a byte by byte look. */
#include "text/scan.h"
#include "test.h"

#include <stdbool.h>

static const unsigned char AROUND[] = {'a', ' ', '!', '#', '[', ']', 0x1f, 0x7e, 0x80, 0xff};

static bool is_special(unsigned char c) {
  return c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
}

static bool is_filled(unsigned char c) {
  return c != ' ';
}

static bool is_escaped(unsigned char c) {
  return c < 0x20 || c == 0x7f || c == '"' || c == '\\';
}

static size_t first(const unsigned char *s, bool (*is)(unsigned char)) {
  size_t i = 0;
  while (i < CM_SCAN_STEP && !is(s[i]))
    i++;
  return i;
}

static void finds_the_first(void) {
  size_t around, place;
  int c;
  for (around = 0; around < sizeof AROUND; around++)
    for (place = 0; place < CM_SCAN_STEP; place++)
      for (c = 0; c < 256; c++) {
        unsigned char bytes[CM_SCAN_STEP];
        const char *s = (const char *)bytes;
        memset(bytes, AROUND[around], sizeof bytes);
        bytes[place] = (unsigned char)c;
        CHECK(cm_scan_special(s) == first(bytes, is_special));
        CHECK(cm_scan_filled(s) == first(bytes, is_filled));
        CHECK(cm_scan_escaped(s) == first(bytes, is_escaped));
      }
}

int main(void) {
  RUN(finds_the_first);
  return test_end();
}
