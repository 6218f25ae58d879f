#include "net/base_url.h"

#include <string.h>

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool starts(const char *text, size_t n, const char *prefix) {
  size_t i;
  for (i = 0; prefix[i]; i++)
    if (i >= n || lower(text[i]) != prefix[i])
      return false;
  return true;
}

static bool digit(char c) {
  return c >= '0' && c <= '9';
}

/*
** 127.0.0.0/8 written as four plain decimal numbers. Anything looser ("127.1", "0177.0.0.1",
** "127.0.0.1.example.com") is a name that readers take for different hosts.
*/
static bool loopback_ipv4(const char *host) {
  int part, value = 0, first = 0;
  for (part = 0; part < 4; part++) {
    int digits = 0;
    for (value = 0; digit(*host); host++, digits++)
      if ((digits == 1 && value == 0) || (value = value * 10 + (*host - '0')) > 255)
        return false;
    if (digits == 0 || *host++ != (part < 3 ? '.' : '\0'))
      return false;
    if (part == 0)
      first = value;
  }
  return first == 127;
}

static bool host_char(char c, bool brackets) {
  if (brackets)
    return digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
  return digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.';
}

/*
** Reads [host] or host at *at and copies it, in lower case. Returns false if no host is there.
*/
static bool read_host(cm_base_url *out, const char *text, size_t n, size_t *at) {
  bool brackets = *at < n && text[*at] == '[';
  size_t i = *at + (brackets ? 1 : 0), len = 0;
  while (i < n && len < CM_HOST_MAX && host_char(lower(text[i]), brackets))
    out->host[len++] = lower(text[i++]);
  out->host[len] = '\0';
  if (brackets && (i >= n || text[i++] != ']'))
    return false;
  *at = i;
  return len > 0;
}

static bool read_port(const char *text, size_t n, size_t *at) {
  size_t i = *at, digits = 0;
  long port = 0;
  if (i >= n || text[i] != ':')
    return true;
  for (i++; i < n && digit(text[i]) && digits < 6; i++, digits++)
    port = port * 10 + (text[i] - '0');
  *at = i;
  return digits > 0 && port >= 1 && port <= 65535;
}

/*
** Parses and checks a base URL: https, or http if the host is loopback (127.0.0.0/8, ::1,
** localhost) or, with `plain`, any host; no user info, query or fragment; an optional path prefix.
** Fills `out`. Returns NULL, or the fault, as a phrase that continues "base URL ..." and never
** repeats the URL, which may hold a password.
*/
const char *cm_base_url_parse(cm_base_url *out, const char *text, size_t n, bool plain) {
  size_t at, i;
  memset(out, 0, sizeof *out);
  if (n > CM_BASE_URL_MAX)
    return "is too long";
  for (i = 0; i < n; i++)
    if (text[i] <= ' ' || text[i] > '~' || text[i] == '\\')
      return "has a space, a backslash or a character outside ASCII";
  if (starts(text, n, "https://")) {
    out->https = true;
    at = 8;
  } else if (starts(text, n, "http://")) {
    at = 7;
  } else {
    return "must start with https://";
  }
  if (memchr(text, '@', n))
    return "must not hold a user name or password";
  if (memchr(text, '?', n) || memchr(text, '#', n))
    return "must not have a query or a fragment";
  if (!read_host(out, text, n, &at))
    return "has no valid host";
  if (!read_port(text, n, &at))
    return "has no valid port";
  if (at < n && text[at] != '/')
    return "has no valid host";
  out->loopback = strcmp(out->host, "localhost") == 0 || strcmp(out->host, "::1") == 0 ||
                  loopback_ipv4(out->host);
  if (!out->https && !out->loopback && !plain)
    return "must use https (plain http only to a loopback host)";
  while (n > at && text[n - 1] == '/')
    n--;
  memcpy(out->text, text, n);
  return NULL;
}
