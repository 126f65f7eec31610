#include "test.h"
const struct test hotplug_tests[] = { { } };
