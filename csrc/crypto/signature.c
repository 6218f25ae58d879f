#include "crypto/signature.h"

#include <string.h>

static bool is_time(const char *text, size_t n) {
  size_t i;
  for (i = 0; i < n; i++)
    if (text[i] < '0' || text[i] > '9')
      return false;
  return n > 0 && n <= CM_TIMESTAMP_MAX;
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

static void take_item(cm_signature *s, const char *item, size_t n) {
  const char *equals;
  size_t name;
  cm_part value;
  while (n > 0 && is_blank(*item))
    item++, n--;
  while (n > 0 && is_blank(item[n - 1]))
    n--;
  equals = memchr(item, '=', n);
  if (!equals)
    return;
  name = (size_t)(equals - item);
  value.bytes = equals + 1;
  value.n = n - name - 1;
  if (name == 1 && item[0] == 't') {
    if (s->time.n == 0 && is_time(value.bytes, value.n))
      s->time = value;
  } else if (name == 2 && memcmp(item, "v1", 2) == 0) {
    if (s->count < CM_SIGNATURES)
      s->v1[s->count++] = value;
  }
}

/*
** Reads "t=<Unix seconds>,v1=<hex>[,v1=<hex>...]": items between commas, each split at its first
** '='. Blanks around an item do not count: HTTP libraries and proxies join the lines of a repeated
** header with ", " (RFC 9110, 5.3). Skips other schemes, malformed items, a second time, a time
** that is not a number, and any v1 after CM_SIGNATURES. The result points into the header.
*/
void cm_signature_parse(cm_signature *s, const char *header, size_t n) {
  const char *end = header + n;
  memset(s, 0, sizeof *s);
  while (header < end) {
    const char *comma = memchr(header, ',', (size_t)(end - header));
    const char *stop = comma ? comma : end;
    take_item(s, header, (size_t)(stop - header));
    header = comma ? comma + 1 : end;
  }
}

/*
** Returns the time of signing in Unix seconds, or 0 if the header has no time.
*/
double cm_signature_time(const cm_signature *s) {
  const char *digits = s->time.bytes;
  double time = 0;
  size_t i;
  for (i = 0; i < s->time.n; i++)
    time = time * 10 + (digits[i] - '0');
  return time;
}

/*
** Sets *matches if any v1 is the signature of the body by this secret, all of its bytes included:
** the lower-case hexadecimal HMAC-SHA256 of "<time>.<body>". Leaves it alone otherwise, so that
** several secrets can be tried, in a time that does not tell which fits. Returns as cm_hmac_sha256.
*/
bool cm_signature_check(const cm_signature *s, cm_part secret, cm_part body, bool *matches) {
  const cm_part parts[] = {s->time, {".", 1}, body};
  unsigned char mac[CM_SHA256_SIZE];
  char hex[2 * CM_SHA256_SIZE + 1];
  int i;
  if (!cm_hmac_sha256(secret, parts, 3, mac))
    return false;
  cm_hex(mac, sizeof mac, hex);
  for (i = 0; i < s->count; i++)
    if (s->v1[i].n == sizeof hex - 1 && cm_equal(s->v1[i].bytes, hex, sizeof hex - 1))
      *matches = true;
  return true;
}
