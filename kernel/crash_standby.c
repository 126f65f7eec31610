// SPDX-License-Identifier: GPL-2.0-only
/*
 * The standby: a CPU that has stopped, and takes the crash over when its owner hangs.
 *
 * A dumper, a notifier or a console is driver code, and may hang where it cannot
 * fault. The first CRASH_STANDBYS CPUs that stop and can (the backend says) do not
 * park. They watch crash_turn, the owner word of a crash under way:
 *
 *	watch --no next stage in time--> claim -> stop the old owner -> panic()
 *	  |
 *	  +---the last stage that is watched is over--> park
 *
 * The owner publishes each stage, that is a step, a dumper or a notifier, before it
 * enters it (crash_step.c), and with it the time begins anew; crash_step_extend()
 * does the same from within a stage that is slow but moves. Time is counted here,
 * by this CPU's own clock: no clock is compared with that of another CPU.
 *
 * The claim is one compare-and-exchange of crash_turn, as is the owner's next stage:
 * one of them comes first. An owner that loses it parks, wherever it is. Then the
 * ladder is climbed for the old owner, which is a stopped CPU like any other; the
 * hang is reported in one line, its registers below; and panic() is entered anew,
 * which goes on behind the stage that hung, as it does after a nested panic. What is
 * reported is on the time of a step of its own, not on that of the stage that hung.
 *
 * The first claim counts. Who loses it watches on, and so is the standby of the
 * first, whether that hangs while it watches or when it owns the crash. After
 * CRASH_STANDBYS takeovers nobody watches, and a hardware watchdog is left to fire.
 *
 * Not watched: what comes before the end of the stop; notifiers that may not return;
 * the last steps into the crash kernel, for which parked CPUs are released, and what
 * follows if that does not boot; the restart; a firmware that dumps the machine itself.
 *
 * Races that are accepted:
 *  - An owner that cannot be stopped goes on within its stage beside the new one. It
 *    parks when it comes to the end of that.
 *  - The old owner stands still with a record of the log half written: the log
 *    cannot be read beyond it.
 *  - An old owner that is still summing up its stop gives its successor a placeholder,
 *    which that replaces when it boots the crash kernel.
 *  - A CPU that has lost the claim looks for a moment as if it had not stopped.
 *  - Who loses the crash before it has said what hung may say so beside its successor.
 *  - A debugger that stops the owner alone looks like a hang.
 *
 * Hooks: can_stand_by and registers of struct crash_stop_backend, those of the ladder.
 */
#define pr_fmt(fmt) "crash_stop: " fmt

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/crash_stop.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/panic.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/ptrace.h>
#include <linux/sched/debug.h>
#include <linux/smp.h>
#include <linux/time64.h>

#include "crash_stop_internal.h"

#define CRASH_STANDBY_GAP_MS	10	/* a host's time slice counts in full */
#define CRASH_DUMPER_MS		10000
#define CRASH_NOTIFIER_MS	10000
#define CRASH_STEP_MS		60000	/* much to print, on a slow console */
#define CRASH_DEADLINE_MIN_MS	200	/* the ladder for one CPU has to fit in */

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "crash_stop."

static unsigned int dumper_ms = CRASH_DUMPER_MS;
module_param(dumper_ms, uint, 0644);
MODULE_PARM_DESC(dumper_ms, "ms per kmsg dumper");

static unsigned int notifier_ms = CRASH_NOTIFIER_MS;
module_param(notifier_ms, uint, 0644);
MODULE_PARM_DESC(notifier_ms, "ms per panic notifier");

static unsigned int step_ms = CRASH_STEP_MS;
module_param(step_ms, uint, 0644);
MODULE_PARM_DESC(step_ms, "ms per other step");

static atomic_t crash_standbys = ATOMIC_INIT(0);
static DEFINE_PER_CPU(bool, crash_stands_by);

struct cpumask crash_old_owners;

/* The next entry of panic() is no fault: this file has said what it is. */
bool crash_taken_over;

static bool crash_standby_off(void)
{
	return !READ_ONCE(dumper_ms) && !READ_ONCE(notifier_ms) && !READ_ONCE(step_ms);
}

/**
 * crash_standby_claim - this CPU may stand by, if it can and is one of the first
 * @how: index of the rung that stopped it, or %CRASH_BY_ITSELF
 *
 * Context: the CPU that stops, before it acknowledges.
 */
void crash_standby_claim(int how)
{
	const struct crash_stop_backend *backend = arch_crash_stop_backend();
	bool *stands_by = this_cpu_ptr(&crash_stands_by);
	int old;

	if (*stands_by || crash_standby_off() || !backend->can_stand_by ||
	    !backend->can_stand_by(how))
		return;
	old = atomic_read(&crash_standbys);
	do {
		if (old == CRASH_STANDBYS)
			return;
		/* No more than that: standby.litmus. */
	} while (!atomic_try_cmpxchg(&crash_standbys, &old, old + 1));
	*stands_by = true;
}

/** crash_standby_missing - is no CPU there that could stand by? */
bool crash_standby_missing(void)
{
	return !crash_standby_off() && !atomic_read(&crash_standbys);
}

/**
 * crash_standby_all_came - is every CPU standing still, or has had the crash?
 *
 * An owner that hung and did not stop runs on, but does not go back to what it did
 * before its panic.
 *
 * Return: true, if no other CPU may be writing the crash kernel's image.
 */
bool crash_standby_all_came(void)
{
	const struct crash_stop_result *r = crash_stop_result();
	unsigned int cpu;

	if (!r)
		return false;
	for_each_cpu(cpu, r->left)
		if (!crash_stop_cpu_stopped(cpu) && !cpumask_test_cpu(cpu, &crash_old_owners))
			return false;
	return true;
}

/* The deadline of a stage, 0 for none. */
static unsigned int crash_deadline_ms(const struct crash_stage *at)
{
	void *firmware = arch_crash_stop_backend()->firmware_dump;
	unsigned int ms;

	/* Consoles are let loose as soon as the stop has ended. */
	if (at->step < CRASH_STOP || (at->step == CRASH_STOP && !crash_stop_ended()) ||
	    (firmware && at->what == firmware))
		return 0;
	if (at->reports)
		ms = READ_ONCE(step_ms);
	else if (at->step == CRASH_DUMP)
		ms = READ_ONCE(dumper_ms);
	else if (at->step == CRASH_NOTIFY_EARLY || at->step == CRASH_NOTIFY)
		ms = READ_ONCE(notifier_ms);
	else
		ms = READ_ONCE(step_ms);
	return ms ? max_t(unsigned int, ms, CRASH_DEADLINE_MIN_MS) : 0;
}

/* Nobody is needed any more to watch what follows. */
static bool crash_standby_over(const struct crash_stage *at)
{
	return at->step == CRASH_NOTIFY_LAST ||
	       (at->step == CRASH_KEXEC && at->what == (void *)crash_stop_before_crash_kernel);
}

/* Who has taken the crash over owns it, unless another one has taken it over meanwhile. */
static bool crash_inherit(void)
{
	int this_cpu = raw_smp_processor_id(), old;

	do {
		/*
		 * The owner's word follows crash_turn. Pairs with the compare-and-
		 * exchange below, behind that of crash_turn, on another CPU: heir.litmus.
		 */
		old = atomic_read_acquire(&panic_cpu);
		if (crash_turn_cpu(atomic_read(&crash_turn)) != this_cpu)
			return false;
		/* heir.litmus */
	} while (!atomic_try_cmpxchg(&panic_cpu, &old, this_cpu));
	return true;
}

/* Take the crash over, unless its owner has come to the next stage first. */
static void crash_take_over(int turn, const struct crash_stage *at, unsigned int ms)
{
	const struct crash_stop_backend *backend = arch_crash_stop_backend();
	struct crash_cpu *me = this_cpu_ptr(&crash_stop_cpu);
	bool *stands_by = this_cpu_ptr(&crash_stands_by);
	int this_cpu = raw_smp_processor_id(), old_cpu = crash_turn_cpu(turn);
	int mine = CRASH_TURN(this_cpu, turn + 1);
	unsigned int heirs = at->heirs + 1;
	struct pt_regs *regs;
	bool stopped;

	/* Not from here on; nor for an NMI that loses a panic on top of it. */
	*stands_by = false;
	*crash_stage_of(mine) = (struct crash_stage){ at->step, at->part, at->what, heirs, true };
	/* Who takes the turn from this CPU in its turn must not find it still. */
	atomic_set(&me->state, CRASH_CPU_TAKING_OVER);
	/* turn.litmus, stage.litmus, heir.litmus, took.litmus */
	if (!atomic_try_cmpxchg(&crash_turn, &turn, mine)) {
		*stands_by = true;
		goto lost;
	}
	cpumask_set_cpu(old_cpu, &crash_old_owners);
	if (!crash_inherit())
		goto lost;
	/* It can hang as well, and then is stopped with new registers, or has none. */
	atomic_set(&me->note, CRASH_NOTE_NONE);
	atomic_set(&me->state, CRASH_CPU_RUNNING);
	/* The old owner may have taken it out, when no crash kernel could be booted. */
	set_cpu_online(this_cpu, true);

	stopped = crash_stop_succeed(old_cpu, heirs);
	pr_emerg("CPU %d hung in step \"%s\" (%ps) for %u ms%s, CPU %d goes on behind it\n",
		 old_cpu, crash_step_name(at->step), at->what ?: (void *)panic, ms,
		 stopped ? "" : " and did not stop", this_cpu);
	/* They can be seen with its acknowledgment only. */
	regs = stopped ? per_cpu(crash_stop_regs, old_cpu) : NULL;
	if (stopped && !regs && backend->registers)
		regs = backend->registers(old_cpu);
	if (regs) {
		pr_emerg("registers of CPU %d, though \"CPU\", \"PID\" and control registers are of CPU %d:\n",
			 old_cpu, this_cpu);
		show_regs(regs);
	}
	crash_taken_over = true;
	panic("CPU %d hung", old_cpu);
lost:
	/* Still, as it was before, and with the same registers: stays.litmus. */
	atomic_set_release(&me->state, CRASH_CPU_STOPPED);
}

/**
 * crash_standby_watch - watch the owner, for as long as it is of use
 *
 * Context: a CPU that has stopped, interrupts off; once more, when an NMI has lost a
 * panic on top of it. Returns at once on one that does not stand by.
 */
void crash_standby_watch(void)
{
	struct crash_clock clock = {};
	int turn, seen = atomic_read(&crash_turn);
	struct crash_stage at;
	unsigned int ms;

	crash_clock_start(&clock);
	while (*this_cpu_ptr(&crash_stands_by)) {
		/* Pairs with the next stage in crash_part_begins(): stage.litmus. */
		turn = atomic_read_acquire(&crash_turn);
		/* The owner may have come to the next stage but one, in the same slot. */
		data_race(at = *crash_stage_of(turn));
		if (crash_standby_over(&at))
			return;
		ms = crash_deadline_ms(&at);
		if (!ms || turn != seen)
			clock.ns = 0;
		seen = turn;
		crash_clock_wait(&clock, CRASH_STANDBY_GAP_MS);
		/*
		 * Not from who has not come to crash_inherit(): there it would find
		 * the word as it was, and take it.
		 */
		if (ms && clock.ns >= ms * (u64)NSEC_PER_MSEC && panic_mutex_is_lost())
			crash_take_over(turn, &at, ms);
	}
}
