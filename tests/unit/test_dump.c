#include "test.h"
const struct test dump_tests[] = { { } };
