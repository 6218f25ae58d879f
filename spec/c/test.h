/*
** test.h: the smallest harness that says what failed. One line for each case: "ok NAME" or
** "not ok NAME: FILE:LINE: CONDITION"; test_end() gives the exit code.
*/
#ifndef CM_TEST_H
#define CM_TEST_H

#include <stdio.h>
#include <string.h>

static int test_failures;
static const char *test_fault;

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

/* Ends the case at the first condition that does not hold. */
#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      test_fault = __FILE__ ":" TEXT(__LINE__) ": " #condition;                                    \
      return;                                                                                      \
    }                                                                                              \
  } while (0)

#define CHECK_TEXT(got, want) CHECK(strcmp((got), (want)) == 0)

#define RUN(test) test_run(#test, test)

static void test_run(const char *name, void (*test)(void)) {
  test_fault = NULL;
  test();
  if (test_fault) {
    test_failures++;
    printf("not ok %s: %s\n", name, test_fault);
  } else {
    printf("ok %s\n", name);
  }
}

static int test_end(void) {
  return test_failures ? 1 : 0;
}

#endif
