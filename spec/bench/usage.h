/* What the C programs of the benchmark print: objects, objects/s, CPU us an object, peak MB. */
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

typedef struct usage {
  double cpu, wall;
} usage;

static usage usage_now(void) {
  struct rusage r;
  struct timespec t;
  getrusage(RUSAGE_SELF, &r);
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (usage){(double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
                     (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6,
                 (double)t.tv_sec + (double)t.tv_nsec / 1e9};
}

static void usage_print(long objects, usage spent) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  printf("%ld %.0f %.1f %.1f\n", objects, (double)objects / spent.wall,
         spent.cpu / (double)objects * 1e6, (double)r.ru_maxrss / 1024);
}
