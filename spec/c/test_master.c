#include "crypto/master.h"
#include "test.h"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define OTHER "//////////////////////////////////////////8="

static cm_master m;
static const char *wrong;

static bool reads(const char *text) {
  return cm_master_read(&m, text, strlen(text), &wrong);
}

static void reads_32_bytes(void) {
  size_t i;
  CHECK(reads(KEY) && !wrong);
  for (i = 0; i < CM_MASTER_SIZE; i++)
    CHECK(m.bytes[i] == i);
  CHECK(reads("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")); /* without its padding */
}

static void says_what_is_wrong(void) {
  static const struct {
    const char *text, *wrong;
  } cases[] = {{"", "is shorter than 32 bytes"},
               {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "is shorter than 32 bytes"},
               {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g", "is longer than 32 bytes"},
               {KEY KEY KEY KEY KEY KEY, "is longer than 32 bytes"},
               {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8$", "is not base64"},
               {"sk_test_1234", "is shorter than 32 bytes"},
               {"correct horse battery staple", "is not base64"}};
  size_t i, j;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK(!reads(cases[i].text));
    CHECK_TEXT(wrong, cases[i].wrong);
    for (j = 0; j < sizeof m.bytes; j++)
      CHECK(m.bytes[j] == 0);
  }
}

static void has_an_id_that_names_it(void) {
  char id[CM_KEY_ID_SIZE];
  CHECK(reads(KEY));
  CHECK(strlen(m.id) == CM_KEY_ID_SIZE - 1);
  strcpy(id, m.id);
  CHECK(reads("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"));
  CHECK_TEXT(m.id, id);
  CHECK(reads(OTHER) && strcmp(m.id, id) != 0);
}

/* By hand: openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:000102...1f
** -kdfopt info:lua-commerce:sign:state HKDF, and with it the HMAC of the text. */
static void derives_what_others_can_compute(void) {
  unsigned char key[CM_SHA256_SIZE];
  char hex[2 * sizeof key + 1], mac[CM_MAC_SIZE];
  CHECK(reads(KEY));
  CHECK(cm_master_derive(&m, "sign", (cm_part){"state", 5}, key));
  cm_hex(key, sizeof key, hex);
  CHECK_TEXT(hex, "1dc45e6e1e9566c03c0ef50229800c8086fdf804d14c7af6ac28b44f51cb9f1d");
  CHECK(cm_master_sign(&m, (cm_part){"state", 5}, (cm_part){"hello", 5}, mac));
  CHECK_TEXT(mac, "Z47zGiWo2AUUAzmm0sCVqxpCpksc-vAwqRrKb3WrlY4");
}

static void derives_another_key_for_another_purpose(void) {
  static const struct {
    const char *use, *purpose;
  } cases[] = {{"sign", "a"}, {"sign", "b"}, {"sign", ""}, {"seal", "a"}, {"seal", ""}, {"id", ""}};
  unsigned char keys[6][CM_SHA256_SIZE];
  size_t i, j;
  CHECK(reads(KEY));
  for (i = 0; i < 6; i++) {
    const cm_part purpose = {cases[i].purpose, strlen(cases[i].purpose)};
    CHECK(cm_master_derive(&m, cases[i].use, purpose, keys[i]));
    CHECK(memcmp(keys[i], m.bytes, sizeof keys[i]) != 0);
    for (j = 0; j < i; j++)
      CHECK(memcmp(keys[i], keys[j], sizeof keys[i]) != 0);
  }
}

static void refuses_a_purpose_that_is_too_long(void) {
  char purpose[CM_PURPOSE_MAX + 1];
  unsigned char key[CM_SHA256_SIZE];
  memset(purpose, 'p', sizeof purpose);
  CHECK(reads(KEY));
  CHECK(cm_master_derive(&m, "sign", (cm_part){purpose, CM_PURPOSE_MAX}, key));
  CHECK(!cm_master_derive(&m, "sign", (cm_part){purpose, CM_PURPOSE_MAX + 1}, key));
}

static void signs_for_a_purpose(void) {
  char mac[CM_MAC_SIZE], other[CM_MAC_SIZE];
  CHECK(reads(KEY));
  CHECK(cm_master_sign(&m, (cm_part){"state", 5}, (cm_part){"text", 4}, mac));
  CHECK(cm_master_sign(&m, (cm_part){"other", 5}, (cm_part){"text", 4}, other));
  CHECK(strcmp(mac, other) != 0);
  CHECK(cm_master_sign(&m, (cm_part){"state", 5}, (cm_part){"texts", 5}, other));
  CHECK(strcmp(mac, other) != 0);
  CHECK(reads(OTHER) && cm_master_sign(&m, (cm_part){"state", 5}, (cm_part){"text", 4}, other));
  CHECK(strcmp(mac, other) != 0);
}

int main(void) {
  RUN(reads_32_bytes);
  RUN(says_what_is_wrong);
  RUN(has_an_id_that_names_it);
  RUN(derives_what_others_can_compute);
  RUN(derives_another_key_for_another_purpose);
  RUN(refuses_a_purpose_that_is_too_long);
  RUN(signs_for_a_purpose);
  return test_end();
}
