// SPDX-License-Identifier: GPL-2.0-only
/* Signals that come late, twice, on top of each other, or for nothing. */
#include "test.h"

/* K5: captured and parked after the deadline; its note replaces the placeholder. */
static void late_cpu_is_captured_and_parked(unsigned int variant)
{
	(void)variant;
	kernel_load_image();
	plan[0].program = program_panic;
	plan[3].late[IPI] = 500 * MS;
	plan[3].late[NMI] = 300 * MS;
	dumper_ns[0] = 800 * MS;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 2/3 other CPUs stopped in # us (ipi 2); not stopped: 3");
	CHECK(event_index(EV_AFTER_STOP, 0, ANY) < event_index(EV_CAPTURE, 3, ANY));
	CHECK(cpu_parked(3));
	CHECK_INT(event_count(EV_QUIESCE, 3, ANY), 1);
	CHECK_INT(crash_stop_cpu[3].how, NMI);
	CHECK_INT(crash_stop_cpu[3].note.counter, CRASH_NOTE_REGS);
	CHECK_INT(kernel_note(3).pid, NOTE_PID(3));
	CHECK_INT(kernel_note(3).ip, IP_TASK(3));
}

static void answer_now(void)
{
	backend_signal(3, NMI, 10 * US);
	machine_sleep(50 * US);
}

/* K5: one writer per note, also when the owner is held up while it writes one. */
static void late_cpu_comes_while_its_placeholder_is_written(unsigned int variant)
{
	(void)variant;
	kernel_load_image();
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
	in_placeholder = answer_now;
	dumper_ns[0] = 10 * MS;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK(cpu_parked(3));
	CHECK_INT(crash_stop_cpu[3].note.counter, CRASH_NOTE_REGS);
	CHECK_INT(kernel_note(3).pid, NOTE_PID(3));
	CHECK_INT(kernel_note(3).ip, IP_TASK(3));
}

static void take_a_moment(void)
{
	machine_sleep(2 * US);
}

/* K5: the same, whichever of the two comes first: with seeds, at about that time. */
static void late_cpu_comes_at_the_deadline(unsigned int variant)
{
	(void)variant;
	kernel_load_image();
	plan[0].program = program_panic;
	plan[3].masked = true;
	plan[3].late[NMI] = 99995 * US + machine_seed % 32 * US;
	in_placeholder = take_a_moment;
	dumper_ns[0] = 10 * MS;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK(cpu_parked(3));
	CHECK_INT(crash_stop_cpu[3].note.counter, CRASH_NOTE_REGS);
	CHECK_INT(kernel_note(3).ip, IP_TASK(3));
}

static void expect_once(int cpu, int how)
{
	CHECK(cpu_parked(cpu));
	CHECK_INT(event_count(EV_CAPTURE, cpu, ANY), 1);
	CHECK_INT(event_count(EV_QUIESCE, cpu, ANY), 1);
	CHECK_INT(crash_stop_cpu[cpu].how, how);
	CHECK_INT(kernel_note(cpu).ip, IP_TASK(cpu));
}

/* K4: an NMI finds the CPU parked, returns, and the CPU goes on parking. */
static void signal_twice(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[1].again[IPI] = 2;
	plan[2].masked = true;
	plan[2].again[NMI] = 2;
	dumper_ns[0] = 50 * MS;
	backend_signal(1, NMI, 20 * MS);
	backend_signal(1, NMI, 30 * MS);
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, nmi 1)");
	CHECK_INT(event_count(EV_RETURNED, 1, NMI), 2);
	expect_once(1, IPI);
	expect_once(2, NMI);
}

/* K4: the next rung comes while a slow capture is under way, which ends. */
static void nmi_on_top_of_a_capture(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[2].capture_ns = 20 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK_INT(event_count(EV_RETURNED, 2, NMI), 1);
	expect_once(2, IPI);
}

static void nmi_panics_in_capture(struct pt_regs *regs, int rung)
{
	if (rung == NMI)
		nmi_panic(regs, "in capture");
}

/* K2: an NMI on top of a capture loses a panic; nothing below it will be resumed. */
static void loser_on_top_of_its_capture(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[2].capture_ns = 20 * MS;
	plan[2].on_signal = nmi_panics_in_capture;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, by itself 1)");
	CHECK(cpu_parked(2));
	CHECK_STR(crash_stop_cpu[2].msg, "in capture");
	CHECK_INT(crash_stop_cpu[2].note.counter, CRASH_NOTE_REGS);
	CHECK_INT(kernel_note(2).pid, NOTE_PID(2));
}

/* K4, K9: a capture that faults, 1: always, does not keep its CPU from stopping. */
static void capture_that_faults(unsigned int variant)
{
	plan[0].program = program_panic;
	plan[2].capture_faults = variant ? 20 : 1;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, by itself 1)");
	CHECK(cpu_parked(2));
	CHECK_STR(crash_stop_cpu[2].msg, "capture faults on cpu 2");
	CHECK_RANGE(event_count(EV_CAPTURE, 2, ANY), 1, 3);
	CHECK_INT(event_count(EV_QUIESCE, 2, ANY), 1);
	CHECK_INT(kernel_note(2).pid, variant ? -1 : NOTE_PID(2));
}

/* K4, K7: nor does what is switched off before it. */
static void quiesce_that_faults(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[2].quiesce_faults = 20;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK(cpu_parked(2));
	CHECK_INT(event_count(EV_QUIESCE, 2, ANY), 1);
	CHECK_INT(kernel_note(2).ip, IP_TASK(2));
}

static void wait_and_end(void)
{
	machine_sleep(1 * MS);
	machine_stop(MACHINE_DONE);
}

/* K13: a stop signal before any stop has begun is nothing. */
static void signal_without_a_stop(unsigned int variant)
{
	(void)variant;
	plan[0].program = wait_and_end;
	backend_signal(1, IPI, 100 * US);
	backend_signal(1, NMI, 200 * US);
	CHECK_INT(kernel_boot(), MACHINE_DONE);
	CHECK_INT(event_count(EV_RETURNED, 1, ANY), 2);
	CHECK_INT(crash_stop_cpu[1].state.counter, CRASH_CPU_RUNNING);
	CHECK(!crash_stop_begun() && !crash_stop_result() && !crash_stop_complete());
}

/* K5: a signal of each rung under way at once: how it stopped is one of them. */
static void both_rungs_at_once(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[1].late[IPI] = 10 * MS;
	plan[2].late[IPI] = 10 * MS + 4 * US;
	plan[3].late[IPI] = 10 * MS + 8 * US;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(log_count("3/3 other CPUs stopped"), 1);
	CHECK(cpu_parked(1) && cpu_parked(2) && cpu_parked(3));
	CHECK_INT(crash_stop_result()->by_rung[IPI] + crash_stop_result()->by_rung[NMI], 3);
	CHECK_INT(event_count(EV_CAPTURE, ANY, ANY), 3);
}

const struct test late_tests[] = {
	T(late_cpu_is_captured_and_parked),
	T(late_cpu_comes_while_its_placeholder_is_written),
	T(late_cpu_comes_at_the_deadline),
	T(signal_twice),
	T(nmi_on_top_of_a_capture),
	T(loser_on_top_of_its_capture),
	T_N(capture_that_faults, 2),
	T(quiesce_that_faults),
	T(signal_without_a_stop),
	T(both_rungs_at_once),
	{ }
};
