#include "test.h"
#include "net/url.h"

static void encodes_all_but_unreserved(void) {
  cm_buf b = {0};
  CHECK(cm_url_escape(&b, "AZaz09-._~", 10));
  CHECK_TEXT(b.data, "AZaz09-._~");
  cm_buf_clear(&b);
  CHECK(cm_url_escape(&b, "a b+c/\xC3\xA9\0%", 10));
  CHECK_TEXT(b.data, "a%20b%2Bc%2F%C3%A9%00%25");
  cm_buf_free(&b);
}

static void encodes_long_texts_piece_by_piece(void) {
  char text[150];
  cm_buf b = {0};
  memset(text, ' ', sizeof text);
  CHECK(cm_url_escape(&b, text, sizeof text) && b.len == 3 * sizeof text);
  CHECK(strspn(b.data, "%20") == b.len);
  cm_buf_free(&b);
}

static bool decodes(const char *text, const char *want, size_t n) {
  char out[32];
  size_t len;
  return cm_url_decode(text, strlen(text), out, &len) && len == n && memcmp(out, want, n) == 0;
}

static void decodes_what_is_encoded(void) {
  CHECK(decodes("", "", 0));
  CHECK(decodes("a%20b%2Bc+%c3%A9%00", "a b+c+\xC3\xA9\0", 9));
  CHECK(decodes("%25", "%", 1));
  CHECK(decodes("%2541", "%41", 3)); /* once, not twice */
}

static void refuses_a_percent_sign_without_its_digits(void) {
  static const char *const texts[] = {"%", "a%", "%4", "%%41", "%g0", "%0g", "%4%31", "% 1"};
  size_t i, len;
  char out[8];
  for (i = 0; i < sizeof texts / sizeof *texts; i++)
    CHECK(!cm_url_decode(texts[i], strlen(texts[i]), out, &len));
  CHECK(!cm_url_decode("%41", 2, out, &len));
}

static void joins_pairs_in_order(void) {
  cm_buf b = {0};
  CHECK(cm_url_pair(&b, "expand[]", 8, "data.charge", 11));
  CHECK(cm_url_pair(&b, "created[gte]", 12, "5", 1));
  CHECK(cm_url_pair(&b, "empty", 5, "", 0));
  CHECK_TEXT(b.data, "expand%5B%5D=data.charge&created%5Bgte%5D=5&empty=");
  cm_buf_free(&b);
}

static void passes_on_a_full_buffer(void) {
  cm_buf b;
  cm_buf_init(&b, 4, false);
  CHECK(!cm_url_pair(&b, "key", 3, "value", 5));
  cm_buf_free(&b);
}

static void leaves_a_full_buffer_as_it_was(void) {
  size_t max;
  for (max = 4; max < 12; max++) {
    cm_buf b;
    cm_buf_init(&b, max, false);
    CHECK(cm_url_pair(&b, "a", 1, "b", 1));
    CHECK(!cm_url_pair(&b, "key", 3, "value", 5) && b.len == 3);
    CHECK_TEXT(b.data, "a=b");
    cm_buf_free(&b);
  }
}

static const char *fault(const char *path) {
  return cm_url_path_fault(path, strlen(path));
}

static void accepts_paths(void) {
  CHECK(!fault("/v1/charges"));
  CHECK(!fault("/v1/customers/cus_123/sources"));
  CHECK(!fault("/v1/a.b"));
  CHECK(!fault("/v1/..."));
}

static void refuses_other_paths(void) {
  char longest[CM_PATH_MAX + 2];
  CHECK_TEXT(fault(""), "must start with '/'");
  CHECK_TEXT(fault("/"), "must start with '/'");
  CHECK_TEXT(fault("v1"), "must start with '/'");
  CHECK_TEXT(fault("//host/x"), "has an empty segment");
  CHECK_TEXT(fault("/v1/"), "has an empty segment");
  CHECK_TEXT(fault("/v1/../v2"), "has a dot segment");
  CHECK_TEXT(fault("/v1/."), "has a dot segment");
  CHECK(fault("/v1/x?y"));
  CHECK(fault("/v1/x#y"));
  CHECK(fault("/v1/x%2e"));
  CHECK(fault("/v1/x y"));
  CHECK(fault("/v1/x\r\nHost: y"));
  CHECK(cm_url_path_fault("/v1\0x", 5));
  memset(longest, 'a', sizeof longest);
  longest[0] = '/';
  CHECK(!cm_url_path_fault(longest, CM_PATH_MAX));
  CHECK_TEXT(cm_url_path_fault(longest, CM_PATH_MAX + 1), "is too long");
}

static void takes_foreign_targets_as_they_are(void) {
  CHECK(!cm_url_target_fault("/", 1));
  CHECK(!cm_url_target_fault("/hook/?a=b&c=%20;x", 18));
  CHECK_TEXT(cm_url_target_fault("", 0), "must start with '/'");
  CHECK_TEXT(cm_url_target_fault("x", 1), "must start with '/'");
  CHECK(cm_url_target_fault("/a b", 4));
  CHECK(cm_url_target_fault("/a\r\nb", 5));
  CHECK(cm_url_target_fault("/a#b", 4));
  CHECK(cm_url_target_fault("/\xC3\xA9", 3));
}

int main(void) {
  RUN(encodes_all_but_unreserved);
  RUN(encodes_long_texts_piece_by_piece);
  RUN(decodes_what_is_encoded);
  RUN(refuses_a_percent_sign_without_its_digits);
  RUN(joins_pairs_in_order);
  RUN(passes_on_a_full_buffer);
  RUN(leaves_a_full_buffer_as_it_was);
  RUN(accepts_paths);
  RUN(refuses_other_paths);
  RUN(takes_foreign_targets_as_they_are);
  return test_end();
}
