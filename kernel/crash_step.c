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
 * The step is published before it is entered, so that an oops, BUG or panic inside
 * it, which comes back through panic() on the same CPU, finds it taken and goes
 * on with the next; and so does the standby CPU, which takes the crash over when
 * the step hangs (crash_standby.c). Step and owner go on in one compare-and-
 * exchange: an owner that has been taken over enters no further step, and parks.
 *
 * DUMP, KEXEC and those that call notifiers are walks, of which each part, a dumper
 * or a notifier, counts; so is STOP, whose parts are the rungs, and which the
 * ladder counts itself. After CRASH_NESTED_MAX nested entries only the crash
 * kernel is tried, then the restart, then nothing: a hardware watchdog, if there
 * is one, ends it.
 *
 * Races that are accepted:
 *  - A dumper is registered by a CPU that did not stop while the walk is on: a
 *    nested entry may skip one or run one twice.
 *
 * Hooks: none.
 */
#define pr_fmt(fmt) "crash_stop: " fmt

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/crash_stop.h>
#include <linux/export.h>
#include <linux/kernel.h>
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

/* Who has the crash, and how far it is: see CRASH_TURN(). */
atomic_t crash_turn = ATOMIC_INIT(CRASH_TURN(PANIC_CPU_INVALID, 0));

DEFINE_PER_CPU(struct crash_stages, crash_stages);

/* Nested entries so far. */
static unsigned int crash_nested;

/* Each owner's own: one that was taken over may still write to it. */
struct crash_pass {
	unsigned int cursor;	/* parts that this pass over the walk has met */
	struct crash_clock clock; /* waited in the part under way; see crash_part_late() */
};

static DEFINE_PER_CPU(struct crash_pass, crash_pass);

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

const char *crash_step_name(enum crash_step step)
{
	return crash_step_names[step];
}

/* A CPU that is not the owner any more goes no further. */
static int crash_my_turn(void)
{
	int turn = atomic_read(&crash_turn), cpu = crash_turn_cpu(turn);

	if (panic_mutex_is_lost() || (cpu >= 0 && cpu != raw_smp_processor_id()))
		crash_stop_self(NULL);
	return turn;
}

/* The stage under way: of the owner's own, and so without order. */
static const struct crash_stage *crash_now(void)
{
	return crash_stage_of(crash_my_turn());
}

static void crash_part_begins(enum crash_step step, unsigned int part, void *what)
{
	struct crash_clock *clock = &this_cpu_ptr(&crash_pass)->clock;
	int old, new;

	/*
	 * Either the standby takes the published stage over, or this one comes
	 * first: turn.litmus, stage.litmus. Again, if an NMI here has extended it.
	 */
	do {
		old = crash_my_turn();
		new = CRASH_TURN(raw_smp_processor_id(), old + 1);
		*crash_stage_of(new) = (struct crash_stage){ step, part, what,
							     crash_stage_of(old)->heirs, false };
	} while (!atomic_try_cmpxchg(&crash_turn, &old, new));
	clock->ns = 0;
	crash_clock_start(clock);
}

/**
 * crash_step_extend - the step under way is slow, but moves
 *
 * For a driver that works off something long in a kmsg dumper or a notifier, say
 * after each block of flash: its deadline begins anew (crash_standby.c).
 *
 * Context: any. It does something on the owner of a crash only, and does not come
 * back there, once that has been taken over.
 */
void crash_step_extend(void)
{
	if (panic_mutex_is_mine()) {
		const struct crash_stage *now = crash_now();

		crash_part_begins(now->step, now->part, now->what);
	} else if (crash_had_the_crash()) {
		crash_stop_poll(NULL);
	}
}
EXPORT_SYMBOL_GPL(crash_step_extend);

/* The shortest way out, shorter with every call. */
static void crash_bail_out(unsigned int beyond)
{
	const struct crash_stage *now = crash_now();

	if (beyond == 1 && now->step <= CRASH_KEXEC &&
	    now->what != (void *)crash_stop_before_crash_kernel) {
		pr_emerg("too many nested panics, only the crash kernel is tried\n");
		if (now->step < CRASH_KEXEC)
			crash_part_begins(CRASH_DUMP, UINT_MAX, now->what);
		return;
	}
	if (beyond <= 2 && panic_timeout)
		machine_emergency_restart();
	for (;;)
		cpu_relax();
}

/**
 * crash_step_nested - a panic has come back on the owner, or on its successor
 *
 * Context: the owner, whose steps so far are skipped from here on.
 */
void crash_step_nested(void)
{
	struct crash_stage at = *crash_now();
	const char *name = crash_step_names[at.step];

	/* What is said from here on is no longer on the time of the part that failed. */
	crash_part_begins(at.step, at.part, at.what);
	/* An owner that has been taken over may be looking at it, on its way to park. */
	WRITE_ONCE(crash_nested, crash_nested + 1);
	if (crash_nested > CRASH_NESTED_MAX)
		crash_bail_out(crash_nested - CRASH_NESTED_MAX);
	if (crash_taken_over)
		crash_taken_over = false; /* the standby has said so */
	else if (at.what)
		pr_emerg("nested panic in step \"%s\" (%ps), going on behind it\n", name,
			 at.what);
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
	enum crash_step now = crash_now()->step;

	if (step < now)
		return false;
	this_cpu_ptr(&crash_pass)->cursor = 0;
	if (step == now)
		return crash_step_is_walk(step);
	crash_part_begins(step, 0, NULL);
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
	const struct crash_stage *now = crash_now();
	unsigned int cursor = ++this_cpu_ptr(&crash_pass)->cursor;

	if (cursor <= now->part)
		return false;
	crash_part_begins(now->step, cursor, what);
	return true;
}

/**
 * crash_step_again - pass over the walk that is under way once more
 * @step: the step of that walk
 *
 * Return: whether that is the step under way.
 */
bool crash_step_again(enum crash_step step)
{
	if (crash_now()->step != step)
		return false;
	this_cpu_ptr(&crash_pass)->cursor = 0;
	return true;
}

/**
 * crash_step_shortest - pass over the parts that are not on the shortest way out
 *
 * Return: whether that is the way, on which the parts behind still count.
 */
bool crash_step_shortest(void)
{
	struct crash_pass *pass = this_cpu_ptr(&crash_pass);

	if (READ_ONCE(crash_nested) <= CRASH_NESTED_MAX)
		return false;
	pass->cursor = max(pass->cursor, crash_now()->part);
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
	struct crash_clock *clock;

	if (!panic_mutex_is_mine())
		return false;
	clock = &this_cpu_ptr(&crash_pass)->clock;
	crash_clock_poll(clock);
	return clock->ns > CRASH_PART_MAX_MS * (u64)NSEC_PER_MSEC;
}
