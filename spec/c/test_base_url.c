#include "net/base_url.h"
#include "test.h"

static cm_base_url url;

static const char *parse(const char *text) {
  return cm_base_url_parse(&url, text, strlen(text), false);
}

static void takes_https(void) {
  CHECK(!parse("https://api.stripe.com"));
  CHECK_TEXT(url.text, "https://api.stripe.com");
  CHECK_TEXT(url.host, "api.stripe.com");
  CHECK(url.https && !url.loopback);
  CHECK(!parse("HTTPS://API.stripe.COM:8443/prefix//"));
  CHECK_TEXT(url.text, "HTTPS://API.stripe.COM:8443/prefix");
  CHECK_TEXT(url.host, "api.stripe.com");
  CHECK(!parse("https://[2001:db8::1]:443"));
  CHECK_TEXT(url.host, "2001:db8::1");
}

static void takes_http_to_loopback_only(void) {
  CHECK(!parse("http://127.0.0.1:12111") && url.loopback && !url.https);
  CHECK(!parse("http://127.255.0.3"));
  CHECK(!parse("http://localhost:8080/"));
  CHECK_TEXT(url.text, "http://localhost:8080");
  CHECK(!parse("http://LOCALHOST"));
  CHECK(!parse("http://[::1]:80"));
  CHECK(!parse("https://127.0.0.1") && url.loopback);
  CHECK(parse("http://api.stripe.com"));
  CHECK(parse("http://128.0.0.1"));
  CHECK(parse("http://10.0.0.1"));
  CHECK(parse("http://localhost.example.com"));
  CHECK(parse("http://127.0.0.1.example.com"));
  CHECK(parse("http://127.1"));
  CHECK(parse("http://127.0.0.01"));
  CHECK(parse("http://127.0.0.256"));
  CHECK(parse("http://0127.0.0.1"));
  CHECK(parse("http://127.0.0.1."));
  CHECK(parse("http://2130706433"));
  CHECK(parse("http://[::ffff:10.0.0.1]"));
  CHECK(parse("http://[::1].example.com"));
}

static void refuses_the_rest(void) {
  CHECK_TEXT(parse(""), "must start with https://");
  CHECK_TEXT(parse("ftp://x"), "must start with https://");
  CHECK_TEXT(parse("api.stripe.com"), "must start with https://");
  CHECK_TEXT(parse("https://user:pw@host"), "must not hold a user name or password");
  CHECK_TEXT(parse("https://host?x=1"), "must not have a query or a fragment");
  CHECK_TEXT(parse("https://host#x"), "must not have a query or a fragment");
  CHECK_TEXT(parse("https://"), "has no valid host");
  CHECK_TEXT(parse("https:///x"), "has no valid host");
  CHECK_TEXT(parse("https://ho_st"), "has no valid host");
  CHECK_TEXT(parse("https://[::1"), "has no valid host");
  CHECK_TEXT(parse("https://host:"), "has no valid port");
  CHECK_TEXT(parse("https://host:0"), "has no valid port");
  CHECK_TEXT(parse("https://host:65536"), "has no valid port");
  CHECK_TEXT(parse("https://host:80x"), "has no valid host");
  CHECK(parse("https://host\\x"));
  CHECK(parse("https://ho st"));
  CHECK(parse("https://host\r\nX: y"));
  CHECK(cm_base_url_parse(&url, "https://a\0b", 11, false));
}

static void refuses_long_ones(void) {
  char text[CM_BASE_URL_MAX + 2];
  memset(text, 'a', sizeof text);
  memcpy(text, "https://", 8);
  CHECK_TEXT(cm_base_url_parse(&url, text, CM_BASE_URL_MAX + 1, false), "is too long");
  CHECK(cm_base_url_parse(&url, text, CM_BASE_URL_MAX, false)); /* no host is that long */
  text[100] = '/';
  CHECK(!cm_base_url_parse(&url, text, CM_BASE_URL_MAX, false));
}

int main(void) {
  RUN(takes_https);
  RUN(takes_http_to_loopback_only);
  RUN(refuses_the_rest);
  RUN(refuses_long_ones);
  return test_end();
}
