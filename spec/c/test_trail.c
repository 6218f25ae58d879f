#include "test.h"
#include "net/trail.h"

static cm_trail trail;
static cm_page page;

/* A page of ids "a", "b", ... with the given `created`; 0 stands for none. */
static void make(const char *ids, const int *created) {
  char element[64], why[64];
  size_t i;
  cm_page_free(&page);
  cm_buf_adds(&page.body, "{\"object\":\"list\",\"has_more\":true,\"data\":[");
  for (i = 0; ids[i]; i++) {
    if (created[i])
      snprintf(element, sizeof element, "%s{\"id\":\"%c\",\"created\":%d}", i ? "," : "", ids[i],
               created[i]);
    else
      snprintf(element, sizeof element, "%s{\"id\":\"%c\"}", i ? "," : "", ids[i]);
    cm_buf_adds(&page.body, element);
  }
  cm_buf_adds(&page.body, "]}");
  cm_page_scan(&page, why, sizeof why);
}

static void start(void) {
  cm_trail_free(&trail);
}

static bool holds(const char *ids) {
  return trail.ids.len == strlen(ids) && memcmp(cm_buf_str(&trail.ids), ids, strlen(ids)) == 0 &&
         trail.count == strlen(ids);
}

static void keeps_the_last_page(void) {
  start();
  make("abc", (const int[]){9, 8, 7});
  CHECK(cm_trail_add(&trail, &page) && holds("abc"));
  make("def", (const int[]){6, 5, 4});
  CHECK(cm_trail_add(&trail, &page) && holds("def"));
  CHECK(cm_trail_find(&trail, "e", 1) == 1);
  CHECK(cm_trail_find(&trail, "a", 1) == 3 && cm_trail_find(&trail, "", 0) == 3);
}

static void keeps_the_second_of_the_last_object(void) {
  start();
  make("abc", (const int[]){9, 7, 7});
  CHECK(cm_trail_add(&trail, &page));
  make("de", (const int[]){7, 7});
  CHECK(cm_trail_add(&trail, &page) && holds("bcde"));
  make("fg", (const int[]){7, 6});
  CHECK(cm_trail_add(&trail, &page) && holds("fg"));
}

static void does_without_created(void) {
  start();
  make("ab", (const int[]){0, 0});
  CHECK(cm_trail_add(&trail, &page));
  make("cd", (const int[]){0, 0});
  CHECK(cm_trail_add(&trail, &page) && holds("cd"));
  CHECK(!trail.list[1].has_created);
}

static void filters_a_page(void) {
  start();
  make("abc", (const int[]){7, 7, 7});
  CHECK(cm_trail_add(&trail, &page));
  make("bcde", (const int[]){7, 7, 7, 6});
  CHECK(cm_trail_filter(&trail, &page) == 2);
  CHECK(page.count == 2 && page.list[0].created == 7 && page.list[1].created == 6);
  make("ab", (const int[]){7, 7});
  CHECK(cm_trail_filter(&trail, &page) == 0);
}

int main(void) {
  RUN(keeps_the_last_page);
  RUN(keeps_the_second_of_the_last_object);
  RUN(does_without_created);
  RUN(filters_a_page);
  cm_trail_free(&trail);
  cm_page_free(&page);
  return test_end();
}
