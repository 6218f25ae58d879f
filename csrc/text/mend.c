#include "text/mend.h"

#include "text/hex.h"

#include <string.h>

#define ESCAPE 6 /* bytes of "\uXXXX" */

/* The code of a \u escape at `at`, or -1 if there is none. */
static long code_at(const char *text, size_t n, size_t at) {
  long code = 0;
  size_t i;
  if (n - at < ESCAPE || text[at] != '\\' || text[at + 1] != 'u')
    return -1;
  for (i = at + 2; i < at + ESCAPE; i++) {
    int digit = cm_hex_digit(text[i]);
    if (digit < 0)
      return -1;
    code = code * 16 + digit;
  }
  return code;
}

/*
** Returns the place of the first escape from `from` on that stands for NUL or for half of a
** surrogate pair, or n. Merchants' texts that were cut inside an emoji have such halves, which
** JSON's grammar allows and its readers refuse; NUL is refused or cut off by databases. `from` must
** not lie inside an escape.
*/
size_t cm_mend_find(const char *text, size_t n, size_t from) {
  while (from < n) {
    const char *slash = memchr(text + from, '\\', n - from);
    long code, low;
    if (!slash)
      return n;
    from = (size_t)(slash - text);
    code = code_at(text, n, from);
    if (code < 0) {
      from += 2; /* "\\" is one escape; the next character is not part of it */
    } else if (code >= 0xD800 && code <= 0xDBFF) {
      low = code_at(text, n, from + ESCAPE);
      if (low < 0xDC00 || low > 0xDFFF)
        return from;
      from += (size_t)2 * ESCAPE;
    } else if (code == 0 || (code >= 0xDC00 && code <= 0xDFFF)) {
      return from;
    } else {
      from += ESCAPE;
    }
  }
  return n;
}

/*
** Writes U+FFFD in place of each escape that cm_mend_find finds, in as many bytes.
*/
void cm_mend(char *text, size_t n, size_t from) {
  while ((from = cm_mend_find(text, n, from)) < n) {
    memcpy(text + from, "\\uFFFD", ESCAPE);
    from += ESCAPE;
  }
}
