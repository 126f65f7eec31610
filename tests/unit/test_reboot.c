#include "test.h"
const struct test reboot_tests[] = { { } };
