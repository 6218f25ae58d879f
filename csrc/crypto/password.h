/*
** password.h: hashes of passwords that people choose, by scrypt (RFC 7914). Lua-free. A hash names
** its parameters, so that new hashes may cost more than those that are stored.
*/
#ifndef CM_PASSWORD_H
#define CM_PASSWORD_H

#include "crypto/crypto.h"

#include <stdint.h>

/* bytes of "$scrypt$ln=15,r=8,p=3$<salt>$<hash>" with its '\0', whatever the parameters */
#define CM_PASSWORD_SIZE 112

/* The cost: 128 * r * 2^ln bytes of memory, read p times. */
typedef struct cm_cost {
  unsigned int ln; /* 10 to 20: the logarithm of N */
  unsigned int r;  /* 1 to 16 */
  unsigned int p;  /* 1 to 16 */
} cm_cost;

bool cm_scrypt(cm_part password, cm_part salt, const cm_cost *cost, unsigned char *out, size_t n);
bool cm_password_cost_ok(const cm_cost *cost);
bool cm_password_hash(cm_part password, const cm_cost *cost, char out[CM_PASSWORD_SIZE]);
bool cm_password_read(const char *text, size_t n, cm_cost *cost);
bool cm_password_check(cm_part password, const char *text, size_t n, bool *matches);

#endif
