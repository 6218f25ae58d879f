#include "net/header.h"
#include "test.h"

static cm_header h;

static bool line(const char *text) {
  return cm_header_line(&h, text, strlen(text));
}

static void start(void) {
  cm_header_free(&h);
  cm_header_init(&h);
  line("HTTP/1.1 200 OK\r\n");
}

static void keeps_fields(void) {
  const char *name = NULL, *value = NULL;
  start();
  CHECK(cm_header_next(&h, NULL, &value) == NULL);
  CHECK(line("Request-Id: req_1\r\n") && line("X-Empty:\r\n") && line("A:\t b \r\n") &&
        line("\r\n"));
  CHECK_TEXT(cm_header_get(&h, "request-id"), "req_1");
  CHECK_TEXT(cm_header_get(&h, "x-empty"), "");
  CHECK_TEXT(cm_header_get(&h, "a"), "b");
  CHECK(cm_header_get(&h, "b") == NULL);
  name = cm_header_next(&h, NULL, &value);
  CHECK_TEXT(name, "request-id");
  name = cm_header_next(&h, name, &value);
  CHECK_TEXT(name, "x-empty");
  name = cm_header_next(&h, name, &value);
  CHECK_TEXT(value, "b");
  CHECK(cm_header_next(&h, name, &value) == NULL);
}

static void starts_over_at_a_status_line(void) {
  start();
  line("Retry-After: 3\r\n");
  line("HTTP/2 200 \r\n");
  CHECK(cm_header_get(&h, "retry-after") == NULL);
  line("Retry-After: 4\r\n");
  CHECK(cm_header_retry_after(&h, 0) == 4);
}

static void passes_over_junk(void) {
  start();
  CHECK(line("no colon\r\n") && line(": no name\r\n") && cm_header_line(&h, "a\0b: c\r\n", 8));
  CHECK(cm_header_line(&h, "", 0));
  CHECK(h.fields.len == 0);
}

static void is_bounded(void) {
  char text[1024];
  int i;
  start();
  memset(text, 'x', sizeof text);
  memcpy(text, "a: ", 3);
  for (i = 0; i < 100 && cm_header_line(&h, text, sizeof text); i++)
    ;
  CHECK(i > 50 && i < 100);
}

/* Fills the header up to its last `left` bytes and adds a field that takes 15. */
static void is_whole_when_full(size_t left) {
  static char text[CM_HEADER_MAX + 16];
  const char *name = NULL, *value = NULL;
  size_t n = CM_HEADER_MAX - left - 3; /* "a", and two '\0' */
  int count = 0;
  start();
  memset(text, 'x', sizeof text);
  memcpy(text, "a:", 2);
  CHECK(cm_header_line(&h, text, n + 2));
  CHECK(h.fields.len == CM_HEADER_MAX - left);
  if (left < 15)
    CHECK(!line("request-id:abc\r\n") && h.fields.len == CM_HEADER_MAX - left);
  else
    CHECK(line("request-id:abc\r\n"));
  while ((name = cm_header_next(&h, name, &value)) != NULL)
    count += strlen(value) > 0;
  CHECK(count == (left < 15 ? 1 : 2));
  if (left < 15)
    CHECK(cm_header_get(&h, "request-id") == NULL);
  else
    CHECK_TEXT(cm_header_get(&h, "request-id"), "abc");
}

/* A field that does not fit leaves no part of it, wherever the end of the room falls. */
static void keeps_whole_fields_only(void) {
  size_t left;
  for (left = 0; left < 20; left++)
    is_whole_when_full(left);
}

static void reads_should_retry(void) {
  start();
  CHECK(cm_header_should_retry(&h) == -1);
  line("Stripe-Should-Retry: true\r\n");
  CHECK(cm_header_should_retry(&h) == 1);
  start();
  line("stripe-should-retry: false\r\n");
  CHECK(cm_header_should_retry(&h) == 0);
  start();
  line("stripe-should-retry: perhaps\r\n");
  CHECK(cm_header_should_retry(&h) == -1);
}

static double retry_after(const char *value, long long now) {
  char text[100];
  start();
  snprintf(text, sizeof text, "Retry-After: %s\r\n", value);
  line(text);
  return cm_header_retry_after(&h, now);
}

static void reads_retry_after(void) {
  start();
  CHECK(cm_header_retry_after(&h, 0) == -1);
  CHECK(retry_after("2", 0) == 2);
  CHECK(retry_after("0", 0) == 0);
  CHECK(retry_after("1.5", 0) == 1.5);
  CHECK(retry_after("soon", 0) == -1);
  CHECK(retry_after("-1", 0) == -1);
  CHECK(retry_after("3 s", 0) == -1);
  CHECK(retry_after("99999999999", 0) == -1);
  CHECK(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 30) == 30);
  CHECK(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 + 30) == 0);
  CHECK(retry_after("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800 - 1) == 1);
  CHECK(retry_after("Thu, 01 Jan 1970 00:00:09 GMT", 0) == 9);
  CHECK(retry_after("Sun, 06 Xxx 1994 08:49:37 GMT", 0) == -1);
  CHECK(retry_after("Sun, 06 anF 1994 08:49:37 GMT", 0) == -1);
  CHECK(retry_after("Sunday, 06-Nov-94 08:49:37 GMT", 784111777 - 30) == 30);
  CHECK(retry_after("Sun Nov  6 08:49:37 1994", 784111777 - 30) == 30);
}

int main(void) {
  RUN(keeps_fields);
  RUN(starts_over_at_a_status_line);
  RUN(passes_over_junk);
  RUN(is_bounded);
  RUN(keeps_whole_fields_only);
  RUN(reads_should_retry);
  RUN(reads_retry_after);
  cm_header_free(&h);
  return test_end();
}
