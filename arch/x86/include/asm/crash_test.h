/* SPDX-License-Identifier: GPL-2.0-only */
/* How the boot tests' driver sends its own CPU an NMI; only crash_test.c has it. */
#ifndef _ASM_X86_CRASH_TEST_H
#define _ASM_X86_CRASH_TEST_H

#include <asm/apic.h>
#include <asm/nmi.h>

static int crash_test_x86_nmi(unsigned int type, struct pt_regs *regs)
{
	return crash_test_nmi(regs) ? NMI_HANDLED : NMI_DONE;
}

static void crash_test_nmi_init(void)
{
	register_nmi_handler(NMI_LOCAL, crash_test_x86_nmi, 0, "crash_test");
}

#define crash_test_nmi_self crash_test_nmi_self
static void crash_test_nmi_self(void)
{
	apic->send_IPI_mask(cpumask_of(raw_smp_processor_id()), NMI_VECTOR);
}

#endif /* _ASM_X86_CRASH_TEST_H */
