// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash_stop on powerpc.
 *
 *	rung 0, "ipi": the message PPC_MSG_NMI_IPI as an ordinary interrupt; it
 *		does not break into a KVM guest's entry or exit, nor into RTAS
 *	rung 1, "sreset": a system reset from the hypervisor or OPAL
 *		(smp_ops->cause_nmi_ipi), where the platform has it
 *
 * Both arrive in smp_handle_nmi_ipi(), which asks crash_stop_nmi_ipi() first once
 * a stop has begun. Neither takes the lock of the NMI IPIs: a CPU that was
 * stopped may hold it, and so may the owner below its own panic.
 *
 * A parked CPU spins until the log is saved. What it and the owner do if a crash
 * kernel follows, or firmware that dumps, is in crash_stop_kexec.c. Until then any
 * of them can stand by: it is in virtual mode still, and has its stack. Rung 1
 * reaches an owner that hangs, also in a system reset.
 *
 * Races that are accepted: a system reset that a person sends to a CPU after the
 * ladder has sent it one, and before that one is taken, counts as the ladder's.
 *
 * OPAL has been compiled, not run.
 */
#define pr_fmt(fmt) "crash_stop: " fmt

#include <linux/cpumask.h>
#include <linux/crash_stop.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/kexec.h>
#include <linux/processor.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <asm/hw_irq.h>
#include <asm/interrupt.h>
#include <asm/kexec.h>
#include <asm/smp.h>

#include "crash_stop_compat.h"

#ifdef CONFIG_SMP

#define PARK_ROUNDS	1000	/* until a parked CPU looks for its release */

/* CPUs that were sent a system reset and have not taken it. */
static struct cpumask ppc_reset_sent;

static bool ppc_ipi_usable(void)
{
	return smp_ops;
}

static void ppc_raise_ipi(const struct cpumask *mask)
{
	unsigned int cpu;

	for_each_cpu(cpu, mask)
		crash_stop_send_ipi(cpu);
}

static bool ppc_no_sreset;

static int __init ppc_no_sreset_setup(char *str)
{
	ppc_no_sreset = true;
	return 0;
}
early_param("nonmi_ipi", ppc_no_sreset_setup);

static bool ppc_sreset_usable(void)
{
	return smp_ops && smp_ops->cause_nmi_ipi && !ppc_no_sreset;
}

static void ppc_raise_sreset(const struct cpumask *mask)
{
	unsigned int cpu;

	for_each_cpu(cpu, mask) {
		cpumask_set_cpu(cpu, &ppc_reset_sent);
		if (!smp_ops->cause_nmi_ipi(cpu))
			cpumask_clear_cpu(cpu, &ppc_reset_sent);
	}
}

/**
 * crash_stop_nmi_ipi - an NMI IPI or a system reset has arrived after a stop began
 * @regs: what it interrupted
 *
 * Return: only on a CPU that is not to stop here; 0 for a system reset that the
 * ladder did not send: somebody wants to know what the owner is doing.
 */
int crash_stop_nmi_ipi(struct pt_regs *regs)
{
	bool reset = TRAP(regs) == INTERRUPT_SYSTEM_RESET;

	crash_stop_receive(regs, reset ? PPC_RUNG_SRESET : PPC_RUNG_IPI);
	/* Needs no order: what is told is this bit, and nothing with it. */
	return !reset || cpumask_test_and_clear_cpu(raw_smp_processor_id(), &ppc_reset_sent);
}

static const struct crash_rung ppc_rungs[] = {
	[PPC_RUNG_IPI] = {
		.name		= "ipi",
		.usable		= ppc_ipi_usable,
		.raise		= ppc_raise_ipi,
	},
	[PPC_RUNG_SRESET] = {
		.name		= "sreset",
		.reaches_masked	= true,
		.usable		= ppc_sreset_usable,
		.raise		= ppc_raise_sreset,
	},
};

static void ppc_quiesce(enum crash_stop_why why)
{
	/* So far they are masked in software only. */
	hard_irq_disable();
}

static void ppc_park(enum crash_stop_why why)
{
	int i;

	/* Leave the core to its other threads. */
	spin_begin();
	for (i = 0; i < PARK_ROUNDS; i++)
		spin_cpu_relax();
	spin_end();
}

static bool ppc_can_stand_by(int how)
{
	return true;
}

#endif /* CONFIG_SMP */

static void ppc_after_stop(enum crash_stop_why why)
{
	/* Not for a reboot: its caller gets its interrupts back. */
	if (why == CRASH_STOP_PANIC)
		hard_irq_disable();
}

static const struct crash_stop_backend ppc_backend = {
#ifdef CONFIG_SMP
	.rungs			= ppc_rungs,
	.nr_rungs		= ARRAY_SIZE(ppc_rungs),
	.quiesce		= ppc_quiesce,
	.park			= ppc_park,
	.can_stand_by		= ppc_can_stand_by,
#ifdef CONFIG_CRASH_STOP_DUMP
	.release		= crash_stop_ppc_release,
#endif
#endif
	.after_stop		= ppc_after_stop,
#ifdef CONFIG_CRASH_STOP_DUMP
	.capture		= crash_save_cpu,
	.firmware_dump		= crash_stop_ppc_fadump,
	.before_crash_kernel	= machine_crash_shutdown,
#endif
};

const struct crash_stop_backend *arch_crash_stop_backend(void)
{
	return &ppc_backend;
}
