/*
** crypto.h: the few primitives that signatures and sealed secrets need, over OpenSSL 3. Lua-free.
** Errors that OpenSSL queues meanwhile are taken out again, since others in this process (nginx)
** read that queue.
*/
#ifndef CM_CRYPTO_H
#define CM_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>

#define CM_SHA256_SIZE 32
#define CM_AES_KEY_SIZE 32
#define CM_GCM_NONCE_SIZE 12
#define CM_GCM_TAG_SIZE 16

typedef struct cm_part {
  const void *bytes;
  size_t n;
} cm_part;

bool cm_hmac_sha256(cm_part key, const cm_part *parts, size_t count,
                    unsigned char out[CM_SHA256_SIZE]);
bool cm_sha256(cm_part data, unsigned char out[CM_SHA256_SIZE]);
bool cm_hkdf_sha256(cm_part key, cm_part salt, cm_part info, unsigned char *out, size_t n);
bool cm_random(unsigned char *out, size_t n);
bool cm_gcm_encrypt(const unsigned char key[CM_AES_KEY_SIZE],
                    const unsigned char nonce[CM_GCM_NONCE_SIZE], const cm_part *bound,
                    size_t count, cm_part plain, unsigned char *out);
bool cm_gcm_decrypt(const unsigned char key[CM_AES_KEY_SIZE],
                    const unsigned char nonce[CM_GCM_NONCE_SIZE], const cm_part *bound,
                    size_t count, cm_part sealed, unsigned char *out, bool *authentic);
void cm_wipe(void *bytes, size_t n);
void cm_hex(const unsigned char *bytes, size_t n, char *out);
bool cm_equal(const void *a, const void *b, size_t n);

#endif
