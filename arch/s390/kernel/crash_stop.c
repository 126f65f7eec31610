// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash_stop on s390.
 *
 *	rung 0, "ipi": emergency signal, an external interruption; a CPU that may
 *		finish its critical section does not die with a lock that the
 *		store needs
 *	rung 1, "stop": SIGP STOP, which no CPU can mask; it has stopped when
 *		SIGP SENSE says so
 *
 * A CPU that parks stops itself by SIGP, since the crash kernel builds the notes
 * by SIGP STORE STATUS AT ADDRESS, which works on stopped CPUs only: there is
 * no capture here, and the stack of a CPU that lost a panic unwinds to it. The
 * crash kernel is booted from CPU 0, whose own state is on its restart stack.
 *
 * A CPU that came here by itself or by rung 0 can stand by, with interrupts off, and
 * takes over as any CPU does; what has to run on CPU 0 is passed on to that by SIGP
 * RESTART. One that was stopped by SIGP STOP can not: it runs nothing any more. Those
 * that watched stop when the crash is nearly over, and a CPU that stops itself while
 * CPU 0 restarts the machine stops in the middle of that restart. So whoever is about to
 * do that waits until they stand still.
 *
 * SIGP is asynchronous and may answer "busy" (z/Architecture Principles of
 * Operation, SA22-7832, chapter 4, "CPU Signaling and Response"), so each order
 * is repeated with a bound.
 *
 * Races that are accepted:
 *  - A reboot's SIGP STOP hits a CPU that has just claimed the panic: the CPU
 *    that reboots starts it again, in s390_quiesce(), before it parks.
 *  - A machine check that tells of damage stops the machine, as it always did.
 *
 * Hooks: quiesce, park, can_stand_by, registers, after_stop, before_crash_kernel.
 */
#include <linux/atomic.h>
#include <linux/crash_stop.h>
#include <linux/delay.h>
#include <linux/panic.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <asm/debug.h>
#include <asm/processor.h>
#include <asm/ptrace.h>
#include <asm/sigp.h>
#include <asm/smp.h>

#include "crash_stop_compat.h"

#define SIGP_BUSY_US	100	/* for an order that another one is in the way of */
#define SIGP_SETTLE_MS	100	/* from "I stop" to stopped, for all CPUs together */

static int s390_sigp_parm(unsigned int cpu, u8 order, unsigned long parm, u32 *status)
{
	int address = smp_cpu_get_cpu_address(cpu);
	unsigned int us;
	int cc;

	for (us = 0; us <= SIGP_BUSY_US; us++) {
		cc = __pcpu_sigp(address, order, parm, status);
		if (cc != SIGP_CC_BUSY)
			break;
		udelay(1);
	}
	return cc;
}

static int s390_sigp(unsigned int cpu, u8 order, u32 *status)
{
	return s390_sigp_parm(cpu, order, 0, status);
}

static bool s390_stands_still(unsigned int cpu)
{
	u32 status = 0;

	return s390_sigp(cpu, SIGP_SENSE, &status) == SIGP_CC_STATUS_STORED &&
	       (status & (SIGP_STATUS_STOPPED | SIGP_STATUS_CHECK_STOP));
}

static void s390_raise_ipi(const struct cpumask *mask)
{
	unsigned int cpu;

	for_each_cpu(cpu, mask) {
		crash_stop_set_ec(cpu);
		s390_sigp(cpu, SIGP_EMERGENCY_SIGNAL, NULL);
	}
}

/* The CPU that has sent SIGP STOP for a reboot. */
static int s390_rebooter = PANIC_CPU_INVALID;

static void s390_raise_stop(const struct cpumask *mask)
{
	unsigned int cpu;

	if (!panic_mutex_is_mine())
		s390_rebooter = raw_smp_processor_id();
	for_each_cpu(cpu, mask) {
		/* A reboot stops nobody any more once a panic is claimed. */
		if (panic_mutex_is_lost())
			return;
		s390_sigp(cpu, SIGP_STOP, NULL);
	}
}

static bool s390_stopped(unsigned int cpu)
{
	return s390_stands_still(cpu) && atomic_read(&panic_cpu) != cpu;
}

static const struct crash_rung s390_rungs[] = {
	[S390_RUNG_IPI] = {
		.name		= "ipi",
		.raise		= s390_raise_ipi,
	},
	[S390_RUNG_STOP] = {
		.name		= "stop",
		.reaches_masked	= true,
		.raise		= s390_raise_stop,
		.stopped	= s390_stopped,
	},
};

/* START is busy while a STOP is under way, and does nothing to a CPU that runs. */
static void s390_quiesce(enum crash_stop_why why)
{
	if (why == CRASH_STOP_PANIC && s390_rebooter == raw_smp_processor_id())
		s390_sigp(atomic_read(&panic_cpu), SIGP_START, NULL);
}

static void s390_park(enum crash_stop_why why)
{
	smp_stop_cpu();
}

static bool s390_can_stand_by(int how)
{
	return true;
}

/* Of a CPU that SIGP STOP has stopped. SA22-7832, chapter 4, "Store Status": what lies where. */
static struct pt_regs *s390_registers(unsigned int cpu)
{
	static u8 status[512] __aligned(512);
	static struct pt_regs regs;

	if (s390_sigp_parm(cpu, SIGP_STORE_STATUS_AT_ADDRESS, __pa(status), NULL) !=
	    SIGP_CC_ORDER_CODE_ACCEPTED)
		return NULL;
	memcpy(regs.gprs, status + 0x80, sizeof(regs.gprs));
	memcpy(&regs.psw, status + 0x100, sizeof(regs.psw));
	return &regs;
}

/*
 * Debug areas are tried, not waited for: a stopped CPU may hold their locks.
 * Machine checks stay pending, since the handler would end the machine.
 */
static void s390_after_stop(enum crash_stop_why why)
{
	debug_set_critical();
	__load_psw_mask(CRASH_STOP_PSW_MASK);
}

/**
 * crash_stop_settle - wait for CPUs that have acknowledged, and are about to stop
 *
 * Context: any; of a panic's owner, before CPUs are started or the machine is.
 */
void crash_stop_settle(void)
{
	struct crash_clock clock = {};
	unsigned int cpu;

	crash_clock_start(&clock);
	for_each_present_cpu(cpu)
		while (cpu != raw_smp_processor_id() && crash_stop_cpu_stopped(cpu) &&
		       !s390_stands_still(cpu) && clock.ns < SIGP_SETTLE_MS * NSEC_PER_MSEC)
			crash_clock_poll(&clock);
}

static void __maybe_unused s390_before_crash_kernel(struct pt_regs *regs)
{
	crash_stop_settle();
	machine_crash_shutdown(regs);
}

static const struct crash_stop_backend s390_backend = {
	.rungs			= s390_rungs,
	.nr_rungs		= ARRAY_SIZE(s390_rungs),
	.quiesce		= s390_quiesce,
	.park			= s390_park,
	.can_stand_by		= s390_can_stand_by,
	.registers		= s390_registers,
	.after_stop		= s390_after_stop,
#ifdef CONFIG_CRASH_STOP_DUMP
	.verifies_image		= true,
	.before_crash_kernel	= s390_before_crash_kernel,
#endif
};

const struct crash_stop_backend *arch_crash_stop_backend(void)
{
	return &s390_backend;
}
