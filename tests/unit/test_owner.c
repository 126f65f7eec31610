// SPDX-License-Identifier: GPL-2.0-only
/* Who owns the crash, and what becomes of the losers. */
#include "test.h"

/* CPU 0 panics, and is at it for 1 ms before it stops the others. */
static void scene_slow_panic(void)
{
	plan[0].program = program_panic;
	place_ns[PLACE_KGDB] = 1 * MS;
}

static void expect_loser(int cpu, const char *msg, unsigned long ip)
{
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, by itself 1)");
	CHECK(cpu_parked(cpu));
	CHECK_INT(crash_stop_cpu[cpu].how, CRASH_BY_ITSELF);
	CHECK_INT(event_count(EV_RAISE, cpu, ANY), 0);
	CHECK_STR(crash_stop_cpu[cpu].msg, msg);
	CHECK_INT(kernel_note(cpu).pid, NOTE_PID(cpu));
	CHECK_INT(kernel_note(cpu).ip, ip);
	CHECK_INT(event_count(EV_QUIESCE, cpu, CRASH_STOP_PANIC), 1);
	CHECK_INT(log_count("Kernel panic"), 1);
}

/* K2: parks at once, with registers and message; not signalled, not waited for. */
static void loser_in_task_context(unsigned int variant)
{
	scene_slow_panic();
	plan[1].program = program_panic;
	plan[1].at = 500 * US;
	plan[1].masked = variant;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	expect_loser(1, "cpu 1", IP_HERE(IP_TASK(1)));
	CHECK(event_ns(EV_PARK, 1, ANY) < 600 * US);
	CHECK(crash_stop_result()->us < 200);
}

/* K2: in NMI context, with the registers that the NMI interrupted. */
static void loser_in_nmi_context(unsigned int variant)
{
	scene_slow_panic();
	plan[1].program = program_nmi_panic;
	plan[1].at = 500 * US;
	plan[1].masked = variant;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	expect_loser(1, "hard lockup", IP_TASK(1));
}

static void panic_at_length(void)
{
	machine_sleep(500 * US);
	panic("a message that is longer than the %u bytes that are kept", CRASH_MSG_LEN);
}

/* K2: its message is kept, bounded. */
static void long_message_of_a_loser_is_cut(unsigned int variant)
{
	(void)variant;
	scene_slow_panic();
	plan[1].program = panic_at_length;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	expect_loser(1, "a message that is longer than the 44 bytes ",
		     IP_HERE(IP_TASK(1)));
	CHECK_INT(strlen(crash_stop_cpu[1].msg), CRASH_MSG_LEN - 1);
}

/* K2: also while the ladder waits for it: no further rung is raised for it. */
static void cpu_that_loses_while_it_is_waited_for(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[1].program = program_panic;
	plan[1].at = 5 * MS;
	plan[1].masked = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, by itself 1)");
	CHECK_INT(event_count(EV_RAISE, ANY, NMI), 0);
	CHECK_RANGE(crash_stop_result()->us, 4900, 5100);
	CHECK_STR(crash_stop_cpu[1].msg, "cpu 1");
}

static void handler_panics(struct pt_regs *regs, int rung)
{
	if (rung == NMI)
		nmi_panic(regs, "in the handler");
	panic("in the handler");
}

/* K2: a CPU that panics in the handler of the stop signal itself. 1: of the NMI. */
static void loser_in_the_handler(unsigned int variant)
{
	plan[0].program = program_panic;
	plan[1].on_signal = handler_panics;
	plan[1].masked = variant;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, by itself 1)");
	CHECK_STR(crash_stop_cpu[1].msg, "in the handler");
	CHECK_INT(kernel_note(1).ip, variant ? IP_TASK(1) : IP_HERE(IP_HANDLER(1)));
	CHECK_INT(log_count("Kernel panic"), 1);
}

/* K1: one of them owns the crash, and only that one goes on. */
static void panics_at_once(unsigned int variant)
{
	unsigned int cpu, n = variant + 2;
	int owner;

	for (cpu = 0; cpu < n; cpu++)
		plan[cpu].program = cpu == 1 ? program_nmi_panic : program_panic;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	owner = panic_cpu.counter;
	CHECK_RANGE(owner, 0, n - 1);
	CHECK_INT(log_count("3/3 other CPUs stopped"), 1);
	CHECK_INT(log_count("Kernel panic"), 1);
	CHECK_INT(log_count("nested"), 0);
	CHECK_INT(crash_stop_cpu[owner].state.counter, CRASH_CPU_RUNNING);
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		CHECK(cpu == owner || cpu_parked(cpu));
	if (!machine_seed)
		CHECK_INT(crash_stop_result()->by_itself, n - 1);
}

static void nmi_on_owner(struct pt_regs *regs, int arg)
{
	(void)arg;
	nmi_panic(regs, "on the owner");
	event(EV_RESUMED, 0, 0);
}

static void send_nmi_to_owner(unsigned int where)
{
	if (where == PLACE_KGDB || where == PLACE_DUMPER || where == PLACE_FLUSH)
		machine_signal(0, true, machine_now, nmi_on_owner, 0);
}

/* K1: nmi_panic() on the owner returns. */
static void nmi_panic_on_the_owner_returns(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	at_place = send_nmi_to_owner;
	place_ns[PLACE_KGDB] = place_ns[PLACE_DUMPER] = place_ns[PLACE_FLUSH] = 1 * MS;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(event_count(EV_RESUMED, 0, ANY), 3);
	CHECK_INT(log_count("Kernel panic"), 1);
	CHECK_INT(log_count("nested"), 0);
	CHECK_INT(log_count("3/3 other CPUs stopped"), 1);
}

/* K1, K12: an owner in NMI context, whose claim comes before panic(). */
static void owner_in_nmi_context(unsigned int variant)
{
	plan[2].program = program_nmi_panic;
	plan[2].masked = variant;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK_STR(log_line("Kernel panic"), "Kernel panic - not syncing: hard lockup");
	CHECK_INT(log_count("nested"), 0);
}

static void take(void)
{
	CHECK(!panic_mutex_is_mine() && !panic_mutex_is_lost());
	CHECK_INT(panic_mutex_take(), PANIC_MUTEX_ACQUIRED);
	CHECK_INT(panic_mutex_take(), PANIC_MUTEX_MINE);
	CHECK(panic_mutex_is_mine() && !panic_mutex_is_lost());
	machine_sleep(1 * MS);
	machine_stop(MACHINE_DONE);
}

static void take_late(void)
{
	machine_sleep(500 * US);
	CHECK_INT(panic_mutex_take(), PANIC_MUTEX_LOST);
	CHECK(!panic_mutex_is_mine() && panic_mutex_is_lost());
	event(EV_RESUMED, 1, 0);
}

/* K1: three outcomes, none of which waits. */
static void mutex_has_three_outcomes(unsigned int variant)
{
	(void)variant;
	plan[0].program = take;
	plan[1].program = take_late;
	CHECK_INT(kernel_boot(), MACHINE_DONE);
	CHECK_INT(event_count(EV_RESUMED, 1, ANY), 1);
}

/* K2: a redirected panic: the target owns it, its own CPU parks. 1: in an NMI. */
static void redirected_panic_is_claimed(unsigned int variant)
{
	redirect_to = 2;
	scene_slow_panic();
	if (variant)
		plan[0].program = program_nmi_panic;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(panic_cpu.counter, 2);
	expect_loser(0, variant ? "hard lockup" : "cpu 0",
		     variant ? IP_TASK(0) : IP_HERE(IP_TASK(0)));
	CHECK_INT(event_count(EV_CAPTURE, 0, ANY), 1);
	CHECK(machine_now < 2 * MS);
}

static void look_at_note_of_cpu_0(void)
{
	machine_sleep(50 * MS);
	CHECK_INT(atomic_read_acquire(&crash_stop_cpu[0].note), CRASH_NOTE_REGS);
	CHECK_INT(kernel_note(0).pid, NOTE_PID(0));
	CHECK(crash_stop_cpu[0].msg[0]);
}

/* K2: nobody claims: with a deadline, and then the CPU is the owner itself. */
static void redirected_panic_is_not_claimed(unsigned int variant)
{
	redirect_to = 2;
	kernel_load_image();
	plan[0].program = variant ? program_nmi_panic : program_panic;
	plan[1].program = look_at_note_of_cpu_0;
	plan[2].masked = true;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_INT(panic_cpu.counter, 0);
	CHECK_INT(log_count("no CPU took the panic over within 100 ms, CPU 0 goes on"), 1);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, nmi 1)");
	CHECK_RANGE(machine_now, 110 * MS, 111 * MS);
	CHECK_INT(log_count("nested"), 0);
	CHECK_INT(event_count(EV_PARK, 0, ANY), 0);
}

static void unmask_late(void)
{
	local_irq_disable();
	machine_sleep(99995 * US);
	local_irq_enable();
	idle();
}

/* K1, K2: the target claims at the deadline: there is one owner, one loser. */
static void redirected_panic_is_claimed_late(unsigned int variant)
{
	int owner;

	(void)variant;
	redirect_to = 2;
	plan[0].program = program_panic;
	plan[2].program = unmask_late;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	owner = panic_cpu.counter;
	CHECK(owner == 0 || owner == 2);
	CHECK_INT(log_count("3/3 other CPUs stopped"), 1);
	CHECK_INT(log_count("Kernel panic"), 1);
	CHECK(cpu_parked(2 - owner));
}

/* K2: only the first panic is redirected; the next one to panic owns the crash. */
static void another_panic_while_one_is_redirected(unsigned int variant)
{
	(void)variant;
	redirect_to = 2;
	plan[0].program = program_panic;
	plan[1].program = program_panic;
	plan[1].at = 20 * MS;
	plan[2].masked = true;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(panic_cpu.counter, 1);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 1, nmi 1, by itself 1)");
	CHECK_STR(crash_stop_cpu[0].msg, "cpu 0");
}

static void look_at_backtrace_mask(unsigned int where)
{
	struct cpumask mask = { 0xf };

	if (where != PLACE_KGDB && where != PLACE_DUMPER)
		return;
	crash_stop_mask_backtrace(&mask);
	CHECK_INT(mask.bits, where == PLACE_KGDB ? 0xd : 0x0);
	mask.bits = 0x8;
	crash_stop_mask_backtrace(&mask);
	CHECK_INT(mask.bits, where == PLACE_KGDB ? 0x8 : 0x0);
}

/* K9: nobody that cannot answer is asked: not the loser, and later none of them. */
static void backtraces_leave_out_who_has_stopped(unsigned int variant)
{
	(void)variant;
	scene_slow_panic();
	plan[1].program = program_panic;
	plan[1].at = 100 * US;
	plan[3].masked = plan[3].deaf[NMI] = true;
	place_ns[PLACE_MESSAGE] = 1 * MS;
	at_place = look_at_backtrace_mask;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(visits[PLACE_KGDB], 1);
	CHECK_INT(visits[PLACE_DUMPER], 1);
}

const struct test owner_tests[] = {
	T_N(loser_in_task_context, 2),
	T_N(loser_in_nmi_context, 2),
	T(long_message_of_a_loser_is_cut),
	T(cpu_that_loses_while_it_is_waited_for),
	T_N(loser_in_the_handler, 2),
	T_N(panics_at_once, 3),
	T(nmi_panic_on_the_owner_returns),
	T_N(owner_in_nmi_context, 2),
	T(mutex_has_three_outcomes),
	T_N(redirected_panic_is_claimed, 2),
	T_N(redirected_panic_is_not_claimed, 2),
	T(redirected_panic_is_claimed_late),
	T(another_panic_while_one_is_redirected),
	T(backtraces_leave_out_who_has_stopped),
	{ }
};
