#define _POSIX_C_SOURCE 200809L

#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

typedef struct block {
  unsigned char bytes[4]; /* the first ones of its addresses */
  int bits;
} block;

/*
** Addresses that are no public host's: this machine, private networks, link-local, carriers' own,
** documentation, benchmarks, multicast, reserved.
** Source: IANA's special-purpose registry for IPv4 (RFC 6890), "globally reachable" false.
*/
static const block PRIVATE_4[] = {
    {{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},     {{100, 64, 0, 0}, 10}, {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12},  {{192, 0, 0, 0}, 24},  {{192, 0, 2, 0}, 24},
    {{192, 88, 99, 0}, 24}, {{192, 168, 0, 0}, 16}, {{198, 18, 0, 0}, 15}, {{198, 51, 100, 0}, 24},
    {{203, 0, 113, 0}, 24}, {{224, 0, 0, 0}, 3},
};

/* The same of IPv6 within 2000::/3, outside of which nothing is public: IETF's own (Teredo among
   them), documentation. */
static const block PRIVATE_6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23},
    {{0x20, 0x01, 0x0D, 0xB8}, 32},
    {{0x3F, 0xFF, 0x00, 0x00}, 20},
};

static bool within(const unsigned char *bytes, const block *b) {
  int whole = b->bits / 8, rest = b->bits % 8;
  int mask = (0xFF << (8 - rest)) & 0xFF;
  return memcmp(bytes, b->bytes, (size_t)whole) == 0 &&
         (rest == 0 || (bytes[whole] & mask) == (b->bytes[whole] & mask));
}

static bool within_any(const unsigned char *bytes, const block *blocks, size_t n) {
  size_t i;
  for (i = 0; i < n; i++)
    if (within(bytes, &blocks[i]))
      return true;
  return false;
}

static bool public_4(const unsigned char *bytes) {
  return !within_any(bytes, PRIVATE_4, sizeof PRIVATE_4 / sizeof *PRIVATE_4);
}

/* An IPv6 address that stands for one of IPv4 is what that one is. */
static bool public_6(const unsigned char *bytes) {
  static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  static const unsigned char nat64[12] = {0, 0x64, 0xFF, 0x9B}; /* RFC 6052 */
  if (memcmp(bytes, mapped, sizeof mapped) == 0 || memcmp(bytes, nat64, sizeof nat64) == 0)
    return public_4(bytes + 12);
  if (bytes[0] == 0x20 && bytes[1] == 0x02) /* 6to4 */
    return public_4(bytes + 2);
  return (bytes[0] & 0xE0) == 0x20 &&
         !within_any(bytes, PRIVATE_6, sizeof PRIVATE_6 / sizeof *PRIVATE_6);
}

/*
** Returns whether an address can be a public host's; false for other families than IPv4 and IPv6.
*/
bool cm_address_public(const struct sockaddr *address) {
  if (address->sa_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in);
    return public_4((const unsigned char *)&in.sin_addr);
  }
  if (address->sa_family == AF_INET6) {
    struct sockaddr_in6 in;
    memcpy(&in, address, sizeof in);
    return public_6((const unsigned char *)&in.sin6_addr);
  }
  return false;
}

/*
** Returns whether a text is an address and not a name; then *is_public says whether it is public.
*/
bool cm_address_read(const char *text, bool *is_public) {
  unsigned char bytes[sizeof(struct in6_addr)];
  if (inet_pton(AF_INET, text, bytes) == 1)
    *is_public = public_4(bytes);
  else if (inet_pton(AF_INET6, text, bytes) == 1)
    *is_public = public_6(bytes);
  else
    return false;
  return true;
}
