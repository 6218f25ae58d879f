/* Texts and bytes as addresses: a text that is one has the answer of its bytes, and no address that
   stands for a private one of IPv4 is public. */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool of_bytes(const uint8_t *bytes, bool six) {
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  if (!six) {
    memcpy(&in.sin_addr, bytes, 4);
    return cm_address_public((const struct sockaddr *)&in);
  }
  memcpy(&in6.sin6_addr, bytes, 16);
  return cm_address_public((const struct sockaddr *)&in6);
}

/* The same bytes, written out and read again. */
static void check_text(const uint8_t *bytes, bool six) {
  char text[INET6_ADDRSTRLEN];
  bool is_public, forbidden;
  if (!inet_ntop(six ? AF_INET6 : AF_INET, bytes, text, sizeof text) ||
      !cm_address_read(text, &is_public, &forbidden) || is_public != of_bytes(bytes, six) ||
      (forbidden && is_public))
    abort();
}

static void check_embedded(const uint8_t *four) {
  uint8_t mapped[16] = {[10] = 0xFF, [11] = 0xFF}, nat64[16] = {0, 0x64, 0xFF, 0x9B};
  uint8_t six_to_four[16] = {0x20, 0x02};
  memcpy(mapped + 12, four, 4);
  memcpy(nat64 + 12, four, 4);
  memcpy(six_to_four + 2, four, 4);
  if (!of_bytes(four, false) &&
      (of_bytes(mapped, true) || of_bytes(nat64, true) || of_bytes(six_to_four, true)))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  bool is_public, forbidden;
  if (!text)
    return 0;
  memcpy(text, data, size);
  text[size] = '\0';
  cm_address_read(text, &is_public, &forbidden);
  free(text);
  if (size >= 4) {
    check_text(data, false);
    check_embedded(data);
  }
  if (size >= 16)
    check_text(data, true);
  return 0;
}
