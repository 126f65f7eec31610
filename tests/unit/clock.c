// SPDX-License-Identifier: GPL-2.0-only
/* The clock that CPUs read: true time, or what a test wants to be wrong with it. */
#include "machine.h"

struct machine_clock_is machine_clock_is;

u64 machine_clock(void)
{
	u64 now = 3600 * 1000 * MS + machine_now;

	if (machine_clock_is.still)
		return 1;
	if (machine_clock_is.slow)
		now /= machine_clock_is.slow;
	if (machine_clock_is.step)
		now -= now % machine_clock_is.step;
	if (machine_clock_is.jump && machine_now >= machine_clock_is.jump_at)
		now += machine_clock_is.jump;
	return now;
}
