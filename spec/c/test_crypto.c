#include "crypto/crypto.h"
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

static size_t unhex(const char *text, unsigned char *out) {
  size_t n = strlen(text) / 2, i;
  unsigned int byte;
  for (i = 0; i < n && sscanf(text + 2 * i, "%2x", &byte) == 1; i++)
    out[i] = (unsigned char)byte;
  return n;
}

static void digests_as_the_standard_says(void) {
  unsigned char digest[CM_SHA256_SIZE];
  CHECK(cm_sha256((cm_part){"abc", 3}, digest)); /* FIPS 180-4's example */
  cm_hex(digest, sizeof digest, hex);
  CHECK_TEXT(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(cm_sha256((cm_part){NULL, 0}, digest));
  cm_hex(digest, sizeof digest, hex);
  CHECK_TEXT(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 5869, test cases 1 and 3. */
static void derives_as_the_standard_says(void) {
  unsigned char key[22], salt[13], info[10], out[42];
  char text[2 * sizeof out + 1];
  memset(key, 0x0b, sizeof key);
  unhex("000102030405060708090a0b0c", salt);
  unhex("f0f1f2f3f4f5f6f7f8f9", info);
  CHECK(cm_hkdf_sha256((cm_part){key, sizeof key}, (cm_part){salt, sizeof salt},
                       (cm_part){info, sizeof info}, out, sizeof out));
  cm_hex(out, sizeof out, text);
  CHECK_TEXT(text, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                   "34007208d5b887185865");
  CHECK(cm_hkdf_sha256((cm_part){key, sizeof key}, (cm_part){NULL, 0}, (cm_part){NULL, 0}, out,
                       sizeof out));
  cm_hex(out, sizeof out, text);
  CHECK_TEXT(text, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                   "9d201395faa4b61a96c8");
}

/* McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B: what NIST was submitted,
** and SP 800-38D names as its source. Test cases 13 to 16 are those of AES-256. */
static const struct {
  const char *key, *nonce, *bound, *plain, *sealed; /* the tag is the end of `sealed` */
} gcm_cases[] = {{"0000000000000000000000000000000000000000000000000000000000000000",
                  "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
                 {"0000000000000000000000000000000000000000000000000000000000000000",
                  "000000000000000000000000", "", "00000000000000000000000000000000",
                  "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
                 {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
                  "cafebabefacedbaddecaf888", "",
                  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
                  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
                  "b094dac5d93471bdec1a502270e3cc6c"},
                 {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
                  "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                  "76fc6ece0f4e1768cddf8853bb2d551b"}};

static void encrypts_and_decrypts_as_the_standard_says(void) {
  size_t i;
  for (i = 0; i < sizeof gcm_cases / sizeof *gcm_cases; i++) {
    unsigned char key[32], nonce[12], bytes[20], plain[64], sealed[80], out[80];
    const size_t n = unhex(gcm_cases[i].plain, plain), m = unhex(gcm_cases[i].sealed, sealed);
    const cm_part bound = {bytes, unhex(gcm_cases[i].bound, bytes)};
    bool authentic;
    unhex(gcm_cases[i].key, key);
    unhex(gcm_cases[i].nonce, nonce);
    CHECK(m == n + CM_GCM_TAG_SIZE);
    CHECK(cm_gcm_encrypt(key, nonce, &bound, 1, (cm_part){plain, n}, out));
    CHECK(memcmp(out, sealed, m) == 0);
    CHECK(cm_gcm_decrypt(key, nonce, &bound, 1, (cm_part){sealed, m}, out, &authentic));
    CHECK(authentic && memcmp(out, plain, n) == 0);
  }
}

/* Of the last case, each part changed by itself, and every length. */
static void decrypts_nothing_that_was_changed(void) {
  unsigned char key[32], nonce[12], bound[20], plain[60], sealed[76], out[76];
  unsigned char *const parts[] = {key, nonce, bound, sealed, sealed + 60};
  const size_t sizes[] = {sizeof key, sizeof nonce, sizeof bound, 60, 16};
  const cm_part halves[] = {{bound, 7}, {bound + 7, 13}};
  bool authentic;
  size_t i, n;
  unhex(gcm_cases[3].key, key);
  unhex(gcm_cases[3].nonce, nonce);
  unhex(gcm_cases[3].bound, bound);
  unhex(gcm_cases[3].plain, plain);
  unhex(gcm_cases[3].sealed, sealed);
  for (i = 0; i < sizeof parts / sizeof *parts; i++) {
    for (n = 0; n < sizes[i]; n++) {
      parts[i][n] ^= 1;
      CHECK(cm_gcm_decrypt(key, nonce, halves, 2, (cm_part){sealed, 76}, out, &authentic));
      CHECK(!authentic);
      parts[i][n] ^= 1;
    }
  }
  for (n = 0; n < sizeof sealed; n++) {
    memset(out, 0xaa, sizeof out);
    CHECK(cm_gcm_decrypt(key, nonce, halves, 2, (cm_part){sealed, n}, out, &authentic));
    CHECK(!authentic);
    for (i = 0; n >= CM_GCM_TAG_SIZE && i < n - CM_GCM_TAG_SIZE; i++)
      CHECK(out[i] == 0); /* not one byte of what it might have been */
  }
  CHECK(cm_gcm_decrypt(key, nonce, halves, 1, (cm_part){sealed, 76}, out, &authentic));
  CHECK(!authentic);
  CHECK(cm_gcm_decrypt(key, nonce, halves, 2, (cm_part){sealed, 76}, out, &authentic));
  CHECK(authentic && memcmp(out, plain, sizeof plain) == 0);
}

static void gives_random_bytes(void) {
  unsigned char a[32] = {0}, b[32] = {0};
  CHECK(cm_random(a, sizeof a) && cm_random(b, sizeof b));
  CHECK(memcmp(a, b, sizeof a) != 0);
}

static void wipes(void) {
  unsigned char bytes[4] = {1, 2, 3, 4};
  cm_wipe(bytes, 3);
  CHECK(memcmp(bytes, "\0\0\0\4", 4) == 0);
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
  encrypts_and_decrypts_as_the_standard_says();
  decrypts_nothing_that_was_changed();
  derives_as_the_standard_says();
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
  RUN(digests_as_the_standard_says);
  RUN(derives_as_the_standard_says);
  RUN(encrypts_and_decrypts_as_the_standard_says);
  RUN(decrypts_nothing_that_was_changed);
  RUN(gives_random_bytes);
  RUN(wipes);
  RUN(joins_the_parts);
  RUN(leaves_the_error_queue_as_it_was);
  RUN(writes_hex);
  RUN(compares);
  return test_end();
}
