#include "net/header.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>

/*
** Prepares an empty set of fields. Takes no memory; cannot fail.
*/
void cm_header_init(cm_header *h) {
  cm_buf_init(&h->fields, CM_HEADER_MAX, false);
}

/* tolower would ask the host program's locale: under tr_TR, an I stays. */
static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Appends a text and its '\0'. */
static bool add_text(cm_buf *fields, const char *text, size_t n) {
  return cm_buf_add(fields, text, n) && cm_buf_add(fields, "", 1);
}

/*
** Takes one line as libcurl's header callback gives it, line end included. A status line starts a
** new response and drops the fields so far (interim 1xx, a proxy's answer). Skips lines
** that are not fields. Returns false, with the fields as they were, when the header grows too large
** or memory is short.
** Takes: API of CURLOPT_HEADERFUNCTION, libcurl docs.
*/
bool cm_header_line(cm_header *h, const char *line, size_t n) {
  const char *colon, *value;
  size_t i, len, start = h->fields.len;
  if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
    cm_buf_clear(&h->fields);
    return true;
  }
  colon = memchr(line, ':', n);
  if (!colon || colon == line || memchr(line, '\0', n))
    return true;
  len = (size_t)(colon - line);
  value = colon + 1;
  n -= len + 1;
  while (n > 0 && (*value == ' ' || *value == '\t'))
    value++, n--;
  while (n > 0 && strchr(" \t\r\n", value[n - 1]))
    n--;
  if (!add_text(&h->fields, line, len) || !add_text(&h->fields, value, n)) {
    cm_buf_cut(&h->fields, start); /* readers rely on whole pairs */
    return false;
  }
  for (i = start; i < start + len; i++)
    h->fields.data[i] = lower(h->fields.data[i]);
  return true;
}

/*
** Walks the fields: give NULL to start, the last name to go on. Returns the next name and its
** value, or NULL at the end. Valid until the header changes.
*/
const char *cm_header_next(const cm_header *h, const char *name, const char **value) {
  const char *at = cm_buf_str(&h->fields);
  const char *end = at + h->fields.len;
  if (name) {
    at = name + strlen(name) + 1;
    at += strlen(at) + 1;
  }
  if (at >= end)
    return NULL;
  *value = at + strlen(at) + 1;
  return at;
}

/*
** The value of the first field of that name (in lower case), or NULL.
*/
const char *cm_header_get(const cm_header *h, const char *name) {
  const char *value = NULL, *at = NULL;
  while ((at = cm_header_next(h, at, &value)) != NULL)
    if (strcmp(at, name) == 0)
      return value;
  return NULL;
}

/*
** Stripe's own word on retrying (Stripe-Should-Retry, as the official SDKs read it): 1 yes, 0 no,
** -1 not said.
*/
int cm_header_should_retry(const cm_header *h) {
  const char *value = cm_header_get(h, "stripe-should-retry");
  if (value && strcmp(value, "true") == 0)
    return 1;
  if (value && strcmp(value, "false") == 0)
    return 0;
  return -1;
}

/*
** Reads digits with or without a fraction; *end is behind them. strtod would expect the decimal
** point of the host program's locale.
*/
static double decimal(const char *text, const char **end) {
  double n = 0, unit = 1;
  for (; isdigit((unsigned char)*text); text++)
    n = n * 10 + (*text - '0');
  if (*text == '.')
    for (text++; isdigit((unsigned char)*text); text++)
      n += (*text - '0') * (unit /= 10);
  *end = text;
  return n;
}

/*
** Retry-After in seconds from `now` (Unix seconds, for the date form), or -1 if it is absent or
** makes no sense (RFC 9110 section 10.2.3). libcurl reads the three forms of a date that recipients
** must accept (section 5.6.7).
*/
double cm_header_retry_after(const cm_header *h, long long now) {
  const char *value = cm_header_get(h, "retry-after");
  const char *end;
  double seconds;
  time_t date;
  if (!value)
    return -1;
  if (isdigit((unsigned char)*value)) {
    seconds = decimal(value, &end);
    return *end == '\0' && seconds < 1e9 ? seconds : -1;
  }
  date = isalpha((unsigned char)*value) ? curl_getdate(value, NULL) : -1;
  if (date < 0)
    return -1;
  return date > now ? (double)(date - now) : 0;
}

/*
** Gives the memory back. Harmless when repeated.
*/
void cm_header_free(cm_header *h) {
  cm_buf_free(&h->fields);
}
