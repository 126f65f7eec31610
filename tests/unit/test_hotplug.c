// SPDX-License-Identifier: GPL-2.0-only
/* K15: CPUs that come and go while the others are stopped. */
#include "test.h"

/* CPU 3 is offline, CPU 0 panics, and CPU 2 runs with interrupts off. */
static void scene_offline_cpu(void (*program)(void), u64 at)
{
	cpumask_clear_cpu(3, &shim_online);
	plan[0].program = program_panic;
	plan[2].masked = true;
	plan[3].program = program;
	plan[3].at = at;
	plan[3].masked = true;
}

static void come_online(void)
{
	machine_sleep(plan[3].at);
	kernel_online();
	local_irq_enable();
	idle();
}

/* It parks before it runs anything. */
static void cpu_that_comes_online_parks(unsigned int variant)
{
	(void)variant;
	scene_offline_cpu(come_online, 5 * MS);
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 1, nmi 1, by itself 1)");
	CHECK_INT(event_count(EV_RESUMED, 3, ANY), 0);
	CHECK_INT(event_count(EV_RAISE, 3, ANY), 0);
	CHECK(cpu_parked(3));
	CHECK_INT(kernel_note(3).pid, NOTE_PID(3));
}

/* Behind the ladder too; then the line does not know of it. */
static void cpu_that_comes_online_behind_the_ladder_parks(unsigned int variant)
{
	(void)variant;
	scene_offline_cpu(come_online, 20 * MS);
	dumper_ns[0] = 50 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 2/2 other CPUs stopped in # us (ipi 1, nmi 1)");
	CHECK_INT(event_count(EV_RESUMED, 3, ANY), 0);
	CHECK(cpu_parked(3));
}

/* As the stop begins: it sees the stop, or the ladder sees it. */
static void cpu_that_comes_online_as_the_stop_begins(unsigned int variant)
{
	(void)variant;
	scene_offline_cpu(come_online, 0);
	plan[0].at = machine_seed % 8 * US;
	dumper_ns[0] = 50 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(log_count("3/3 other CPUs stopped"), 1);
	CHECK(cpu_parked(3));
	/* Either way it has a note. */
	CHECK_INT(kernel_note(3).pid, NOTE_PID(3));
}

static void come_online_and_wedge(void)
{
	machine_sleep(plan[3].at);
	set_cpu_online(3, true);
	idle();
}

/* The targets are read anew before each rung: the next one is for it as well. */
static void cpu_that_comes_online_wedged_is_signalled(unsigned int variant)
{
	(void)variant;
	scene_offline_cpu(come_online_and_wedge, 5 * MS);
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 1, nmi 2)");
	CHECK_INT(event_count(EV_RAISE, 3, NMI), 1);
	CHECK_INT(event_count(EV_RAISE, 3, IPI), 0);
}

/* Behind the last rung it is named, and has a placeholder. */
static void cpu_that_comes_online_wedged_is_named(unsigned int variant)
{
	(void)variant;
	scene_offline_cpu(come_online_and_wedge, 50 * MS);
	plan[2].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 1/3 other CPUs stopped in # us (ipi 1); not stopped: 2-3");
	CHECK_INT(kernel_note(3).pid, -1);
	CHECK(!crash_stop_complete());
}

static void go_offline(void)
{
	machine_sleep(plan[raw_smp_processor_id()].at);
	kernel_offline();
}

/* One that goes offline is not waited for, and not counted. */
static void cpu_that_goes_offline_is_not_waited_for(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[3].program = go_offline;
	plan[3].masked = true;
	plan[3].at = 5 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 2/2 other CPUs stopped in # us (ipi 2)");
	CHECK_RANGE(crash_stop_result()->us, 4900, 5100);
	CHECK_INT(event_count(EV_RAISE, 3, NMI), 0);
	CHECK(crash_stop_complete());
	CHECK(!kernel_note(3).there);
}

/* Nor is one that was offline before. */
static void cpu_that_is_offline_is_not_counted(unsigned int variant)
{
	(void)variant;
	scene_offline_cpu(machine_off, 0);
	plan[2].masked = false;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 2/2 other CPUs stopped in # us (ipi 2)");
	CHECK_INT(event_count(EV_RAISE, 3, ANY), 0);
}

/* Without a stop both are as ever. */
static void hotplug_without_a_stop(unsigned int variant)
{
	(void)variant;
	scene_offline_cpu(come_online, 1 * MS);
	plan[0].program = NULL;
	CHECK_INT(kernel_boot(), MACHINE_QUIET);
	CHECK_INT(event_count(EV_RESUMED, 3, ANY), 1);
	CHECK_INT(crash_stop_cpu[3].state.counter, CRASH_CPU_RUNNING);
}

const struct test hotplug_tests[] = {
	T(cpu_that_comes_online_parks),
	T(cpu_that_comes_online_behind_the_ladder_parks),
	T(cpu_that_comes_online_as_the_stop_begins),
	T(cpu_that_comes_online_wedged_is_signalled),
	T(cpu_that_comes_online_wedged_is_named),
	T(cpu_that_goes_offline_is_not_waited_for),
	T(cpu_that_is_offline_is_not_counted),
	T(hotplug_without_a_stop),
	{ }
};
