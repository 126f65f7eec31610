// SPDX-License-Identifier: GPL-2.0-only
/*
 * K7: a panic or oops on the owner, in every step of the crash.
 *
 * The table has a row per place at which the owner faults; each is run with a
 * panic and an oops, with and without crash_kexec_post_notifiers, and with and
 * without an image. CPU 3 runs with interrupts off, so that each rung is raised.
 */
#include "test.h"

static const struct faulty {
	enum place place;
	const char *step;	/* as the nested entry names it */
} faulty[] = {
	{ PLACE_MESSAGE,	"message" },
	{ PLACE_KGDB,		"kgdb" },
	{ PLACE_BACKTRACE,	"backtrace" },
	{ PLACE_RAISE + IPI,	"stop" },
	{ PLACE_RAISED + IPI,	"stop" },
	{ PLACE_RAISE + NMI,	"stop" },
	{ PLACE_RAISED + NMI,	"stop" },
	{ PLACE_AFTER_STOP,	"stop" },
	{ PLACE_REPORT,		"report" },
	{ PLACE_CONSOLE,	"console" },
	{ PLACE_CONSOLE + 1,	"console" },
	{ PLACE_NOTIFIER,	"notifiers" },
	{ PLACE_NOTIFIER + 1,	"notifiers" },
	{ PLACE_NOTIFIER + 2,	"notifiers" },
	{ PLACE_LOG,		"sys_info" },
	{ PLACE_SYS_INFO,	"sys_info" },
	{ PLACE_DUMPER,		"kmsg_dump" },
	{ PLACE_DUMPER + 1,	"kmsg_dump" },
	{ PLACE_DUMPER + 2,	"kmsg_dump" },
	{ PLACE_GATE,		"crash kernel" },
	{ PLACE_VMCOREINFO,	"crash kernel" },
	{ PLACE_BEFORE_KEXEC,	"crash kernel" },
	{ PLACE_UNBLANK,	"unblank" },
	{ PLACE_FLUSH,		"flush" },
	{ PLACE_LAST,		"last notifiers" },
	{ PLACE_LAST + 1,	"last notifiers" },
};

#define NESTED_VARIANTS	(8 * ARRAY_SIZE(faulty))

/* How often are places passed, if the owner faults at @f? */
static unsigned int expected(unsigned int where, enum place f, bool image, bool post)
{
	bool behind_kexec = !image || f == PLACE_BEFORE_KEXEC;

	switch (where) {
	case PLACE_RAISED + IPI:
		return f != PLACE_RAISE + IPI;
	case PLACE_RAISED + NMI:
		return f != PLACE_RAISE + NMI;
	case PLACE_NOTIFIER ... PLACE_NOTIFIER + NR_NOTIFIERS - 1:
		return post || behind_kexec;
	case PLACE_LOG:
		return post || !image;
	case PLACE_SYS_INFO:
		return (post || !image) && f != PLACE_LOG;
	case PLACE_DUMPER + 3 ... PLACE_DUMPER + NR_DUMPERS - 1:
	case PLACE_RAISE + RUNG3:
	case PLACE_RAISED + RUNG3:
		return false;
	case PLACE_VMCOREINFO:
	case PLACE_BEFORE_KEXEC:
		return image;
	case PLACE_CONSOLE ... PLACE_CONSOLE + NR_CONSOLES - 1:
		return 1 + image + behind_kexec;
	case PLACE_UNBLANK:
	case PLACE_FLUSH:
	case PLACE_LAST ... PLACE_LAST + NR_LAST - 1:
	case PLACE_RESTART:
		return behind_kexec;
	default:
		return true;
	}
}

static void expect_message(const struct faulty *f, bool comes)
{
	char line[80];

	/* The message is printed by each entry, and so is its place passed twice. */
	CHECK_INT(visits[PLACE_MESSAGE], 1 + comes);
	CHECK_INT(log_count("Kernel panic"), 1 + comes);
	snprintf(line, sizeof(line), "nested panic in step \"%s\"", f->step);
	CHECK_INT(log_count("nested panic"), comes);
	CHECK_INT(log_count(line), comes);
	if (comes && (f->place == PLACE_UNBLANK || f->place == PLACE_FLUSH))
		CHECK_INT(log_count("\", going on"), 1);
	if (comes && f->place >= PLACE_NOTIFIER && f->place < PLACE_NOTIFIER + NR_NOTIFIERS)
		CHECK_INT(log_count("(notify)"), 1);
	if (comes && f->place == PLACE_DUMPER + 1)
		CHECK_INT(log_count("(dump_log)"), 1);
}

static void nested_panic_in_every_step(unsigned int variant)
{
	const struct faulty *f = &faulty[variant / 8];
	bool image = variant & 2;
	unsigned int where, cpu;

	fault_kind = variant & 1 ? FAULT_OOPS : FAULT_PANIC;
	post_notifiers = variant & 4;
	print_backtrace = true;
	if (image)
		kernel_load_image();
	faults[f->place] = 1;
	plan[0].program = program_panic;
	plan[3].masked = true;

	CHECK_INT(kernel_boot(), image && f->place != PLACE_BEFORE_KEXEC ?
		  MACHINE_KEXEC : MACHINE_RESTART);
	for (where = PLACE_MESSAGE + 1; where < PLACES; where++) {
		if (visits[where] == expected(where, f->place, image, post_notifiers))
			continue;
		CHECK_INT(visits[where], expected(where, f->place, image, post_notifiers));
		printk("place %u, fault at %u\n", where, f->place);
	}
	expect_message(f, expected(f->place, f->place, image, post_notifiers) > 0);
	CHECK_INT(log_count("CPUs stopped"), 1);
	CHECK_STR(stored, f->place == PLACE_DUMPER + 2 ? "" : log_line("CPUs stopped"));
	CHECK(cpu_parked(1) && cpu_parked(2));
	/* Behind its last rung the ladder does not wait again; see raise_that_faults. */
	if (f->place == PLACE_RAISE + NMI || f->place == PLACE_RAISED + NMI)
		return;
	CHECK_INT(log_count("3/3 other CPUs stopped"), 1);
	for (cpu = 1; cpu < NR_CPUS; cpu++)
		CHECK_INT(kernel_note(cpu).ip, IP_TASK(cpu));
}

/* A rung whose raise faults is not tried again: the next one is, or the CPU named. */
static void raise_that_faults(unsigned int variant)
{
	plan[0].program = program_panic;
	plan[3].masked = true;
	faults[PLACE_RAISE + IPI] = 1;
	faults[PLACE_RAISE + NMI] = variant;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"), variant ?
		  "crash_stop: 0/3 other CPUs stopped in # us; not stopped: 1-3" :
		  "crash_stop: 3/3 other CPUs stopped in # us (nmi 3)");
}

/* K3: CPUs that were signalled before the last rung's raise faulted get their time. */
static void last_raise_that_faults_behind_its_signals(unsigned int variant)
{
	(void)variant;
	plan[0].program = program_panic;
	plan[3].masked = true;
	faults[PLACE_RAISED + NMI] = 1;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 2, nmi 1)");
}

static void expect_dumpers_at_most_once(void)
{
	unsigned int i;

	for (i = 0; i < NR_DUMPERS; i++)
		CHECK_RANGE(dumper_runs[i], 0, 1);
	for (i = 0; i < NR_NOTIFIERS; i++)
		CHECK_RANGE(visits[PLACE_NOTIFIER + i], 0, 1);
}

/* Two bad dumpers and a bad notifier cost themselves; the store gets the log. */
static void several_nested_panics(unsigned int variant)
{
	fault_kind = variant;
	plan[0].program = program_panic;
	faults[PLACE_KGDB] = 1;
	faults[PLACE_DUMPER] = faults[PLACE_DUMPER + 1] = 1;
	faults[PLACE_NOTIFIER + 1] = 1;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(log_count("nested panic"), 4);
	CHECK_STR(stored, "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK_INT(visits[PLACE_NOTIFIER + 2], 1);
	CHECK_INT(visits[PLACE_FLUSH], 1);
	expect_dumpers_at_most_once();
}

/* Everything faults, always: the way out is short, and the crash kernel is on it. */
static void too_many_nested_panics_boot_the_crash_kernel(unsigned int variant)
{
	unsigned int i;

	fault_kind = variant & 1;
	post_notifiers = variant & 2;
	print_backtrace = true;
	nr_dumpers = NR_DUMPERS;
	kernel_load_image();
	plan[0].program = program_panic;
	for (i = PLACE_MESSAGE + 1; i < PLACE_GATE; i++)
		faults[i] = 1000;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_INT(log_count("too many nested panics"), 1);
	CHECK_RANGE(log_count("Kernel panic"), 6, 8);
	expect_dumpers_at_most_once();
}

/* The same in the dumpers alone: none runs once it is the crash kernel's turn. */
static void too_many_bad_dumpers_boot_the_crash_kernel(unsigned int variant)
{
	unsigned int i;

	fault_kind = variant & 1;
	nr_dumpers = NR_DUMPERS;
	kernel_load_image();
	plan[0].program = program_panic;
	for (i = 0; i < NR_DUMPERS; i++)
		faults[PLACE_DUMPER + i] = 1;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_INT(log_count("too many nested panics"), 1);
	expect_dumpers_at_most_once();
}

/* The same without an image: restart, or with panic_timeout=0 a halt. */
static void too_many_nested_panics_restart(unsigned int variant)
{
	unsigned int i;

	panic_timeout = variant & 1 ? 0 : -1;
	fault_kind = FAULT_PANIC;
	post_notifiers = variant & 2;
	plan[0].program = program_panic;
	for (i = PLACE_MESSAGE + 1; i < PLACE_RESTART; i++)
		faults[i] = 1000;
	CHECK_INT(kernel_boot(), panic_timeout ? MACHINE_RESTART : MACHINE_LIMIT);
	CHECK_INT(log_count("too many nested panics"), 1);
	CHECK_RANGE(log_count("Kernel panic"), 6, 10);
	CHECK_INT(visits[PLACE_RESTART], !!panic_timeout);
	expect_dumpers_at_most_once();
}

/* And where the way out faults as well, even the message, it ends. */
static void everything_faults_for_ever(unsigned int variant)
{
	unsigned int i;

	fault_kind = variant & 1;
	if (variant & 2)
		kernel_load_image();
	plan[0].program = program_panic;
	for (i = 0; i < PLACES; i++)
		faults[i] = 100000;
	CHECK_INT(kernel_boot(), MACHINE_LIMIT);
	CHECK_RANGE(log_count("Kernel panic"), 5, 12);
	CHECK_RANGE(visits[PLACE_RESTART], 1, 3);
}

/* The final restart faults: it is tried again, once. */
static void restart_that_faults(unsigned int variant)
{
	unsigned int i;

	fault_kind = variant;
	plan[0].program = program_panic;
	faults[PLACE_RESTART] = 1;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(visits[PLACE_RESTART], 2);
	for (i = PLACE_MESSAGE + 1; i < PLACE_RESTART; i++)
		CHECK_RANGE(visits[i], 0, i >= PLACE_CONSOLE && i < PLACE_NOTIFIER ? 2 : 1);
}

static void second_show_faults(unsigned int where)
{
	if (where == PLACE_CONSOLE && visits[where] == 2)
		faults[where] = 1;
}

/* A console that faults costs neither the next one nor what comes behind them. */
static void console_that_faults_the_second_time(unsigned int variant)
{
	bool image = variant & 2;

	fault_kind = variant & 1;
	at_place = second_show_faults;
	if (image)
		kernel_load_image();
	plan[0].program = program_panic;
	CHECK_INT(kernel_boot(), image ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_INT(log_count(image ? "nested panic in step \"crash kernel\"" :
			    "nested panic in step \"console\""), 1);
	CHECK_INT(visits[PLACE_CONSOLE], 2);
	CHECK_INT(visits[PLACE_CONSOLE + 1], 2);
	CHECK_INT(visits[PLACE_LAST], !image);
}

/* The kexec lock is the owner's own, so it costs nothing that a CPU runs on. */
static void fault_with_the_kexec_lock_held(unsigned int variant)
{
	fault_kind = variant;
	at_place = second_show_faults;
	kernel_load_image();
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_INT(log_count("nested panic in step \"crash kernel\""), 1);
	CHECK_INT(log_count("booting the crash kernel"), 1);
}

/* Five faults on the way to the crash kernel. */
static void scene_five_faults(unsigned int variant)
{
	unsigned int i;

	fault_kind = variant;
	nr_dumpers = NR_DUMPERS;
	kernel_load_image();
	plan[0].program = program_panic;
	faults[PLACE_KGDB] = 1;
	for (i = 0; i < 4; i++)
		faults[PLACE_DUMPER + i] = 1;
}

/* One more, in what comes before the crash kernel: now only that is tried. */
static void one_fault_too_many_before_the_crash_kernel(unsigned int variant)
{
	scene_five_faults(variant & 1);
	if (variant & 2)
		faults[PLACE_VMCOREINFO] = 1;
	else
		at_place = second_show_faults;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_INT(log_count("too many nested panics"), 1);
	CHECK_INT(visits[PLACE_BEFORE_KEXEC], 1);
	CHECK_INT(log_count("nested panic in step \"crash kernel\""), 1);
	CHECK_INT(visits[PLACE_GATE], 1);
	CHECK_INT(visits[PLACE_VMCOREINFO], 1);
	CHECK_INT(visits[PLACE_CONSOLE], variant & 2 ? 1 : 2);
	CHECK_INT(visits[PLACE_CONSOLE + 1], 1);
	CHECK_STR(stored, log_line("CPUs stopped"));
	expect_dumpers_at_most_once();
}

/* The same in the crash kernel's preparation, which is not begun twice. */
static void one_fault_too_many_in_the_crash_kernel(unsigned int variant)
{
	scene_five_faults(variant);
	faults[PLACE_BEFORE_KEXEC] = 1;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(visits[PLACE_BEFORE_KEXEC], 1);
	CHECK_INT(visits[PLACE_NOTIFIER], 0);
	CHECK_INT(visits[PLACE_LAST], 0);
	expect_dumpers_at_most_once();
}

/* Consoles that fault whenever they are called cost neither log nor crash kernel. */
static void consoles_that_always_fault(unsigned int variant)
{
	unsigned int i, bad_dumpers = variant / 2;

	fault_kind = variant & 1;
	kernel_load_image();
	plan[0].program = program_panic;
	for (i = 0; i < NR_CONSOLES; i++)
		faults[PLACE_CONSOLE + i] = 1000;
	for (i = 0; i < bad_dumpers; i++)
		faults[PLACE_DUMPER + i] = 1;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_STR(stored, log_line("CPUs stopped"));
	CHECK_INT(visits[PLACE_BEFORE_KEXEC], 1);
	CHECK_INT(log_count("nested panic in"), 4 + bad_dumpers);
	expect_dumpers_at_most_once();
}

/* What is said of a crash kernel that is not booted is said once, fault or not. */
static void refusal_that_faults(unsigned int variant)
{
	fault_kind = variant & 1;
	kexec_locked = true;
	if (variant & 2)
		kernel_load_image();
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
	faults[PLACE_GATE] = 1000;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(visits[PLACE_GATE], 1);
	CHECK_INT(log_count("the kexec lock is held"), 1);
	CHECK_INT(visits[PLACE_NOTIFIER], 1);
	CHECK_INT(visits[PLACE_FLUSH], 1);
	CHECK_INT(visits[PLACE_LAST], 1);
	CHECK(kexec_locked);
}

static unsigned int firmware_faults, firmware_calls;

static void firmware_dump(void)
{
	CHECK(kexec_locked && stored[0]);
	firmware_calls++;
	if (firmware_faults) {
		firmware_faults--;
		panic("firmware dump faults");
	}
}

/* One that the firmware does not take, or faults over, costs nothing behind it. */
static void firmware_dump_that_comes_back(unsigned int variant)
{
	bool image = variant & 2;

	firmware_faults = variant & 1 ? 1000 : 0;
	fake_backend.firmware_dump = firmware_dump;
	if (image)
		kernel_load_image();
	plan[0].program = program_panic;
	plan[3].masked = plan[3].deaf[NMI] = true;
	CHECK_INT(kernel_boot(), image ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_INT(firmware_calls, 1);
	CHECK_INT(log_count(image ? "booting the crash kernel; its" : "no crash kernel is"), 1);
	CHECK_INT(visits[PLACE_GATE], 1);
	CHECK_INT(visits[PLACE_LAST], !image);
	CHECK_INT(kexec_locked, image);
}

static bool alone_at[PLACES];

static void look_whether_alone(unsigned int where)
{
	alone_at[where] = crash_alone();
}

static void never_alone(void)
{
	for (;;) {
		CHECK(!crash_alone());
		machine_sleep(100 * US);
	}
}

/*
 * K12: a held lock may be one of a stopped CPU as soon as the stop has begun, also
 * when the ladder does not end (odd). A CPU that has not stopped waits as ever.
 */
static void lock_of_a_stopped_cpu_is_not_waited_for(unsigned int variant)
{
	unsigned int i;

	kernel_load_image();
	at_place = look_whether_alone;
	plan[0].program = program_panic;
	plan[3].program = never_alone;
	plan[3].masked = plan[3].deaf[NMI] = true;
	fake_backend.nr_rungs = 3;
	print_backtrace = true;
	faults[PLACE_KGDB] = faults[PLACE_BACKTRACE] = faults[PLACE_MESSAGE] = variant;
	for (i = 0; i < CRASH_RUNGS_MAX; i++)
		faults[PLACE_RAISED + i] = variant;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_INT(crash_stop_result() == NULL, variant);
	/* The sixth fault is too many, and named for the step that it was in. */
	CHECK_INT(log_count("nested panic in step \"stop\""), variant ? CRASH_RUNGS_MAX : 0);
	CHECK(!alone_at[PLACE_KGDB]);
	CHECK(alone_at[PLACE_RAISED + IPI]);
	CHECK(alone_at[PLACE_BEFORE_KEXEC]);
	CHECK_INT(alone_at[PLACE_DUMPER], !variant);
}

static void faults_always(void)
{
	panic("in a placeholder");
}

/* It costs that placeholder, which is not begun again. */
static void owner_faults_in_a_placeholder(unsigned int variant)
{
	(void)variant;
	kernel_load_image();
	plan[0].program = program_panic;
	plan[2].masked = plan[2].deaf[NMI] = true;
	plan[3].masked = plan[3].deaf[NMI] = true;
	in_placeholder = faults_always;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK_INT(log_count("nested panic in step \"stop\""), 2);
	CHECK_INT(visits[PLACE_DUMPER], 1);
}

const struct test nested_tests[] = {
	T_N(nested_panic_in_every_step, NESTED_VARIANTS),
	T_N(raise_that_faults, 2),
	T(last_raise_that_faults_behind_its_signals),
	T_N(several_nested_panics, 2),
	T(owner_faults_in_a_placeholder),
	T_N(too_many_nested_panics_boot_the_crash_kernel, 4),
	T_N(too_many_bad_dumpers_boot_the_crash_kernel, 2),
	T_N(too_many_nested_panics_restart, 4),
	T_N(everything_faults_for_ever, 4),
	T_N(restart_that_faults, 2),
	T_N(console_that_faults_the_second_time, 4),
	T_N(fault_with_the_kexec_lock_held, 2),
	T_N(one_fault_too_many_before_the_crash_kernel, 4),
	T_N(one_fault_too_many_in_the_crash_kernel, 2),
	T_N(consoles_that_always_fault, 6),
	T_N(refusal_that_faults, 4),
	T_N(firmware_dump_that_comes_back, 4),
	T_N(lock_of_a_stopped_cpu_is_not_waited_for, 2),
	{ }
};
