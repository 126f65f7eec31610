// SPDX-License-Identifier: GPL-2.0-only
/* The ladder, the acknowledgments, the report line and the notes. */
#include "test.h"

/* K8: one line, success included. K4, K6: the order on each CPU, and at the end. */
static void healthy_stop_is_one_line(unsigned int variant)
{
	int cpu;

	(void)variant;
	plan[0].program = program_panic;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK_INT(log_count("CPUs stopped"), 1);
	CHECK_INT(log_level("CPUs stopped"), '0');
	CHECK_INT(log_count("_stext is at 0x"), 1);
	CHECK_STR(stored, log_line("CPUs stopped"));
	CHECK(crash_stop_complete());
	CHECK_RANGE(crash_stop_result()->us, 1, 200);
	for (cpu = 1; cpu < NR_CPUS; cpu++) {
		CHECK(event_index(EV_RAISE, cpu, IPI) < event_index(EV_CAPTURE, cpu, ANY));
		CHECK(event_index(EV_CAPTURE, cpu, ANY) < event_index(EV_QUIESCE, cpu, ANY));
		CHECK(event_ns(EV_QUIESCE, cpu, ANY) <= event_ns(EV_PARK, cpu, ANY));
		CHECK(event_index(EV_QUIESCE, cpu, ANY) < event_index(EV_AFTER_STOP, 0, ANY));
		CHECK_INT(event_count(EV_CAPTURE, cpu, ANY), 1);
		CHECK_INT(event_count(EV_QUIESCE, cpu, CRASH_STOP_PANIC), 1);
		CHECK_INT(event_count(EV_RETURNED, cpu, ANY), 0);
		CHECK_INT(crash_stop_cpu[cpu].how, IPI);
		CHECK_RANGE(crash_stop_cpu[cpu].us, 1, crash_stop_result()->us);
		CHECK_INT(kernel_note(cpu).pid, NOTE_PID(cpu));
		CHECK_INT(kernel_note(cpu).ip, IP_TASK(cpu));
	}
	CHECK_INT(event_count(EV_RAISE, ANY, NMI), 0);
	CHECK_INT(event_count(EV_AFTER_STOP, ANY, CRASH_STOP_PANIC), 1);
	CHECK(event_index(EV_AFTER_STOP, 0, ANY) < event_index(EV_PLACE, 0, PLACE_REPORT));
}

/* K3: the next rung is for those that have not stopped, after 10 ms. */
static void masked_cpu_is_stopped_by_nmi(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[2].masked = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, nmi 1)");
	CHECK_RANGE(crash_stop_result()->us, 10000, 10300);
	CHECK_INT(event_count(EV_RAISE, ANY, NMI), 1);
	CHECK_INT(event_count(EV_RAISE, 2, NMI), 1);
	CHECK_INT(crash_stop_cpu[2].how, NMI);
	CHECK(crash_stop_cpu[1].us < 200 && crash_stop_cpu[2].us >= 10000);
	CHECK_INT(kernel_note(2).ip, IP_TASK(2));
}

/* K3: bounded. K8: named. K9: a placeholder, and the other notes are real. */
static void wedged_cpu_is_named_and_has_a_placeholder(unsigned int variant)
{
	(void)variant;
	kernel_load_image();
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 2/3 other CPUs stopped in # us (ipi 2); not stopped: 3");
	CHECK_RANGE(crash_stop_result()->us, 110000, 110500);
	CHECK_RANGE(machine_now, 110 * MS, 112 * MS);
	CHECK(!crash_stop_complete());
	CHECK(cpumask_test_cpu(3, crash_stop_result()->left));
	CHECK(kernel_note(3).there);
	CHECK_INT(kernel_note(3).pid, -1);
	CHECK_INT(kernel_note(3).ip, 0);
	CHECK_INT(crash_stop_cpu[3].note.counter, CRASH_NOTE_PLACEHOLDER);
	CHECK_INT(kernel_note(0).pid, NOTE_PID(0));
	CHECK_INT(kernel_note(1).ip, IP_TASK(1));
	CHECK_INT(kernel_note(2).ip, IP_TASK(2));
}

/* K8: which ones, as a list. */
static void all_wedged_cpus_are_listed(unsigned int variant)
{
	int cpu;

	(void)variant;
	plan[1].program = program_panic;
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		plan[cpu].masked = plan[cpu].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 0/3 other CPUs stopped in # us; not stopped: 0,2-3");
}

/* K3: three rungs, each for those that are left; each but the last has 10 ms. */
static void each_rung_signals_those_that_are_left(unsigned int variant)
{
	(void)variant;
	fake_backend.nr_rungs = 3;
	plan[0].program = program_panic;
	plan[2].masked = true;
	plan[3].masked = plan[3].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 1, nmi 1, sdei 1)");
	CHECK_INT(event_count(EV_RAISE, ANY, IPI), 3);
	CHECK_INT(event_count(EV_RAISE, ANY, NMI), 2);
	CHECK_INT(event_count(EV_RAISE, ANY, RUNG3), 1);
	CHECK_RANGE(crash_stop_result()->us, 20000, 20500);
}

static bool no(void)
{
	return false;
}

/* K3: a rung that this machine does not have is left out, and not waited for. */
static void unusable_rung_is_skipped(unsigned int variant)
{
	(void)variant;
	fake_backend.nr_rungs = 3;
	fake_rungs[NMI].usable = no;
	plan[0].program = program_panic;
	plan[2].masked = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, sdei 1)");
	CHECK_INT(event_count(EV_RAISE, ANY, NMI), 0);
	CHECK_RANGE(crash_stop_result()->us, 10000, 10300);
}

/* K3: the gentle rung is the last one, and has the last one's budget. */
static void only_usable_rung_has_100_ms(unsigned int variant)
{
	(void)variant;
	fake_rungs[NMI].usable = no;
	plan[0].program = program_panic;
	plan[1].late[IPI] = 90 * MS;
	plan[2].masked = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 2/3 other CPUs stopped in # us (ipi 2); not stopped: 2");
	CHECK_RANGE(crash_stop_result()->us, 190000, 190500);
}

/* K3, K8: a machine on which no rung can work still says so. */
static void no_usable_rung(unsigned int variant)
{
	(void)variant;
	fake_rungs[IPI].usable = no;
	fake_rungs[NMI].usable = no;
	plan[0].program = program_panic;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 0/3 other CPUs stopped in # us; not stopped: 1-3");
	CHECK_INT(kernel_note(3).pid, -1);
}

/* K8: a uniprocessor kernel has no rungs, and nobody to stop. */
static void uniprocessor(unsigned int variant)
{
	int cpu;

	(void)variant;
	kernel_load_image();
	fake_backend.nr_rungs = 0;
	shim_online.bits = 1;
	plan[0].program = program_panic;
	for (cpu = 1; cpu < NR_CPUS; cpu++)
		plan[cpu].program = machine_off;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_STR(log_line("CPUs stopped"), "crash_stop: 0/0 other CPUs stopped in # us");
	CHECK(crash_stop_complete());
}

/* K12: hooks that an architecture leaves out. */
static void absent_hooks_are_nothing(unsigned int variant)
{
	(void)variant;
	fake_backend.capture = NULL;
	fake_backend.quiesce = NULL;
	fake_backend.park = NULL;
	fake_backend.after_stop = NULL;
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 2/3 other CPUs stopped in # us (ipi 2); not stopped: 3");
	CHECK(!kernel_note(3).there && !kernel_note(1).there);
}

/* K9: the notes may not have been allocated. */
static void no_memory_for_notes(unsigned int variant)
{
	(void)variant;
	crash_notes = NULL;
	fake_backend.capture = NULL;
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	crash_stop_placeholder(3);
	CHECK_INT(log_count("not stopped: 3"), 1);
}

/* As SIGP SENSE: known to stand still 50 us after the second rung was raised. */
static bool stands_still(unsigned int cpu)
{
	return machine_now > event_ns(EV_RAISE, cpu, NMI) &&
	       machine_now - event_ns(EV_RAISE, cpu, NMI) > 50 * US;
}

/* K3: a rung may know by itself that a CPU stands still. Variant 1: s390's way. */
static void remote_stop_counts(unsigned int variant)
{
	(void)variant;
	fake_backend.capture = NULL;
	fake_rungs[NMI].stopped = stands_still;
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, nmi 1)");
	CHECK_RANGE(crash_stop_result()->us, 10050, 10400);
	CHECK(crash_stop_cpu_stopped(3));
	CHECK_INT(crash_stop_cpu[3].how, NMI);
}

/* K9: every CPU has a note, so one that was stopped from outside has one too. */
static void remote_stop_leaves_a_placeholder(unsigned int variant)
{
	(void)variant;
	fake_rungs[NMI].stopped = stands_still;
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK(crash_stop_complete());
	CHECK(kernel_note(3).there);
	CHECK_INT(kernel_note(3).pid, -1);
}

const struct test ladder_tests[] = {
	T(healthy_stop_is_one_line),
	T(masked_cpu_is_stopped_by_nmi),
	T(wedged_cpu_is_named_and_has_a_placeholder),
	T(all_wedged_cpus_are_listed),
	T(each_rung_signals_those_that_are_left),
	T(unusable_rung_is_skipped),
	T(only_usable_rung_has_100_ms),
	T(no_usable_rung),
	T(uniprocessor),
	T(absent_hooks_are_nothing),
	T(no_memory_for_notes),
	T(remote_stop_counts),
	T(remote_stop_leaves_a_placeholder),
	{ }
};
