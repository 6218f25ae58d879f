#define _DEFAULT_SOURCE

#include "crypto/private.h"
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/private_XXXXXX";
static char path[64];

static void creates_a_file_of_its_owner(void) {
  struct stat s;
  umask(0);
  CHECK(cm_private_file(path) && stat(path, &s) == 0 && (s.st_mode & 07777) == 0600);
  errno = 0;
  CHECK(!cm_private_file(path) && errno == EEXIST);
  CHECK(chmod(path, 0640) == 0 && !cm_private_file(path));
  CHECK(stat(path, &s) == 0 && (s.st_mode & 07777) == 0640);
  CHECK(!cm_private_file("/tmp/no such folder/file") && errno == ENOENT);
}

static void makes_the_process_private(void) {
  struct rlimit limit;
  cm_private_process();
  CHECK(umask(0) == 077);
  CHECK(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0);
}

int main(void) {
  if (!mkdtemp(folder))
    return 1;
  snprintf(path, sizeof path, "%s/file", folder);
  RUN(creates_a_file_of_its_owner);
  RUN(makes_the_process_private);
  unlink(path);
  rmdir(folder);
  return test_end();
}
