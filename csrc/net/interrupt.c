#define _POSIX_C_SOURCE 200809L

#include "net/interrupt.h"

#include <signal.h>
#include <stddef.h>

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP};
#define N_SIGNALS (sizeof SIGNALS / sizeof *SIGNALS)

static struct sigaction before[N_SIGNALS];
static int holders;
static volatile sig_atomic_t pending;

static void restore(void) {
  size_t i;
  for (i = 0; i < N_SIGNALS; i++)
    if (before[i].sa_handler != SIG_IGN)
      sigaction(SIGNALS[i], &before[i], NULL);
}

/* The first signal is noted; a second one acts as it would have without this handler. */
static void note(int number) {
  if (!pending) {
    pending = number;
    return;
  }
  restore();
  raise(number);
}

/*
** From now on SIGINT, SIGTERM and SIGHUP are only noted, the first time. What is ignored stays
** ignored. Holds count: each is released by itself.
*/
void cm_interrupt_hold(void) {
  struct sigaction ours = {.sa_handler = note}; /* no SA_RESTART: a waiting call must wake up */
  size_t i;
  if (holders++ > 0)
    return;
  sigemptyset(&ours.sa_mask);
  pending = 0;
  for (i = 0; i < N_SIGNALS; i++) {
    sigaction(SIGNALS[i], NULL, &before[i]);
    if (before[i].sa_handler != SIG_IGN)
      sigaction(SIGNALS[i], &ours, NULL);
  }
}

/*
** Ends a hold. After the last one signals are handled as before; what was noted stays so until the
** next hold.
*/
void cm_interrupt_release(void) {
  if (holders > 0 && --holders == 0)
    restore();
}

/*
** Returns the number of the signal that was noted since the first hold, or 0.
*/
int cm_interrupt_pending(void) {
  return pending;
}
