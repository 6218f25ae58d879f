#include "text/base64.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

/*
** Writes the bytes with padding, and a '\0': CM_BASE64_SIZE(n) bytes in all.
** API: EVP_EncodeBlock(3) of OpenSSL.
*/
void cm_base64(const unsigned char *bytes, size_t n, char *out) {
  EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);
}

/*
** Writes the bytes in the alphabet for URLs and file names, without padding, and a '\0':
** CM_BASE64URL_SIZE(n) bytes in all.
** API: EVP_EncodeBlock(3) of OpenSSL, three bytes at a time so that no padding passes `out`.
*/
void cm_base64url(const unsigned char *bytes, size_t n, char *out) {
  unsigned char four[5];
  while (n > 0) {
    size_t taken = n < 3 ? n : 3, i;
    EVP_EncodeBlock(four, bytes, (int)taken);
    for (i = 0; i < taken + 1; i++)
      *out++ = (char)(four[i] == '+' ? '-' : four[i] == '/' ? '_' : four[i]);
    bytes += taken;
    n -= taken;
  }
  *out = '\0';
  OPENSSL_cleanse(four, sizeof four);
}

/* The letter in the first alphabet; '\0' for a character of neither alphabet. */
static unsigned char letter(char c) {
  if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
      c == '/')
    return (unsigned char)c;
  return c == '-' ? '+' : c == '_' ? '/' : '\0';
}

/* Up to four letters, less than four at the end, as bytes. */
static bool decode_group(const char *text, size_t letters, unsigned char bytes[3]) {
  unsigned char four[5], again[5];
  size_t i;
  bool ok = true;
  memset(four, '=', 4);
  four[4] = '\0';
  for (i = 0; i < letters; i++) {
    four[i] = letter(text[i]);
    ok = ok && four[i];
  }
  /* written again it must be the same: the last letter's spare bits are zero */
  ok = ok && EVP_DecodeBlock(bytes, four, 4) == 3 &&
       EVP_EncodeBlock(again, bytes, (int)letters - 1) == 4 && memcmp(four, again, 4) == 0;
  OPENSSL_cleanse(four, sizeof four);
  OPENSSL_cleanse(again, sizeof again);
  return ok;
}

/*
** Reads base64 in either alphabet, with its padding or without any. Returns false, and *size is
** what was written so far, for anything else, spare bits that are not zero included, and for more
** than `room` bytes.
*/
bool cm_base64_decode(const char *text, size_t n, unsigned char *out, size_t room, size_t *size) {
  unsigned char bytes[3];
  bool ok = true;
  *size = 0;
  if (n > 0 && n % 4 == 0 && text[n - 1] == '=')
    n -= text[n - 2] == '=' ? 2 : 1;
  while (ok && n > 0) {
    size_t letters = n < 4 ? n : 4, count = letters - 1;
    ok = letters > 1 && count <= room - *size && decode_group(text, letters, bytes);
    if (ok) {
      memcpy(out + *size, bytes, count);
      *size += count;
      text += letters;
      n -= letters;
    }
  }
  OPENSSL_cleanse(bytes, sizeof bytes);
  return ok;
}
