#include "text/canonical.h"

#include "text/json.h"
#include "text/scan.h"

#include <stdint.h>
#include <string.h>

/*
** Appends the inside of a valid JSON string with its escapes read. Half of a surrogate pair, and
** NUL, become U+FFFD.
*/
bool cm_canonical_decode(cm_buf *out, const char *raw, size_t n) {
  cm_json j;
  char *to = cm_buf_room(out, n + 4); /* an escape is longer than its character */
  if (!to)
    return false;
  cm_json_init(&j, raw, n);
  out->len += cm_json_copy(&j, (cm_span){0, n}, to, n + 4);
  return true;
}

static size_t escaped(unsigned char c, char *to) {
  static const char hex[] = "0123456789abcdef";
  static const char from[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
  const char *found = c ? strchr(from, c) : NULL;
  to[0] = '\\';
  if (found) {
    to[1] = names[found - from];
    return 2;
  }
  memcpy(to + 1, "u00", 3);
  to[4] = hex[c >> 4];
  to[5] = hex[c & 15];
  return 6;
}

/* Copies the bytes up to the first that is escaped. Returns how many. */
static size_t copy_plain(char *to, const char *text, size_t n) {
  size_t i, some;
  if (n < CM_SCAN_STEP) { /* `to` has room for more than this text */
    memset(to, ' ', CM_SCAN_STEP);
    memcpy(to, text, n);
    some = cm_scan_escaped(to);
    return some < n ? some : n;
  }
  for (i = 0; n - i >= CM_SCAN_STEP; i += CM_SCAN_STEP) {
    memcpy(to + i, text + i, CM_SCAN_STEP);
    some = cm_scan_escaped(text + i);
    if (some < CM_SCAN_STEP)
      return i + some;
  }
  i = n - CM_SCAN_STEP; /* the last ones, of which some were copied already */
  memcpy(to + i, text + i, CM_SCAN_STEP);
  return i + cm_scan_escaped(text + i);
}

/*
** Appends a text as a JSON string: quotes, backslashes and control characters are escaped, nothing
** else.
*/
bool cm_canonical_string(cm_buf *out, const char *text, size_t n) {
  size_t i, len = 0;
  char *to = n < SIZE_MAX / 8 ? cm_buf_room(out, CM_CANONICAL_ROOM(n)) : NULL;
  if (!to)
    return false;
  to[len++] = '"';
  i = copy_plain(to + len, text, n);
  for (len += i; i < n; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
      len += escaped(c, to + len);
    else
      to[len++] = (char)c;
  }
  to[len++] = '"';
  to[len] = '\0';
  out->len += len;
  return true;
}

/*
** Compares texts by their bytes, as memcmp does.
*/
int cm_canonical_compare(const char *a, size_t a_len, const char *b, size_t b_len) {
  size_t n = a_len < b_len ? a_len : b_len;
  int order = n ? memcmp(a, b, n) : 0;
  return order ? order : (a_len > b_len) - (a_len < b_len);
}
