#include "text/page.h"

#include "text/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Valid JSON, but not a list: the scanner reports no error of its own then. */
static bool foreign(cm_json *j, cm_scan *result, size_t at, const char *error) {
  *result = CM_SCAN_FOREIGN;
  j->error = error;
  j->at = at;
  return false;
}

static cm_element *add_element(cm_page *p) {
  if (p->count == p->room) {
    size_t room = p->room ? p->room * 2 : 128;
    cm_element *list = realloc(p->list, room * sizeof *list);
    if (!list)
      return NULL;
    p->list = list;
    p->room = room;
  }
  memset(&p->list[p->count], 0, sizeof *p->list);
  return &p->list[p->count++];
}

/*
** Notes an element's id, which goes into the next request. One with escapes in it is kept unescaped
** apart from the body: a merchant chose it (12" vinyl). One that is too long counts as none.
** Returns false when memory is short.
*/
static bool take_id(cm_page *p, const cm_json *j, cm_element *e, cm_span s) {
  char text[CM_ELEMENT_ID + 5]; /* what fills it was cut off */
  size_t len;
  e->id_apart = j->escaped;
  if (!e->id_apart) {
    e->id_at = (uint32_t)s.at;
    e->id_len = s.len <= CM_ELEMENT_ID ? (uint32_t)s.len : 0;
    return true;
  }
  len = cm_json_copy(j, s, text, sizeof text);
  e->id_at = (uint32_t)p->ids.len;
  e->id_len = len <= CM_ELEMENT_ID ? (uint32_t)len : 0;
  return cm_buf_add(&p->ids, text, e->id_len);
}

static bool scan_members(cm_page *p, cm_json *j, cm_element *e, cm_scan *result) {
  cm_span key, id;
  int more, found;
  if (!cm_json_open(j, '{'))
    return false;
  while ((more = cm_json_member(j, &key)) > 0) {
    if (cm_json_is(j, key, "id") && cm_json_peek(j) == '"') {
      if (!cm_json_string(j, &id))
        return false;
      if (!take_id(p, j, e, id))
        return foreign(j, result, id.at, "out of memory");
    } else if (cm_json_is(j, key, "created")) {
      found = cm_json_int(j, &e->created);
      if (found < 0)
        return false;
      e->has_created = found == 1;
    } else if (!cm_json_skip(j)) {
      return false;
    }
  }
  return more == 0;
}

/* The place after the string that begins at `at`; the end of the text if it does not end. */
static size_t after_string(const cm_json *j, size_t at) {
  for (at++; at < j->len && j->text[at] != '"'; at++)
    if (j->text[at] == '\\')
      at++;
  return at < j->len ? at + 1 : j->len;
}

/* Takes the id that a member at `from` (its name's quote) may be. It must be plain ASCII here. */
static void guess_id(const cm_json *j, cm_element *e, size_t from) {
  static const char name[] = "\"id\"";
  size_t at = from + sizeof name - 1, end, i;
  if (e->id_len || j->len - from < sizeof name ||
      memcmp(j->text + from, name, sizeof name - 1) != 0)
    return;
  while (at < j->len && (j->text[at] == ' ' || j->text[at] == ':'))
    at++;
  if (at >= j->len || j->text[at] != '"')
    return;
  end = after_string(j, at) - 1;
  for (i = at + 1; i < end; i++)
    if (j->text[i] < ' ' || j->text[i] > '~' || j->text[i] == '\\')
      return;
  if (end > at && end - at - 1 <= CM_ELEMENT_ID) {
    e->id_at = (uint32_t)at + 1;
    e->id_len = (uint32_t)(end - at - 1);
  }
}

/*
** Passes over an element that is not an object of valid JSON, to where its brackets close: one bad
** object must not make the others of its page unreadable. Returns false if the text ends first.
*/
static bool pass_over(cm_json *j, cm_element *e) {
  size_t at = j->at, depth = 0;
  while (at < j->len) {
    char c = j->text[at];
    if (depth == 0 && at > j->at && (c == ',' || c == ']' || c == '}'))
      break;
    if (c == '"') {
      if (depth == 1)
        guess_id(j, e, at);
      at = after_string(j, at);
    } else {
      depth += c == '{' || c == '[';
      depth -= depth > 0 && (c == '}' || c == ']');
      at++;
    }
  }
  if (at >= j->len)
    return false;
  j->at = at;
  return true;
}

static bool scan_element(cm_page *p, cm_json *j, cm_element *e, cm_scan *result) {
  cm_json start;
  bool scanned;
  cm_json_peek(j);
  start = *j;
  e->at = (uint32_t)j->at;
  j->depth = 0; /* an object may be nested as deep inside a list as alone */
  scanned = scan_members(p, j, e, result);
  if (!scanned) {
    if (*result == CM_SCAN_FOREIGN || !pass_over(&start, e))
      return false;
    e->fault = j->error;
    p->damaged = p->damaged || (strcmp(e->fault, CM_JSON_TOO_DEEP) != 0 &&
                                strcmp(e->fault, CM_JSON_NO_OBJECT) != 0);
    *j = start;
  }
  j->depth = start.depth;
  j->fresh = false;
  e->len = (uint32_t)(j->at - e->at);
  return true;
}

static bool scan_data(cm_page *p, cm_json *j, cm_scan *result) {
  int more;
  if (!cm_json_open(j, '['))
    return false;
  while ((more = cm_json_item(j)) > 0) {
    cm_element *e = p->count < CM_PAGE_MAX ? add_element(p) : NULL;
    if (!e)
      return foreign(j, result, j->at,
                     p->count < CM_PAGE_MAX ? "out of memory" : "too many elements");
    if (!scan_element(p, j, e, result))
      return false;
  }
  return more == 0;
}

static bool scan_list(cm_page *p, cm_json *j, cm_scan *result) {
  bool object = false, data = false, has_more = false;
  cm_span key, text;
  int more;
  if (!cm_json_open(j, '{'))
    return false;
  while ((more = cm_json_member(j, &key)) > 0) {
    if (cm_json_is(j, key, "object")) {
      if (!cm_json_string(j, &text))
        return false;
      if (!cm_json_is(j, text, "list"))
        return foreign(j, result, text.at, "not a list object");
      object = true;
    } else if (cm_json_is(j, key, "data")) {
      if (data)
        return foreign(j, result, key.at, "second \"data\"");
      data = true;
      if (!scan_data(p, j, result))
        return false;
    } else if (cm_json_is(j, key, "has_more")) {
      if (!cm_json_bool(j, &p->has_more))
        return false;
      has_more = true;
    } else if (!cm_json_skip(j)) {
      return false;
    }
  }
  if (more < 0 || !cm_json_end(j))
    return false;
  if (!object)
    return foreign(j, result, 0, "not a list object");
  if (!data)
    return foreign(j, result, 0, "list without \"data\"");
  return has_more || foreign(j, result, 0, "list without \"has_more\"");
}

/*
** Scans p->body as a list envelope {object:"list", data:[...], has_more:...} (Stripe docs,
** Pagination) and fills in everything but request_id. Unless it is one, the page holds no elements
** and `why` the reason with its byte offset. An element that cannot be read alone has a `fault`.
*/
cm_scan cm_page_scan(cm_page *p, char *why, size_t room) {
  cm_scan result = CM_SCAN_DAMAGED;
  cm_json j;
  p->count = 0;
  p->has_more = p->damaged = false;
  cm_buf_clear(&p->ids);
  if (p->body.len >= UINT32_MAX) {
    snprintf(why, room, "larger than 4 GB");
    return CM_SCAN_FOREIGN;
  }
  cm_json_init(&j, cm_buf_str(&p->body), p->body.len);
  if (scan_list(p, &j, &result))
    return CM_SCAN_OK;
  snprintf(why, room, "%s at byte %zu", j.error, j.at);
  p->count = 0;
  return result;
}

/*
** Returns the id of element i (from 0) and sets its length: 0 if the element has no id.
*/
const char *cm_page_id(const cm_page *p, size_t i, size_t *len) {
  *len = p->list[i].id_len;
  return cm_buf_str(p->list[i].id_apart ? &p->ids : &p->body) + p->list[i].id_at;
}

/*
** Hands everything in `from` over to `to`, which must be empty.
*/
void cm_page_move(cm_page *to, cm_page *from) {
  *to = *from;
  memset(from, 0, sizeof *from);
}

/*
** Gives the memory back; harmless on an empty page and when repeated.
*/
void cm_page_free(cm_page *p) {
  cm_spares_give(p->spares, &p->body);
  cm_spares_release(p->spares);
  cm_buf_free(&p->ids);
  free(p->list);
  memset(p, 0, sizeof *p);
}
