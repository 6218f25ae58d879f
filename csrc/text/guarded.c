#define _DEFAULT_SOURCE

#include "text/guarded.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/*
** Gives at least n bytes on pages of their own; *room is how many. The pages are in no core dump of
** this process, and a child that it forks does not get them dumped either. Returns NULL when memory
** is short.
** API: madvise(2), MADV_DONTDUMP (Linux 3.4).
*/
void *cm_guarded_alloc(size_t n, size_t *room) {
  long page = sysconf(_SC_PAGESIZE);
  size_t unit = page > 0 ? (size_t)page : 4096, size;
  void *bytes;
  if (n == 0 || n > SIZE_MAX - unit)
    return NULL;
  size = (n + unit - 1) / unit * unit;
  bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED)
    return NULL;
#ifdef MADV_DONTDUMP
  if (madvise(bytes, size, MADV_DONTDUMP) != 0) { /* a kernel without it says so */
    munmap(bytes, size);
    return NULL;
  }
#endif
  *room = size;
  return bytes;
}

/*
** Wipes the bytes and gives them back. room: as cm_guarded_alloc told. NULL is harmless.
*/
void cm_guarded_free(void *bytes, size_t room) {
  if (!bytes)
    return;
  OPENSSL_cleanse(bytes, room);
  munmap(bytes, room);
}
