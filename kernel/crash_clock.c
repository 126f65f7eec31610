// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock of every wait in a crash: sched_clock(), with polls behind it.
 *
 * local_clock() stands still with interrupts off on an unstable TSC, ktime_get()
 * can spin on a lock that a stopped CPU holds, and a count of udelay(1) alone is
 * off by an order of magnitude both ways: too long where a delay costs far more
 * than it delays, too short on CPUs whose delay loop was badly calibrated (both
 * were seen under emulation). So sched_clock() counts, and while it stands still
 * each poll counts for the udelay(1) that it holds.
 *
 * A poll counts for CRASH_POLL_GAP_MS at the most: a virtual CPU that was off its host
 * CPU for longer says nothing about the time that the others had. And for
 * CRASH_POLL_MIN_NS at the least, so that a clock that creeps ends a wait too. Its delay
 * is short, since what a bad one takes does not grow with what it is asked for.
 *
 * Hooks: none.
 */
#include <linux/delay.h>
#include <linux/minmax.h>
#include <linux/sched/clock.h>
#include <linux/time64.h>

#include "crash_stop_internal.h"

#define CRASH_POLL_US		1
#define CRASH_POLL_MIN_NS	50	/* the shortest udelay(1) seen was 100 ns */

/** crash_clock_start - begin to measure, or go on after a nested panic */
void crash_clock_start(struct crash_clock *clock)
{
	clock->last_ns = sched_clock();
	clock->still_ns = 0;
}

/**
 * crash_clock_wait - let some time pass and count it
 * @clock: the clock, whose @ns grows
 * @gap_ms: what counts of it at the most
 *
 * Context: any.
 * Return: nanoseconds that have passed since the last call.
 */
u64 crash_clock_wait(struct crash_clock *clock, unsigned int gap_ms)
{
	u64 now;
	s64 ns;

	udelay(CRASH_POLL_US);
	now = sched_clock();
	ns = now - clock->last_ns;
	clock->last_ns = now;
	if (ns <= 0) {
		ns = CRASH_POLL_US * NSEC_PER_USEC;
		clock->still_ns += ns;
	} else {
		/* A coarse clock catches up with what the polls have counted. */
		s64 counted = min_t(s64, ns, clock->still_ns);

		clock->still_ns = 0;
		ns = min_t(s64, ns - counted, gap_ms * NSEC_PER_MSEC);
	}
	ns = max_t(s64, ns, CRASH_POLL_MIN_NS);
	clock->ns += ns;
	return ns;
}
