#include "test.h"
const struct test owner_tests[] = { { } };
