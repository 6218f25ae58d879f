#include "crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

static bool hmac(EVP_MAC_CTX *context, cm_part key, const cm_part *parts, size_t count,
                 unsigned char *out) {
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                         OSSL_PARAM_construct_end()};
  size_t i, n;
  if (EVP_MAC_init(context, key.bytes, key.n, params) != 1)
    return false;
  for (i = 0; i < count; i++)
    if (EVP_MAC_update(context, parts[i].bytes, parts[i].n) != 1)
      return false;
  return EVP_MAC_final(context, out, &n, CM_SHA256_SIZE) == 1 && n == CM_SHA256_SIZE;
}

/*
** Writes the HMAC-SHA256 (RFC 2104, FIPS 180-4) of the parts one after another. Returns false when
** memory is short or OpenSSL is set up without it.
** API: EVP_MAC(3) of OpenSSL.
*/
bool cm_hmac_sha256(cm_part key, const cm_part *parts, size_t count,
                    unsigned char out[CM_SHA256_SIZE]) {
  EVP_MAC *mac;
  EVP_MAC_CTX *context;
  bool ok;
  ERR_set_mark();
  mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
  context = mac ? EVP_MAC_CTX_new(mac) : NULL;
  ok = context && hmac(context, key, parts, count, out);
  EVP_MAC_CTX_free(context); /* wipes the key */
  EVP_MAC_free(mac);
  ERR_pop_to_mark();
  return ok;
}

/*
** Writes the bytes as 2 * n lower-case hexadecimal digits and a '\0'.
*/
void cm_hex(const unsigned char *bytes, size_t n, char *out) {
  static const char digits[] = "0123456789abcdef";
  size_t i;
  for (i = 0; i < n; i++) {
    *out++ = digits[bytes[i] >> 4];
    *out++ = digits[bytes[i] & 15];
  }
  *out = '\0';
}

/*
** Compares n bytes in a time that does not tell where they differ.
*/
bool cm_equal(const void *a, const void *b, size_t n) {
  return CRYPTO_memcmp(a, b, n) == 0;
}
