#include "text/guarded.h"
#include "test.h"

#include <stdint.h>

static void gives_whole_pages_of_zeros(void) {
  size_t room = 0, i;
  char *bytes = cm_guarded_alloc(1, &room);
  CHECK(bytes && room >= 4096 && (uintptr_t)bytes % 4096 == 0);
  for (i = 0; i < room; i++)
    CHECK(bytes[i] == 0);
  memset(bytes, 'x', room);
  cm_guarded_free(bytes, room);
  bytes = cm_guarded_alloc(room + 1, &i);
  CHECK(bytes && i == 2 * room);
  cm_guarded_free(bytes, i);
}

static void refuses_impossible_sizes(void) {
  size_t room;
  CHECK(!cm_guarded_alloc(0, &room));
  CHECK(!cm_guarded_alloc(SIZE_MAX, &room));
  CHECK(!cm_guarded_alloc(SIZE_MAX / 2, &room));
  cm_guarded_free(NULL, 0);
}

int main(void) {
  RUN(gives_whole_pages_of_zeros);
  RUN(refuses_impossible_sizes);
  return test_end();
}
