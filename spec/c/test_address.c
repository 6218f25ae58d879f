#include "net/address.h"
#include "test.h"

static bool is_public, forbidden;

static bool read(const char *text) {
  return cm_address_read(text, &is_public, &forbidden);
}

static void public_hosts(void) {
  static const char *const texts[] = {
      "1.1.1.1",         "9.255.255.255",       "11.0.0.0",
      "100.63.255.255",  "100.128.0.0",         "126.255.255.255",
      "128.0.0.1",       "169.253.255.255",     "169.255.0.0",
      "172.15.255.255",  "172.32.0.0",          "192.167.255.255",
      "192.169.0.0",     "198.17.255.255",      "198.20.0.0",
      "223.255.255.255", "2606:4700::1111",     "2001:4860::8888",
      "2a00::1",         "::ffff:8.8.8.8",      "64:ff9b::808:808",
      "2002:808:808::1", "2a00::5efe:8.8.8.8",  "2a00:1450:4001:81b::200e",
      "2a00::8.8.8.8",   "2a00::1:203:808:808", "2a00::42:acff:fe11:2"};
  size_t i;
  for (i = 0; i < sizeof texts / sizeof *texts; i++) {
    if (!read(texts[i]) || !is_public)
      printf("# %s\n", texts[i]);
    CHECK(read(texts[i]) && is_public);
  }
}

static void no_public_hosts(void) {
  static const char *const texts[] = {"0.0.0.0",
                                      "0.1.2.3",
                                      "10.0.0.1",
                                      "10.255.255.255",
                                      "100.64.0.1",
                                      "100.127.255.255",
                                      "127.0.0.1",
                                      "127.255.255.255",
                                      "169.254.169.254",
                                      "172.16.0.1",
                                      "172.31.255.255",
                                      "192.0.0.8",
                                      "192.0.2.1",
                                      "192.88.99.1",
                                      "192.168.0.1",
                                      "198.18.0.1",
                                      "198.19.255.255",
                                      "198.51.100.7",
                                      "203.0.113.7",
                                      "224.0.0.1",
                                      "240.0.0.1",
                                      "255.255.255.255",
                                      "::",
                                      "::1",
                                      "::ffff:127.0.0.1",
                                      "::ffff:10.1.2.3",
                                      "::127.0.0.1",
                                      "64:ff9b::7f00:1",
                                      "2a00::1:203:10.0.0.1",
                                      "2a00::ff:ffff:127.0.0.1",
                                      "64:ff9b:1::1",
                                      "100::1",
                                      "2001::1",
                                      "2001:db8::1",
                                      "2002:7f00:1::1",
                                      "2002:a00:1::1",
                                      "3fff::1",
                                      "4000::1",
                                      "fc00::1",
                                      "fe80::5efe:8.8.8.8",
                                      "2a00::5efe:10.0.0.1",
                                      "2a00::200:5efe:192.168.1.1",
                                      "2a00:64::10.0.0.1",
                                      "2a00:64::169.254.169.254",
                                      "2a00:64:a9fe:a9fe::",
                                      "2a00:64:7f:0:1::",
                                      "2a00:64:0:c0a8:1:100::",
                                      "2a00:64:1:2:7f:0:100::",
                                      "fd12:3456::1",
                                      "fe80::1",
                                      "fec0::1",
                                      "ff02::1"};
  size_t i;
  for (i = 0; i < sizeof texts / sizeof *texts; i++) {
    if (!read(texts[i]) || is_public)
      printf("# %s\n", texts[i]);
    CHECK(read(texts[i]) && !is_public);
  }
}

static void never_connected_to(void) {
  static const char *const yes[] = {"169.254.169.254",
                                    "169.254.0.1",
                                    "100.100.100.200",
                                    "::ffff:169.254.169.254",
                                    "64:ff9b::169.254.169.254",
                                    "2a00::1:203:169.254.169.254",
                                    "2002:a9fe:a9fe::1",
                                    "2a00::5efe:169.254.1.1",
                                    "2a00:64::169.254.169.254",
                                    "fe80::1",
                                    "febf::1",
                                    "fd00:ec2::254",
                                    "fd20:ce::254"};
  static const char *const no[] = {"10.0.0.1", "127.0.0.1", "8.8.8.8", "::1",
                                   "fd00::1",  "2a00::1",   "fec0::1", "100.100.100.201"};
  size_t i;
  for (i = 0; i < sizeof yes / sizeof *yes; i++)
    CHECK(read(yes[i]) && forbidden && !is_public);
  for (i = 0; i < sizeof no / sizeof *no; i++)
    CHECK(read(no[i]) && !forbidden);
}

static void names_are_none(void) {
  CHECK(!read(""));
  CHECK(!read("localhost"));
  CHECK(!read("example.com"));
  CHECK(!read("127.1"));
  CHECK(!read("2130706433"));
  CHECK(!read("[::1]"));
  CHECK(!read("fe80::1%lo"));
}

static void other_families_are_not_public(void) {
  struct sockaddr address = {.sa_family = AF_UNIX};
  CHECK(!cm_address_public(&address));
}

int main(void) {
  RUN(public_hosts);
  RUN(no_public_hosts);
  RUN(never_connected_to);
  RUN(names_are_none);
  RUN(other_families_are_not_public);
  return test_end();
}
