/* SPDX-License-Identifier: GPL-2.0-only */
/* The boot tests' clock, on which a crash kernel goes on; only crash_test.c has it. */
#ifndef _ASM_S390_CRASH_TEST_H
#define _ASM_S390_CRASH_TEST_H

#include <asm/timex.h>

/* get_cycles() counts in the same unit, from the kernel's own beginning. */
#define crash_test_clock()	(get_tod_clock_fast() >> 2)

#endif /* _ASM_S390_CRASH_TEST_H */
