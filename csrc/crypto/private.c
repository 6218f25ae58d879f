#define _POSIX_C_SOURCE 200809L

#include "crypto/private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/*
** From here on, only its owner may read the files that this process and its children create, and
** none of them dumps core. For programs, not for a library in somebody else's process.
*/
void cm_private_process(void) {
  const struct rlimit none = {0, 0};
  umask(S_IRWXG | S_IRWXO);
  (void)setrlimit(RLIMIT_CORE, &none);
}

/*
** Creates an empty file that only its owner may read and write, whatever the umask is. Returns
** false, with the reason in errno, if it cannot; a file that exists is not touched, and is EEXIST.
*/
bool cm_private_file(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, S_IRUSR | S_IWUSR);
  return fd >= 0 && close(fd) == 0;
}
