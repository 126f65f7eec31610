// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash_stop on 32-bit Arm.
 *
 *	rung 0, "ipi": IPI_CPU_STOP, which is maskable: a CPU that spins with
 *		interrupts off is named and has a placeholder note. FIQ would
 *		reach it, but what raises one is the board's or the secure
 *		world's (Documentation/arm-fiq.rst)
 *
 * There is no release: a parked CPU stays where it is, as it always did, since
 * how to power it off is the board's; a crash kernel here has one CPU.
 *
 * One that stands by does so from inside the IPI, which the next kernel's GIC driver
 * clears. No rung reaches an owner that hangs.
 *
 * Races that are accepted: a CPU that did not stop runs on while the outer cache
 * is switched off for the crash kernel; what it writes meanwhile may be lost.
 */
#include <linux/crash_stop.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <asm/barrier.h>
#include <asm/cacheflush.h>
#include <asm/irqflags.h>
#include <asm/processor.h>

#include "crash_stop_compat.h"

#ifdef CONFIG_SMP

static const struct crash_rung arm_rungs[] = {
	[ARM_RUNG_IPI] = {
		.name		= "ipi",
		.raise		= crash_stop_send_ipi,
	},
};

/* The next kernel begins with its caches off and reads what this CPU wrote. */
static void arm_quiesce(enum crash_stop_why why)
{
	local_fiq_disable();
	flush_cache_all();
}

static bool arm_can_stand_by(int how)
{
	return true;
}

static void arm_park(enum crash_stop_why why)
{
	for (;;) {
		cpu_relax();
		wfe();
	}
}
#endif /* CONFIG_SMP */

static const struct crash_stop_backend arm_backend = {
#ifdef CONFIG_SMP
	.rungs			= arm_rungs,
	.nr_rungs		= ARRAY_SIZE(arm_rungs),
	.quiesce		= arm_quiesce,
	.park			= arm_park,
	.can_stand_by		= arm_can_stand_by,
#endif
#ifdef CONFIG_CRASH_STOP_DUMP
	.capture		= crash_save_cpu,
	.before_crash_kernel	= machine_crash_shutdown,
#endif
};

const struct crash_stop_backend *arch_crash_stop_backend(void)
{
	return &arm_backend;
}
