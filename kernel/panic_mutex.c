// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who owns the crash.
 *
 * panic_mutex is the kernel's own panic_cpu word with three outcomes: acquired,
 * mine already (a nested entry), lost. Taking it never waits and it is never
 * given back: crash_kexec() looks for an image first, and claims only if there
 * is one. A CPU that loses parks at once, with its registers and its message.
 *
 *	free --compare-and-exchange--> owned --by another one, if its owner hangs--> owned
 *
 * The latter is crash_standby.c.
 *
 * One CPU does not park at once: one that redirects its panic
 * (panic_force_cpu=) keeps registers and message, waits for the claim of the
 * target, and goes on as owner itself when there is none.
 *
 * Races that are accepted:
 *  - The target of a redirected panic claims late: it loses, and parks.
 *  - A CPU that loses a panic inside a kmsg dumper parks with that dumper's
 *    lock held: that store may be lost, the others are not.
 *
 * Hooks: none.
 */
#define pr_fmt(fmt) "crash_stop: " fmt

#include <linux/atomic.h>
#include <linux/crash_stop.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/panic.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/time64.h>

#include "crash_stop_internal.h"

#define CRASH_REDIRECT_MS	100	/* for the CPU that a panic was redirected to */

/**
 * panic_mutex_take - try to own the crash
 *
 * Context: any, interrupts off, so that the CPU stays the same.
 * Return: the outcome; it never waits.
 */
enum panic_mutex_outcome panic_mutex_take(void)
{
	int this_cpu = raw_smp_processor_id();
	int old = PANIC_CPU_INVALID;

	/*
	 * One owner: claim.litmus, message.litmus. Fully ordered, before the owner
	 * sets crash_stopper: why.litmus; and before it looks at what a reboot has
	 * done, where it pairs with smp_mb() in crash_stop_other_cpus():
	 * inherit.litmus, inherit-stopped.litmus.
	 */
	if (atomic_try_cmpxchg(&panic_cpu, &old, this_cpu))
		return PANIC_MUTEX_ACQUIRED;
	return old == this_cpu ? PANIC_MUTEX_MINE : PANIC_MUTEX_LOST;
}

/** panic_mutex_is_mine - does this CPU own the crash? */
bool panic_mutex_is_mine(void)
{
	return atomic_read(&panic_cpu) == raw_smp_processor_id();
}

/** panic_mutex_is_lost - does another CPU own the crash? */
bool panic_mutex_is_lost(void)
{
	int owner = atomic_read(&panic_cpu);

	return owner != PANIC_CPU_INVALID && owner != raw_smp_processor_id();
}

static __printf(1, 0) void panic_mutex_keep(const char *fmt, va_list args)
{
	struct crash_cpu *me = this_cpu_ptr(&crash_stop_cpu);
	va_list ap;

	if (me->msg[0])
		return;
	va_copy(ap, args);
	vscnprintf(me->msg, sizeof(me->msg), fmt, ap);
	va_end(ap);
}

/**
 * panic_mutex_park - keep this CPU's message and registers, then park
 * @regs: the registers to save, or NULL for those of the caller
 * @fmt: format of the message
 * @args: its arguments
 *
 * Context: any; for a CPU that has lost.
 */
void __noreturn panic_mutex_park(struct pt_regs *regs, const char *fmt, va_list args)
{
	local_irq_disable();
	panic_mutex_keep(fmt, args);
	crash_stop_self(regs);
}

static void __printf(2, 3) __noreturn
panic_mutex_parkf(struct pt_regs *regs, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	panic_mutex_park(regs, fmt, args);
}

/** panic_mutex_park_msg - panic_mutex_park() for a finished message */
void __noreturn panic_mutex_park_msg(struct pt_regs *regs, const char *msg)
{
	panic_mutex_parkf(regs, "%s", msg);
}

/**
 * panic_mutex_await - wait until the CPU that a panic was redirected to claims
 * @regs: the registers of the CPU that really crashed, or NULL for the caller's
 * @fmt: format of the message
 * @args: its arguments
 *
 * The registers and the message are kept first, whatever becomes of the target.
 *
 * Context: any, interrupts off.
 * Return: only when nobody has claimed within CRASH_REDIRECT_MS: the caller is
 * to go on as the owner itself.
 */
void panic_mutex_await(struct pt_regs *regs, const char *fmt, va_list args)
{
	struct crash_clock clock = {};

	panic_mutex_keep(fmt, args);
	crash_stop_capture(regs);
	crash_clock_start(&clock);
	while (clock.ns < CRASH_REDIRECT_MS * (u64)NSEC_PER_MSEC) {
		if (panic_mutex_is_lost())
			crash_stop_self(regs);
		crash_clock_poll(&clock);
	}
	pr_emerg("no CPU took the panic over within %u ms, CPU %d goes on itself\n",
		 CRASH_REDIRECT_MS, raw_smp_processor_id());
}

/**
 * panic_mutex_enter - the entry of panic(): own the crash, or park
 * @fmt: format of the message
 * @args: its arguments
 *
 * Context: any, interrupts off.
 * Return: on the owner only. If it was the owner already, the steps that have
 * been entered are skipped from here on.
 */
void panic_mutex_enter(const char *fmt, va_list args)
{
	static bool entered;

	switch (panic_mutex_take()) {
	case PANIC_MUTEX_LOST:
		panic_mutex_park(NULL, fmt, args);
	case PANIC_MUTEX_ACQUIRED:
		break;
	case PANIC_MUTEX_MINE:
		/* nmi_panic() and crash_kexec() claim first; that is not nested. */
		if (entered)
			crash_step_nested();
	}
	entered = true;
}
