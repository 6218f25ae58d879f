/*
** crypto.h: the few primitives that signatures need, over OpenSSL 3. Pure.
** What OpenSSL puts into its error queue meanwhile is taken out again: others in this process
** (nginx) read that queue.
*/
#ifndef CM_CRYPTO_H
#define CM_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>

#define CM_SHA256_SIZE 32

typedef struct cm_part {
  const void *bytes;
  size_t n;
} cm_part;

bool cm_hmac_sha256(cm_part key, const cm_part *parts, size_t count,
                    unsigned char out[CM_SHA256_SIZE]);
void cm_hex(const unsigned char *bytes, size_t n, char *out);
bool cm_equal(const void *a, const void *b, size_t n);

#endif
