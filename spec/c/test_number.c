#include "text/number.h"
#include "test.h"

#include <math.h>

static const char *number(const char *text) {
  static cm_buf out;
  cm_buf_clear(&out);
  return cm_number_add(&out, text, strlen(text)) ? cm_buf_str(&out) : "none";
}

static const char *of_double(double value) {
  static cm_buf out;
  cm_buf_clear(&out);
  return cm_number_add_double(&out, value) ? cm_buf_str(&out) : "none";
}

static const char *shifted(const char *text, size_t places) {
  static cm_buf out;
  cm_buf_clear(&out);
  return cm_number_add_shifted(&out, text, strlen(text), places) ? cm_buf_str(&out) : "none";
}

static void keeps_whole_numbers(void) {
  CHECK_TEXT(number("0"), "0");
  CHECK_TEXT(number("-0"), "0");
  CHECK_TEXT(number("-1999"), "-1999");
  CHECK_TEXT(number("999999999999999"), "999999999999999");
}

static void writes_decimals_without_zeros(void) {
  CHECK_TEXT(number("1.50"), "1.5");
  CHECK_TEXT(number("-0.0"), "0");
  CHECK_TEXT(number("100.0"), "100");
  CHECK_TEXT(number("0.30000000000000004"), "0.30000000000000004");
}

static void writes_exponents_out(void) {
  CHECK_TEXT(number("1.5e-7"), "0.00000015");
  CHECK_TEXT(number("12.5e1"), "125");
  CHECK_TEXT(number("1E+3"), "1000");
  CHECK_TEXT(number("1e22"), "10000000000000000000000");
}

static void rounds_as_a_double(void) {
  CHECK_TEXT(number("12345678901234567"), "12345678901234568");
  CHECK_TEXT(number("9007199254740993"), "9007199254740992");
  CHECK_TEXT(number("1e-400"), "0");
  CHECK_TEXT(number("1e400"), "none");
  CHECK(cm_number_value("-12.25e1", 8) == -122.5);
}

static void writes_doubles(void) {
  CHECK_TEXT(of_double(0.1), "0.1");
  CHECK_TEXT(of_double(-0.0), "0");
  CHECK_TEXT(of_double(-1234.5), "-1234.5");
  CHECK_TEXT(of_double(1e15), "1000000000000000");
  CHECK_TEXT(of_double(HUGE_VAL), "none");
  CHECK_TEXT(of_double(NAN), "none");
}

static void moves_the_point(void) {
  CHECK_TEXT(shifted("1250", 2), "12.5");
  CHECK_TEXT(shifted("-5", 3), "-0.005");
  CHECK_TEXT(shifted("1999.123456789012", 2), "19.99123456789012");
  CHECK_TEXT(shifted("007", 0), "7");
  CHECK_TEXT(shifted("-0.00", 2), "0");
}

static void refuses_what_is_no_decimal(void) {
  CHECK_TEXT(shifted("", 2), "none");
  CHECK_TEXT(shifted("-", 2), "none");
  CHECK_TEXT(shifted("5.", 2), "none");
  CHECK_TEXT(shifted(".5", 2), "none");
  CHECK_TEXT(shifted("1e3", 2), "none");
}

static void counts_significant_digits(void) {
  CHECK(cm_number_significant("-0.00120", 8) == 3);
  CHECK(cm_number_significant("0", 1) == 0);
}

int main(void) {
  RUN(keeps_whole_numbers);
  RUN(writes_decimals_without_zeros);
  RUN(writes_exponents_out);
  RUN(rounds_as_a_double);
  RUN(writes_doubles);
  RUN(moves_the_point);
  RUN(refuses_what_is_no_decimal);
  RUN(counts_significant_digits);
  return test_end();
}
