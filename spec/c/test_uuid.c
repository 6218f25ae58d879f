#include "test.h"
#include "text/uuid.h"

static void has_the_form_of_version_4(void) {
  char text[CM_UUID_SIZE];
  int i, n;
  for (n = 0; n < 1000; n++) {
    CHECK(cm_uuid(text));
    CHECK(strlen(text) == 36);
    CHECK(strspn(text, "0123456789abcdef-") == 36);
    for (i = 0; i < 36; i++)
      CHECK((text[i] == '-') == (i == 8 || i == 13 || i == 18 || i == 23));
    CHECK(text[14] == '4');
    CHECK(strchr("89ab", text[19]) != NULL);
  }
}

static void differs_each_time(void) {
  char a[CM_UUID_SIZE], b[CM_UUID_SIZE];
  CHECK(cm_uuid(a) && cm_uuid(b));
  CHECK(strcmp(a, b) != 0);
}

int main(void) {
  RUN(has_the_form_of_version_4);
  RUN(differs_each_time);
  return test_end();
}
