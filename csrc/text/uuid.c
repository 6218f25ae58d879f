#include "text/uuid.h"

#include <openssl/rand.h>
#include <stddef.h>

/*
** Writes a random UUID in lower case to `out`. Returns false if the system has no
** randomness.
*/
bool cm_uuid(char out[CM_UUID_SIZE]) {
  static const char hex[] = "0123456789abcdef";
  unsigned char bytes[16];
  char *p = out;
  if (RAND_bytes(bytes, sizeof bytes) != 1)
    return false;
  bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40); /* version 4 */
  bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80); /* RFC 4122's variant */
  for (size_t i = 0; i < sizeof bytes; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      *p++ = '-';
    *p++ = hex[bytes[i] >> 4];
    *p++ = hex[bytes[i] & 15];
  }
  *p = '\0';
  return true;
}
