#include "text/number.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_DIGITS 15      /* a double carries every decimal of so many significant digits */
#define LARGEST_EXPONENT 280 /* of ten, at which a double still has all of its digits */

/* A decimal number: the value is the integer `digits` times ten to the power of `exponent`. */
typedef struct decimal {
  bool minus;
  const char *at, *end; /* its digits, with a point among them perhaps; no zeros at either end */
  size_t count;         /* how many digits */
  long exponent;        /* of the last digit */
} decimal;

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static long exponent_of(const char *text, const char *end) {
  long value = 0;
  bool minus = text < end && *text == '-';
  if (text < end && (*text == '-' || *text == '+'))
    text++;
  for (; text < end; text++)
    if (value < 100000)
      value = value * 10 + (*text - '0');
  return minus ? -value : value;
}

/* Reads a number of JSON's grammar. */
static decimal read(const char *text, size_t n) {
  decimal d = {false, text, text + n, 0, 0};
  const char *mark = text + n, *point = NULL, *p;
  if (n && *text == '-') {
    d.minus = true;
    d.at++;
  }
  for (p = d.at; p < mark; p++) {
    if (*p == 'e' || *p == 'E') {
      d.exponent = exponent_of(p + 1, mark);
      d.end = p;
      break;
    }
    if (*p == '.')
      point = p;
  }
  if (point)
    d.exponent -= d.end - point - 1;
  while (d.at < d.end && (*d.at == '0' || *d.at == '.'))
    d.at++;
  while (d.end > d.at && (d.end[-1] == '0' || d.end[-1] == '.')) {
    /* a zero after the point is a part of the exponent already; one before it is not */
    d.exponent += d.end[-1] == '0';
    d.end--;
  }
  d.count = (size_t)(d.end - d.at) - (point && point > d.at && point < d.end);
  return d;
}

static bool add_zeros(cm_buf *out, long count) {
  for (; count > 0; count--)
    if (!cm_buf_adds(out, "0"))
      return false;
  return true;
}

/* Writes digits (without a point) that stand `exponent` places from the right. */
static bool add_placed(cm_buf *out, bool minus, const char *digits, size_t count, long exponent) {
  long whole = (long)count + exponent; /* digits before the point */
  if (minus && !cm_buf_adds(out, "-"))
    return false;
  if (exponent >= 0)
    return cm_buf_add(out, digits, count) && add_zeros(out, exponent);
  if (whole <= 0)
    return cm_buf_adds(out, "0.") && add_zeros(out, -whole) && cm_buf_add(out, digits, count);
  return cm_buf_add(out, digits, (size_t)whole) && cm_buf_adds(out, ".") &&
         cm_buf_add(out, digits + whole, count - (size_t)whole);
}

/* Whether a number of JSON's grammar is a whole one of at most 15 digits, in its shortest form. */
static bool is_short(const char *text, size_t n) {
  size_t i = n && *text == '-';
  if (n - i > EXACT_DIGITS || (n - i == 1 && text[i] == '0'))
    return false;
  for (; i < n; i++)
    if (!is_digit(text[i]))
      return false;
  return true;
}

/* The value of such a number, which a double carries exactly. */
static double short_value(const char *text, size_t n) {
  size_t i = *text == '-';
  int64_t value = 0;
  for (; i < n; i++)
    value = value * 10 + (text[i] - '0');
  return (double)(*text == '-' ? -value : value);
}

/*
** The value of a number of JSON's grammar. What is larger than any double is infinite.
*/
double cm_number_value(const char *text, size_t n) {
  char fixed[64], *copy = fixed;
  size_t len = 0;
  double value;
  const char *p;
  decimal d;
  if (n && is_short(text, n))
    return short_value(text, n);
  d = read(text, n);
  if (d.count == 0)
    return d.minus ? -0.0 : 0.0;
  if (d.count + 16 > sizeof fixed) {
    copy = malloc(d.count + 16);
    if (!copy)
      return HUGE_VAL; /* no caller takes an infinite number */
  }
  for (p = d.at; p < d.end; p++)
    if (*p != '.')
      copy[len++] = *p;
  /* without a point, which strtod reads by the locale */
  snprintf(copy + len, 16, "e%ld", d.exponent);
  value = strtod(copy, NULL);
  if (copy != fixed)
    free(copy);
  return d.minus ? -value : value;
}

/*
** Appends a double. Returns false for infinities and NaN, which JSON cannot carry, and when memory
** is short.
*/
bool cm_number_add_double(cm_buf *out, double value) {
  char text[40], digits[24];
  size_t len = 0, i;
  int precision;
  long exponent = 0;
  if (isnan(value) || isinf(value))
    return false;
  if (value == 0)
    return cm_buf_adds(out, "0");
  for (precision = EXACT_DIGITS; precision <= 17; precision++) {
    snprintf(text, sizeof text, "%.*e", precision - 1, fabs(value));
    len = 0;
    for (i = 0; text[i] && text[i] != 'e'; i++)
      if (is_digit(text[i])) /* the point is the locale's */
        digits[len++] = text[i];
    exponent = exponent_of(text + i + 1, text + strlen(text)) - (long)len + 1;
    snprintf(text, sizeof text, "%.*se%ld", (int)len, digits, exponent);
    if (strtod(text, NULL) == fabs(value))
      break;
  }
  while (len > 1 && digits[len - 1] == '0') {
    len--;
    exponent++;
  }
  return add_placed(out, value < 0, digits, len, exponent);
}

/*
** Appends a number of JSON's grammar as the double that it stands for. Returns false for one that
** no double reaches, and when memory is short.
*/
bool cm_number_add(cm_buf *out, const char *text, size_t n) {
  char digits[EXACT_DIGITS];
  size_t len = 0;
  const char *p;
  decimal d;
  if (is_short(text, n))
    return cm_buf_add(out, text, n);
  d = read(text, n);
  if (d.count == 0)
    return cm_buf_adds(out, "0");
  if (d.count > EXACT_DIGITS || d.exponent > LARGEST_EXPONENT || d.exponent < -LARGEST_EXPONENT)
    return cm_number_add_double(out, cm_number_value(text, n));
  for (p = d.at; p < d.end; p++)
    if (*p != '.')
      digits[len++] = *p;
  return add_placed(out, d.minus, digits, len, d.exponent);
}

/*
** Appends a decimal text ("-12.50", no exponent) with its point moved to the left, in its shortest
** form. Returns false, with nothing appended, if it is not such a text or memory is short.
*/
bool cm_number_add_shifted(cm_buf *out, const char *text, size_t n, size_t places) {
  size_t from = out->len, i = n && *text == '-', whole, fraction = 0, len;
  const char *start = text + i;
  char fixed[32] = "", *digits;
  bool ok;
  decimal d;
  for (whole = 0; i + whole < n && is_digit(text[i + whole]); whole++)
    ;
  i += whole;
  if (whole == 0)
    return false;
  if (i < n && text[i] == '.') {
    for (i++; i + fraction < n && is_digit(text[i + fraction]); fraction++)
      ;
    if (fraction == 0)
      return false;
    i += fraction;
  }
  if (i != n)
    return false;
  d = read(text, n);
  if (d.count == 0)
    return cm_buf_adds(out, "0");
  digits = d.count <= sizeof fixed ? fixed : calloc(d.count, 1);
  if (!digits)
    return false;
  len = 0;
  for (start = d.at; start < d.end; start++)
    if (*start != '.')
      digits[len++] = *start;
  ok = add_placed(out, d.minus, digits, len, d.exponent - (long)places);
  if (digits != fixed)
    free(digits);
  if (!ok)
    cm_buf_cut(out, from);
  return ok;
}

/*
** Counts the digits of a decimal text from the first that is not 0.
*/
size_t cm_number_significant(const char *text, size_t n) {
  size_t i, count = 0;
  for (i = 0; i < n; i++)
    if (is_digit(text[i]) && (count || text[i] != '0'))
      count++;
  return count;
}
