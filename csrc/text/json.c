#include "text/json.h"

#include "text/hex.h"
#include "text/scan.h"
#include "text/utf8.h"

#include <string.h>

/* The parts of the scanner's loops: a call of each costs more than its work. */
#ifdef __GNUC__
#define CM_INLINE inline __attribute__((always_inline))
#else
#define CM_INLINE inline
#endif

/*
** Starts a scan. The text must stay where it is; it needs no '\0' at its end.
*/
void cm_json_init(cm_json *j, const char *text, size_t len) {
  memset(j, 0, sizeof *j);
  j->text = text;
  j->len = len;
}

static bool fail(cm_json *j, size_t at, const char *error) {
  if (!j->error) {
    j->error = error;
    j->at = at;
    j->len = 0; /* nothing comes after an error */
  }
  return false;
}

static inline bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Passes blanks from `at` on. Returns the next character without taking it, 0 at the end. */
static int after_more_blanks(cm_json *j, size_t at) {
  while (at < j->len && is_blank(j->text[at])) {
    size_t n = j->len - at > CM_SCAN_STEP ? cm_scan_filled(j->text + at + 1) : 0;
    at += n + 1;
  }
  j->at = at;
  return at < j->len ? (unsigned char)j->text[at] : 0;
}

/* As after_more_blanks from a blank on. Stripe sends its JSON indented: most often a single blank
   follows, or a line end with the blanks of the next line. */
static int after_blanks(cm_json *j) {
  size_t at = j->at + 1;
  if (j->len - at > CM_SCAN_STEP) {
    at += cm_scan_filled(j->text + at);
    if ((unsigned char)j->text[at] > ' ') {
      j->at = at;
      return (unsigned char)j->text[at];
    }
  }
  return after_more_blanks(j, at);
}

/* The next character that is not blank; most often the one that is next. */
static inline int peek(cm_json *j) {
  unsigned char c;
  if (j->at >= j->len)
    return 0;
  c = (unsigned char)j->text[j->at];
  return c > ' ' || !is_blank((char)c) ? c : after_blanks(j);
}

/* As peek, behind a comma: Stripe begins a new line there. */
static inline int peek_line(cm_json *j) {
  const char *s = j->text + j->at;
  if (j->len - j->at > CM_SCAN_STEP + 1 && *s == '\n') {
    size_t n = 1 + cm_scan_filled(s + 1);
    if ((unsigned char)s[n] > ' ') {
      j->at += n;
      return (unsigned char)s[n];
    }
  }
  return peek(j);
}

/*
** Skips white space. Returns the next character without taking it, or 0 at the end of the text
** and after an error.
*/
int cm_json_peek(cm_json *j) {
  return peek(j);
}

static bool unexpected(cm_json *j, const char *wanted) {
  return fail(j, j->at, j->at >= j->len ? "ends too early" : wanted);
}

static inline bool open(cm_json *j, char bracket) {
  if (peek(j) != bracket)
    return unexpected(j, bracket == '{' ? CM_JSON_NO_OBJECT : "array expected");
  if (j->depth >= CM_JSON_DEPTH)
    return fail(j, j->at, CM_JSON_TOO_DEEP);
  j->at++;
  j->depth++;
  j->fresh = true;
  return true;
}

/*
** Enters an object ('{') or array ('['). Returns false if there is no such bracket, or the nesting
** is too deep.
*/
bool cm_json_open(cm_json *j, char bracket) {
  return open(j, bracket);
}

/*
** Moves to the next part of the innermost container: 1 there is one, 0 it was closed, -1 error.
*/
static CM_INLINE int next(cm_json *j, char close) {
  int c = peek(j);
  bool fresh = j->fresh;
  j->fresh = false;
  if (c == ',' && !fresh) {
    j->at++;
    if (peek_line(j) != close)
      return 1; /* also at the end of the text: whoever takes the value finds nothing there */
    return fail(j, j->at, "value expected after ','"), -1;
  }
  if (c == close) {
    j->at++;
    j->depth--;
    return 0;
  }
  if (!c || !fresh)
    return unexpected(j, fresh          ? "value expected"
                         : close == '}' ? "',' or '}' expected"
                                        : "',' or ']' expected"),
           -1;
  return 1;
}

/*
** In an array: 1 if the scan stands before another value, 0 if the array ended, -1 error.
*/
int cm_json_item(cm_json *j) {
  return next(j, ']');
}

/* Reads four hex digits; -1 for other characters. The caller knows that four are there. */
static long hex4(const char *s) {
  long value = 0;
  int i;
  for (i = 0; i < 4; i++) {
    int digit = cm_hex_digit(s[i]);
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

/* Passes over what cm_scan_special stops at within a string: an escape or a character outside
   ASCII. Returns the place after it; 0 on an error. */
static size_t after_special(cm_json *j, size_t at) {
  unsigned char c = (unsigned char)j->text[at];
  size_t left = j->len - at, len;
  if (c == '\\') {
    j->escaped = true;
    if (left < 2 || (j->text[at + 1] == 'u' && left < 6))
      return fail(j, j->len, "ends too early"), 0;
    if (j->text[at + 1] == 'u')
      return hex4(j->text + at + 2) >= 0 ? at + 6 : (size_t)fail(j, at, "bad \\u escape");
    if (j->text[at + 1] && strchr("\"\\/bfnrt", j->text[at + 1]))
      return at + 2;
    return fail(j, at, "bad escape"), 0;
  }
  if (c < 0x20)
    return fail(j, at, "control character in a string"), 0;
  if (c < 0x80)
    return at + 1;
  len = cm_utf8_sequence((const unsigned char *)j->text + at, left);
  return len ? at + len : (size_t)fail(j, at, "invalid UTF-8");
}

/* Takes the rest of a string, from a place inside it on. */
static bool string_from(cm_json *j, cm_span *inside, size_t at) {
  for (;;) {
    while (j->len - at >= CM_SCAN_STEP) {
      size_t n = cm_scan_special(j->text + at);
      at += n;
      if (n < CM_SCAN_STEP)
        break;
    }
    if (at >= j->len)
      return fail(j, j->len, "ends too early");
    if (j->text[at] == '"')
      break;
    at = after_special(j, at);
    if (!at)
      return false;
  }
  inside->len = at - inside->at;
  j->at = at + 1;
  return true;
}

static inline bool string(cm_json *j, cm_span *inside) {
  size_t at;
  if (peek(j) != '"')
    return unexpected(j, "string expected");
  at = inside->at = ++j->at;
  j->escaped = false;
  if (j->len - at > CM_SCAN_STEP) { /* most strings are as short */
    at += cm_scan_special(j->text + at);
    if (j->text[at] == '"') {
      inside->len = at - inside->at;
      j->at = at + 1;
      return true;
    }
  }
  return string_from(j, inside, at);
}

/*
** Takes a string. `inside` gets the range between the quotes, escapes unread; `escaped` tells
** whether there are any.
*/
bool cm_json_string(cm_json *j, cm_span *inside) {
  return string(j, inside);
}

/* Takes a short name with the colon, and the single blank that Stripe sends after it. Returns
   false, with nothing taken, if the member begins otherwise. */
static inline bool short_name(cm_json *j, cm_span *key) {
  const char *name = j->text + j->at + 1;
  size_t n;
  if (j->len - j->at < CM_SCAN_STEP + 5 || name[-1] != '"')
    return false;
  n = cm_scan_special(name);
  if (name[n] != '"' || name[n + 1] != ':')
    return false;
  key->at = j->at + 1;
  key->len = n;
  j->escaped = false;
  j->at += n + 3 + (name[n + 2] == ' ');
  return true;
}

static CM_INLINE int member(cm_json *j, cm_span *key) {
  int more = next(j, '}');
  if (more <= 0)
    return more;
  if (short_name(j, key))
    return 1;
  if (!string(j, key))
    return -1;
  if (peek(j) != ':')
    return unexpected(j, "':' expected"), -1;
  j->at++;
  return 1;
}

/*
** In an object: 1 if the scan stands before the value of member `key` (its raw bytes, escapes
** unread), 0 if the object ended, -1 error.
*/
int cm_json_member(cm_json *j, cm_span *key) {
  return member(j, key);
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static size_t digits(const cm_json *j, size_t at) {
  size_t from = at;
  while (at < j->len && is_digit(j->text[at]))
    at++;
  return at - from;
}

/* Takes a number; *whole says whether it has neither fraction nor exponent. */
static bool number(cm_json *j, bool *whole) {
  size_t at = j->at, n;
  if (at < j->len && j->text[at] == '-')
    at++;
  n = digits(j, at);
  if (n == 0)
    return fail(j, at, at >= j->len ? "ends too early" : "value expected");
  if (n > 1 && j->text[at] == '0')
    return fail(j, at, "number with a leading zero");
  at += n;
  *whole = true;
  if (at < j->len && j->text[at] == '.') {
    *whole = false;
    n = digits(j, ++at);
    if (n == 0)
      return fail(j, at, "digit expected");
    at += n;
  }
  if (at < j->len && (j->text[at] == 'e' || j->text[at] == 'E')) {
    *whole = false;
    at++;
    if (at < j->len && (j->text[at] == '+' || j->text[at] == '-'))
      at++;
    n = digits(j, at);
    if (n == 0)
      return fail(j, at, "digit expected");
    at += n;
  }
  j->at = at;
  return true;
}

/*
** Takes any value. Returns 1 if it was an integer of at most 18 digits, now in *value, 0 if it was
** something else, -1 on an error.
*/
int cm_json_int(cm_json *j, int64_t *value) {
  int c = peek(j);
  size_t from = j->at, i;
  bool whole = false, minus = c == '-';
  int64_t n = 0;
  if (c != '-' && !is_digit((char)c))
    return cm_json_skip(j) ? 0 : -1;
  if (!number(j, &whole))
    return -1;
  from += minus;
  if (!whole || j->at - from > 18)
    return 0;
  for (i = from; i < j->at; i++)
    n = n * 10 + (j->text[i] - '0');
  *value = minus ? -n : n;
  return 1;
}

static inline bool word(cm_json *j, const char *text, size_t n) {
  if (j->len - j->at < n)
    return fail(j, j->len, "ends too early");
  if (memcmp(j->text + j->at, text, n) != 0)
    return fail(j, j->at, "value expected");
  j->at += n;
  return true;
}

/*
** Takes true or false.
*/
bool cm_json_bool(cm_json *j, bool *value) {
  int c = peek(j);
  *value = c == 't';
  if (c != 't' && c != 'f')
    return unexpected(j, "true or false expected");
  return c == 't' ? word(j, "true", 4) : word(j, "false", 5);
}

/*
** Takes any value and forgets it.
*/
bool cm_json_skip(cm_json *j) {
  cm_span ignored;
  bool whole;
  int more;
  int c = peek(j);
  switch (c) {
  case '"':
    return string(j, &ignored);
  case '{':
    if (!open(j, '{'))
      return false;
    while ((more = member(j, &ignored)) > 0)
      if (!cm_json_skip(j))
        return false;
    return more == 0;
  case '[':
    if (!open(j, '['))
      return false;
    while ((more = next(j, ']')) > 0)
      if (!cm_json_skip(j))
        return false;
    return more == 0;
  case 't':
    return word(j, "true", 4);
  case 'f':
    return word(j, "false", 5);
  case 'n':
    return word(j, "null", 4);
  default:
    return c == '-' || is_digit((char)c) ? number(j, &whole) : unexpected(j, "value expected");
  }
}

/*
** True if the value just taken was the whole text.
*/
bool cm_json_end(cm_json *j) {
  if (j->error)
    return false;
  peek(j);
  return j->at >= j->len || fail(j, j->at, "more text after the value");
}

static size_t encode(unsigned long code, char *out) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 63));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = (char)(0xE0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 63));
    out[2] = (char)(0x80 | (code & 63));
    return 3;
  }
  out[0] = (char)(0xF0 | code >> 18);
  out[1] = (char)(0x80 | (code >> 12 & 63));
  out[2] = (char)(0x80 | (code >> 6 & 63));
  out[3] = (char)(0x80 | (code & 63));
  return 4;
}

/* Reads the escape at s (n bytes are left): its character in out, bytes written and taken. */
static size_t escape(const char *s, size_t n, char *out, size_t *taken) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  unsigned long code, low;
  *taken = 2;
  if (s[1] != 'u') {
    out[0] = to[strchr(from, s[1]) - from];
    return 1;
  }
  *taken = 6;
  code = (unsigned long)hex4(s + 2);
  if (code >= 0xD800 && code <= 0xDFFF) {
    low = n >= 12 && s[6] == '\\' && s[7] == 'u' ? (unsigned long)hex4(s + 8) : 0;
    if (code >= 0xDC00 || low < 0xDC00 || low > 0xDFFF)
      return encode(0xFFFD, out); /* half of a pair means nothing alone */
    *taken = 12;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  return encode(code ? code : 0xFFFD, out); /* a C string cannot hold U+0000 */
}

/*
** Copies a string taken before with its escapes read, as a C string. What does not fit is cut off
** between characters. Returns the bytes written.
*/
size_t cm_json_copy(const cm_json *j, cm_span s, char *out, size_t room) {
  const char *at = j->text + s.at, *end = at + s.len;
  size_t len = 0;
  while (at < end) {
    char piece[4];
    size_t n = 1, taken = 1;
    if (*at == '\\') {
      n = escape(at, (size_t)(end - at), piece, &taken);
    } else if ((unsigned char)*at >= 0x80) {
      n = taken = cm_utf8_sequence((const unsigned char *)at, (size_t)(end - at));
      memcpy(piece, at, n);
    } else {
      piece[0] = *at;
    }
    if (len + n >= room)
      break;
    memcpy(out + len, piece, n);
    len += n;
    at += taken;
  }
  out[len] = '\0';
  return len;
}
