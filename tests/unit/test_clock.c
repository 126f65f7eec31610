// SPDX-License-Identifier: GPL-2.0-only
/* Budgets, and clocks that cannot be trusted. */
#include "test.h"
#include "crash_stop_internal.h"

extern unsigned int *shim_param_grace_ms;	/* crash_stop.grace_ms= */

static void scene_wedged(void)
{
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
}

/* K3: the polls count, so the ladder ends, after as many as its budgets hold. */
static void clock_that_stands_still(unsigned int variant)
{
	(void)variant;
	machine_clock_is.still = true;
	scene_wedged();
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(log_count("2/3 other CPUs stopped"), 1);
	CHECK_RANGE(machine_polls[0], 110000, 110500);
}

static void poll_a_slow_clock(void)
{
	struct crash_clock clock = {};
	unsigned int i;

	crash_clock_start(&clock);
	for (i = 0; i < 200000; i++)
		crash_clock_poll(&clock);
	CHECK_RANGE(clock.ns, 2 * MS, 250 * MS);
	machine_stop(MACHINE_DONE);
}

/* K3: nor may a clock that creeps make the wait a thousand times as long. */
static void clock_that_creeps(unsigned int variant)
{
	(void)variant;
	machine_clock_is.slow = 1000;
	plan[0].program = poll_a_slow_clock;
	CHECK_INT(kernel_boot(), MACHINE_DONE);
}

/* K3: an hour ahead, or back, does not take their time from healthy CPUs. */
static void clock_that_jumps(unsigned int variant)
{
	machine_clock_is.jump_at = 1 * MS;
	machine_clock_is.jump = (variant ? -1 : 1) * (s64)(3000 * 1000 * MS);
	plan[0].program = program_panic;
	plan[1].late[IPI] = 8 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK_RANGE(crash_stop_result()->us, 7900, 9200);
}

/* K3: a clock that counts ticks of 1, 4 and 10 ms ends no rung too early. */
static void clock_that_ticks(unsigned int variant)
{
	static const u64 steps[] = { 1 * MS, 4 * MS, 10 * MS };

	machine_clock_is.step = steps[variant];
	scene_wedged();
	plan[0].at = 700 * US;
	plan[1].late[IPI] = 8500 * US;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 2/3 other CPUs stopped in # us (ipi 2); not stopped: 3");
	CHECK_RANGE(machine_now, 118 * MS,
		    122 * MS * machine_udelay_factor * (machine_seed ? 2 : 1));
}

/* K3: a delay that takes 20 times as long does not make the wait longer. */
static void delay_that_overshoots(unsigned int variant)
{
	(void)variant;
	machine_udelay_factor = 20;
	scene_wedged();
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(log_count("2/3 other CPUs stopped"), 1);
	CHECK_RANGE(machine_now, 110 * MS, 120 * MS);
}

/* K3: the budget is quiet time. */
static void quiet_time_starts_again_at_each_acknowledgment(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[1].late[IPI] = 8 * MS;
	plan[2].late[IPI] = 16 * MS;
	plan[3].late[IPI] = 24 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK_RANGE(crash_stop_result()->us, 24000, 24300);
	CHECK_RANGE(crash_stop_cpu[1].us, 8000, 8300);
	CHECK_RANGE(crash_stop_cpu[2].us, 16000, 16300);
}

/* K3: and no rung takes more than 1 s in all, grace_ms= or not. */
static void no_rung_takes_more_than_1_s(unsigned int variant)
{
	*shim_param_grace_ms = variant ? 5000 : 900;
	plan[0].program = program_panic;
	plan[1].late[IPI] = 800 * MS;
	plan[2].masked = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, nmi 1)");
	CHECK_RANGE(event_ns(EV_RAISE, 2, NMI), 1000 * MS, 1001 * MS);
}

/* K3: one parameter changes the first budget, and only that. */
static void grace_ms_is_the_first_budget(unsigned int variant)
{
	static const unsigned int grace[] = { 50, 0, 20 };

	*shim_param_grace_ms = grace[variant];
	fake_backend.nr_rungs = 3;
	plan[0].program = program_panic;
	plan[1].masked = plan[1].deaf[NMI] = true;
	if (grace[variant])
		plan[2].late[IPI] = (grace[variant] - 2) * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	if (grace[variant]) {
		CHECK_STR(log_line("CPUs stopped"),
			  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, sdei 1)");
		CHECK_RANGE(event_ns(EV_RAISE, 1, NMI), (2 * grace[variant] - 2) * MS,
			    (2 * grace[variant] - 1) * MS);
	} else {
		CHECK(event_ns(EV_RAISE, 1, NMI) < MS);
	}
	CHECK_RANGE(event_ns(EV_RAISE, 1, RUNG3) - event_ns(EV_RAISE, 1, NMI), 9990 * US,
		    10300 * US);
}

static unsigned int waits_at, waits_on_visit;
static u64 waited_ns;
static unsigned long waited_polls;

/* As a driver that waits for its device, which never answers. */
static void wait_for_ever(unsigned int where)
{
	unsigned long polls = machine_polls[0];
	u64 from = machine_now;

	if (where != waits_at || visits[where] != waits_on_visit)
		return;
	machine_udelay_factor = 1;
	while (!crash_part_late() && machine_now - from < 5000 * MS)
		machine_sleep(200);
	waited_ns = machine_now - from;
	waited_polls = machine_polls[0] - polls;
	/* While it stays late. */
	machine_sleep(1 * MS);
}

static void part_is_never_late_here(void)
{
	for (;;) {
		CHECK(!crash_part_late());
		machine_sleep(100 * US);
	}
}

/* A driver's wait has a bound, on any clock, in a walk and before the first step. */
static void part_that_waits(unsigned int variant)
{
	bool still = variant / 2 == 1;

	waits_at = variant & 1 ? PLACE_MESSAGE : PLACE_CONSOLE;
	waits_on_visit = 1;
	at_place = wait_for_ever;
	machine_clock_is.still = still;
	machine_clock_is.jump_at = 400 * MS;
	machine_clock_is.jump = variant / 2 < 2 ? 0 :
				(variant / 2 == 2 ? 1 : -1) * (s64)(3000 * 1000 * MS);
	plan[0].program = program_panic;
	plan[3].program = part_is_never_late_here;
	plan[3].masked = plan[3].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	if (still)
		CHECK_RANGE(waited_polls, 999000, 1001000);
	else
		CHECK_RANGE(waited_ns, 998 * MS, 1002 * MS);
	CHECK_STR(stored, log_line("CPUs stopped"));
}

static void be_late_then_fault(unsigned int where)
{
	wait_for_ever(where);
	if (where != PLACE_CONSOLE || visits[where] != 1)
		return;
	CHECK_RANGE(waited_ns, 998 * MS, 1002 * MS);
	waits_at = PLACE_MESSAGE;
	waits_on_visit = 2;
	waited_ns = 0;
	faults[where] = 1;
}

/* Each part has a time of its own, and so has the message of a nested panic. */
static void part_that_is_late_costs_itself(unsigned int variant)
{
	(void)variant;
	waits_at = PLACE_CONSOLE;
	waits_on_visit = 1;
	at_place = be_late_then_fault;
	plan[0].program = program_panic;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(visits[PLACE_MESSAGE], 2);
	CHECK_RANGE(waited_ns, 998 * MS, 1002 * MS);
}

static void wait_in_each(unsigned int where)
{
	if (where != PLACE_CONSOLE && where != PLACE_CONSOLE + 1 &&
	    where != PLACE_UNBLANK && where != PLACE_FLUSH)
		return;
	waits_at = where;
	waits_on_visit = visits[where];
	wait_for_ever(where);
	CHECK_RANGE(waited_ns, 998 * MS, 1002 * MS);
}

/* One that was late leaves the next part of its walk, and the next step, their time. */
static void part_behind_one_that_was_late(unsigned int variant)
{
	(void)variant;
	at_place = wait_in_each;
	plan[0].program = program_panic;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(visits[PLACE_CONSOLE + 1], 2);
	CHECK_INT(visits[PLACE_FLUSH], 1);
}

const struct test clock_tests[] = {
	T(clock_that_stands_still),
	T(clock_that_creeps),
	T_N(clock_that_jumps, 2),
	T_N(clock_that_ticks, 3),
	T(delay_that_overshoots),
	T(quiet_time_starts_again_at_each_acknowledgment),
	T_N(no_rung_takes_more_than_1_s, 2),
	T_N(grace_ms_is_the_first_budget, 3),
	T_N(part_that_waits, 8),
	T(part_that_is_late_costs_itself),
	T(part_behind_one_that_was_late),
	{ }
};
