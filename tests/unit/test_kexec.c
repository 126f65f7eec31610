// SPDX-License-Identifier: GPL-2.0-only
/* crash_kexec(), whether the crash kernel is booted, and what it finds. */
#include "test.h"

#define OOPS_IP		7777
#define OOPS_IP_2	8888

static void program_crash_kexec(void)
{
	int cpu = raw_smp_processor_id();
	struct pt_regs regs = { .ip = cpu ? OOPS_IP_2 : OOPS_IP };

	machine_sleep(plan[cpu].at);
	crash_kexec(&regs);
	event(EV_RESUMED, cpu, 0);
	idle();
}

static void crash_kexec_and_end(void)
{
	struct pt_regs regs = { .ip = OOPS_IP };

	crash_kexec(&regs);
	CHECK(machine_irqs_on());
	machine_sleep(1 * MS);
	machine_stop(MACHINE_DONE);
}

/* K1: stops nobody, claims nothing, returns. */
static void crash_kexec_without_an_image_returns(unsigned int variant)
{
	(void)variant;
	plan[0].program = crash_kexec_and_end;
	CHECK_INT(kernel_boot(), MACHINE_DONE);
	CHECK_INT(panic_cpu.counter, PANIC_CPU_INVALID);
	CHECK_INT(event_count(EV_RAISE, ANY, ANY), 0);
	CHECK(!crash_stop_begun());
	CHECK_INT(log_count("Kernel panic"), 0);
}

/* K1, K9: with one it is a panic, whose note has the registers of the oops. */
static void crash_kexec_with_an_image_is_a_panic(unsigned int variant)
{
	(void)variant;
	kernel_load_image();
	plan[0].program = program_crash_kexec;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_STR(log_line("Kernel panic"), "Kernel panic - not syncing: Fatal exception");
	CHECK_INT(log_count("nested"), 0);
	CHECK_INT(kernel_note(0).pid, NOTE_PID(0));
	CHECK_INT(kernel_note(0).ip, OOPS_IP);
	CHECK_INT(crash_stop_cpu[0].note.counter, CRASH_NOTE_REGS);
	CHECK_STR(stored, "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
}

/* K9: without registers of an oops the owner's note has those of the panic. */
static void panic_saves_the_owner_too(unsigned int variant)
{
	int cpu;

	(void)variant;
	kernel_load_image();
	plan[0].program = program_panic;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_INT(kernel_note(0).ip, IP_HERE(IP_TASK(0)));
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		CHECK_INT(kernel_note(cpu).pid, NOTE_PID(cpu));
}

static void crash_kexec_on_owner(unsigned int where)
{
	struct pt_regs regs = { .ip = 1 };

	if (where != PLACE_KGDB && where != PLACE_DUMPER && where != PLACE_BEFORE_KEXEC)
		return;
	crash_kexec(&regs);
	event(EV_RESUMED, 0, where);
}

/* K1, K7: on the owner it returns; the oops code goes on to its nested panic. */
static void crash_kexec_on_the_owner_returns(unsigned int variant)
{
	(void)variant;
	kernel_load_image();
	at_place = crash_kexec_on_owner;
	plan[0].program = program_crash_kexec;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_INT(event_count(EV_RESUMED, 0, ANY), 3);
	CHECK_INT(log_count("nested"), 0);
	CHECK_INT(kernel_note(0).ip, OOPS_IP);
}

/* K2: a CPU that comes to crash_kexec() second parks. Odd: with an image. */
static void crash_kexec_on_a_loser_parks(unsigned int variant)
{
	if (variant)
		kernel_load_image();
	plan[0].program = program_panic;
	place_ns[PLACE_KGDB] = 1 * MS;
	plan[1].program = program_crash_kexec;
	plan[1].at = 500 * US;
	CHECK_INT(kernel_boot(), variant ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, by itself 1)");
	CHECK_INT(kernel_note(1).ip, OOPS_IP_2);
	CHECK_INT(event_count(EV_RESUMED, 1, ANY), 0);
}

/* K1: two at once: one owner, and its registers in its note. */
static void crash_kexec_twice_at_once(unsigned int variant)
{
	int owner;

	(void)variant;
	kernel_load_image();
	plan[0].program = plan[1].program = program_crash_kexec;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	owner = panic_cpu.counter;
	CHECK(owner == 0 || owner == 1);
	CHECK_INT(log_count("Kernel panic"), 1);
	CHECK_INT(log_count("3/3 other CPUs stopped"), 1);
	CHECK_INT(kernel_note(owner).ip, owner ? OOPS_IP_2 : OOPS_IP);
	CHECK_INT(event_count(EV_RESUMED, ANY, ANY), 0);
}

/* K11: what becomes of the crash kernel, and what is said. */
static const struct gate {
	bool image, locked, wedged;
	enum machine_end end;
	const char *said;
} gates[] = {
	{ true, false, false, MACHINE_KEXEC,
	  "crash_stop: booting the crash kernel; its image was not verified" },
	{ true, false, true, MACHINE_KEXEC,
	  "crash_stop: booting the crash kernel; its image was not verified" },
	{ true, true, false, MACHINE_KEXEC,
	  "crash_stop: booting the crash kernel, though the kexec lock is held; its image was not verified" },
	{ true, true, true, MACHINE_RESTART,
	  "crash_stop: crash kernel not booted: the kexec lock is held and not all CPUs stopped" },
	{ false, true, false, MACHINE_RESTART,
	  "crash_stop: crash kernel not booted: the kexec lock is held and there is no whole image" },
	{ false, false, false, MACHINE_RESTART, "crash_stop: no crash kernel is loaded" },
};

static void kexec_gate(unsigned int variant)
{
	const struct gate *g = &gates[variant];

	if (g->image)
		kernel_load_image();
	kexec_locked = g->locked;
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = g->wedged;
	CHECK_INT(kernel_boot(), g->end);
	CHECK_STR(log_line("crash kernel"), g->said);
	CHECK_INT(log_count("crash kernel"), 1);
	CHECK_INT(kexec_locked, g->end == MACHINE_KEXEC || g->locked);
	CHECK_INT(visits[PLACE_NOTIFIER], g->end != MACHINE_KEXEC);
}

/* K6: with an image its kernel has sys_info; without, the stored log gets it. */
static void sys_info_is_for_the_stored_log(unsigned int variant)
{
	if (variant & 1)
		kernel_load_image();
	post_notifiers = variant & 2;
	plan[0].program = program_panic;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_INT(visits[PLACE_SYS_INFO], variant != 1);
	CHECK_INT(visits[PLACE_LOG], variant != 1);
	if (variant != 1)
		CHECK(event_index(EV_PLACE, 0, PLACE_SYS_INFO) <
		      event_index(EV_PLACE, 0, PLACE_DUMPER));
}

static const int order[] = {
	PLACE_MESSAGE, PLACE_KGDB, PLACE_BACKTRACE, PLACE_RAISE + IPI, PLACE_AFTER_STOP,
	PLACE_REPORT, PLACE_LOG, PLACE_SYS_INFO,
	PLACE_DUMPER, PLACE_DUMPER + 1, PLACE_DUMPER + 2,
	PLACE_NOTIFIER, PLACE_NOTIFIER + 1, PLACE_NOTIFIER + 2,
	PLACE_UNBLANK, PLACE_FLUSH, PLACE_LAST, PLACE_RESTART,
}, order_post[] = {
	PLACE_MESSAGE, PLACE_KGDB, PLACE_BACKTRACE, PLACE_RAISE + IPI, PLACE_AFTER_STOP,
	PLACE_REPORT, PLACE_NOTIFIER, PLACE_NOTIFIER + 1, PLACE_NOTIFIER + 2,
	PLACE_LOG, PLACE_SYS_INFO,
	PLACE_DUMPER, PLACE_DUMPER + 1, PLACE_DUMPER + 2,
	PLACE_UNBLANK, PLACE_FLUSH, PLACE_LAST, PLACE_RESTART,
};

/* K6: one order, of which crash_kexec_post_notifiers moves the notifiers. */
static void one_order(unsigned int variant)
{
	const int *o = variant ? order_post : order;
	unsigned int i;

	post_notifiers = variant;
	print_backtrace = true;
	plan[0].program = program_panic;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		CHECK_INT(visits[o[i]], 1);
		if (i)
			CHECK(event_index(EV_PLACE, 0, o[i - 1]) <
			      event_index(EV_PLACE, 0, o[i]));
	}
}

/* K9: the counts, the way to the array, no line too long, all of it bounded. */
static void vmcoreinfo_lines_fit(unsigned int variant)
{
	(void)variant;
	kernel_load_image();
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_RANGE(vmcoreinfo_longest, 1, 79);
	CHECK_RANGE(strlen(vmcoreinfo), 1, 1024);
	CHECK(strstr(vmcoreinfo, "NUMBER(crash_stop_cpus)=3\n"));
	CHECK(strstr(vmcoreinfo, "NUMBER(crash_stop_stopped)=2\n"));
	CHECK(strstr(vmcoreinfo, "NUMBER(crash_stop_us)=11"));
	CHECK(strstr(vmcoreinfo, "SYMBOL(crash_stop_cpu)="));
	CHECK(strstr(vmcoreinfo, "SYMBOL(__per_cpu_offset)="));
	CHECK(strstr(vmcoreinfo, "OFFSET(crash_cpu.state)=0\n"));
}

static unsigned long online_at[PLACES];

static void look_at_online_mask(unsigned int where)
{
	online_at[where] = shim_online.bits;
}

/* K9: as it was until the crash kernel had its chance; then without the stopped. */
static void online_mask_is_kept_until_then(unsigned int variant)
{
	bool wedged = variant & 1, image = variant & 2;

	if (image)
		kernel_load_image();
	at_place = look_at_online_mask;
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = wedged;
	CHECK_INT(kernel_boot(), image ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_INT(online_at[PLACE_AFTER_STOP], 0xf);
	CHECK_INT(online_at[PLACE_REPORT], 0xf);
	CHECK_INT(online_at[PLACE_DUMPER], 0xf);
	if (image) {
		CHECK_INT(online_at_kexec.bits, 0xf);
		return;
	}
	CHECK_INT(online_at[PLACE_NOTIFIER], wedged ? 0x9 : 0x1);
	CHECK_INT(online_at[PLACE_FLUSH], wedged ? 0x9 : 0x1);
}

static void expect_no_release(unsigned int where)
{
	if (where != PLACE_BEFORE_KEXEC)
		CHECK_INT(event_count(EV_RELEASE, ANY, ANY), 0);
	else
		machine_sleep(1 * MS);
}

/* K4: phase two is each parked CPU's own, once, and only for a crash kernel. */
static void parked_cpus_are_released(unsigned int variant)
{
	bool image = variant & 1;

	backend_releases();
	if (image)
		kernel_load_image();
	at_place = expect_no_release;
	plan[0].program = program_panic;
	plan[2].masked = true;
	plan[3].masked = plan[3].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), image ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_INT(event_count(EV_RELEASE, 1, IPI), image);
	CHECK_INT(event_count(EV_RELEASE, 2, NMI), image);
	CHECK_INT(event_count(EV_RELEASE, ANY, ANY), image ? 2 : 0);
}

/* K4: nor again, when that faults: the CPU goes on parking, for ever if need be. */
static void release_that_faults(unsigned int variant)
{
	backend_releases();
	kernel_load_image();
	at_place = expect_no_release;
	plan[0].program = program_panic;
	plan[1].release_faults = variant ? 100000 : 1;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_INT(event_count(EV_RELEASE, 1, ANY), 1);
	CHECK_INT(event_count(EV_RELEASE, ANY, ANY), 3);
	CHECK_INT(event_count(EV_CAPTURE, 1, ANY), 1);
	CHECK_INT(event_count(EV_QUIESCE, 1, ANY), 1);
	CHECK(cpu_parked(1));
	CHECK_STR(crash_stop_cpu[1].msg, "release faults on cpu 1");
}

/* K11: an image that is found broken: the rest goes on, and the lock is free. */
static void image_that_fails_its_check(unsigned int variant)
{
	post_notifiers = variant;
	fake_backend.verifies_image = true;
	kexec_returns = true;
	kernel_load_image();
	plan[0].program = program_panic;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("booting the crash kernel"),
		  "crash_stop: booting the crash kernel; its image is verified");
	CHECK_INT(visits[PLACE_BEFORE_KEXEC], 1);
	CHECK_INT(visits[PLACE_NOTIFIER], 1);
	CHECK_INT(visits[PLACE_LAST], 1);
	CHECK(!kexec_locked);
}

static void does_not_return(unsigned int where)
{
	if (where == PLACE_LAST)
		machine_stop(MACHINE_DONE);
}

/* K6: a notifier that may not return keeps nothing from being done. */
static void notifier_that_does_not_return(unsigned int variant)
{
	bool image = variant & 1;

	post_notifiers = variant & 2;
	at_place = does_not_return;
	if (image)
		kernel_load_image();
	plan[0].program = program_panic;
	CHECK_INT(kernel_boot(), image ? MACHINE_KEXEC : MACHINE_DONE);
	CHECK_STR(stored, log_line("CPUs stopped"));
	CHECK_INT(visits[PLACE_NOTIFIER + 2], !image || post_notifiers);
	CHECK_INT(visits[PLACE_FLUSH], !image);
	CHECK_INT(visits[PLACE_CONSOLE], 2);
	CHECK_INT(visits[PLACE_LAST], !image);
}

const struct test kexec_tests[] = {
	T(crash_kexec_without_an_image_returns),
	T(crash_kexec_with_an_image_is_a_panic),
	T(panic_saves_the_owner_too),
	T(crash_kexec_on_the_owner_returns),
	T_N(crash_kexec_on_a_loser_parks, 2),
	T(crash_kexec_twice_at_once),
	T_N(kexec_gate, ARRAY_SIZE(gates)),
	T_N(sys_info_is_for_the_stored_log, 4),
	T_N(one_order, 2),
	T(vmcoreinfo_lines_fit),
	T_N(online_mask_is_kept_until_then, 4),
	T_N(parked_cpus_are_released, 2),
	T_N(release_that_faults, 2),
	T_N(image_that_fails_its_check, 2),
	T_N(notifier_that_does_not_return, 4),
	{ }
};
