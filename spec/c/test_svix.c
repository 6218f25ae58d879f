#include "crypto/svix.h"
#include "test.h"

static char out[CM_SVIX_SIZE];

static cm_svix sign(const char *secret, const char *body) {
  return cm_svix_sign((cm_part){secret, strlen(secret)},
                      (cm_part){"msg_p5jXN8AQM9LWM0D4loKWxJek", 28}, (cm_part){"1614265330", 10},
                      (cm_part){body, strlen(body)}, out);
}

/* The sample of Codat's documentation, "Verify webhook signature". */
static void signs_codats_sample(void) {
  CHECK(sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "{\"test\": 2432232314}") == CM_SVIX_SIGNED);
  CHECK_TEXT(out, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void refuses_what_is_no_secret(void) {
  CHECK(sign("", "{}") == CM_SVIX_BAD_SECRET);
  CHECK(sign("whsec_", "{}") == CM_SVIX_BAD_SECRET);
  CHECK(sign("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "{}") == CM_SVIX_BAD_SECRET);
  CHECK(sign("whsec_not base64", "{}") == CM_SVIX_BAD_SECRET);
  CHECK(sign("whsec_spec_0123456789abcdef!", "{}") == CM_SVIX_BAD_SECRET);
}

int main(void) {
  RUN(signs_codats_sample);
  RUN(refuses_what_is_no_secret);
  return test_end();
}
