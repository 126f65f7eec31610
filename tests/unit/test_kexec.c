#include "test.h"
const struct test kexec_tests[] = { { } };
