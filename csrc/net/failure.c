#include "net/failure.h"

#include "text/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/*
** Prepares an empty failure: nothing known, no Retry-After.
*/
void cm_failure_init(cm_failure *f) {
  memset(f, 0, sizeof *f);
  f->retry_after = -1;
}

/* Takes the next value: a string's text, or nothing at all for any other value. */
static bool text(cm_json *j, char *out, size_t room) {
  cm_span s;
  if (cm_json_peek(j) != '"')
    return cm_json_skip(j);
  if (!cm_json_string(j, &s))
    return false;
  cm_json_copy(j, s, out, room);
  return true;
}

static bool read_object(cm_failure *f, cm_json *j) {
  cm_span key;
  int more;
  if (!cm_json_open(j, '{'))
    return false;
  while ((more = cm_json_member(j, &key)) > 0) {
    bool ok;
    if (cm_json_is(j, key, "type"))
      ok = text(j, f->type, sizeof f->type);
    else if (cm_json_is(j, key, "code"))
      ok = text(j, f->code, sizeof f->code);
    else if (cm_json_is(j, key, "param"))
      ok = text(j, f->param, sizeof f->param);
    else if (cm_json_is(j, key, "message"))
      ok = text(j, f->said, sizeof f->said);
    else
      ok = cm_json_skip(j);
    if (!ok)
      return false;
  }
  return more == 0;
}

/*
** Reads an error body: Stripe's {"error":{type,code,message,param}} (API reference, Errors) or
** OAuth's flat {"error":"code","error_description":"text"} (RFC 6749 section 5.2). Anything else
** leaves is_json false; is_page says that it does not even begin as JSON object. Fields that do not
** fit are cut off.
*/
void cm_failure_read(cm_failure *f, const char *body, size_t n) {
  cm_json j;
  cm_span key;
  int more;
  bool found = false, ok = true;
  cm_json_init(&j, body, n);
  if (!cm_json_open(&j, '{')) {
    f->is_page = j.at < n;
    return;
  }
  while (ok && (more = cm_json_member(&j, &key)) > 0) {
    if (cm_json_is(&j, key, "error") && cm_json_peek(&j) == '{') {
      found = true;
      ok = read_object(f, &j);
    } else if (cm_json_is(&j, key, "error")) {
      found = cm_json_peek(&j) == '"';
      ok = text(&j, f->code, sizeof f->code);
    } else if (cm_json_is(&j, key, "error_description")) {
      ok = text(&j, f->said, sizeof f->said);
    } else {
      ok = cm_json_skip(&j);
    }
  }
  f->is_json = found;
}

static bool word_char(char c) {
  return isalnum((unsigned char)c) || c == '_';
}

/*
** Returns the length in bytes of the prefix by which Stripe marks a secret (key, webhook secret,
** OAuth code, refresh token), or 0 if the text does not start with one.
*/
size_t cm_secret_prefix(const char *s) {
  static const char *const prefixes[] = {"sk_live_",   "sk_test_", "rk_live_", "rk_test_",
                                         "pk_live_",   "pk_test_", "sk_org_",  "rkcs_test_",
                                         "rkcs_live_", "whsec_",   "ac_",      "rt_"};
  size_t i;
  for (i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (strncmp(s, prefixes[i], strlen(prefixes[i])) == 0)
      return strlen(prefixes[i]);
  return 0;
}

/*
** Returns the length of "user:password" before an '@' in the authority that s points to, or 0.
** libcurl repeats the address of a proxy that it cannot use. sure: s stands behind "://"; elsewhere
** only a text with a colon counts, not the address of a mail.
*/
static size_t user_info(const char *s, bool sure) {
  size_t at = strcspn(s, "/?#'\"<>() \t\r\n");
  while (at > 0 && s[at - 1] != '@')
    at--;
  if (at < 4) /* none, or shorter than the ellipsis */
    return 0;
  return sure || memchr(s, ':', at - 1) ? at - 1 : 0;
}

/*
** Replaces everything that looks like a key, a webhook secret, an OAuth code or a refresh token by
** its first eight characters and an ellipsis, and the user and password of an address by an
** ellipsis, in place. Servers echo such things (OAuth repeats the code, a 401 may repeat a
** malformed key).
*/
void cm_scrub(char *s) {
  char *out = s;
  const char *start = s;
  char last = ' ';
  while (*s) {
    bool sure = out - start >= 3 && memcmp(out - 3, "://", 3) == 0;
    size_t user = sure || strchr(" '\"(=", last) ? user_info(s, sure) : 0, prefix, len, keep;
    if (user) {
      memcpy(out, "\xE2\x80\xA6", 3);
      out += 3;
      s += user;
      last = ' ';
      if (*s == '@') /* or its own text would be taken for a name */
        *out++ = *s++;
      continue;
    }
    prefix = len = word_char(last) ? 0 : cm_secret_prefix(s);
    while (prefix && word_char(s[len]))
      len++;
    if (len < prefix + 4) { /* nothing, or too short to be a secret */
      last = *out++ = *s++;
      continue;
    }
    keep = len - 4 < 8 ? len - 4 : 8; /* the ellipsis has three bytes: never grows */
    memmove(out, s, keep);
    memcpy(out + keep, "\xE2\x80\xA6", 3);
    out += keep + 3;
    s += len;
    last = ' ';
  }
  *out = '\0';
}

/*
** Composes the message "METHOD PATH: text", free of secrets, control characters and half
** characters at a cut.
*/
void cm_failure_say(cm_failure *f, const char *method, const char *path, const char *said) {
  size_t n, cut;
  int len = snprintf(f->message, sizeof f->message, "%s %s: %s", method, path, said);
  n = strlen(f->message);
  if (len > 0 && (size_t)len > n && n > 0) {
    for (cut = n - 1; cut > 0 && ((unsigned char)f->message[cut] & 0xC0) == 0x80;)
      cut--;
    f->message[cut] = '\0';
  }
  for (n = 0; f->message[n]; n++)
    if ((unsigned char)f->message[n] < ' ' || f->message[n] == 127)
      f->message[n] = ' ';
  cm_scrub(f->message);
}

/*
** Composes the message of an answer that is an error, from what cm_failure_read found. Sets kind.
*/
void cm_failure_http(cm_failure *f, const char *method, const char *path) {
  char line[sizeof f->said + sizeof f->code + 64];
  bool blocked = f->status == 403 && f->is_page;
  f->kind = f->status == 401 || (f->status == 403 && !blocked) ? CM_AUTH : CM_HTTP;
  if (f->status >= 300 && f->status < 400)
    snprintf(line, sizeof line, "HTTP %d (redirects are not followed)", f->status);
  else if (blocked)
    snprintf(line, sizeof line,
             "HTTP 403, and not from Stripe: a firewall or proxy blocked the request");
  else if (!f->is_json)
    snprintf(line, sizeof line, "HTTP %d (not JSON)", f->status);
  else if (f->said[0])
    snprintf(line, sizeof line, "HTTP %d: %s", f->status, f->said);
  else if (f->code[0])
    snprintf(line, sizeof line, "HTTP %d: %s", f->status, f->code);
  else
    snprintf(line, sizeof line, "HTTP %d", f->status);
  cm_failure_say(f, method, path, line);
}

/*
** The kind's name, as details.kind gives it.
*/
const char *cm_failure_kind(const cm_failure *f) {
  static const char *const names[] = {"transport", "tls", "http", "auth", "decode", "cancelled"};
  return names[f->kind];
}
