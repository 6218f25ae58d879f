/*
** Preloaded by the sanitizer run: p11-kit, which libcurl's friends load, frees a locale in its
** destructor, and under AddressSanitizer that waits for ever on a lock of glibc (stock curl hangs
** the same way after a refused connection). A locale lost at exit hurts nobody.
*/
#include <locale.h>

void freelocale(locale_t locale);

void freelocale(locale_t locale) {
  (void)locale;
}
