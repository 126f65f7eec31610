#include "test.h"
const struct test nested_tests[] = { { } };
