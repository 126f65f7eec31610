#include "test.h"
const struct test late_tests[] = { { } };
