#include "net/url.h"

#include <string.h>

/* RFC 3986 section 2.3: the characters that need no encoding anywhere. */
static bool unreserved(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

/*
** Appends text with every byte that is not unreserved as %XX, brackets and spaces included: valid
** in a query and in a form body alike. Returns false when the buffer refuses.
*/
bool cm_url_escape(cm_buf *out, const char *text, size_t n) {
  static const char hex[] = "0123456789ABCDEF";
  size_t i = 0;
  while (i < n) {
    size_t from = i;
    while (i < n && unreserved((unsigned char)text[i]))
      i++;
    if (i > from && !cm_buf_add(out, text + from, i - from))
      return false;
    if (i < n) {
      unsigned char c = (unsigned char)text[i++];
      char code[3] = {'%', hex[c >> 4], hex[c & 15]};
      if (!cm_buf_add(out, code, 3))
        return false;
    }
  }
  return true;
}

/*
** Appends key=value, with a '&' before it unless the buffer is empty. Nested names are written
** out by the caller as Stripe wants them ("created[gte]", "expand[]"). Returns false when the
** buffer refuses.
*/
bool cm_url_pair(cm_buf *out, const char *key, size_t nkey, const char *value, size_t nvalue) {
  return (out->len == 0 || cm_buf_add(out, "&", 1)) && cm_url_escape(out, key, nkey) &&
         cm_buf_add(out, "=", 1) && cm_url_escape(out, value, nvalue);
}

/*
** Says what is wrong with a request path, or NULL. A path is absolute, holds no query, no empty
** and no dot segment, so that an id taken from somewhere else cannot turn a request into another
** one.
*/
const char *cm_url_path_fault(const char *path, size_t n) {
  size_t i, start = 1;
  if (n < 2 || path[0] != '/')
    return "must start with '/'";
  if (n > CM_PATH_MAX)
    return "is too long";
  for (i = 1; i <= n; i++) {
    if (i == n || path[i] == '/') {
      size_t len = i - start;
      if (len == 0)
        return "has an empty segment";
      if (path[start] == '.' && (len == 1 || (len == 2 && path[start + 1] == '.')))
        return "has a dot segment";
      start = i + 1;
    } else if (!unreserved((unsigned char)path[i])) {
      return "has a character that does not belong there";
    }
  }
  return NULL;
}

/*
** What is wrong with a path and query that somebody else made up, as they are sent: NULL if
*nothing.
*/
const char *cm_url_target_fault(const char *target, size_t n) {
  size_t i;
  if (n == 0 || target[0] != '/')
    return "must start with '/'";
  if (n > CM_PATH_MAX)
    return "is too long";
  for (i = 0; i < n; i++)
    if (target[i] <= ' ' || target[i] > '~' || target[i] == '#')
      return "has a character that does not belong there";
  return NULL;
}
