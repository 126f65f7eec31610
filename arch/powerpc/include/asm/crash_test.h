/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the boot tests' driver sends its own CPU a system reset, and how it restarts;
 * only crash_test.c has it.
 */
#ifndef _ASM_POWERPC_CRASH_TEST_H
#define _ASM_POWERPC_CRASH_TEST_H

#include <asm/machdep.h>
#include <asm/smp.h>

static int (*crash_test_next_reset)(struct pt_regs *regs);

static int crash_test_reset(struct pt_regs *regs)
{
	return crash_test_nmi(regs) || (crash_test_next_reset && crash_test_next_reset(regs));
}

static void crash_test_nmi_init(void)
{
	crash_test_next_reset = ppc_md.system_reset_exception;
	ppc_md.system_reset_exception = crash_test_reset;
}

#define crash_test_nmi_self crash_test_nmi_self
static void crash_test_nmi_self(void)
{
	if (!smp_ops->cause_nmi_ipi || !smp_ops->cause_nmi_ipi(raw_smp_processor_id()))
		pr_emerg("no system reset that this CPU can send to itself\n");
}

/* RTAS restarts pseries before machine_restart() comes to stop the others, as it does elsewhere. */
#define crash_test_restart() \
	do { \
		smp_send_stop(); \
		machine_restart(NULL); \
	} while (0)

#endif /* _ASM_POWERPC_CRASH_TEST_H */
