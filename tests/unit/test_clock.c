#include "test.h"
const struct test clock_tests[] = { { } };
