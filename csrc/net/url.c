#include "net/url.h"

#include "text/hex.h"

#include <string.h>

/* RFC 3986 section 2.3: the characters that need no encoding anywhere. */
static bool unreserved(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

/*
** Writes n bytes with every byte that is not unreserved as %XX, brackets and spaces included: valid
** in a query and in a form body alike. out: room for CM_URL_ENCODED(n) bytes. Returns the number of
** bytes written.
*/
size_t cm_url_encode(const char *text, size_t n, char *out) {
  static const char hex[] = "0123456789ABCDEF";
  size_t len = 0, i;
  for (i = 0; i < n; i++) {
    unsigned char c = (unsigned char)text[i];
    if (unreserved(c)) {
      out[len++] = (char)c;
    } else {
      out[len++] = '%';
      out[len++] = hex[c >> 4];
      out[len++] = hex[c & 15];
    }
  }
  return len;
}

/*
** Writes n bytes with every %XX as the byte that it stands for; a '+' stays one. out: room for n
** bytes. Returns false if two hexadecimal digits do not follow a '%'; otherwise *len is the number
** of bytes written.
*/
bool cm_url_decode(const char *text, size_t n, char *out, size_t *len) {
  size_t i = 0;
  *len = 0;
  while (i < n) {
    char c = text[i++];
    if (c == '%') {
      int high = n - i < 2 ? -1 : cm_hex_digit(text[i]);
      int low = high < 0 ? -1 : cm_hex_digit(text[i + 1]);
      if (low < 0)
        return false;
      c = (char)(high * 16 + low);
      i += 2;
    }
    out[(*len)++] = c;
  }
  return true;
}

/*
** Appends text as cm_url_encode writes it. Returns false, with the buffer as it was, when it
** refuses.
*/
bool cm_url_escape(cm_buf *out, const char *text, size_t n) {
  char piece[CM_URL_ENCODED(64)];
  size_t start = out->len;
  while (n > 0) {
    size_t taken = n < 64 ? n : 64;
    if (!cm_buf_add(out, piece, cm_url_encode(text, taken, piece))) {
      cm_buf_cut(out, start);
      return false;
    }
    text += taken;
    n -= taken;
  }
  return true;
}

/*
** Appends key=value, with a '&' before it unless the buffer is empty. Nested names are written
** out by the caller as Stripe wants them ("created[gte]", "expand[]"). Returns false, with the
** buffer as it was, when it refuses.
*/
bool cm_url_pair(cm_buf *out, const char *key, size_t nkey, const char *value, size_t nvalue) {
  size_t start = out->len;
  if ((start == 0 || cm_buf_add(out, "&", 1)) && cm_url_escape(out, key, nkey) &&
      cm_buf_add(out, "=", 1) && cm_url_escape(out, value, nvalue))
    return true;
  cm_buf_cut(out, start);
  return false;
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
** Says what is wrong with the path and query of a foreign server, as they are sent, or NULL.
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
