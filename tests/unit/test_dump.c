// SPDX-License-Identifier: GPL-2.0-only
/* CPUs inside kmsg_dump() when the stop comes, and which dumps the owner makes. */
#include "test.h"

/*
 * Parked by itself when it left. An accepted race: the owner looks between the
 * end of its dump and its acknowledgment, and raises the next rung after all.
 */
static void expect_parked_when_it_left(int cpu)
{
	CHECK(cpu_parked(cpu));
	CHECK_INT(log_count("3/3 other CPUs stopped"), 1);
	if (machine_seed && crash_stop_cpu[cpu].how == NMI)
		return;
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, by itself 1)");
}

/* K3: patience before the rung that would stop it with the store's lock held. */
static void cpu_inside_kmsg_dump_gets_patience(unsigned int variant)
{
	plan[0].program = program_panic;
	plan[0].at = 1 * MS;
	plan[2].program = program_dump;
	plan[2].masked = variant;
	dumper_ns[2] = 300 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	expect_parked_when_it_left(2);
	CHECK_RANGE(crash_stop_result()->us, 298000, 300100);
	/* The gentle signal was put off, and the CPU parked when it left. */
	CHECK_INT(event_count(EV_RETURNED, 2, IPI), !variant);
	CHECK(event_ns(EV_RAISE, 2, NMI) >= 299 * MS);
	CHECK_INT(event_count(EV_RESUMED, 2, ANY), 0);
	CHECK_INT(dumper_runs[2], 2);
	CHECK_STR(stored, log_line("CPUs stopped"));
}

/* K3: which ends: no rung takes more than 1 s. Then its lock is held for ever. */
static void cpu_inside_kmsg_dump_for_too_long(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[0].at = 1 * MS;
	plan[2].program = program_dump;
	dumper_ns[2] = 3000 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, nmi 1)");
	CHECK_RANGE(event_ns(EV_RAISE, 2, NMI), 1000 * MS, 1002 * MS);
	CHECK_INT(log_count("store: locked by CPU 2"), 1);
	CHECK_INT(crash_stop_cpu[2].how, NMI);
}

/* U2: a dumper that began now could hold the lock when the owner needs it. */
static void cpu_that_would_begin_a_dump_parks(unsigned int variant)
{
	plan[0].program = program_panic;
	plan[2].program = program_dump;
	plan[2].masked = true;
	plan[2].at = 5 * MS;
	/* After the stop has begun, or only after the claim. */
	if (variant)
		place_ns[PLACE_KGDB] = 10 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, by itself 1)");
	CHECK_INT(event_count(EV_RAISE, ANY, NMI), 0);
	CHECK_INT(dumper_runs[0], 1);
	CHECK_INT(crash_stop_cpu[2].dumping.counter, 0);
}

static void dump_twice(void)
{
	int cpu = crash_dump_begin(KMSG_DUMP_OOPS);
	int again = crash_dump_begin(KMSG_DUMP_OOPS);

	CHECK_INT(cpu, 2);
	CHECK_INT(again, 2);
	machine_sleep(20 * MS);
	crash_dump_end(again);
	event(EV_RESUMED, 2, 1);
	machine_sleep(20 * MS);
	crash_dump_end(cpu);
	event(EV_RESUMED, 2, 2);
	idle();
}

/* K3: the outermost kmsg_dump() of a CPU is the one that counts. */
static void dump_inside_a_dump(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[0].at = 1 * MS;
	plan[2].program = dump_twice;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	expect_parked_when_it_left(2);
	CHECK_INT(event_count(EV_RETURNED, 2, IPI), 1);
	CHECK_INT(event_count(EV_RESUMED, 2, 1), 1);
	CHECK_INT(event_count(EV_RESUMED, 2, 2), 0);
}

static bool no(void)
{
	return false;
}

/* K5: without another rung it is named, and parks when it leaves all the same. */
static void cpu_inside_kmsg_dump_without_an_nmi(unsigned int variant)
{
	(void)variant;
	fake_rungs[NMI].usable = no;
	plan[0].program = program_panic;
	plan[0].at = 1 * MS;
	plan[2].program = program_dump;
	dumper_ns[0] = dumper_ns[1] = 400 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 2/3 other CPUs stopped in # us (ipi 2); not stopped: 2");
	CHECK_INT(event_count(EV_RESUMED, 2, ANY), 0);
	CHECK(cpu_parked(2));
	CHECK_INT(kernel_note(2).pid, NOTE_PID(2));
	CHECK_INT(crash_stop_cpu[2].how, CRASH_BY_ITSELF);
}

/* Patience is for those inside: one that left before the stop gets none. */
static void cpu_that_left_kmsg_dump_gets_none(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[0].at = 1 * MS;
	plan[2].program = program_dump;
	plan[2].masked = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(event_count(EV_RESUMED, 2, ANY), 1);
	CHECK_RANGE(event_ns(EV_RAISE, 2, NMI), 11 * MS, 11300 * US);
}

static void dump_on_owner(unsigned int where)
{
	unsigned int i;

	if (where != PLACE_KGDB && where != PLACE_DUMPER + 1 && where != PLACE_FLUSH)
		return;
	for (i = 0; i < nr_dumpers; i++)
		dumper_runs[i] = 0;
	kmsg_dump(KMSG_DUMP_OOPS);
	kmsg_dump(KMSG_DUMP_EMERG);
	if (where != PLACE_DUMPER + 1)
		kmsg_dump(KMSG_DUMP_PANIC);
	for (i = 0; i < nr_dumpers; i++)
		CHECK_INT(dumper_runs[i], 0);
}

/* K6, K7: on the owner only the walk of CRASH_DUMP runs dumpers. */
static void dumps_on_the_owner_run_no_dumper(unsigned int variant)
{
	(void)variant;
	at_place = dump_on_owner;
	plan[0].program = program_panic;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(visits[PLACE_KGDB], 1);
	CHECK_INT(visits[PLACE_DUMPER + 1], 1);
	CHECK_INT(visits[PLACE_DUMPER + 2], 1);
	CHECK_INT(visits[PLACE_FLUSH], 1);
}

static void oops_then_panic(void)
{
	kmsg_dump(KMSG_DUMP_OOPS);
	CHECK_INT(dumper_runs[0], 1);
	CHECK_INT(dumper_runs[2], 1);
	machine_sleep(1 * MS);
	panic("after an oops");
}

/* Before the claim a dump is as ever, and does not use up the panic's walk. */
static void dump_before_the_panic_is_as_ever(unsigned int variant)
{
	(void)variant;
	plan[0].program = oops_then_panic;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(dumper_runs[0], 2);
	CHECK_INT(dumper_runs[2], 2);
}

static void panic_in_oops_dump(unsigned int where)
{
	if (where == PLACE_MESSAGE)
		CHECK_INT(dumper_runs[0], 1);
}

static void nmi_in_oops_dump(struct pt_regs *regs, int arg)
{
	(void)arg;
	nmi_panic(regs, "in a dump");
}

static void dump_that_panics(void)
{
	machine_signal(0, true, machine_now + 1 * MS, nmi_in_oops_dump, 0);
	kmsg_dump(KMSG_DUMP_OOPS);
}

/* K7: the owner came from inside a dumper: its own walk is a new one. */
static void panic_inside_an_oops_dump(unsigned int variant)
{
	(void)variant;
	at_place = panic_in_oops_dump;
	plan[0].program = dump_that_panics;
	dumper_ns[0] = 5 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(dumper_runs[0], 2);
	CHECK_INT(dumper_runs[1], 1);
	CHECK_INT(dumper_runs[2], 1);
	CHECK_INT(log_count("nested panic"), 0);
}

const struct test dump_tests[] = {
	T_N(cpu_inside_kmsg_dump_gets_patience, 2),
	T(cpu_inside_kmsg_dump_for_too_long),
	T_N(cpu_that_would_begin_a_dump_parks, 2),
	T(dump_inside_a_dump),
	T(cpu_inside_kmsg_dump_without_an_nmi),
	T(cpu_that_left_kmsg_dump_gets_none),
	T(dumps_on_the_owner_run_no_dumper),
	T(dump_before_the_panic_is_as_ever),
	T(panic_inside_an_oops_dump),
	{ }
};
