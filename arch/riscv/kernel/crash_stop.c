// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash_stop on RISC-V.
 *
 *	rung 0, "ipi": IPI_CPU_STOP, which is maskable, as all interrupts are in
 *		supervisor mode: a CPU that spins with interrupts off is named
 *		and has a placeholder note
 *
 * A CPU that has stopped waits for an interrupt that it will not take. When a
 * crash kernel follows it is woken, and stops itself for good:
 *
 *	parked --release, IPI--> sbi_hart_stop() --fails--> parked
 *
 * so that the crash kernel can start the hart again. Without SBI's hart state
 * management (machine mode, spin-wait boot) it stays parked.
 *
 * One that stands by does so with interrupts off, from inside the IPI, of which the
 * next kernel's controller driver knows nothing. No rung reaches an owner that hangs.
 *
 * Races that are accepted: the crash kernel starts while a hart is on its way
 * into the firmware, which touches no memory of either kernel.
 *
 * The boundary: the IPI is a call of the SBI firmware or a store to the
 * interrupt controller, and machine_crash_shutdown() masks interrupts under the
 * controllers' locks, which no CPU holds that took a maskable signal.
 */
#include <linux/cpumask.h>
#include <linux/crash_stop.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <asm/csr.h>
#include <asm/processor.h>
#include <asm/sbi.h>

#include "crash_stop_compat.h"

#ifdef CONFIG_SMP

static const struct crash_rung riscv_rungs[] = {
	[RISCV_RUNG_IPI] = {
		.name		= "ipi",
		.raise		= crash_stop_send_ipi,
	},
};

/*
 * WFI ends when an enabled interrupt is pending, taken or not: with the timer
 * enabled a parked CPU would spin from its next expiry on.
 */
static void riscv_quiesce(enum crash_stop_why why)
{
	csr_clear(CSR_IE, IE_TIE);
}

static bool riscv_can_stand_by(int how)
{
	return true;
}

static void riscv_park(enum crash_stop_why why)
{
	wait_for_interrupt();
}

static void riscv_release(int how)
{
#ifdef CONFIG_RISCV_SBI
	/* Comes back only if it failed (RISC-V SBI 1.0, section 9.2), and then we park. */
	sbi_ecall(SBI_EXT_HSM, SBI_EXT_HSM_HART_STOP, 0, 0, 0, 0, 0, 0);
#endif
}
#endif /* CONFIG_SMP */

#ifdef CONFIG_CRASH_STOP_DUMP
/* A parked CPU has to look at the release once; one that parks later does anyway. */
static void riscv_wake_parked(void)
{
	static struct cpumask others;

	cpumask_copy(&others, cpu_online_mask);
	cpumask_clear_cpu(raw_smp_processor_id(), &others);
	if (IS_ENABLED(CONFIG_SMP) && !cpumask_empty(&others))
		crash_stop_send_ipi(&others);
}

static void riscv_before_crash_kernel(struct pt_regs *regs)
{
	riscv_wake_parked();
	machine_crash_shutdown(regs);
}
#endif

static const struct crash_stop_backend riscv_backend = {
#ifdef CONFIG_SMP
	.rungs			= riscv_rungs,
	.nr_rungs		= ARRAY_SIZE(riscv_rungs),
	.quiesce		= riscv_quiesce,
	.park			= riscv_park,
	.can_stand_by		= riscv_can_stand_by,
	.release		= riscv_release,
#endif
#ifdef CONFIG_CRASH_STOP_DUMP
	.capture		= crash_save_cpu,
	.before_crash_kernel	= riscv_before_crash_kernel,
#endif
};

const struct crash_stop_backend *arch_crash_stop_backend(void)
{
	return &riscv_backend;
}
