#include "net/retry.h"
#include "test.h"

static const cm_policy policy = {8, 0.5, 32};

static bool status(int code) {
  cm_outcome o = {CM_NET_OK, code, -1, -1, ""};
  return cm_retryable(&o);
}

static void knows_what_can_pass(void) {
  static const int yes[] = {408, 409, 424, 429, 500, 501, 502, 503, 504, 507, 520, 521, 524, 599};
  static const int no[] = {200, 301, 400, 401, 402, 403, 404, 407, 422, 499};
  size_t i;
  for (i = 0; i < sizeof yes / sizeof *yes; i++)
    CHECK(status(yes[i]));
  for (i = 0; i < sizeof no / sizeof *no; i++)
    CHECK(!status(no[i]));
}

static void reads_the_code_of_a_400(void) {
  cm_outcome o = {CM_NET_OK, 400, -1, -1, "rate_limit"};
  CHECK(cm_retryable(&o));
  o.code = "parameter_unknown";
  CHECK(!cm_retryable(&o));
}

static void obeys_the_server(void) {
  cm_outcome o = {CM_NET_OK, 500, 0, -1, ""};
  CHECK(!cm_retryable(&o));
  o.status = 402;
  o.should_retry = 1;
  CHECK(cm_retryable(&o));
}

static void knows_the_network(void) {
  cm_outcome o = {CM_NET_BROKEN, 0, -1, -1, ""};
  CHECK(cm_retryable(&o));
  o.net = CM_NET_TIMEOUT;
  CHECK(cm_retryable(&o));
  o.net = CM_NET_FINAL;
  CHECK(!cm_retryable(&o));
}

static void backs_off_with_full_jitter(void) {
  int i;
  CHECK(cm_backoff(&policy, 1, 0) == 0);
  CHECK(cm_backoff(&policy, 1, 0.5) == 0.25);
  CHECK(cm_backoff(&policy, 2, 0.5) == 0.5);
  CHECK(cm_backoff(&policy, 7, 0.5) == 16);
  for (i = 7; i < 10000; i *= 3)
    CHECK(cm_backoff(&policy, i, 0.5) == 16);
}

static void gives_up_in_the_end(void) {
  cm_outcome o = {CM_NET_OK, 500, -1, -1, ""};
  CHECK(cm_retry_delay(&policy, &o, 8, 0.5) >= 0);
  CHECK(cm_retry_delay(&policy, &o, 9, 0.5) == -1);
  o.status = 404;
  CHECK(cm_retry_delay(&policy, &o, 1, 0.5) == -1);
}

static void honours_retry_after(void) {
  cm_outcome o = {CM_NET_OK, 429, -1, 3, ""};
  CHECK(cm_retry_delay(&policy, &o, 1, 0.9) == 3);
  o.retry_after = 3600;
  CHECK(cm_retry_delay(&policy, &o, 1, 0.9) == CM_RETRY_AFTER_MAX);
  o.retry_after = 0;
  CHECK(cm_retry_delay(&policy, &o, 2, 0.5) == 0.5);
}

int main(void) {
  RUN(knows_what_can_pass);
  RUN(reads_the_code_of_a_400);
  RUN(obeys_the_server);
  RUN(knows_the_network);
  RUN(backs_off_with_full_jitter);
  RUN(gives_up_in_the_end);
  RUN(honours_retry_after);
  return test_end();
}
