/*
** base64.h: base64 (RFC 4648), over OpenSSL. Lua-free.
*/
#ifndef CM_BASE64_H
#define CM_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* bytes of the text of n bytes without padding, its '\0' included */
#define CM_BASE64URL_SIZE(n) (((n)*4 + 2) / 3 + 1)

/* bytes of the text of n bytes with its padding, its '\0' included */
#define CM_BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

void cm_base64(const unsigned char *bytes, size_t n, char *out);
void cm_base64url(const unsigned char *bytes, size_t n, char *out);
bool cm_base64_decode(const char *text, size_t n, unsigned char *out, size_t room, size_t *size);

#endif
