#include "net/interrupt.h"
#include "test.h"

#include <signal.h>

static volatile sig_atomic_t caught;

static void catch_it(int number) {
  caught = number;
}

static void handle(int number, void (*handler)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  sigaction(number, &action, NULL);
}

static void notes_the_first_and_lets_the_second_through(void) {
  handle(SIGINT, catch_it);
  caught = 0;
  cm_interrupt_hold();
  CHECK(cm_interrupt_pending() == 0);
  raise(SIGINT);
  CHECK(cm_interrupt_pending() == SIGINT && caught == 0);
  raise(SIGINT);
  CHECK(caught == SIGINT);
  cm_interrupt_release();
}

static void gives_signals_back(void) {
  handle(SIGTERM, catch_it);
  caught = 0;
  cm_interrupt_hold();
  cm_interrupt_release();
  raise(SIGTERM);
  CHECK(caught == SIGTERM && cm_interrupt_pending() == 0);
}

static void counts_its_holders(void) {
  handle(SIGTERM, catch_it);
  caught = 0;
  cm_interrupt_hold();
  cm_interrupt_hold();
  cm_interrupt_release();
  raise(SIGTERM);
  CHECK(caught == 0 && cm_interrupt_pending() == SIGTERM);
  cm_interrupt_release();
  CHECK(cm_interrupt_pending() == SIGTERM);
  cm_interrupt_release(); /* one too many does nothing */
  cm_interrupt_hold();
  CHECK(cm_interrupt_pending() == 0);
  cm_interrupt_release();
}

static void leaves_ignored_signals_ignored(void) {
  handle(SIGINT, SIG_IGN);
  cm_interrupt_hold();
  raise(SIGINT);
  CHECK(cm_interrupt_pending() == 0);
  cm_interrupt_release();
  raise(SIGINT);
}

int main(void) {
  RUN(notes_the_first_and_lets_the_second_through);
  RUN(gives_signals_back);
  RUN(counts_its_holders);
  RUN(leaves_ignored_signals_ignored);
  return test_end();
}
