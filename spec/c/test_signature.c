#include "crypto/signature.h"
#include "test.h"

static cm_signature s;

static void parse(const char *header) {
  cm_signature_parse(&s, header, strlen(header));
}

static bool is(cm_part part, const char *text) {
  return part.n == strlen(text) && memcmp(part.bytes, text, part.n) == 0;
}

static void reads_time_and_signatures(void) {
  parse("t=1700000000,v1=ab,v1=cd");
  CHECK(is(s.time, "1700000000") && cm_signature_time(&s) == 1700000000);
  CHECK(s.count == 2 && is(s.v1[0], "ab") && is(s.v1[1], "cd"));
  parse("v1=ab,t=5");
  CHECK(is(s.time, "5") && s.count == 1);
}

static void passes_over_what_it_does_not_know(void) {
  parse("v0=aa,x,=b,t=1,,v1=cd,v2=ee,v10=ff,tt=2,v1,t");
  CHECK(is(s.time, "1") && s.count == 1 && is(s.v1[0], "cd"));
}

static void reads_blanks_around_items(void) {
  parse(" t=1, v1=cd ,\tv1=ef\t");
  CHECK(is(s.time, "1") && s.count == 2 && is(s.v1[0], "cd") && is(s.v1[1], "ef"));
  parse(" , \t,t=1 2,v1 =cd,v1= cd, ");
  CHECK(s.time.n == 0 && s.count == 1 && is(s.v1[0], " cd"));
}

static void splits_at_the_first_equals_sign(void) {
  parse("v1=a=b,v1=,t=1=2");
  CHECK(s.count == 2 && is(s.v1[0], "a=b") && is(s.v1[1], "") && s.time.n == 0);
}

static void takes_only_numbers_for_a_time(void) {
  static const char *const wrong[] = {
      "t=", "t=-1", "t=+1", "t= 1", "t=1.0", "t=0x1", "t=1234567890123456"};
  size_t i;
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    parse(wrong[i]);
    CHECK(s.time.n == 0 && cm_signature_time(&s) == 0);
  }
  parse("t=x,t=123456789012345,t=6");
  CHECK(cm_signature_time(&s) == 123456789012345.0);
}

static void looks_at_so_many_and_no_more(void) {
  char header[2000] = "t=1";
  int i;
  for (i = 0; i < 100; i++)
    strcat(header, ",v1=ab");
  parse(header);
  CHECK(s.count == CM_SIGNATURES && is(s.v1[CM_SIGNATURES - 1], "ab"));
}

static void ends_where_the_header_ends(void) {
  cm_signature_parse(&s, "t=12,v1=abc", 10);
  CHECK(is(s.time, "12") && is(s.v1[0], "ab"));
  cm_signature_parse(&s, "", 0);
  CHECK(s.count == 0 && s.time.n == 0);
}

static const cm_part secret = {"whsec_test_secret_0123456789abcdef", 34};
static const cm_part body = {"{}", 2};

static bool matches(const char *header) {
  bool yes = false;
  parse(header);
  return cm_signature_check(&s, secret, body, &yes) && yes;
}

#define GOOD "365672c536a30f5745f60b4265a00a69b22b3c2807dfc1833c89f58a6b8bbc50"

static void knows_its_signature(void) {
  CHECK(matches("t=1700000000,v1=" GOOD));
  CHECK(matches("v1=,v1=00,t=1700000000,v1=" GOOD ",v1=x"));
  CHECK(!matches("t=1700000001,v1=" GOOD));
  CHECK(!matches("t=1700000000,v1=" GOOD "0"));
  CHECK(!matches("t=1700000000,v0=" GOOD));
  CHECK(
      !matches("t=1700000000,v1=365672C536A30F5745F60B4265A00A69B22B3C2807DFC1833C89F58A6B8BBC50"));
  CHECK(!matches("v1=" GOOD));
}

static void forgets_no_match(void) {
  bool yes = true;
  parse("t=1,v1=ab");
  CHECK(cm_signature_check(&s, secret, body, &yes) && yes);
}

int main(void) {
  RUN(reads_time_and_signatures);
  RUN(passes_over_what_it_does_not_know);
  RUN(reads_blanks_around_items);
  RUN(splits_at_the_first_equals_sign);
  RUN(takes_only_numbers_for_a_time);
  RUN(looks_at_so_many_and_no_more);
  RUN(ends_where_the_header_ends);
  RUN(knows_its_signature);
  RUN(forgets_no_match);
  return test_end();
}
