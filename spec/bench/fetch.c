/*
** The bytes of a sync, fetched by libcurl one after the other over one connection and forgotten.
**   fetch URLS OBJECTS      URLS: what urls.lua prints
*/
#define _GNU_SOURCE
#include "usage.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

static size_t forget(char *bytes, size_t size, size_t n, void *total) {
  (void)bytes;
  *(size_t *)total += size * n;
  return size * n;
}

int main(int argc, char **argv) {
  char line[4096];
  FILE *urls = argc == 3 ? fopen(argv[1], "r") : NULL;
  CURL *curl = curl_easy_init();
  size_t total = 0;
  usage before = usage_now(), after;
  if (!urls || !curl)
    return 2;
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl, CURLOPT_USERPWD, "sk_test_emulator:");
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, forget);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &total);
  while (fgets(line, sizeof line, urls)) {
    static const char start[] = "url = \"";
    char *end = strrchr(line, '"');
    if (strncmp(line, start, sizeof start - 1) != 0 || !end)
      continue;
    *end = '\0';
    curl_easy_setopt(curl, CURLOPT_URL, line + sizeof start - 1);
    if (curl_easy_perform(curl) != CURLE_OK)
      return 1;
  }
  after = usage_now();
  usage_print(strtol(argv[2], NULL, 10), (usage){after.cpu - before.cpu, after.wall - before.wall});
  curl_easy_cleanup(curl);
  fclose(urls);
  return total == 0;
}
