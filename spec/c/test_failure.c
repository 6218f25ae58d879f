#include "net/failure.h"
#include "test.h"

static cm_failure f;

static void read_body(int status, const char *body) {
  cm_failure_init(&f);
  f.status = status;
  cm_failure_read(&f, body, strlen(body));
  cm_failure_http(&f, "GET", "/v1/charges");
}

static void reads_stripe_errors(void) {
  read_body(400, "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"resource_missing\","
                 "\"param\":\"starting_after\",\"message\":\"No such charge: 'ch_1'\",\"n\":[1]}}");
  CHECK_TEXT(f.type, "invalid_request_error");
  CHECK_TEXT(f.code, "resource_missing");
  CHECK_TEXT(f.param, "starting_after");
  CHECK_TEXT(f.message, "GET /v1/charges: HTTP 400: No such charge: 'ch_1'");
  CHECK(f.kind == CM_HTTP);
}

static void reads_oauth_errors(void) {
  read_body(400, "{\"error\":\"invalid_grant\",\"error_description\":\"no code ac_1234567890ab\"}");
  CHECK_TEXT(f.code, "invalid_grant");
  CHECK_TEXT(f.message, "GET /v1/charges: HTTP 400: no code ac_12345\xE2\x80\xA6");
}

static void makes_do_with_less(void) {
  read_body(502, "<html>Bad Gateway</html>");
  CHECK_TEXT(f.message, "GET /v1/charges: HTTP 502 (not JSON)");
  read_body(500, "{\"error\":{\"code\":\"boom\"}}");
  CHECK_TEXT(f.message, "GET /v1/charges: HTTP 500: boom");
  read_body(500, "{\"error\":{}}");
  CHECK_TEXT(f.message, "GET /v1/charges: HTTP 500");
  read_body(500, "{\"error\":null}");
  CHECK_TEXT(f.message, "GET /v1/charges: HTTP 500 (not JSON)");
  read_body(500, "{\"error\":{\"message\":17,\"type\":null}}");
  CHECK_TEXT(f.message, "GET /v1/charges: HTTP 500");
  read_body(302, "");
  CHECK_TEXT(f.message, "GET /v1/charges: HTTP 302 (redirects are not followed)");
}

static void knows_its_kind(void) {
  read_body(401, "{}");
  CHECK_TEXT(cm_failure_kind(&f), "auth");
  read_body(403, "{}");
  CHECK_TEXT(cm_failure_kind(&f), "auth");
  read_body(403, "<h1>Blocked</h1>");
  CHECK_TEXT(cm_failure_kind(&f), "http");
  CHECK_TEXT(f.message, "GET /v1/charges: HTTP 403, and not from Stripe: a firewall or proxy "
                        "blocked the request");
  read_body(404, "{}");
  CHECK_TEXT(cm_failure_kind(&f), "http");
}

static const char *scrub(const char *text) {
  static char out[256];
  snprintf(out, sizeof out, "%s", text);
  cm_scrub(out);
  return out;
}

#define DOTS "\xE2\x80\xA6"

static void scrubs_secrets(void) {
  CHECK_TEXT(scrub("key sk_test_abcdef123456 bad"), "key sk_test_" DOTS " bad");
  CHECK_TEXT(scrub("sk_live_abcdef123456"), "sk_live_" DOTS);
  CHECK_TEXT(scrub("(rk_test_abcdef123456)"), "(rk_test_" DOTS ")");
  CHECK_TEXT(scrub("rk_live_abcd,pk_test_abcd,pk_live_abcd"),
             "rk_live_" DOTS ",pk_test_" DOTS ",pk_live_" DOTS);
  CHECK_TEXT(scrub("whsec_abcdefgh"), "whsec_ab" DOTS);
  CHECK_TEXT(scrub("rt_abcdefghijkl ac_abcdefghijkl"), "rt_abcde" DOTS " ac_abcde" DOTS);
  CHECK_TEXT(scrub("ac_abcd"), "ac_" DOTS);
  CHECK_TEXT(scrub("whsec_abcd"), "whsec_" DOTS);
}

static void scrubs_users_and_passwords(void) {
  CHECK_TEXT(scrub("Unsupported proxy scheme for 'foo://user:secret@proxy:3128'"),
             "Unsupported proxy scheme for 'foo://" DOTS "@proxy:3128'");
  CHECK_TEXT(scrub("syntax in 'user:secret@proxy:80:90': bad"),
             "syntax in '" DOTS "@proxy:80:90': bad");
  CHECK_TEXT(scrub("http://u:s@h/x@y http://tok@h https_proxy=us:pw@h"),
             "http://" DOTS "@h/x@y http://" DOTS "@h " DOTS "@h");
  CHECK_TEXT(scrub("http://user:a@b:c@h"), "http://" DOTS "@h");
  CHECK_TEXT(scrub("http://user:sk_test_abcdef1234@h sk_test_abcdef1234"),
             "http://" DOTS "@h sk_test_" DOTS);
  CHECK_TEXT(scrub("mail a.b@example.com, http://h/a@b http://h?x=a:b@c, http://ab@h"),
             "mail a.b@example.com, http://h/a@b http://h?x=" DOTS "@c, http://ab@h");
}

static void leaves_the_rest(void) {
  CHECK_TEXT(scrub("mac_address rt_ sk_test_ sk_test_***cdef"),
             "mac_address rt_ sk_test_ sk_test_***cdef");
  CHECK_TEXT(scrub("part_of_a_word start_abcdefgh"), "part_of_a_word start_abcdefgh");
  CHECK_TEXT(scrub(""), "");
  CHECK_TEXT(scrub("req_abcdefgh acct_123456789 cus_abcdefgh"),
             "req_abcdefgh acct_123456789 cus_abcdefgh");
}

static void bounds_and_cleans_messages(void) {
  char text[4000];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  cm_failure_init(&f);
  cm_failure_say(&f, "GET", "/v1/x", text);
  CHECK(strlen(f.message) == sizeof f.message - 2);
  memset(text, '\xC3', sizeof text - 1);
  cm_failure_say(&f, "GET", "/v1/x", text);
  cm_failure_say(&f, "GET", "/v1/x", "a\nb\tc");
  CHECK_TEXT(f.message, "GET /v1/x: a b c");
}

static void cuts_between_characters(void) {
  char text[2000];
  size_t i, n;
  for (i = 0; i + 2 < sizeof text; i += 2)
    memcpy(text + i, "\xC3\xA9", 3);
  for (n = 0; n < 2; n++) {
    cm_failure_init(&f);
    cm_failure_say(&f, "GET", n ? "/v1/x" : "/v1/xy", text);
    i = strlen(f.message);
    CHECK((unsigned char)f.message[i - 1] == 0xA9);
  }
}

int main(void) {
  RUN(reads_stripe_errors);
  RUN(reads_oauth_errors);
  RUN(makes_do_with_less);
  RUN(knows_its_kind);
  RUN(scrubs_secrets);
  RUN(scrubs_users_and_passwords);
  RUN(leaves_the_rest);
  RUN(bounds_and_cleans_messages);
  RUN(cuts_between_characters);
  return test_end();
}
