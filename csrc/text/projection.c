#include "text/projection.h"

#include "text/json.h"

#include <stdlib.h>
#include <string.h>

static cm_projection *make(const char *name, size_t len) {
  cm_projection *p = malloc(sizeof *p + len);
  if (p) {
    memset(p, 0, sizeof *p);
    memcpy(p->name, name, len);
    p->len = len;
  }
  return p;
}

/*
** A projection that keeps nothing yet. NULL when out of memory.
*/
cm_projection *cm_projection_new(void) {
  return make("", 0);
}

static cm_projection *find(const cm_projection *p, const char *name, size_t len) {
  cm_projection *m;
  for (m = p->members; m; m = m->next)
    if (m->len == len && memcmp(m->name, name, len) == 0)
      return m;
  return NULL;
}

/*
** Keeps what a dotted path leads to ("evidence_details.due_by"), whole. Inside an array a path goes
** on in every element. False when out of memory.
*/
bool cm_projection_add(cm_projection *p, const char *path, size_t len) {
  const char *end = path + len;
  for (;;) {
    const char *dot = memchr(path, '.', (size_t)(end - path));
    size_t n = (size_t)((dot ? dot : end) - path);
    cm_projection *m = find(p, path, n);
    if (!m) {
      m = make(path, n);
      if (!m)
        return false;
      m->next = p->members;
      p->members = m;
    }
    p = m;
    if (!dot)
      break;
    path = dot + 1;
  }
  p->whole = true;
  return true;
}

static bool copy_value(const cm_projection *p, cm_json *j, cm_buf *out);

static bool copy_whole(cm_json *j, cm_buf *out) {
  size_t from;
  cm_json_peek(j);
  from = j->at;
  return cm_json_skip(j) && cm_buf_add(out, j->text + from, j->at - from);
}

static bool copy_object(const cm_projection *p, cm_json *j, cm_buf *out) {
  const char *comma = "{";
  cm_span key;
  int more;
  if (!cm_json_open(j, '{'))
    return false;
  while ((more = cm_json_member(j, &key)) > 0) {
    const cm_projection *m = find(p, j->text + key.at, key.len);
    if (!m) {
      if (!cm_json_skip(j))
        return false;
      continue;
    }
    /* the key with both of its quotes */
    if (!cm_buf_adds(out, comma) || !cm_buf_add(out, j->text + key.at - 1, key.len + 2) ||
        !cm_buf_adds(out, ":") || !copy_value(m, j, out))
      return false;
    comma = ",";
  }
  return more == 0 && (*comma == ',' || cm_buf_adds(out, "{")) && cm_buf_adds(out, "}");
}

static bool copy_array(const cm_projection *p, cm_json *j, cm_buf *out) {
  const char *comma = "";
  int more;
  if (!cm_json_open(j, '[') || !cm_buf_adds(out, "["))
    return false;
  while ((more = cm_json_item(j)) > 0) {
    if (!cm_buf_adds(out, comma) || !copy_value(p, j, out))
      return false;
    comma = ",";
  }
  return more == 0 && cm_buf_adds(out, "]");
}

/* A path that meets a value other than an object (an id that was not expanded) keeps it. */
static bool copy_value(const cm_projection *p, cm_json *j, cm_buf *out) {
  int c = cm_json_peek(j);
  if (!p->whole && c == '{')
    return copy_object(p, j, out);
  if (!p->whole && c == '[')
    return copy_array(p, j, out);
  return copy_whole(j, out);
}

/*
** Appends the copy of a JSON value to `out`. False if the text is no JSON or memory ran out; `out`
** then holds a part.
*/
bool cm_projection_copy(const cm_projection *p, const char *text, size_t len, cm_buf *out) {
  cm_json j;
  cm_json_init(&j, text, len);
  return copy_value(p, &j, out) && cm_json_end(&j);
}

/*
** Gives the memory back; NULL is harmless.
*/
void cm_projection_free(cm_projection *p) {
  while (p) {
    cm_projection *next = p->next;
    cm_projection_free(p->members);
    free(p);
    p = next;
  }
}
