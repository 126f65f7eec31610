// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stop the other CPUs: the ladder.
 *
 * The ladder climbs the backend's rungs, gentle ones first, and signals only
 * the CPUs that have not stopped. A rung ends when all have, or when its budget
 * has passed without a new acknowledgment. One CPU climbs for a panic, its
 * owner; one may climb for a reboot, and parks when a panic is claimed.
 *
 *	idle --claim--> climbing (rung 0, 1, ...) --> done
 *
 * A panic's owner whose ladder faults comes back through a nested panic and
 * goes on with the next rung. Who takes the crash over from an owner that hangs
 * (crash_standby.c) climbs once more, for that CPU alone. What a stopped CPU does
 * is in crash_stop_cpu.c, what is said about it in crash_stop_report.c.
 *
 * Races that are accepted:
 *  - A CPU comes online between the last look at cpu_online_mask and the report
 *    line: it parks in crash_stop_cpu_online() and the line does not count it.
 *  - A reboot whose ladder has just ended is overtaken by a panic: it can still
 *    print its own report line.
 *  - A CPU stops when a reboot ends, and a panic overtakes that: not counted.
 *  - A task inside kmsg_dump() is preempted and moves to another CPU: the
 *    ladder's patience goes to the CPU on which it entered.
 *
 * Hooks: the rungs and after_stop of struct crash_stop_backend.
 */
#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/cpu.h>
#include <linux/crash_stop.h>
#include <linux/export.h>
#include <linux/irqflags.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/panic.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/time64.h>

#include "crash_stop_internal.h"

#define CRASH_GRACE_MS		10	/* quiet time of a rung that is not the last */
#define CRASH_LAST_MS		100	/* quiet time of the last one */
#define CRASH_RUNG_MAX_MS	1000	/* a rung in all; a reboot's patience */

static unsigned int grace_ms = CRASH_GRACE_MS;
module_param(grace_ms, uint, 0644);
MODULE_PARM_DESC(grace_ms, "Quiet time in ms before the first rung gives way to the next");

atomic_t crash_stopper = ATOMIC_INIT(PANIC_CPU_INVALID);

struct crash_ladder crash_ladders[CRASH_LADDERS];

/* Take the CPUs off the list that have stopped or gone. */
static bool crash_collect(struct crash_ladder *l, const struct crash_rung *rung)
{
	bool progress = false;
	unsigned int cpu;

	for_each_cpu(cpu, &l->left) {
		struct crash_cpu *p = &per_cpu(crash_stop_cpu, cpu);

		/* A reboot and the panic that overtakes it may both write: either is right. */
		if (crash_stop_cpu_stopped(cpu)) {
			/* it has said how */
		} else if (rung && rung->stopped && rung->stopped(cpu)) {
			WRITE_ONCE(p->how, rung - arch_crash_stop_backend()->rungs);
			/* Pairs as an acknowledgment does: remote.litmus. */
			atomic_set_release(&p->state, CRASH_CPU_STOPPED);
		} else if (!cpu_online(cpu) && !cpumask_test_cpu(cpu, &crash_old_owners)) {
			cpumask_clear_cpu(cpu, &l->seen);
		} else {
			continue;
		}
		WRITE_ONCE(p->us, div_u64(l->clock.ns, NSEC_PER_USEC));
		cpumask_clear_cpu(cpu, &l->left);
		progress = true;
	}
	return progress;
}

/* A CPU inside kmsg_dump() may hold the lock that the store needs. */
static bool crash_left_dumping(const struct crash_ladder *l)
{
	unsigned int cpu;

	for_each_cpu(cpu, &l->left)
		if (atomic_read(&per_cpu(crash_stop_cpu, cpu).dumping) > 0)
			return true;
	return false;
}

/* Who is to stop? Read anew before each rung. Needs no order: one CPU climbs, and writes. */
static void crash_targets(struct crash_ladder *l)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		if (cpu != raw_smp_processor_id() && !cpumask_test_and_set_cpu(cpu, &l->seen))
			cpumask_set_cpu(cpu, &l->left);
}

static const struct crash_rung *crash_next_rung(const struct crash_ladder *l)
{
	const struct crash_stop_backend *backend = arch_crash_stop_backend();
	unsigned int i;

	for (i = l->next_rung; i < backend->nr_rungs; i++)
		if (crash_rung_usable(&backend->rungs[i]))
			return &backend->rungs[i];
	return NULL;
}

/* Wait for what a rung was raised for. */
static void crash_await(struct crash_ladder *l, const struct crash_rung *rung,
			enum crash_stop_why why)
{
	const struct crash_rung *next = crash_next_rung(l);
	u64 max_ns = CRASH_RUNG_MAX_MS * (u64)NSEC_PER_MSEC;
	u64 budget_ns = CRASH_LAST_MS * (u64)NSEC_PER_MSEC;
	bool first = rung == l->first && l == &crash_ladders[why];
	u64 quiet_ns = 0, rung_ns = 0, ns;

	if (why == CRASH_STOP_REBOOT && (first || !next))
		budget_ns = max_ns;
	else if (next)
		budget_ns = (first ? READ_ONCE(grace_ms) : CRASH_GRACE_MS) * (u64)NSEC_PER_MSEC;

	while (!cpumask_empty(&l->left) && rung_ns < max_ns) {
		bool patient = next && next->reaches_masked && crash_left_dumping(l);

		ns = crash_clock_poll(&l->clock);
		quiet_ns = crash_collect(l, rung) || patient ? 0 : quiet_ns + ns;
		rung_ns += ns;
		if (quiet_ns >= budget_ns)
			return;
		if (panic_mutex_is_lost())
			crash_stop_self(NULL);
	}
}

static void crash_climb(struct crash_ladder *l, enum crash_stop_why why)
{
	const struct crash_rung *rungs = arch_crash_stop_backend()->rungs, *rung;

	/* A nested panic: the last rung may have been raised before its fault. */
	if (l->next_rung)
		crash_await(l, &rungs[l->next_rung - 1], why);

	while ((rung = crash_next_rung(l))) {
		l->next_rung = rung - rungs + 1;
		if (!l->first)
			l->first = rung;
		crash_targets(l);
		crash_collect(l, rung);
		if (cpumask_empty(&l->left))
			continue;
		if (panic_mutex_is_lost())
			crash_stop_self(NULL);
		rung->raise(&l->left);
		crash_await(l, rung, why);
	}
	crash_targets(l);
	/* They have had every rung. */
	if (l->last) {
		cpumask_or(&l->left, &l->left, &l->last->left);
		cpumask_and(&l->left, &l->left, &l->seen);
	}
	crash_collect(l, NULL);
}

/* Climb a ladder, to its end, and see what has become of all that were to stop. */
static void crash_ladder_run(struct crash_ladder *l, enum crash_stop_why why)
{
	const struct crash_stop_backend *backend = arch_crash_stop_backend();

	if (why == CRASH_STOP_PANIC)
		atomic_set(&crash_stopper, raw_smp_processor_id());
	/*
	 * Pairs with smp_mb() in crash_stop_cpu_online(): online.litmus. Before
	 * the signals, whose handlers look at crash_stopper: signal.litmus.
	 */
	smp_mb();

	crash_clock_start(&l->clock);
	crash_climb(l, why);
	/* Who was held up on the way must not speak for the panic, or its next owner. */
	if (panic_mutex_is_lost())
		crash_stop_self(NULL);
	crash_stop_sum_up(l, why);
	WRITE_ONCE(crash_ladders[why].done, true);	/* it is not climbed again */

	if (backend->after_stop)
		backend->after_stop(why);
}

/**
 * crash_stop_other_cpus - stop every other CPU
 * @why: for a panic, whose owner calls this, or for a reboot, halt or kexec
 *
 * May be called in any order and at once. The ladder is climbed once; later
 * calls on the same CPU get its result. A CPU that calls while another one owns
 * the crash, or has begun to stop the others for a reboot, parks.
 *
 * Context: any. It never waits longer than 1 s per rung, and only for CPUs that
 * go on acknowledging; without those 10 ms (crash_stop.grace_ms=), and 100 ms
 * on the last rung.
 * Return: the result, which stays valid.
 */
const struct crash_stop_result *crash_stop_other_cpus(enum crash_stop_why why)
{
	int old = PANIC_CPU_INVALID, this_cpu;
	struct crash_ladder *l;
	unsigned long flags;

	local_irq_save(flags);
	this_cpu = raw_smp_processor_id();
	if (panic_mutex_is_lost())
		crash_stop_self(NULL);
	if (panic_mutex_is_mine())
		why = CRASH_STOP_PANIC;
	l = &crash_ladders[why];

	/* One of two that reboot: reboot.litmus. A panic stops it: signal.litmus. */
	if (why == CRASH_STOP_REBOOT &&
	    !atomic_try_cmpxchg(&crash_stopper, &old, this_cpu) && old != this_cpu)
		crash_stop_self(NULL);
	if (READ_ONCE(l->done))
		goto out;
	if (why == CRASH_STOP_PANIC && !l->next_rung) {
		/* Inherit what a reboot has seen, which may go on meanwhile. */
		data_race(cpumask_andnot(&l->seen, &crash_ladders[CRASH_STOP_REBOOT].seen,
					 cpumask_of(this_cpu)));
		cpumask_copy(&l->left, &l->seen);
	}
	crash_ladder_run(l, why);
	if (why == CRASH_STOP_REBOOT) {
		crash_stop_report();
		/*
		 * Pairs with the claim in panic_mutex_take(): this CPU sees it and
		 * parks, or the owner inherits what this ladder has seen, and finds
		 * stopped who was: inherit.litmus, inherit-stopped.litmus.
		 */
		smp_mb();
		crash_stop_poll(NULL);
		crash_stop_leave_online_mask();
	}
out:
	local_irq_restore(flags);
	return crash_stop_result();
}
EXPORT_SYMBOL_GPL(crash_stop_other_cpus);

/**
 * crash_stop_succeed - stop the CPU from which this one has taken the crash over
 * @old_cpu: that CPU, which has not stopped yet
 * @heirs: how often it has been taken over, with this time
 *
 * Context: the new owner, which had stopped itself, interrupts off.
 * Return: whether it has stopped.
 */
bool crash_stop_succeed(unsigned int old_cpu, unsigned int heirs)
{
	struct crash_ladder *l = &crash_ladders[CRASH_STOP_PANIC + heirs];
	const struct crash_stop_result *r = crash_stop_result();

	if (r) {
		l->last = container_of(r, struct crash_ladder, result);
		cpumask_andnot(&l->seen, &l->last->seen, cpumask_of(raw_smp_processor_id()));
	}
	cpumask_set_cpu(old_cpu, &l->seen);
	cpumask_set_cpu(old_cpu, &l->left);
	/* It has had its time, also if it is about to begin. */
	atomic_set(&per_cpu(crash_stop_cpu, old_cpu).dumping, INT_MIN / 2);
	crash_ladder_run(l, CRASH_STOP_PANIC);
	return crash_stop_cpu_stopped(old_cpu);
}
