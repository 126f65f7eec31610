// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is said about the stop, and what others see of the stopped CPUs.
 *
 * One line, the same on every architecture, success included:
 *
 *	crash_stop: 3/3 other CPUs stopped in 41 us (ipi 3)
 *	crash_stop: 2/3 other CPUs stopped in 20113 us (ipi 2); not stopped: 3
 *	crash_stop: 0/3 other CPUs stopped in 100112 us; no standby; not stopped: 1-3
 *
 * Stopped CPUs stay in cpu_online_mask until the crash kernel has had its
 * chance, so that the dump shows them as they were. Until then nothing may be
 * sent to them and waited for: all-CPU backtraces are masked here.
 *
 * Races that are accepted: a CPU that answers after the line was printed is
 * named in it as not stopped.
 */
#define pr_fmt(fmt) "crash_stop: " fmt

#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/crash_stop.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/time64.h>
#include <asm/sections.h>

#include "crash_stop_internal.h"

#define CRASH_REPORT_FMT	"%u/%u other CPUs stopped in %u us%s%s%s%s%*pbl\n"
#define CRASH_REPORT_LEN	160	/* of what stands in brackets: one word per rung */

/* How many of crash_ladders[] are out of date, or have the result in the last of them. */
static atomic_t crash_stop_summed_up = ATOMIC_INIT(0);

/**
 * crash_stop_sum_up - make the result of a ladder that has ended
 * @l: the ladder
 * @why: what it was climbed for
 *
 * Nothing comes of the ladder of a CPU that was held up until another one's had ended,
 * that of a panic behind a reboot's, or of who has taken it over.
 *
 * A CPU that has no note by now gets a placeholder, from the owner of a panic.
 */
void crash_stop_sum_up(struct crash_ladder *l, enum crash_stop_why why)
{
	int cpu, how, mine = l - crash_ladders + 1, old = atomic_read(&crash_stop_summed_up);
	struct crash_stop_result r = { .left = &l->left };

	for_each_cpu(cpu, &l->seen) {
		r.cpus++;
		if (cpumask_test_cpu(cpu, &l->left))
			continue;
		r.stopped++;
		/* Behind the acknowledgment that crash_collect() saw. */
		how = READ_ONCE(per_cpu(crash_stop_cpu, cpu).how);
		if (how == CRASH_BY_ITSELF)
			r.by_itself++;
		else
			r.by_rung[how]++;
	}
	r.us = div_u64(l->clock.ns, NSEC_PER_USEC);
	l->result = r;
	do {
		if (old > mine)
			return;
		/*
		 * Pairs with atomic_read_acquire() in crash_stop_result(): result.litmus.
		 * A later one stays: last-result.litmus.
		 */
	} while (!atomic_try_cmpxchg(&crash_stop_summed_up, &old, mine));
	/* No reboot: what goes on behind a panic would write over a late CPU's registers. */
	if (why == CRASH_STOP_PANIC && arch_crash_stop_backend()->capture)
		for_each_cpu(cpu, &l->seen)
			crash_stop_placeholder(cpu);
}

/** crash_stop_result - how the stop went, or NULL before one has ended */
const struct crash_stop_result *crash_stop_result(void)
{
	/*
	 * Pairs with the compare-and-exchange in crash_stop_sum_up(): result.litmus. A
	 * CPU that stands by may take the crash over as soon as there is one.
	 */
	int nr = atomic_read_acquire(&crash_stop_summed_up);

	return nr ? &crash_ladders[nr - 1].result : NULL;
}
EXPORT_SYMBOL_GPL(crash_stop_result);

/** crash_stop_ended - has the stop for a panic ended? Then there is its result. */
bool crash_stop_ended(void)
{
	/* As in crash_stop_result(): result.litmus. */
	return atomic_read_acquire(&crash_stop_summed_up) > CRASH_STOP_PANIC;
}

static void crash_stop_by(char *buf, const char **sep, int *len, const char *by, unsigned int n)
{
	if (!n)
		return;
	*len += scnprintf(buf + *len, CRASH_REPORT_LEN - *len, "%s%s %u", *sep, by, n);
	*sep = ", ";
}

/**
 * crash_stop_report - print the report line, and where the kernel is
 *
 * Context: the CPU that stopped the others.
 */
void crash_stop_report(void)
{
	const struct crash_stop_backend *backend = arch_crash_stop_backend();
	const struct crash_stop_result *r = crash_stop_result();
	char by[CRASH_REPORT_LEN] = "";
	bool panic = panic_mutex_is_mine();
	const char *sep = " (", *end, *left, *standby;
	unsigned int i;
	int len = 0;

	if (!r) {
		pr_emerg("the other CPUs were not stopped: the ladder did not end\n");
		return;
	}
	for (i = 0; i < backend->nr_rungs; i++)
		crash_stop_by(by, &sep, &len, backend->rungs[i].name, r->by_rung[i]);
	crash_stop_by(by, &sep, &len, "by itself", r->by_itself);
	end = len ? ")" : "";
	standby = panic && crash_standby_missing() ? "; no standby" : "";
	left = r->stopped < r->cpus ? "; not stopped: " : "";
	if (panic || *left)
		pr_emerg(CRASH_REPORT_FMT, r->stopped, r->cpus, r->us, by, end, standby, left,
			 cpumask_pr_args(r->left));
	else
		pr_info(CRASH_REPORT_FMT, r->stopped, r->cpus, r->us, by, end, standby, left,
			cpumask_pr_args(r->left));

	/* What the stored log needs to be decoded; notifiers print it too late. */
	if (IS_ENABLED(CONFIG_RANDOMIZE_BASE) && panic)
		pr_emerg("_stext is at 0x%lx\n", (unsigned long)_stext);
}

/** crash_stop_complete - has a stop ended with every other CPU standing still? */
bool crash_stop_complete(void)
{
	const struct crash_stop_result *r = crash_stop_result();

	return r && r->stopped == r->cpus;
}

/**
 * crash_stop_leave_online_mask - take the stopped CPUs out of cpu_online_mask
 *
 * Context: the CPU that stopped them, once no crash kernel will be booted.
 */
void crash_stop_leave_online_mask(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		if (cpu != raw_smp_processor_id() && crash_stop_cpu_stopped(cpu))
			set_cpu_online(cpu, false);
}

/**
 * crash_stop_mask_backtrace - leave only CPUs that can answer a backtrace
 * @mask: the CPUs that were asked for; afterwards, once a stop has begun, none
 *	and, before that, only CPUs that have not parked
 *
 * Not the caller either: a CPU that was stopped may hold the lock under which a
 * backtrace is printed, which is waited for without a bound.
 *
 * Context: any.
 */
void crash_stop_mask_backtrace(struct cpumask *mask)
{
	unsigned int cpu;

	for_each_cpu(cpu, mask)
		if (crash_stop_begun() || crash_stop_cpu_stopped(cpu))
			cpumask_clear_cpu(cpu, mask);
}
