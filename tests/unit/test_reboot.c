// SPDX-License-Identifier: GPL-2.0-only
/* K10: reboot, halt and panic, in any order and at once. */
#include "test.h"

static void restart_and_end(void)
{
	kernel_restart();
	CHECK(machine_irqs_on());
	machine_stop(MACHINE_DONE);
}

static void reboot_stops_the_others(unsigned int variant)
{
	int cpu;

	(void)variant;
	plan[0].program = restart_and_end;
	CHECK_INT(kernel_boot(), MACHINE_DONE);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK_INT(log_level("CPUs stopped"), '6');
	CHECK_INT(log_count("_stext"), 0);
	CHECK_INT(shim_online.bits, 0x1);
	CHECK_INT(event_count(EV_AFTER_STOP, 0, CRASH_STOP_REBOOT), 1);
	for (cpu = 1; cpu < NR_CPUS; cpu++)
		CHECK_INT(event_count(EV_QUIESCE, cpu, CRASH_STOP_REBOOT), 1);
}

/* Today's patience: 1 s on the first rung, and on the last. */
static void reboot_is_patient(unsigned int variant)
{
	plan[0].program = restart_and_end;
	plan[1].late[IPI] = 900 * MS;
	plan[2].masked = variant;
	plan[2].late[NMI] = 900 * MS;
	CHECK_INT(kernel_boot(), MACHINE_DONE);
	CHECK_STR(log_line("CPUs stopped"), variant ?
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, nmi 1)" :
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK_RANGE(machine_now / MS, variant ? 1900 : 900, variant ? 1902 : 901);
}

static void reboot_names_who_did_not_stop(unsigned int variant)
{
	(void)variant;
	plan[0].program = restart_and_end;
	plan[2].masked = plan[2].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_DONE);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 2/3 other CPUs stopped in # us (ipi 2); not stopped: 2");
	CHECK_INT(log_level("CPUs stopped"), '0');
	CHECK_INT(shim_online.bits, 0x5);
	CHECK_RANGE(machine_now / MS, 2000, 2003);
}

/* The CPU that reboots parks, and the owner of the panic is stopped by nobody. */
static void panic_during_a_reboot(unsigned int variant)
{
	plan[0].program = program_restart;
	plan[1].program = program_panic;
	plan[1].masked = !(variant & 1);
	plan[1].late[IPI] = 100 * MS;
	plan[1].at = (variant & 2 ? 1200 : 5) * MS;
	if (variant & 2) {
		plan[1].late[IPI] = 10000 * MS;
		plan[1].deaf[NMI] = true;
	}
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(panic_cpu.counter, 1);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, by itself 1)");
	CHECK_INT(event_count(EV_RESUMED, 0, ANY), 0);
	CHECK_INT(crash_stop_cpu[0].how, CRASH_BY_ITSELF);
	CHECK(cpu_parked(0));
	CHECK_INT(event_count(EV_CAPTURE, 1, ANY), 0);
	CHECK_INT(event_count(EV_AFTER_STOP, 1, CRASH_STOP_PANIC), 1);
}

static void unmask_in_kgdb(unsigned int where)
{
	if (where == PLACE_KGDB)
		local_irq_enable();
	if (where == PLACE_BACKTRACE)
		local_irq_disable();
}

/* Nor when the reboot's IPI and NMI are on their way to it when it claims. */
static void reboot_signals_are_pending_on_the_owner(unsigned int variant)
{
	plan[0].program = program_restart;
	plan[1].program = program_panic;
	plan[1].masked = true;
	plan[1].late[NMI] = 5 * MS;
	plan[1].at = 1002 * MS;
	place_ns[PLACE_KGDB] = 10 * MS;
	print_backtrace = true;
	/* Someone on the way through panic() enables interrupts. */
	if (variant)
		at_place = unmask_in_kgdb;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(event_count(EV_RETURNED, 1, NMI), 1);
	CHECK_INT(event_count(EV_RETURNED, 1, IPI), variant);
	CHECK_INT(event_count(EV_CAPTURE, 1, ANY), 0);
	CHECK(cpu_parked(0));
	CHECK_INT(log_count("3/3 other CPUs stopped"), 1);
}

/* Whoever comes to reboot while a panic is under way parks. */
static void reboot_during_a_panic(unsigned int variant)
{
	plan[0].program = program_panic;
	place_ns[PLACE_KGDB] = 1 * MS;
	plan[2].program = program_restart;
	plan[2].masked = variant;
	plan[2].at = 500 * US;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, by itself 1)");
	CHECK_INT(event_count(EV_RESUMED, 2, ANY), 0);
	CHECK(cpu_parked(2));
}

/* At the same moment: the panic wins, and the machine restarts once. */
static void reboot_and_panic_at_once(unsigned int variant)
{
	enum machine_end end;
	unsigned int cpu;

	plan[0].program = program_restart;
	plan[1].program = variant ? program_nmi_panic : program_panic;
	plan[2].program = program_restart;
	end = kernel_boot();
	if (machine_seed && panic_cpu.counter < 0) {
		/* The reboot stopped CPU 1 before it could panic. */
		CHECK_INT(end, MACHINE_QUIET);
		return;
	}
	CHECK_INT(end, MACHINE_RESTART);
	CHECK_INT(panic_cpu.counter, 1);
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		CHECK(cpu == 1 || cpu_parked(cpu));
	CHECK_INT(crash_stop_result()->cpus, 3);
	CHECK_INT(crash_stop_result()->stopped, 3);
	/* It is told as a panic, too. */
	CHECK_INT(log_level("CPUs stopped"), '0');
	CHECK_INT(log_count("_stext is at 0x"), 1);
	CHECK_INT(event_count(EV_AFTER_STOP, 1, CRASH_STOP_PANIC), 1);
}

/* The second one parks. */
static void two_reboots_at_once(unsigned int variant)
{
	(void)variant;
	plan[0].program = plan[1].program = program_restart;
	CHECK_INT(kernel_boot(), MACHINE_QUIET);
	CHECK_INT(event_count(EV_RESUMED, ANY, ANY), 1);
	CHECK_INT(log_count("3/3 other CPUs stopped"), 1);
	CHECK(cpu_parked(0) != cpu_parked(1));
	if (!machine_seed)
		CHECK_INT(crash_stop_result()->by_itself, 1);
}

static void restart_twice(void)
{
	const struct crash_stop_result *r = crash_stop_other_cpus(CRASH_STOP_REBOOT);
	unsigned int us = r->us;
	u64 before = machine_now;

	CHECK(crash_stop_other_cpus(CRASH_STOP_REBOOT) == r);
	CHECK_INT(r->us, us);
	CHECK_INT(r->cpus, 3);
	CHECK(crash_stop_result() == r);
	CHECK(machine_now - before < 100 * US);
	machine_stop(MACHINE_DONE);
}

/* On one CPU the ladder is climbed once, and later calls get its result. */
static void reboot_twice_climbs_once(unsigned int variant)
{
	plan[0].program = restart_twice;
	plan[3].masked = variant;
	plan[3].deaf[NMI] = variant;
	CHECK_INT(kernel_boot(), MACHINE_DONE);
	CHECK_INT(event_count(EV_AFTER_STOP, ANY, ANY), 1);
	CHECK_INT(event_count(EV_RAISE, ANY, IPI), 3);
	CHECK_INT(log_count("CPUs stopped"), 1);
}

static void restart_then_panic(void)
{
	kernel_restart();
	plan[3].deaf[NMI] = false;
	machine_sleep(1 * MS);
	panic("after a reboot");
}

/* The panic inherits the counts, and stops who is left. */
static void panic_after_a_reboot(unsigned int variant)
{
	plan[0].program = restart_then_panic;
	plan[3].masked = plan[3].deaf[NMI] = variant;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(log_count("CPUs stopped"), 2);
	CHECK_STR(log_line("CPUs stopped"), variant ?
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, nmi 1)" :
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK(crash_stop_complete());
	CHECK_INT(event_count(EV_RAISE, 1, ANY), 1);
	CHECK_INT(event_count(EV_RAISE, 2, ANY), 1);
	CHECK_INT(log_count("nested"), 0);
}

/* A CPU that the reboot could not stop panics: it stops the one that reboots. */
static void panic_on_a_cpu_that_a_reboot_left(unsigned int variant)
{
	plan[0].program = program_restart;
	plan[3].program = program_panic;
	plan[3].at = 3000 * MS;
	plan[3].masked = plan[3].deaf[NMI] = true;
	if (variant)
		kernel_load_image();
	CHECK_INT(kernel_boot(), variant ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_INT(log_count("2/3 other CPUs stopped"), 1);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK_INT(kernel_note(0).ip, IP_TASK(0));
}

static void stalls_the_reboot_in_a_placeholder(void)
{
	if (!panic_mutex_is_mine())
		machine_sleep(100 * MS);
}

/*
 * K9: nothing that a reboot was stopped in keeps the owner from writing the note
 * of a CPU that stays away. K5: nor a CPU that comes late, 1, from writing its own,
 * over which a reboot that nothing stops, 2, would go on to write.
 */
static void panic_behind_the_ladder_of_a_reboot(unsigned int variant)
{
	kernel_load_image();
	plan[0].program = program_restart;
	plan[1].masked = plan[1].deaf[NMI] = true;
	in_placeholder = stalls_the_reboot_in_a_placeholder;
	plan[3].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
	plan[3].at = 2050 * MS;
	plan[0].masked = plan[0].deaf[NMI] = variant == 2;
	dumper_ns[0] = 1000 * MS;
	if (variant)
		backend_signal(1, NMI, variant == 2 ? 2060 * MS : 2500 * MS);
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_INT(panic_cpu.counter, 3);
	CHECK_INT(log_count("2/3 other CPUs stopped in"), 1);
	CHECK_INT(cpu_parked(0), variant != 2);
	CHECK(kernel_note(1).there);
	CHECK_INT(kernel_note(1).pid, variant ? NOTE_PID(1) : -1);
	CHECK_INT(cpu_parked(1), !!variant);
}

/* A parked CPU panics in an NMI: it can own the crash as any other. */
static void panic_on_a_cpu_that_a_reboot_stopped(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_restart;
	plan[1].program = program_nmi_panic;
	plan[1].at = 100 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(panic_cpu.counter, 1);
	CHECK_INT(log_count("3/3 other CPUs stopped"), 2);
	CHECK(cpu_parked(0));
}

/* The panic is on it while a rung of the reboot faults, too: same CPU, one panic. */
static void reboot_whose_raise_faults(unsigned int variant)
{
	plan[0].program = program_restart;
	plan[3].masked = true;
	faults[variant ? PLACE_RAISED + NMI : PLACE_RAISED + IPI] = 1;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, nmi 1)");
	CHECK_INT(log_count("nested"), 0);
}

/* Called when the last rung has ended, among others. */
static bool stalls_the_reboot(void)
{
	if (raw_smp_processor_id() == 0 && machine_now > 1900 * MS)
		machine_sleep(400 * MS);
	return false;
}

/*
 * A virtual CPU that reboots is taken off its host CPU behind its last rung, and
 * comes back when the panic's ladder has ended: it touches neither the panic's
 * result nor cpu_online_mask.
 */
static void reboot_that_comes_back_behind_the_panic(unsigned int variant)
{
	(void)variant;
	kernel_load_image();
	fake_backend.nr_rungs = 3;
	fake_rungs[RUNG3].usable = stalls_the_reboot;
	plan[0].program = program_restart;
	plan[0].deaf[NMI] = true;
	plan[3].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
	plan[3].at = 2100 * MS;
	dumper_ns[0] = 1000 * MS;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_INT(log_count("CPUs stopped"), 1);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 2/3 other CPUs stopped in # us (ipi 2); not stopped: 0");
	CHECK_INT(event_count(EV_AFTER_STOP, 0, ANY), 0);
	CHECK(cpu_parked(0));
	CHECK_INT(kernel_note(0).pid, NOTE_PID(0));
	CHECK_INT(online_at_kexec.bits, 0xf);
	CHECK_INT(crash_stop_result()->left->bits, 0x1);
}

/* One that the reboot could not stop reboots as well: it parks, late as it is. */
static void reboot_on_a_cpu_that_a_reboot_left(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_restart;
	plan[3].program = program_restart;
	plan[3].at = 3000 * MS;
	plan[3].masked = plan[3].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_QUIET);
	CHECK_INT(event_count(EV_RESUMED, 0, ANY), 1);
	CHECK_INT(event_count(EV_RESUMED, 3, ANY), 0);
	CHECK(cpu_parked(3));
}

const struct test reboot_tests[] = {
	T(reboot_stops_the_others),
	T_N(reboot_is_patient, 2),
	T(reboot_names_who_did_not_stop),
	T_N(panic_during_a_reboot, 4),
	T_N(reboot_signals_are_pending_on_the_owner, 2),
	T_N(reboot_during_a_panic, 2),
	T_N(reboot_and_panic_at_once, 2),
	T(two_reboots_at_once),
	T_N(reboot_twice_climbs_once, 2),
	T_N(panic_after_a_reboot, 2),
	T_N(panic_on_a_cpu_that_a_reboot_left, 2),
	T_N(panic_behind_the_ladder_of_a_reboot, 3),
	T(panic_on_a_cpu_that_a_reboot_stopped),
	T_N(reboot_whose_raise_faults, 2),
	T(reboot_that_comes_back_behind_the_panic),
	T(reboot_on_a_cpu_that_a_reboot_left),
	{ }
};
