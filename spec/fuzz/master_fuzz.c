/* Texts of any shape as a master key: one that is taken has an id, and derives keys. */
#include "crypto/master.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const cm_part purpose = {"secrets", 7};
  const char *wrong = NULL;
  char mac[CM_MAC_SIZE];
  cm_master m;
  if (!cm_master_read(&m, (const char *)data, size, &wrong)) {
    if (!wrong || !*wrong)
      abort();
    return 0;
  }
  if (strlen(m.id) != CM_KEY_ID_SIZE - 1 || size < CM_MASTER_SIZE ||
      !cm_master_sign(&m, purpose, purpose, mac) || strlen(mac) != CM_MAC_SIZE - 1)
    abort();
  cm_master_wipe(&m);
  return 0;
}
