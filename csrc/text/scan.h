/*
** scan.h: looks at several bytes of a text at once. Lua-free.
** Strings and blanks are most of a page, so these functions decide how fast pages become records.
** Each looks at CM_SCAN_STEP bytes, which must be there, and gives the place of the first one of a
** kind, or CM_SCAN_STEP if there is none: cm_scan_filled the first that is not a blank. That is
** sixteen with SSE2, which every x86-64 has; eight elsewhere, or with CM_SCAN_PORTABLE (spec/c).
*/
#ifndef CM_SCAN_H
#define CM_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(CM_SCAN_PORTABLE)
#include <emmintrin.h>

#define CM_SCAN_STEP 16
typedef __m128i cm_scan_bytes;

static inline cm_scan_bytes cm_scan_load(const char *s) {
  return _mm_loadu_si128((const __m128i *)(const void *)s);
}

static inline cm_scan_bytes cm_scan_equal(cm_scan_bytes v, char c) {
  return _mm_cmpeq_epi8(v, _mm_set1_epi8(c));
}

static inline cm_scan_bytes cm_scan_either(cm_scan_bytes a, cm_scan_bytes b) {
  return _mm_or_si128(a, b);
}

static inline cm_scan_bytes cm_scan_control(cm_scan_bytes v) {
  return _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);
}

/* Compared with signs, the bytes outside ASCII are below the blank, too. */
static inline cm_scan_bytes cm_scan_control_or_high(cm_scan_bytes v) {
  return _mm_cmplt_epi8(v, _mm_set1_epi8(' '));
}

static inline size_t cm_scan_first(cm_scan_bytes marks) {
  return (size_t)__builtin_ctz((unsigned)_mm_movemask_epi8(marks) | 1u << CM_SCAN_STEP);
}

static inline size_t cm_scan_filled(const char *s) {
  cm_scan_bytes blanks = cm_scan_equal(cm_scan_load(s), ' ');
  return (size_t)__builtin_ctz(~(unsigned)_mm_movemask_epi8(blanks));
}
#else
/* A byte is marked by its top bit. A mark may be false only above a true one, so that the lowest is
   exact: the first byte is made the lowest. */
#define CM_SCAN_STEP 8
#define CM_SCAN_ONES UINT64_C(0x0101010101010101)
#define CM_SCAN_TOPS (CM_SCAN_ONES << 7)
typedef uint64_t cm_scan_bytes;

static inline cm_scan_bytes cm_scan_load(const char *s) {
  uint64_t v;
  memcpy(&v, s, sizeof v);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  return v;
}

static inline cm_scan_bytes cm_scan_equal(cm_scan_bytes v, char c) {
  v ^= CM_SCAN_ONES * (unsigned char)c;
  return (v - CM_SCAN_ONES) & ~v;
}

static inline cm_scan_bytes cm_scan_either(cm_scan_bytes a, cm_scan_bytes b) {
  return a | b;
}

static inline cm_scan_bytes cm_scan_control(cm_scan_bytes v) {
  return (v - CM_SCAN_ONES * ' ') & ~v;
}

static inline cm_scan_bytes cm_scan_control_or_high(cm_scan_bytes v) {
  return (v - CM_SCAN_ONES * ' ') | v;
}

static inline size_t cm_scan_first(cm_scan_bytes marks) {
  marks &= CM_SCAN_TOPS;
  return marks ? (size_t)__builtin_ctzll(marks) / 8 : CM_SCAN_STEP;
}

static inline size_t cm_scan_filled(const char *s) {
  uint64_t others = cm_scan_load(s) ^ (CM_SCAN_ONES * ' '); /* no marks: they are not exact */
  return others ? (size_t)__builtin_ctzll(others) / 8 : CM_SCAN_STEP;
}
#endif

/*
** The first byte that is '"', '\\', a control character or outside ASCII.
*/
static inline size_t cm_scan_special(const char *s) {
  cm_scan_bytes v = cm_scan_load(s);
  return cm_scan_first(cm_scan_either(
      cm_scan_control_or_high(v), cm_scan_either(cm_scan_equal(v, '"'), cm_scan_equal(v, '\\'))));
}

/*
** The first byte that a record's strings have escaped: '"', '\\', a control character or DEL.
*/
static inline size_t cm_scan_escaped(const char *s) {
  cm_scan_bytes v = cm_scan_load(s);
  return cm_scan_first(
      cm_scan_either(cm_scan_either(cm_scan_control(v), cm_scan_equal(v, 0x7F)),
                     cm_scan_either(cm_scan_equal(v, '"'), cm_scan_equal(v, '\\'))));
}

#endif
