#include "crypto/password.h"
#include "test.h"

#include <openssl/err.h>
#include <stdlib.h>

static const cm_cost cheap = {10, 8, 1};

/* RFC 7914, section 12: the second and third vector. */
static void derives_as_the_standard_says(void) {
  unsigned char out[64];
  char hex[2 * sizeof out + 1];
  CHECK(cm_scrypt((cm_part){"password", 8}, (cm_part){"NaCl", 4}, &(cm_cost){10, 8, 16}, out,
                  sizeof out));
  cm_hex(out, sizeof out, hex);
  CHECK_TEXT(hex, "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                  "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
  CHECK(cm_scrypt((cm_part){"pleaseletmein", 13}, (cm_part){"SodiumChloride", 14},
                  &(cm_cost){14, 8, 1}, out, sizeof out));
  cm_hex(out, sizeof out, hex);
  CHECK_TEXT(hex, "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                  "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
}

static bool check(const char *password, const char *hash) {
  bool matches = true;
  return cm_password_check((cm_part){password, strlen(password)}, hash, strlen(hash), &matches) &&
         matches;
}

static void hashes_and_checks(void) {
  char one[CM_PASSWORD_SIZE], two[CM_PASSWORD_SIZE];
  cm_cost cost;
  CHECK(cm_password_hash((cm_part){"secret", 6}, &cheap, one));
  CHECK(cm_password_hash((cm_part){"secret", 6}, &cheap, two));
  CHECK(strcmp(one, two) != 0); /* another salt */
  CHECK(strncmp(one, "$scrypt$ln=10,r=8,p=1$", 22) == 0);
  CHECK(check("secret", one) && check("secret", two));
  CHECK(!check("Secret", one) && !check("", one) && !check("secret ", one));
  CHECK(cm_password_read(one, strlen(one), &cost));
  CHECK(cost.ln == 10 && cost.r == 8 && cost.p == 1);
}

static void takes_no_hash_that_was_changed(void) {
  char hash[CM_PASSWORD_SIZE], changed[CM_PASSWORD_SIZE];
  size_t i;
  CHECK(cm_password_hash((cm_part){"secret", 6}, &cheap, hash));
  for (i = 0; hash[i]; i++) {
    strcpy(changed, hash);
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK(!check("secret", changed));
    changed[i] = '\0';
    CHECK(!check("secret", changed));
  }
}

static void takes_nothing_else_for_a_hash(void) {
  static const char *const others[] = {
      "", "$", "$scrypt$", "plain", "$scrypt$ln=10,r=8,p=1$$", "$scrypt$ln=,r=,p=$a$b",
      "$scrypt$ln=99999999999,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$A", "$scrypt$ln=10,r=8,p=1$A$A$A",
      /* a cost of nothing, and one of 8 GB */
      "$scrypt$ln=1,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
      "$scrypt$ln=20,r=16,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
  size_t i;
  for (i = 0; i < sizeof others / sizeof *others; i++) {
    char *text = malloc(strlen(others[i]) + 1); /* an overrun is seen */
    bool matches = true;
    cm_cost cost;
    CHECK(text);
    memcpy(text, others[i], strlen(others[i]));
    CHECK(cm_password_check((cm_part){"", 0}, text, strlen(others[i]), &matches) && !matches);
    CHECK(!cm_password_read(text, strlen(others[i]), &cost));
    free(text);
  }
}

static void refuses_a_cost_that_is_not_allowed(void) {
  char out[CM_PASSWORD_SIZE];
  CHECK(!cm_password_hash((cm_part){"x", 1}, &(cm_cost){9, 8, 1}, out));
  CHECK(!cm_password_hash((cm_part){"x", 1}, &(cm_cost){21, 1, 1}, out));
  CHECK(!cm_password_hash((cm_part){"x", 1}, &(cm_cost){20, 16, 1}, out));
  CHECK(!cm_password_hash((cm_part){"x", 1}, &(cm_cost){10, 0, 1}, out));
  CHECK(!cm_password_hash((cm_part){"x", 1}, &(cm_cost){10, 8, 17}, out));
  CHECK(ERR_peek_error() == 0);
}

int main(void) {
  RUN(derives_as_the_standard_says);
  RUN(hashes_and_checks);
  RUN(takes_no_hash_that_was_changed);
  RUN(takes_nothing_else_for_a_hash);
  RUN(refuses_a_cost_that_is_not_allowed);
  return test_end();
}
