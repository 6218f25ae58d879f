#include "net/pass.h"
#include "test.h"

#include <math.h>

static cm_limiter *account, *other, *platform;
static cm_pass one, two; /* requests of two accounts of one platform */

static cm_limiter *limiter(double rate, double concurrency) {
  cm_limits limits = {rate, 0, 1, concurrency};
  return cm_limiter_new(&limits, 0);
}

static void stop(void) {
  cm_pass_leave(&one);
  cm_pass_leave(&two);
  memset(&one, 0, sizeof one);
  memset(&two, 0, sizeof two);
  cm_limiter_release(account);
  cm_limiter_release(other);
  cm_limiter_release(platform);
}

/* Accounts with one rate and bound in flight, and a platform with another. */
static void start(double rate, double concurrency, double shared_rate, double shared_concurrency) {
  stop();
  account = limiter(rate, concurrency);
  other = limiter(rate, concurrency);
  platform = limiter(shared_rate, shared_concurrency);
  cm_pass_enter(&one, (cm_limiter *const[]){account, platform}, "GET /v1/charges", 0);
  cm_pass_enter(&two, (cm_limiter *const[]){other, platform}, "GET /v1/charges", 0);
}

static bool near(double x, double y) {
  return fabs(x - y) < 1e-6;
}

static void needs_no_limiter(void) {
  cm_pass none = {0};
  CHECK(cm_pass_enter(&none, (cm_limiter *const[]){NULL, NULL}, "GET /v1/charges", 0));
  CHECK(none.count == 0 && cm_pass_acquire(&none, 5) == 0);
  cm_pass_finish(&none);
  cm_pass_leave(&none);
}

static void takes_a_token_of_each(void) {
  start(10, 0, 20, 0);
  CHECK(cm_pass_acquire(&one, 0) == 0);
  CHECK(near(account->global->tokens, 0) && near(platform->global->tokens, 0));
  CHECK(account->in_flight == 1 && platform->in_flight == 1 && other->in_flight == 0);
  cm_pass_finish(&one);
  cm_pass_finish(&one);
  CHECK(account->in_flight == 0 && platform->in_flight == 0);
}

static void takes_none_while_one_is_missing(void) {
  start(10, 0, 1, 0);
  CHECK(cm_pass_acquire(&one, 0) == 0);
  cm_pass_finish(&one);
  CHECK(near(cm_pass_acquire(&two, 0), 1)); /* the platform's */
  CHECK(near(cm_pass_acquire(&one, 0.5), 1) && near(account->global->tokens, 1));
  CHECK(near(other->global->tokens, 1) && other->in_flight == 0 && platform->in_flight == 0);
  CHECK(cm_pass_acquire(&two, 1) == 0 && near(other->global->tokens, 0));
  start(1, 0, 10, 0);
  CHECK(cm_pass_acquire(&one, 0) == 0);
  cm_pass_finish(&one);
  CHECK(near(cm_pass_acquire(&one, 0.5), 1)); /* the account's */
  CHECK(near(platform->global->tokens, 1) && platform->in_flight == 0);
}

static void counts_what_is_in_flight_in_each(void) {
  start(0, 2, 0, 1);
  CHECK(cm_pass_acquire(&one, 0) == 0);
  CHECK(cm_pass_acquire(&two, 0) > 0 && other->in_flight == 0);
  cm_pass_finish(&one);
  CHECK(cm_pass_acquire(&two, 0) == 0);
}

static void counts_what_waits_in_each(void) {
  start(10, 0, 10, 0);
  cm_pass_wait(&one, 1);
  cm_pass_wait(&two, 1);
  CHECK(account->waiting == 1 && other->waiting == 1 && platform->waiting == 2);
  CHECK(one.buckets[0]->waiting == 1 && one.buckets[1]->waiting == 2);
  cm_pass_wait(&one, -1);
  CHECK(account->waiting == 0 && platform->waiting == 1 && one.buckets[1]->waiting == 1);
}

static void slows_the_platform_for_global_reasons_only(void) {
  start(100, 8, 200, 8);
  cm_pass_punish(&one, "endpoint-rate", 0, 0);
  cm_pass_punish(&one, "endpoint-concurrency", 0, 0);
  cm_pass_punish(&one, NULL, 0, 0);
  CHECK(account->limited == 3 && platform->limited == 0 && other->limited == 0);
  CHECK(near(cm_bucket_rate(platform->global, 0), 200));
  cm_pass_punish(&one, "global-rate", 0, 10);
  CHECK(near(cm_bucket_rate(account->global, 10), 50));
  CHECK(near(cm_bucket_rate(platform->global, 10), 100));
  cm_pass_punish(&one, "global-concurrency", 0, 20);
  CHECK(cm_limiter_concurrency(platform, 20) < 8 && platform->limited == 2);
  CHECK(cm_limiter_concurrency(other, 20) >= 8);
}

static void slows_a_platform_without_account(void) {
  cm_pass alone = {0};
  start(100, 0, 100, 0);
  CHECK(cm_pass_enter(&alone, (cm_limiter *const[]){NULL, platform}, "GET /v1/account", 0));
  cm_pass_punish(&alone, NULL, 0, 0);
  CHECK(near(cm_bucket_rate(platform->global, 0), 50));
  cm_pass_leave(&alone);
}

int main(void) {
  RUN(needs_no_limiter);
  RUN(takes_a_token_of_each);
  RUN(takes_none_while_one_is_missing);
  RUN(counts_what_is_in_flight_in_each);
  RUN(counts_what_waits_in_each);
  RUN(slows_the_platform_for_global_reasons_only);
  RUN(slows_a_platform_without_account);
  stop();
  return test_end();
}
