/*
** json.h: a strict scanner over JSON text that builds no values. Lua-free.
** The caller walks the parts it wants and skips the rest:
**
**   cm_json_open(j, '{');
**   while ((more = cm_json_member(j, &key)) > 0)
**     ... exactly one of cm_json_string, cm_json_int, cm_json_bool, cm_json_open, cm_json_skip
**
** RFC 8259 to the letter: no comments, no trailing commas, valid UTF-8, nesting bounded. After an
** error every call fails; `error` says what and `at` where.
*/
#ifndef CM_JSON_H
#define CM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CM_JSON_DEPTH 64 /* deepest nesting accepted; Stripe's objects stay below 12 */
#define CM_JSON_TOO_DEEP "nested too deep"
#define CM_JSON_NO_OBJECT "object expected"

typedef struct cm_span {
  size_t at, len; /* a range of bytes of the text */
} cm_span;

typedef struct cm_json {
  const char *text;
  size_t len;
  size_t at;         /* next byte to read */
  int depth;         /* containers open now */
  bool fresh;        /* a container was just opened: no comma due */
  bool escaped;      /* the string that was taken last has escapes */
  const char *error; /* NULL, or what is wrong at `at` */
} cm_json;

void cm_json_init(cm_json *j, const char *text, size_t len);
int cm_json_peek(cm_json *j);
bool cm_json_open(cm_json *j, char bracket);
int cm_json_member(cm_json *j, cm_span *key);
int cm_json_item(cm_json *j);
bool cm_json_string(cm_json *j, cm_span *inside);
int cm_json_int(cm_json *j, int64_t *value);
bool cm_json_bool(cm_json *j, bool *value);
bool cm_json_skip(cm_json *j);
bool cm_json_end(cm_json *j);
size_t cm_json_copy(const cm_json *j, cm_span s, char *out, size_t room);

/*
** Compares the raw bytes of a string with a word.
*/
static inline bool cm_json_is(const cm_json *j, cm_span s, const char *word) {
  return strlen(word) == s.len && memcmp(j->text + s.at, word, s.len) == 0;
}

#endif
