#include "text/page.h"
#include "test.h"

#include "text/json.h"

static cm_page page;
static char why[128];

static cm_scan scan(const char *text) {
  cm_page_free(&page);
  cm_buf_adds(&page.body, text);
  why[0] = '\0';
  return cm_page_scan(&page, why, sizeof why);
}

static bool id_is(size_t i, const char *want) {
  size_t len;
  const char *id = cm_page_id(&page, i, &len);
  return len == strlen(want) && memcmp(id, want, len) == 0;
}

static bool text_is(size_t i, const char *want) {
  return page.list[i].len == strlen(want) &&
         memcmp(page.body.data + page.list[i].at, want, page.list[i].len) == 0;
}

static void finds_elements(void) {
  CHECK(
      scan(
          "{\"object\":\"list\",\"data\":[ {\"id\":\"ch_1\",\"created\":12,\"x\":{\"id\":\"no\"}} ,"
          "{\"created\":-3,\"id\":\"ch_2\"}],\"has_more\":true,\"url\":\"/v1/charges\"}") ==
      CM_SCAN_OK);
  CHECK(page.count == 2 && page.has_more);
  CHECK(id_is(0, "ch_1") && id_is(1, "ch_2"));
  CHECK(page.list[0].created == 12 && page.list[1].created == -3);
  CHECK(text_is(0, "{\"id\":\"ch_1\",\"created\":12,\"x\":{\"id\":\"no\"}}"));
  CHECK(text_is(1, "{\"created\":-3,\"id\":\"ch_2\"}"));
}

static void takes_any_order_and_an_empty_list(void) {
  CHECK(scan(" {\"has_more\":false,\"data\":[],\"object\":\"list\"} ") == CM_SCAN_OK);
  CHECK(page.count == 0 && !page.has_more);
}

static void tolerates_odd_elements(void) {
  CHECK(scan("{\"object\":\"list\",\"has_more\":false,\"data\":[{},{\"id\":5,\"created\":\"x\"},"
             "{\"id\":\"a\\u0041\",\"created\":1.5},{\"id\":\"\"},{\"id\":null}]}") == CM_SCAN_OK);
  CHECK(page.count == 5);
  CHECK(id_is(0, "") && id_is(1, "") && id_is(2, "aA") && id_is(3, "") && id_is(4, ""));
  CHECK(!page.list[1].has_created && !page.list[2].has_created);
}

static void reads_escapes_in_ids(void) {
  CHECK(scan("{\"object\":\"list\",\"has_more\":false,\"data\":[{\"id\":\"12\\\" vinyl\"},"
             "{\"id\":\"plain\"},{\"id\":\"\\u00e9t\\u00E9\"},{\"id\":\"a\\\\b\"}]}") ==
        CM_SCAN_OK);
  CHECK(id_is(0, "12\" vinyl") && id_is(1, "plain") && id_is(2, "\xC3\xA9t\xC3\xA9") &&
        id_is(3, "a\\b"));
}

/* Scans a page of one object whose id has so many bytes, escapes read. */
static bool keeps_an_id_of(size_t len, bool escaped) {
  cm_buf text = {0};
  size_t i, found = 0;
  bool scanned;
  cm_buf_adds(&text, "{\"object\":\"list\",\"has_more\":false,\"data\":[{\"id\":\"");
  for (i = 0; i < len; i++)
    cm_buf_adds(&text, escaped ? "\\u0041" : "A");
  cm_buf_adds(&text, "\"}]}");
  scanned = scan(text.data) == CM_SCAN_OK;
  cm_buf_free(&text);
  if (scanned)
    cm_page_id(&page, 0, &found);
  return found == len;
}

static void bounds_ids(void) {
  size_t more;
  CHECK(keeps_an_id_of(CM_ELEMENT_ID, true) && keeps_an_id_of(CM_ELEMENT_ID, false));
  for (more = 1; more < 8; more++)
    CHECK(!keeps_an_id_of(CM_ELEMENT_ID + more, true) &&
          !keeps_an_id_of(CM_ELEMENT_ID + more, false));
}

static void refuses_other_json(void) {
  CHECK(scan("{\"object\":\"search_result\",\"data\":[],\"has_more\":false}") == CM_SCAN_FOREIGN);
  CHECK_TEXT(why, "not a list object at byte 11");
  CHECK(scan("{\"id\":\"acct_1\",\"object\":\"account\"}") == CM_SCAN_FOREIGN);
  CHECK(scan("{}") == CM_SCAN_FOREIGN);
  CHECK(scan("{\"object\":\"list\",\"has_more\":false}") == CM_SCAN_FOREIGN);
  CHECK_TEXT(why, "list without \"data\" at byte 0");
  CHECK(scan("{\"object\":\"list\",\"data\":[]}") == CM_SCAN_FOREIGN);
  CHECK(scan("{\"object\":\"list\",\"data\":[],\"data\":[],\"has_more\":false}") ==
        CM_SCAN_FOREIGN);
  CHECK(scan("{\"object\":\"list\",\"data\":[{}],\"has_more\":false}") == CM_SCAN_OK);
  CHECK(page.count == 1);
}

static void refuses_damage(void) {
  CHECK(scan("") == CM_SCAN_DAMAGED);
  CHECK(scan("<html>502</html>") == CM_SCAN_DAMAGED);
  CHECK(scan("{\"object\":\"list\",\"data\":[{\"id\":\"ch_1\"},{\"id\":\"ch") == CM_SCAN_DAMAGED);
  CHECK_TEXT(why, "ends too early at byte 48");
  CHECK(page.count == 0);
  CHECK(scan("{\"object\":\"list\",\"data\":[{\"id\":\"ch_1\"],\"has_more\":false}") ==
        CM_SCAN_DAMAGED);
  CHECK(scan("{\"object\":\"list\",\"data\":{},\"has_more\":false}") == CM_SCAN_DAMAGED);
  CHECK(scan("{\"object\":\"list\",\"data\":[],\"has_more\":\"no\"}") == CM_SCAN_DAMAGED);
  CHECK(scan("{\"object\":\"list\",\"data\":[],\"has_more\":false}{}") == CM_SCAN_DAMAGED);
}

static void bounds_depth_and_count(void) {
  cm_buf text = {0};
  int i;
  cm_buf_adds(&text, "{\"object\":\"list\",\"has_more\":false,\"data\":[{\"x\":");
  for (i = 0; i < 100000; i++)
    cm_buf_adds(&text, "[");
  CHECK(scan(text.data) == CM_SCAN_DAMAGED);
  CHECK(strstr(why, "nested too deep"));
  cm_buf_clear(&text);
  cm_buf_adds(&text, "{\"object\":\"list\",\"has_more\":false,\"data\":[{}");
  for (i = 0; i < CM_PAGE_MAX; i++)
    cm_buf_adds(&text, ",{}");
  cm_buf_adds(&text, "]}");
  CHECK(scan(text.data) == CM_SCAN_FOREIGN);
  CHECK(strstr(why, "too many elements"));
  cm_buf_free(&text);
}

/* Scans a page of one element between two whole ones, and returns its fault. */
static const char *fault_of(const char *element) {
  cm_buf text = {0};
  cm_scan result;
  cm_buf_adds(&text, "{\"object\":\"list\",\"data\":[{\"id\":\"ch_1\"}, ");
  cm_buf_adds(&text, element);
  cm_buf_adds(&text, " ,{\"id\":\"ch_3\",\"created\":3}],\"has_more\":false}");
  result = scan(text.data);
  cm_buf_free(&text);
  if (result != CM_SCAN_OK || page.count != 3 || !id_is(0, "ch_1") || !id_is(2, "ch_3") ||
      !page.list[2].has_created)
    return "the others are lost";
  return page.list[1].fault;
}

static void a_bad_element_fails_alone(void) {
  cm_buf deep = {0};
  int i, levels;
  CHECK(fault_of("{}") == NULL && !page.damaged);
  CHECK_TEXT(fault_of("{\"id\":\"ch_2\",\"x\":\"\xFF]\"}"), "invalid UTF-8");
  CHECK(id_is(1, "ch_2") && page.damaged);
  CHECK_TEXT(fault_of("{\"x\":01,\"y\":{\"id\":\"no\"},\"id\" : \"ch_2\"}"),
             "number with a leading zero");
  CHECK(id_is(1, "ch_2"));
  CHECK_TEXT(fault_of("{\"x\":01,\"id\":\"a\\u0041\"}"), "number with a leading zero");
  CHECK(id_is(1, ""));
  CHECK_TEXT(fault_of("null"), "object expected");
  CHECK(!page.damaged);
  CHECK_TEXT(fault_of("[{\"id\":\"no\"}]"), "object expected");
  CHECK_TEXT(fault_of("\"a,]}\""), "object expected");
  for (levels = CM_JSON_DEPTH; levels <= CM_JSON_DEPTH + 1; levels++) {
    cm_buf_clear(&deep);
    cm_buf_adds(&deep, "{\"x\":");
    for (i = 1; i < levels; i++)
      cm_buf_adds(&deep, "[");
    for (i = 1; i < levels; i++)
      cm_buf_adds(&deep, "]");
    cm_buf_adds(&deep, ",\"id\":\"ch_2\"}");
    if (levels == CM_JSON_DEPTH)
      CHECK(fault_of(deep.data) == NULL);
    else
      CHECK_TEXT(fault_of(deep.data), "nested too deep");
    CHECK(!page.damaged);
    CHECK(id_is(1, "ch_2"));
  }
  cm_buf_free(&deep);
}

static void every_cut_is_noticed(void) {
  static const char whole[] =
      "{\"object\":\"list\",\"data\":[{\"id\":\"ch_\xC3\xA9\",\"created\":12,"
      "\"n\":-1.5e3,\"a\":[true,null]}],\"has_more\":false}";
  size_t n;
  for (n = 0; n < sizeof whole - 1; n++) {
    cm_page_free(&page);
    cm_buf_add(&page.body, whole, n);
    CHECK(cm_page_scan(&page, why, sizeof why) == CM_SCAN_DAMAGED);
  }
  CHECK(scan(whole) == CM_SCAN_OK);
}

static void moves(void) {
  cm_page other = {0};
  CHECK(scan("{\"object\":\"list\",\"data\":[{}],\"has_more\":false}") == CM_SCAN_OK);
  cm_page_move(&other, &page);
  CHECK(other.count == 1 && page.count == 0 && page.list == NULL);
  cm_page_free(&other);
}

int main(void) {
  RUN(finds_elements);
  RUN(takes_any_order_and_an_empty_list);
  RUN(tolerates_odd_elements);
  RUN(reads_escapes_in_ids);
  RUN(bounds_ids);
  RUN(refuses_other_json);
  RUN(refuses_damage);
  RUN(bounds_depth_and_count);
  RUN(a_bad_element_fails_alone);
  RUN(every_cut_is_noticed);
  RUN(moves);
  cm_page_free(&page);
  return test_end();
}
