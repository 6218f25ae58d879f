#include "crypto/crypto.h"

#include <openssl/opensslv.h>
#if !defined(OPENSSL_VERSION_MAJOR) || OPENSSL_VERSION_MAJOR < 3
#error "lua-commerce needs OpenSSL 3 or later: install it, or name its prefix (OPENSSL_DIR=...)"
#endif

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <limits.h>
#include <string.h>

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
** Writes the SHA-256 (FIPS 180-4) of the bytes. Returns as cm_hmac_sha256.
*/
bool cm_sha256(cm_part data, unsigned char out[CM_SHA256_SIZE]) {
  bool ok;
  ERR_set_mark();
  ok = EVP_Digest(data.bytes, data.n, out, NULL, EVP_sha256(), NULL) == 1;
  ERR_pop_to_mark();
  return ok;
}

/*
** Derives n bytes from a key by HKDF-SHA256 (RFC 5869): another `info`, another key. A salt of no
** bytes is the standard's zeros. Returns as cm_hmac_sha256.
** API: EVP_KDF-HKDF(7) of OpenSSL.
*/
bool cm_hkdf_sha256(cm_part key, cm_part salt, cm_part info, unsigned char *out, size_t n) {
  char digest[] = "SHA256";
  /* OpenSSL only reads through these pointers, although their type is not const */
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key.bytes, key.n),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info.bytes, info.n),
      OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
  EVP_KDF *kdf;
  EVP_KDF_CTX *context;
  bool ok;
  if (salt.n)
    params[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt.bytes, salt.n);
  ERR_set_mark();
  kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
  context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
  ok = context && EVP_KDF_derive(context, out, n, params) == 1;
  EVP_KDF_CTX_free(context); /* wipes the key */
  EVP_KDF_free(kdf);
  ERR_pop_to_mark();
  return ok;
}

/*
** Writes n random bytes fit for keys and tokens. Returns false if the system has no randomness.
*/
bool cm_random(unsigned char *out, size_t n) {
  bool ok;
  ERR_set_mark();
  ok = n <= INT_MAX && RAND_bytes(out, (int)n) == 1;
  ERR_pop_to_mark();
  return ok;
}

/* Sets key, nonce and bound data, the same for both directions. */
static bool gcm_begin(EVP_CIPHER_CTX *context, const unsigned char *key, const unsigned char *nonce,
                      const cm_part *bound, size_t count, int encrypt) {
  size_t i;
  int n;
  if (EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce, encrypt) != 1)
    return false;
  for (i = 0; i < count; i++)
    if (bound[i].n > INT_MAX ||
        (bound[i].n > 0 &&
         EVP_CipherUpdate(context, NULL, &n, bound[i].bytes, (int)bound[i].n) != 1))
      return false;
  return true;
}

/*
** Encrypts with AES-256-GCM (NIST SP 800-38D): writes plain.n bytes and the tag after them. The
** `bound` parts are authenticated, one after another, but not written. A nonce must never be used
** twice with a key. Returns as cm_hmac_sha256.
** API: EVP_EncryptInit(3) of OpenSSL, "AEAD Interface".
*/
bool cm_gcm_encrypt(const unsigned char key[CM_AES_KEY_SIZE],
                    const unsigned char nonce[CM_GCM_NONCE_SIZE], const cm_part *bound,
                    size_t count, cm_part plain, unsigned char *out) {
  EVP_CIPHER_CTX *context;
  int n;
  bool ok;
  if (plain.n > INT_MAX)
    return false;
  ERR_set_mark();
  context = EVP_CIPHER_CTX_new();
  ok = context && gcm_begin(context, key, nonce, bound, count, 1) &&
       (plain.n == 0 || EVP_CipherUpdate(context, out, &n, plain.bytes, (int)plain.n) == 1) &&
       EVP_CipherFinal_ex(context, out + plain.n, &n) == 1 &&
       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, CM_GCM_TAG_SIZE, out + plain.n) == 1;
  EVP_CIPHER_CTX_free(context); /* wipes the key */
  ERR_pop_to_mark();
  return ok;
}

/*
** Decrypts what cm_gcm_encrypt wrote, tag included, to sealed.n - CM_GCM_TAG_SIZE bytes. Sets
** *authentic to whether key, nonce, bound parts and bytes are those it was encrypted with; if not,
** `out` holds only zeros. Returns as cm_hmac_sha256.
*/
bool cm_gcm_decrypt(const unsigned char key[CM_AES_KEY_SIZE],
                    const unsigned char nonce[CM_GCM_NONCE_SIZE], const cm_part *bound,
                    size_t count, cm_part sealed, unsigned char *out, bool *authentic) {
  unsigned char tag[CM_GCM_TAG_SIZE];
  EVP_CIPHER_CTX *context;
  size_t size;
  int n;
  bool ok;
  *authentic = false;
  if (sealed.n > INT_MAX)
    return false;
  if (sealed.n < CM_GCM_TAG_SIZE)
    return true;
  size = sealed.n - CM_GCM_TAG_SIZE;
  memcpy(tag, (const unsigned char *)sealed.bytes + size, sizeof tag);
  ERR_set_mark();
  context = EVP_CIPHER_CTX_new();
  ok = context && gcm_begin(context, key, nonce, bound, count, 0) &&
       (size == 0 || EVP_CipherUpdate(context, out, &n, sealed.bytes, (int)size) == 1) &&
       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1;
  *authentic = ok && EVP_CipherFinal_ex(context, tag, &n) == 1;
  EVP_CIPHER_CTX_free(context);
  ERR_pop_to_mark();
  if (!*authentic)
    OPENSSL_cleanse(out, size);
  return ok;
}

/*
** Overwrites bytes that are not read again, in a way that compilers do not optimize away.
*/
void cm_wipe(void *bytes, size_t n) {
  OPENSSL_cleanse(bytes, n);
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
