// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which step of the crash is under way, and how a nested panic goes on.
 *
 * The owner takes the steps of enum crash_step in their order:
 *
 *	CALM -> KGDB -> BACKTRACE -> STOP -> REPORT -> SHOW -> NOTIFY_EARLY
 *	     -> SYS_INFO -> DUMP -> KEXEC -> NOTIFY -> UNBLANK -> FLUSH
 *	     -> SHOW_REST -> NOTIFY_LAST
 *
 * The step is stored before it is entered, so that an oops, BUG or panic inside
 * it, which comes back through panic() on the same CPU, finds it taken and goes
 * on with the next. DUMP, KEXEC and those that call notifiers are walks, of
 * which each part, a dumper or a notifier, counts; so is STOP, whose parts are
 * the rungs, and which the ladder counts itself. After CRASH_NESTED_MAX such
 * entries only the crash kernel is tried, then the restart, then nothing: a
 * hardware watchdog, if there is one, ends it.
 *
 * Races that are accepted: a dumper is registered by a CPU that did not stop
 * while the walk is on; a nested entry may skip one or run one twice.
 *
 * Hooks: none.
 */
#define pr_fmt(fmt) "crash_stop: " fmt

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/crash_stop.h>
#include <linux/kernel.h>
#include <linux/kmsg_dump.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/panic.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <linux/time64.h>

#include "crash_stop_internal.h"

#define CRASH_NESTED_MAX	5	/* a nested entry costs about 1 KiB of stack */
#define CRASH_PART_MAX_MS	1000	/* see crash_part_late() */

/* All of it belongs to the owner; only its own faults come between. */
static struct {
	enum crash_step step;
	unsigned int part;	/* parts of a walk that have been entered */
	unsigned int cursor;	/* parts that this pass over the walk has met */
	unsigned int nested;
	void *what;		/* the part under way */
	struct crash_clock clock; /* what has been waited in it; see crash_part_late() */
} crash;

static const char * const crash_step_names[CRASH_STEPS] = {
	[CRASH_CALM]		= "message",
	[CRASH_KGDB]		= "kgdb",
	[CRASH_BACKTRACE]	= "backtrace",
	[CRASH_STOP]		= "stop",
	[CRASH_REPORT]		= "report",
	[CRASH_SHOW]		= "console",
	[CRASH_NOTIFY_EARLY]	= "notifiers",
	[CRASH_SYS_INFO]	= "sys_info",
	[CRASH_DUMP]		= "kmsg_dump",
	[CRASH_KEXEC]		= "crash kernel",
	[CRASH_NOTIFY]		= "notifiers",
	[CRASH_UNBLANK]		= "unblank",
	[CRASH_FLUSH]		= "flush",
	[CRASH_SHOW_REST]	= "console",
	[CRASH_NOTIFY_LAST]	= "last notifiers",
};

static void crash_part_begins(void *what)
{
	crash.what = what;
	crash.clock = (struct crash_clock){};
	crash_clock_start(&crash.clock);
}

/* The shortest way out, shorter with every call. */
static void crash_bail_out(unsigned int beyond)
{
	if (beyond == 1 && crash.step <= CRASH_KEXEC &&
	    crash.what != (void *)crash_stop_before_crash_kernel) {
		pr_emerg("too many nested panics, only the crash kernel is tried\n");
		if (crash.step < CRASH_KEXEC) {
			crash.step = CRASH_DUMP;
			crash.part = UINT_MAX;
		}
		return;
	}
	if (beyond <= 2 && panic_timeout)
		machine_emergency_restart();
	for (;;)
		cpu_relax();
}

/**
 * crash_step_nested - a panic has come back on the owner
 *
 * Context: the owner, whose steps so far are skipped from here on.
 */
void crash_step_nested(void)
{
	const char *name = crash_step_names[crash.step];

	/* What is said from here on is no longer on the time of the part that failed. */
	crash_part_begins(crash.what);
	if (++crash.nested > CRASH_NESTED_MAX)
		crash_bail_out(crash.nested - CRASH_NESTED_MAX);
	if (crash.what)
		pr_emerg("nested panic in step \"%s\" (%ps), going on behind it\n", name,
			 crash.what);
	else
		pr_emerg("nested panic in step \"%s\", going on behind it\n", name);
}

static bool crash_step_is_walk(enum crash_step step)
{
	return BIT(step) & (BIT(CRASH_STOP) | BIT(CRASH_SHOW) | BIT(CRASH_NOTIFY_EARLY) |
			    BIT(CRASH_DUMP) | BIT(CRASH_KEXEC) | BIT(CRASH_NOTIFY) |
			    BIT(CRASH_SHOW_REST) | BIT(CRASH_NOTIFY_LAST));
}

/**
 * crash_step - enter a step of the crash
 * @step: the step
 *
 * Context: the owner.
 * Return: whether to take it: it, and every step behind it, is new. A walk may
 * be entered again until the next step is; its parts may not.
 */
bool crash_step(enum crash_step step)
{
	if (step < crash.step)
		return false;
	crash.cursor = 0;
	if (step == crash.step)
		return crash_step_is_walk(step);
	crash.part = 0;
	crash_part_begins(NULL);
	crash.step = step;
	/* Stored before the step is taken; only this CPU's own faults look, so no litmus test. */
	barrier();
	return true;
}

/**
 * crash_substep - enter a part of a walk
 * @what: the function that will be called, for the message of a nested entry
 *
 * Return: whether to take it, as for crash_step().
 */
bool crash_substep(void *what)
{
	unsigned int cursor = crash.cursor;

	crash.cursor = cursor + 1;
	if (cursor < crash.part)
		return false;
	crash_part_begins(what);
	crash.part = cursor + 1;
	barrier();
	return true;
}

/**
 * crash_step_shortest - pass over the parts that are not on the shortest way out
 *
 * Return: whether that is the way, on which the parts behind still count.
 */
bool crash_step_shortest(void)
{
	if (crash.nested <= CRASH_NESTED_MAX)
		return false;
	crash.cursor = max(crash.cursor, crash.part);
	return true;
}

/**
 * crash_part_late - has the part under way waited too long?
 *
 * For the wait of a driver that has no deadline of its own, which calls it on
 * each turn. A turn counts for 1 ms at the most; see crash_clock.c.
 *
 * Context: any.
 * Return: true on the owner, once the part has waited for CRASH_PART_MAX_MS.
 */
bool crash_part_late(void)
{
	if (!panic_mutex_is_mine())
		return false;
	crash_clock_poll(&crash.clock);
	return crash.clock.ns > CRASH_PART_MAX_MS * (u64)NSEC_PER_MSEC;
}

/**
 * crash_dump_begin - may kmsg_dump() run the dumpers for @reason now?
 * @reason: as given to kmsg_dump()
 *
 * On the owner only the walk of CRASH_DUMP may: what an oops inside a dumper or
 * the restart at the end would dump is in the log that was or will be saved.
 *
 * Context: any; a CPU that has lost or is to stop parks.
 * Return: the CPU to give to crash_dump_end(), or -1 for no.
 */
int crash_dump_begin(enum kmsg_dump_reason reason)
{
	int this_cpu;

	/* A dumper that begins now could hold the store's lock when the owner needs it. */
	crash_stop_poll(NULL);
	this_cpu = raw_smp_processor_id();
	if (panic_mutex_is_mine()) {
		if (reason != KMSG_DUMP_PANIC || crash.step != CRASH_DUMP)
			return -1;
		crash.cursor = 0;
	}
	atomic_inc(&per_cpu(crash_stop_cpu, this_cpu).dumping);
	return this_cpu;
}

/** crash_dump_part - may kmsg_dump() run this dumper? */
bool crash_dump_part(struct kmsg_dumper *dumper)
{
	return !panic_mutex_is_mine() || crash_substep(dumper->dump);
}

/**
 * crash_dump_end - kmsg_dump() is over on this CPU
 * @cpu: what crash_dump_begin() returned
 *
 * Parks, if a gentle stop signal came in the meantime: dump-end.litmus.
 */
void crash_dump_end(int cpu)
{
	if (atomic_dec_and_test(&per_cpu(crash_stop_cpu, cpu).dumping))
		crash_stop_poll(NULL);
}
