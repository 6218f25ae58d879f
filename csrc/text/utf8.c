#include "text/utf8.h"

/*
** Measures the character outside ASCII at s, of whose n bytes there is at least one. Returns its
** length in bytes, or 0 if it is not UTF-8: no overlong forms, no surrogates, nothing above
** U+10FFFF.
*/
size_t cm_utf8_sequence(const unsigned char *s, size_t n) {
  size_t len, i;
  unsigned char low, high;
  if (s[0] >= 0xC2 && s[0] <= 0xDF)
    len = 2;
  else if (s[0] >= 0xE0 && s[0] <= 0xEF)
    len = 3;
  else if (s[0] >= 0xF0 && s[0] <= 0xF4)
    len = 4;
  else
    return 0;
  low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
  high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
  if (len > n || s[1] < low || s[1] > high)
    return 0;
  for (i = 2; i < len; i++)
    if ((s[i] & 0xC0) != 0x80)
      return 0;
  return len;
}

/*
** Returns whether n bytes are UTF-8 as a whole. A '\0' is a character like any other.
*/
bool cm_utf8_valid(const char *text, size_t n) {
  const unsigned char *s = (const unsigned char *)text;
  size_t i = 0;
  while (i < n) {
    size_t len = s[i] < 0x80 ? 1 : cm_utf8_sequence(s + i, n - i);
    if (len == 0)
      return false;
    i += len;
  }
  return true;
}
