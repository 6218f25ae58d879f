/* As test_scan.c, for machines without SSE2. */
#define CM_SCAN_PORTABLE
#include "test_scan.c"
