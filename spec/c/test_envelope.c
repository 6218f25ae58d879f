#include "crypto/envelope.h"
#include "test.h"

static cm_master m;
static char text[CM_ENVELOPE_MAX];
static cm_buf opened;

static bool read_key(const char *key) {
  const char *wrong;
  return cm_master_read(&m, key, strlen(key), &wrong);
}

static bool first_key(void) {
  return read_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
}

static bool other_key(void) {
  return read_key("//////////////////////////////////////////8=");
}

static cm_part part(const char *s) {
  return (cm_part){s, strlen(s)};
}

static cm_opening open_text(const char *envelope, const char *context) {
  cm_envelope e;
  cm_buf_free(&opened);
  cm_buf_init(&opened, CM_SEALED_MAX, true);
  if (!cm_envelope_read(&e, envelope, strlen(envelope)))
    return CM_UNABLE;
  return cm_unseal(&m, &e, part(context), &opened);
}

static void opens_what_was_sealed(void) {
  CHECK(first_key() && cm_seal(&m, part("sk_test_secret"), part("connection:1"), text));
  CHECK(strncmp(text, "cm1.", 4) == 0 && strncmp(text + 4, m.id, 16) == 0);
  CHECK(strlen(text) == strspn(text,
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                               "-_."));
  CHECK(strstr(text, "secret") == NULL);
  CHECK(open_text(text, "connection:1") == CM_OPENED);
  CHECK_TEXT(cm_buf_str(&opened), "sk_test_secret");
}

static void seals_differently_each_time(void) {
  char again[CM_ENVELOPE_MAX];
  CHECK(first_key() && cm_seal(&m, part("s"), part("c"), text) &&
        cm_seal(&m, part("s"), part("c"), again));
  CHECK(strcmp(text, again) != 0);
}

static void opens_for_its_own_context_only(void) {
  CHECK(first_key() && cm_seal(&m, part("sk_test_secret"), part("connection:1"), text));
  CHECK(open_text(text, "connection:2") == CM_NOT_AUTHENTIC);
  CHECK(open_text(text, "connection:11") == CM_NOT_AUTHENTIC);
  CHECK(open_text(text, "") == CM_NOT_AUTHENTIC);
  CHECK(opened.len == 0);
}

static void knows_another_master_key(void) {
  CHECK(first_key() && cm_seal(&m, part("sk_test_secret"), part("c"), text));
  CHECK(other_key() && open_text(text, "c") == CM_OTHER_KEY);
  memcpy(text + 4, m.id, 16); /* claimed to be sealed with that one */
  CHECK(open_text(text, "c") == CM_NOT_AUTHENTIC && opened.len == 0);
}

static void opens_nothing_that_was_changed(void) {
  size_t i;
  CHECK(first_key() && cm_seal(&m, part("sk_test_secret"), part("c"), text));
  for (i = 0; text[i]; i++) {
    char was = text[i];
    text[i] = was == 'A' ? 'B' : 'A';
    CHECK(open_text(text, "c") != CM_OPENED);
    text[i] = was;
  }
  CHECK(open_text(text, "c") == CM_OPENED);
  while (i > 0) {
    text[--i] = '\0';
    CHECK(open_text(text, "c") != CM_OPENED);
  }
}

static void takes_all_lengths_a_secret_may_have(void) {
  static const size_t sizes[] = {1, 2, 3, 4, 15, 16, 17, 31, CM_SEALED_MAX - 1, CM_SEALED_MAX};
  static char secret[CM_SEALED_MAX + 1];
  size_t i;
  memset(secret, 'x', sizeof secret);
  CHECK(first_key());
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    CHECK(cm_seal(&m, (cm_part){secret, sizes[i]}, part("c"), text));
    CHECK(strlen(text) < CM_ENVELOPE_MAX);
    CHECK(open_text(text, "c") == CM_OPENED && opened.len == sizes[i]);
    CHECK(memcmp(opened.data, secret, sizes[i]) == 0);
  }
  CHECK(!cm_seal(&m, (cm_part){secret, CM_SEALED_MAX + 1}, part("c"), text));
  CHECK(!cm_seal(&m, (cm_part){secret, 0}, part("c"), text));
}

static void reads_only_its_own_form(void) {
  static const char *const texts[] = {
      "", "cm1.", "cm1.0123456789abcdef.", "cm1.0123456789abcdef.AAAAAAAAAAAAAAAA.",
      /* nothing but a tag: no secret is empty */
      "cm1.0123456789abcdef.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA",
      "cm2.0123456789abcdef.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAA",
      "cm1.0123456789abcdeF.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAA",
      "cm1.0123456789abcdef-AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAA",
      "cm1.0123456789abcdef.AAAAAAAAAAAAAAAA-AAAAAAAAAAAAAAAAAAAAAAA",
      "cm1.0123456789abcdef.AAAAAAAAAAAAAAA=.AAAAAAAAAAAAAAAAAAAAAAA",
      "cm1.0123456789abcdef.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA!",
      " cm1.0123456789abcdef.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAA"};
  cm_envelope e;
  size_t i;
  for (i = 0; i < sizeof texts / sizeof *texts; i++)
    CHECK(!cm_envelope_read(&e, texts[i], strlen(texts[i])));
  CHECK(cm_envelope_read(&e, "cm1.0123456789abcdef.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAA", 61));
  CHECK_TEXT(e.key_id, "0123456789abcdef");
  CHECK(e.size == 17);
}

int main(void) {
  RUN(opens_what_was_sealed);
  RUN(seals_differently_each_time);
  RUN(opens_for_its_own_context_only);
  RUN(knows_another_master_key);
  RUN(opens_nothing_that_was_changed);
  RUN(takes_all_lengths_a_secret_may_have);
  RUN(reads_only_its_own_form);
  cm_buf_free(&opened);
  return test_end();
}
