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

/* Returns the IPv4 address that an IPv6 address stands for by its form, or NULL. */
static const unsigned char *embedded_4(const unsigned char *bytes) {
  static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  static const unsigned char nat64[12] = {0, 0x64, 0xFF, 0x9B}; /* RFC 6052 */
  static const unsigned char isatap[3] = {0, 0x5E, 0xFE};       /* RFC 5214, after 00 or 02 */
  if (memcmp(bytes, mapped, sizeof mapped) == 0 || memcmp(bytes, nat64, sizeof nat64) == 0)
    return bytes + 12;
  if (bytes[0] == 0x20 && bytes[1] == 0x02) /* 6to4 */
    return bytes + 2;
  if ((bytes[8] & 0xFD) == 0 && memcmp(bytes + 9, isatap, sizeof isatap) == 0)
    return bytes + 12;
  return NULL;
}

static bool is_zero(const unsigned char *bytes, size_t n) {
  while (n > 0 && bytes[n - 1] == 0)
    n--;
  return n == 0;
}

/*
** The IPv4 address behind a prefix of 96 bits, of which byte 8 is zero. Where the prefix goes on
** after that byte, the form is that of many hosts: multicast and reserved addresses, which no
** gateway translates, do not count (they include MAC addresses, with FF FE in the middle).
*/
static bool may_be_last(const unsigned char *bytes, bool (*holds)(const unsigned char *)) {
  return bytes[8] == 0 && bytes[12] != 0 && (is_zero(bytes + 9, 3) || bytes[12] < 224) &&
         holds(bytes + 12);
}

/*
** Whether an address would be a NAT64 gateway's name of an IPv4 address that a test holds for, if a
** network had chosen its prefix (RFC 6052, section 2.2). The prefix is unknown, so every length is
** tried. Addresses below 1.0.0.0 do not count: that form is any host with a small number.
*/
static bool may_translate(const unsigned char *bytes, bool (*holds)(const unsigned char *)) {
  static const size_t prefixes[] = {4, 5, 6, 7, 8};
  unsigned char four[4];
  size_t i;
  if (may_be_last(bytes, holds))
    return true;
  for (i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
    size_t from = prefixes[i], head = 8 - from; /* bytes before the one that is always zero */
    memcpy(four, bytes + from, head);
    memcpy(four + head, bytes + 9, 4 - head);
    if (bytes[8] == 0 && is_zero(bytes + 9 + (4 - head), 3 + head) && four[0] != 0 && holds(four))
      return true;
  }
  return false;
}

static bool private_4(const unsigned char *bytes) {
  return !public_4(bytes);
}

/* An IPv6 address that stands for one of IPv4 is what that one is. */
static bool public_6(const unsigned char *bytes) {
  const unsigned char *four = embedded_4(bytes);
  if (four && !public_4(four))
    return false;
  if ((bytes[0] & 0xE0) != 0x20) /* nothing is public there but what starts with zeros */
    return four && bytes[0] == 0;
  return !within_any(bytes, PRIVATE_6, sizeof PRIVATE_6 / sizeof *PRIVATE_6) &&
         !may_translate(bytes, private_4);
}

/* Link-local, or where clouds give out credentials: Alibaba, Oracle. */
static bool forbidden_4(const unsigned char *bytes) {
  static const block blocks[] = {
      {{169, 254, 0, 0}, 16}, {{100, 100, 100, 200}, 32}, {{192, 0, 0, 192}, 32}};
  return within_any(bytes, blocks, sizeof blocks / sizeof *blocks);
}

/* The same of IPv6: link-local; the metadata services of Amazon and Google. */
static bool forbidden_6(const unsigned char *bytes) {
  static const unsigned char amazon[16] = {0xFD, 0, 0x0E, 0xC2, [14] = 0x02, [15] = 0x54};
  static const unsigned char google[16] = {0xFD, 0x20, 0, 0xCE, [14] = 0x02, [15] = 0x54};
  const unsigned char *four = embedded_4(bytes);
  return (bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80) || (four && forbidden_4(four)) ||
         memcmp(bytes, amazon, sizeof amazon) == 0 || memcmp(bytes, google, sizeof google) == 0 ||
         may_translate(bytes, forbidden_4);
}

/* Whether the test of its family holds for an address; false for other families than the two. */
static bool passes(const struct sockaddr *address, bool (*test_4)(const unsigned char *),
                   bool (*test_6)(const unsigned char *)) {
  if (address->sa_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in);
    return test_4((const unsigned char *)&in.sin_addr);
  }
  if (address->sa_family == AF_INET6) {
    struct sockaddr_in6 in;
    memcpy(&in, address, sizeof in);
    return test_6((const unsigned char *)&in.sin6_addr);
  }
  return false;
}

/*
** Returns whether an address can be a public host's; false for other families than IPv4 and IPv6.
*/
bool cm_address_public(const struct sockaddr *address) {
  return passes(address, public_4, public_6);
}

/*
** Returns whether an address is link-local or a cloud's metadata service, which gives credentials
** to every caller: it cannot be a receiver of webhooks, in any network.
*/
bool cm_address_forbidden(const struct sockaddr *address) {
  return passes(address, forbidden_4, forbidden_6);
}

/*
** Returns whether a text is an address and not a name; then *is_public and *forbidden say what
** cm_address_public and cm_address_forbidden say.
*/
bool cm_address_read(const char *text, bool *is_public, bool *forbidden) {
  unsigned char bytes[sizeof(struct in6_addr)];
  if (inet_pton(AF_INET, text, bytes) == 1) {
    *is_public = public_4(bytes);
    *forbidden = forbidden_4(bytes);
  } else if (inet_pton(AF_INET6, text, bytes) == 1) {
    *is_public = public_6(bytes);
    *forbidden = forbidden_6(bytes);
  } else {
    return false;
  }
  return true;
}
