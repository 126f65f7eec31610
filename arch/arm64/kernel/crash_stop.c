// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash_stop on arm64.
 *
 *	rung 0, "ipi": IPI_CPU_STOP, an SGI (on GICv5 an LPI) that a CPU with
 *		interrupts off does not take
 *	rung 1, "nmi": IPI_CPU_STOP_NMI, an SGI of a priority that the kernel does
 *		not mask; only with irqchip.gicv3_pseudo_nmi=1
 *	rung 2, "sdei": SDEI event 0, which firmware delivers whatever is masked
 *
 * A CPU that was stopped in an SDEI event never completes it, since firmware
 * would resume what it interrupted, and is never powered off: CPU_OFF from an
 * event that is not complete breaks the next kernel on some firmware. All others
 * power themselves off when a crash kernel follows, and only then.
 *
 * Nor could such a CPU stand by: from inside an event it cannot boot the crash
 * kernel. From an IPI and a pseudo-NMI it can, since the next kernel clears the
 * active priorities of its GIC. The owner masks SDEI only on its way into the
 * crash kernel, so that event 0 reaches it where it hangs.
 *
 * Without SDEI firmware and pseudo-NMI nothing reaches a CPU whose interrupts
 * are off: it is named in the report line, and its note is a placeholder. That
 * is true of an owner that hangs as well; and of one that has stood by, since
 * that has all of them masked.
 *
 * Races that are accepted: a CPU that parked before a crash kernel was loaded
 * may sleep through its release. It stays parked.
 */
#include <linux/arm_sdei.h>
#include <linux/crash_stop.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kexec.h>
#include <linux/percpu.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <asm/barrier.h>
#include <asm/cpu_ops.h>
#include <asm/daifflags.h>
#include <asm/smp.h>
#include <asm/smp_plat.h>

#include "crash_stop_compat.h"

#define SDEI_EVENT	0	/* the one that SDEI_EVENT_SIGNAL takes, Arm DEN0054C, 5.1.16 */

static bool sdei_registered;

static int arm64_sdei_handler(u32 event, struct pt_regs *regs, void *arg)
{
	arm64_crash_stop_sdei(regs);
	return SDEI_EV_HANDLED;
}

/* Where the kernel has a service of its own for this event, that calls us. */
static int __init arm64_sdei_init(void)
{
	if (!IS_ENABLED(CONFIG_ARM_SDE_INTERFACE) || IS_ENABLED(CONFIG_ARM_SDEI_NMI) ||
	    !sdei_is_present() || sdei_event_register(SDEI_EVENT, arm64_sdei_handler, NULL))
		return 0;
	sdei_registered = !sdei_event_enable(SDEI_EVENT);
	if (!sdei_registered)
		sdei_event_unregister(SDEI_EVENT);
	return 0;
}
device_initcall(arm64_sdei_init);

static bool arm64_sdei_usable(void)
{
	return sdei_registered || sdei_nmi_active();
}

static void arm64_raise_sdei(const struct cpumask *mask)
{
	unsigned int cpu;

	/*
	 * Pairs with the look at crash_stopper in crash_stop_receive(). Not in the memory
	 * model: a call into firmware, which unlike a store smp_mb() does not order.
	 */
	dsb(ishst);
	if (IS_ENABLED(CONFIG_ARM_SDE_INTERFACE))
		for_each_cpu(cpu, mask)
			sdei_event_signal(SDEI_EVENT, cpu_logical_map(cpu));
}

static const struct crash_rung arm64_rungs[] = {
	[ARM64_RUNG_IPI] = {
		.name		= "ipi",
		.raise		= arm64_crash_stop_raise_ipi,
	},
	[ARM64_RUNG_NMI] = {
		.name		= "nmi",
		.reaches_masked	= true,
		.usable		= arm64_crash_stop_has_nmi,
		.raise		= arm64_crash_stop_raise_nmi,
	},
	[ARM64_RUNG_SDEI] = {
		.name		= "sdei",
		.reaches_masked	= true,
		.usable		= arm64_sdei_usable,
		.raise		= arm64_raise_sdei,
	},
};

/**
 * arm64_crash_stop_sdei - SDEI event 0 has arrived on this CPU
 * @regs: what it interrupted
 *
 * Returns when this CPU is not to stop; then the event is completed.
 */
void arm64_crash_stop_sdei(struct pt_regs *regs)
{
	crash_stop_receive(regs, ARM64_RUNG_SDEI);
}

/* Pseudo-NMIs too, and what firmware would deliver. */
static void arm64_quiesce(enum crash_stop_why why)
{
	local_daif_mask();
	sdei_mask_local_cpu();
}

/* The owner's sev() ends a wfe(); nothing that is sure to come ends a wfi(). */
static void arm64_park(enum crash_stop_why why)
{
	if (crash_stop_have_image())
		wfe();
	else
		cpu_park_loop();
}

static bool arm64_in_sdei_event(void)
{
#ifdef CONFIG_ARM_SDE_INTERFACE
	return __this_cpu_read(sdei_active_normal_event) ||
	       __this_cpu_read(sdei_active_critical_event);
#else
	return false;
#endif
}

static bool arm64_can_stand_by(int how)
{
	return !arm64_in_sdei_event();
}

static void arm64_after_stop(enum crash_stop_why why)
{
	if (why == CRASH_STOP_REBOOT)
		sdei_mask_local_cpu();
}

#ifdef CONFIG_CRASH_STOP_DUMP
/* Off, so that the crash kernel can have this CPU; otherwise it stays parked. */
static void arm64_release(int how)
{
#ifdef CONFIG_HOTPLUG_CPU
	unsigned int cpu = raw_smp_processor_id();
	const struct cpu_operations *ops = get_cpu_ops(cpu);

	if (ops && ops->cpu_die && !arm64_in_sdei_event())
		ops->cpu_die(cpu);
#endif
}

static void arm64_before_crash_kernel(struct pt_regs *regs)
{
	/*
	 * The release word is visible before the event that makes CPUs look at it. Pairs
	 * with crash_stop_park(). Not in the memory model: sev() stores nothing.
	 */
	dsb(ishst);
	sev();
	sdei_mask_local_cpu();
	machine_crash_shutdown(regs);
}
#endif

static const struct crash_stop_backend arm64_backend = {
	.rungs			= arm64_rungs,
	.nr_rungs		= ARRAY_SIZE(arm64_rungs),
	.quiesce		= arm64_quiesce,
	.park			= arm64_park,
	.can_stand_by		= arm64_can_stand_by,
	.after_stop		= arm64_after_stop,
#ifdef CONFIG_CRASH_STOP_DUMP
	.capture		= crash_save_cpu,
	.release		= arm64_release,
	.before_crash_kernel	= arm64_before_crash_kernel,
#endif
};

const struct crash_stop_backend *arch_crash_stop_backend(void)
{
	return &arm64_backend;
}
