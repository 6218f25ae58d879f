#include "crypto.h"
#include "test.h"

#include <openssl/err.h>

static char hex[2 * CM_SHA256_SIZE + 1];

static bool sign(cm_part key, const cm_part *parts, size_t count) {
  unsigned char mac[CM_SHA256_SIZE];
  if (!cm_hmac_sha256(key, parts, count, mac))
    return false;
  cm_hex(mac, sizeof mac, hex);
  return true;
}

/* RFC 4231, test cases 1, 2 and 6. */
static void signs_as_the_standard_says(void) {
  char long_key[131];
  CHECK(sign(
      (cm_part){"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
                20},
      &(cm_part){"Hi There", 8}, 1));
  CHECK_TEXT(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(sign((cm_part){"Jefe", 4}, &(cm_part){"what do ya want for nothing?", 28}, 1));
  CHECK_TEXT(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  memset(long_key, 0xaa, sizeof long_key);
  CHECK(sign((cm_part){long_key, sizeof long_key},
             &(cm_part){"Test Using Larger Than Block-Size Key - Hash Key First", 54}, 1));
  CHECK_TEXT(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void joins_the_parts(void) {
  const cm_part parts[] = {{"what do ", 8}, {NULL, 0}, {"ya want for nothing?", 20}};
  CHECK(sign((cm_part){"Jefe", 4}, parts, 3));
  CHECK_TEXT(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void leaves_the_error_queue_as_it_was(void) {
  unsigned long before;
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 7);
  before = ERR_peek_last_error();
  CHECK(sign((cm_part){"key", 3}, NULL, 0));
  CHECK(before != 0 && ERR_peek_error() == before && ERR_peek_last_error() == before);
  ERR_clear_error();
}

static void writes_hex(void) {
  char out[9];
  cm_hex((const unsigned char *)"\x00\x7f\x80\xff", 4, out);
  CHECK_TEXT(out, "007f80ff");
  cm_hex(NULL, 0, out);
  CHECK_TEXT(out, "");
}

static void compares(void) {
  CHECK(cm_equal("abc", "abd", 2) && !cm_equal("abc", "abd", 3) && cm_equal("a", "b", 0));
}

int main(void) {
  RUN(signs_as_the_standard_says);
  RUN(joins_the_parts);
  RUN(leaves_the_error_queue_as_it_was);
  RUN(writes_hex);
  RUN(compares);
  return test_end();
}
