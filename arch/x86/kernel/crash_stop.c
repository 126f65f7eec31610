// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash_stop on x86.
 *
 *	rung 0, "ipi": REBOOT_VECTOR; a CPU that may finish its critical section
 *		does not die with a lock that the store needs
 *	rung 1, "nmi": NMI through the emergency handler, which is one store and
 *		takes no lock, unlike register_nmi_handler()
 *	or, on Xen PV, "xen": smp_ops.stop_other_cpus(); a CPU has stopped when
 *		it is offline
 *
 * A Hyper-V root partition stops its CPUs inside machine_crash_shutdown() and
 * does not come back from there: it has no rung, and its log is saved first.
 *
 * A CPU that stands by has its local APIC disabled by software, and so has the
 * owner. Such an APIC sends IPIs and takes NMIs (Intel SDM, volume 3, "Local APIC
 * State After It Has Been Software Disabled"): rung 1 reaches an owner that hangs,
 * rung 0 does not.
 *
 * Races that are accepted: an NMI for another purpose that arrives once the
 * handler is set is taken for a stop, or swallowed on the CPU that climbs.
 *
 * Xen, Hyper-V and KVM wrap machine_ops.crash_shutdown, which
 * before_crash_kernel calls; these hooks have been compiled, not run.
 */
#include <linux/crash_stop.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/reboot.h>
#include <linux/kexec.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/intel_pt.h>
#include <asm/irq_vectors.h>
#include <asm/irqflags.h>
#include <asm/kexec.h>
#include <asm/mce.h>
#include <asm/nmi.h>
#include <asm/processor.h>
#include <asm/reboot.h>
#include <asm/smp.h>
#include <xen/xen.h>

#include "crash_stop_compat.h"

#ifdef CONFIG_SMP

#define ICR_IDLE_US	1000	/* as long as the kernel's own bounded wait */

/*
 * x2APIC has no busy bit. In xAPIC mode sending a vector other than NMI waits
 * for it without a bound, so see that it is clear before.
 */
static bool x86_icr_idle(void)
{
	unsigned int us;

	if (x2apic_enabled())
		return true;
	for (us = 0; us < ICR_IDLE_US; us++) {
		if (!(apic_read(APIC_ICR) & APIC_ICR_BUSY))
			return true;
		udelay(1);
	}
	return false;
}

static void x86_raise(const struct cpumask *mask, int vector)
{
	unsigned int cpu;

	for_each_cpu(cpu, mask)
		if (x86_icr_idle())
			crash_stop_send_ipi(cpu, vector);
}

static void x86_raise_ipi(const struct cpumask *mask)
{
	x86_raise(mask, REBOOT_VECTOR);
}

static bool x86_no_nmi;

static int __init x86_no_nmi_setup(char *str)
{
	x86_no_nmi = true;
	return 0;
}
early_param("nonmi_ipi", x86_no_nmi_setup);

static bool x86_nmi_usable(void)
{
	return x86_stops_natively() && !x86_no_nmi;
}

static int x86_nmi_handler(unsigned int val, struct pt_regs *regs)
{
	crash_stop_receive(regs, X86_RUNG_NMI);
	return NMI_HANDLED;
}

static void x86_raise_nmi(const struct cpumask *mask)
{
	static bool handler_set;

	/* Stays set: a CPU that answers late must still be captured. */
	if (!handler_set)
		set_emergency_nmi_handler(NMI_LOCAL, x86_nmi_handler);
	handler_set = true;
	x86_raise(mask, NMI_VECTOR);
}

/* From NMI context, too; not where a hypervisor stops CPUs in its own way. */
static bool x86_can_stand_by(int how)
{
	return x86_stops_natively();
}

static bool x86_is_xen_pv(void)
{
	return xen_pv_domain();
}

static void x86_raise_xen_pv(const struct cpumask *mask)
{
	smp_ops.stop_other_cpus(0);
}

static bool x86_xen_pv_stopped(unsigned int cpu)
{
	return !cpu_online(cpu);
}

static const struct crash_rung x86_rungs[] = {
	[X86_RUNG_IPI] = {
		.name		= "ipi",
		.usable		= x86_stops_natively,
		.raise		= x86_raise_ipi,
	},
	[X86_RUNG_NMI] = {
		.name		= "nmi",
		.reaches_masked	= true,
		.usable		= x86_nmi_usable,
		.raise		= x86_raise_nmi,
	},
	[X86_RUNG_XEN] = {
		.name		= "xen",
		.usable		= x86_is_xen_pv,
		.raise		= x86_raise_xen_pv,
		.stopped	= x86_xen_pv_stopped,
	},
};
#endif /* CONFIG_SMP */

static void x86_quiesce(enum crash_stop_why why)
{
	/* VMX and SVM block INIT, which the next kernel needs to start this CPU. */
	crash_stop_disable_virt();
	cpu_emergency_stop_pt();
	crash_stop_sev();
	disable_local_APIC();
	if (why == CRASH_STOP_REBOOT) {
		mcheck_cpu_clear(this_cpu_ptr(&cpu_info));
		crash_stop_flush_cache();
	}
}

/*
 * The call that leads here has dirtied a line of the stack, which under SME may
 * not be written back over the next kernel: flush once more, then only halt.
 */
static void x86_park(enum crash_stop_why why)
{
	if (why == CRASH_STOP_REBOOT)
		crash_stop_flush_cache();
	crash_stop_platform_park();
	for (;;)
		native_halt();
}

/*
 * The owner of a panic keeps machine checks on: one that hits a dumper comes
 * back as a nested panic, where without CR4.MCE the machine would shut down.
 */
static void x86_after_stop(enum crash_stop_why why)
{
	disable_local_APIC();
	if (why == CRASH_STOP_REBOOT)
		mcheck_cpu_clear(this_cpu_ptr(&cpu_info));
}

static const struct crash_stop_backend x86_backend = {
#ifdef CONFIG_SMP
	.rungs			= x86_rungs,
	.nr_rungs		= ARRAY_SIZE(x86_rungs),
	.can_stand_by		= x86_can_stand_by,
#endif
	.quiesce		= x86_quiesce,
	.park			= x86_park,
	.after_stop		= x86_after_stop,
#ifdef CONFIG_CRASH_STOP_DUMP
	.capture		= crash_save_cpu,
	.before_crash_kernel	= machine_crash_shutdown,
#endif
};

const struct crash_stop_backend *arch_crash_stop_backend(void)
{
	return &x86_backend;
}
