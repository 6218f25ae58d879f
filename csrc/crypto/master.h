/*
** master.h: the master key, which secrets at rest are sealed with, and the keys derived from it,
** one for each purpose. Lua-free.
*/
#ifndef CM_MASTER_H
#define CM_MASTER_H

#include "crypto/crypto.h"
#include "text/base64.h"

#define CM_MASTER_SIZE 32 /* bytes of a master key */
#define CM_KEY_ID_SIZE 17 /* 16 hexadecimal digits and a '\0' */
#define CM_PURPOSE_MAX 64 /* longest purpose, in bytes */
#define CM_MAC_SIZE CM_BASE64URL_SIZE(CM_SHA256_SIZE)

typedef struct cm_master {
  unsigned char bytes[CM_MASTER_SIZE];
  char id[CM_KEY_ID_SIZE]; /* names the key without telling of it */
} cm_master;

bool cm_master_read(cm_master *m, const char *text, size_t n, const char **wrong);
bool cm_master_derive(const cm_master *m, const char *use, cm_part purpose,
                      unsigned char key[CM_SHA256_SIZE]);
bool cm_master_sign(const cm_master *m, cm_part purpose, cm_part text, char mac[CM_MAC_SIZE]);
void cm_master_wipe(cm_master *m);

#endif
