// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash_stop on powerpc: the way into the crash kernel, or into fadump.
 *
 * Once the log is saved each parked CPU leaves the hypervisor's and the interrupt
 * controller's tables and goes to real mode, both of which it can only do itself;
 * the owner waits for that, not for ever, and not for CPUs that did not stop:
 *
 *	park --release--> kexec_cpu_down() -> real mode, kexec_wait
 *
 * fadump is the firmware's crash kernel: it is asked for at the same step, with
 * the CPUs standing still and the log saved. It then finds them parked; their
 * stacks say what they did.
 *
 * Races that are accepted: a CPU that answers while the crash kernel boots goes to
 * real mode then; nobody waits for it.
 *
 * powernv's offline CPUs and fadump have been compiled, not run.
 */
#define pr_fmt(fmt) "crash_stop: " fmt

#include <linux/cpumask.h>
#include <linux/crash_stop.h>
#include <linux/irqflags.h>
#include <linux/kexec.h>
#include <linux/panic.h>
#include <linux/smp.h>
#include <linux/time64.h>
#include <asm/fadump.h>
#include <asm/kexec.h>
#include <asm/machdep.h>
#include <asm/smp.h>
#ifdef CONFIG_PPC64
#include <asm/paca.h>
#endif

#include "crash_stop_compat.h"

#ifdef CONFIG_SMP

#define REAL_MODE_MS	100	/* for all parked CPUs, as the ladder's last rung */

/* Where parked CPUs leave the old kernel. */
void crash_stop_ppc_release(int how)
{
	if (ppc_md.kexec_cpu_down)
		ppc_md.kexec_cpu_down(1, 1);
#ifdef CONFIG_PPC64
	kexec_smp_wait();
#endif
}

/**
 * crash_stop_wake_offline - bring CPUs that are offline under the crash kernel's rule
 *
 * An offline CPU of powernv naps in the old kernel, which it may not come back
 * to. Woken, it goes the way of one that was stopped.
 *
 * Context: before_crash_kernel.
 */
void crash_stop_wake_offline(void)
{
	unsigned int cpu;

	if (!crash_wake_offline)
		return;
	for_each_present_cpu(cpu)
		if (!cpu_online(cpu) && !(smp_ops->cause_nmi_ipi && smp_ops->cause_nmi_ipi(cpu)))
			crash_stop_send_ipi(cpu);
}

/**
 * crash_stop_await_real_mode - wait for the parked CPUs to leave the old kernel
 *
 * One that did not stop is not waited for.
 *
 * Context: before_crash_kernel, once the CPUs have been released.
 */
void crash_stop_await_real_mode(void)
{
#ifdef CONFIG_PPC64
	struct crash_clock clock = {};
	unsigned int cpu;

	crash_clock_start(&clock);
	for_each_present_cpu(cpu) {
		bool woken = crash_wake_offline && !cpu_online(cpu);

		if (cpu == raw_smp_processor_id() || !(woken || crash_stop_cpu_stopped(cpu)))
			continue;
		while (READ_ONCE(paca_ptrs[cpu]->kexec_state) < KEXEC_STATE_REAL_MODE) {
			if (clock.ns >= REAL_MODE_MS * NSEC_PER_MSEC) {
				pr_emerg("CPU %u is not in real mode after %u ms\n",
					 cpu, REAL_MODE_MS);
				return;
			}
			crash_clock_poll(&clock);
		}
	}
	/*
	 * What they last did in the old kernel is done before it is overwritten. Pairs with
	 * kexec_smp_wait(). Not in the memory model: that is assembly, in real mode.
	 */
	mb();
#endif
}
#endif /* CONFIG_SMP */

/* Of the oops that leads to fadump, and whose they are: not of who takes over. */
static struct pt_regs *ppc_crash_regs;
static int ppc_crash_regs_cpu;
static bool ppc_fadump_due;

/**
 * crash_stop_fadump_early - has crash_fadump() been called before its time?
 * @regs: the registers of the oops, or NULL
 * @str: its message
 *
 * fadump takes every CPU as it finds it and does not come back. So what asks for
 * it becomes a panic first, whose owner stops the others and saves the log.
 *
 * Context: any, with fadump registered.
 * Return: whether its caller is to go on without.
 */
bool crash_stop_fadump_early(struct pt_regs *regs, const char *str)
{
	if (ppc_fadump_due || panic_mutex_is_mine())
		return !ppc_fadump_due;
	local_irq_disable();
	if (panic_mutex_take() == PANIC_MUTEX_LOST)
		panic_mutex_park_msg(regs, str);
	ppc_crash_regs = regs;
	ppc_crash_regs_cpu = raw_smp_processor_id();
	panic("%s", str);
}

/* Where fadump is due: the log is saved. If it comes back, it is not asked for again. */
void crash_stop_ppc_fadump(void)
{
	bool mine = ppc_crash_regs_cpu == raw_smp_processor_id();

	ppc_fadump_due = true;
	crash_fadump(mine ? ppc_crash_regs : NULL, "panic");
	ppc_fadump_due = false;
}
