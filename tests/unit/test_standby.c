// SPDX-License-Identifier: GPL-2.0-only
/*
 * K14: the owner hangs, and a CPU that has stopped goes on in its place.
 *
 * A place that takes longer than the deadline is a hang; what it takes an NMI to
 * end is one with interrupts off, which all of them are.
 */
#include "test.h"
#include "crash_stop_internal.h"

extern unsigned int *shim_param_grace_ms;	/* crash_stop.grace_ms= */

#define DEADLINE_MS	200
#define FOREVER		(1000000 * MS)
/* From the deadline on: a ladder, and what is said. */
#define TAKEOVER_MS	100
/* Of crash_turn, by an owner that does not hang. */
#define ACCESSES	80
/* Of any word, by who has taken over, until it takes the next step. */
#define HEIR_ACCESSES	40
/* And of what each CPU has its own of. */
#define OWN_ACCESSES	200

static const struct hang {
	enum place place;
	const char *step;
} hangs[] = {
	{ PLACE_REPORT,		"report" },
	{ PLACE_CONSOLE,	"console" },
	{ PLACE_CONSOLE + 1,	"console" },
	{ PLACE_NOTIFIER,	"notifiers" },
	{ PLACE_NOTIFIER + 2,	"notifiers" },
	{ PLACE_LOG,		"sys_info" },
	{ PLACE_SYS_INFO,	"sys_info" },
	{ PLACE_DUMPER,		"kmsg_dump" },
	{ PLACE_DUMPER + 1,	"kmsg_dump" },
	{ PLACE_DUMPER + 2,	"kmsg_dump" },
	{ PLACE_GATE,		"crash kernel" },
	{ PLACE_VMCOREINFO,	"crash kernel" },
	{ PLACE_UNBLANK,	"unblank" },
	{ PLACE_FLUSH,		"flush" },
};

#define HANG_VARIANTS	(4 * ARRAY_SIZE(hangs))

static void scene(unsigned int variant)
{
	deadline_ms = DEADLINE_MS;
	if (variant & 1)
		kernel_load_image();
	post_notifiers = variant & 2;
	plan[0].program = program_panic;
}

static bool is_console(unsigned int where)
{
	return where >= PLACE_CONSOLE && where < PLACE_CONSOLE + NR_CONSOLES;
}

/* Nothing runs twice, and what runs with this image and these options has run. */
static void expect_everything_once(unsigned int variant)
{
	bool image = variant & 1, post = variant & 2;
	unsigned int i;

	for (i = PLACE_REPORT; i < PLACES; i++)
		if (!is_console(i))
			CHECK_RANGE(visits[i], 0, 1);
	for (i = 0; i < nr_dumpers; i++) {
		CHECK_INT(visits[PLACE_DUMPER + i], 1);
		/* By an owner that has been taken over, too. */
		CHECK_INT(dumper_runs[i], 1);
	}
	for (i = 0; i < NR_NOTIFIERS; i++)
		CHECK_INT(visits[PLACE_NOTIFIER + i], !image || post);
	CHECK_INT(visits[PLACE_BEFORE_KEXEC], image);
	CHECK_INT(visits[PLACE_LAST], !image);
	CHECK_INT(log_count("CPUs stopped"), 1);
}

static bool reached(enum place where, unsigned int variant)
{
	bool image = variant & 1, post = variant & 2;

	if (where >= PLACE_NOTIFIER && where < PLACE_LOG)
		return post || !image;
	if (where == PLACE_LOG || where == PLACE_SYS_INFO)
		return post || !image;
	if (where == PLACE_VMCOREINFO)
		return image;
	return where < PLACE_UNBLANK || !image;
}

/* A hang at any place costs that place, and no more time than its deadline. */
static void hang_in_every_step(unsigned int variant)
{
	const struct hang *h = &hangs[variant / 4];
	bool image = variant & 1, hits = reached(h->place, variant);
	char line[64];

	scene(variant);
	place_ns[h->place] = FOREVER;
	CHECK_INT(kernel_boot(), image ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	snprintf(line, sizeof(line), "hung in step \"%s\"", h->step);
	/* A console hangs each time that it is brought out. */
	if (is_console(h->place)) {
		CHECK_INT(log_count(line), image ? 1 : 2);
		CHECK_INT(log_count("hung in step"), 2);
		return;
	}
	CHECK_INT(log_count("hung in step"), hits);
	CHECK_INT(log_count(line), hits);
	CHECK_INT(log_count("nested panic"), 0);
	if (!hits)
		return;
	CHECK_INT(log_count("RIP: 2000"), 1);
	CHECK_INT(kernel_note(0).ip, IP_TASK(0));
	CHECK(panic_cpu.counter > 0);
	CHECK_INT(crash_stop_result()->cpus, 3);
	CHECK_INT(crash_stop_result()->stopped, 3);
	CHECK_RANGE(event_ns(EV_CAPTURE, 0, ANY) - event_ns(EV_PLACE, 0, h->place),
		    DEADLINE_MS * MS, (DEADLINE_MS + TAKEOVER_MS) * MS);
}

/* The owner comes to its next stage when the deadline passes: one of them goes on. */
static void stage_that_ends_at_its_deadline(unsigned int variant)
{
	const struct hang *h = &hangs[variant / 4];

	scene(variant);
	place_ns[h->place] = DEADLINE_MS * MS - 30 * US +
			     machine_choose(CHOOSE_LATENCY, 80) * US;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_RANGE(log_count("hung in step"), 0, 2);
	CHECK(panic_cpu.counter == crash_turn_cpu(crash_turn.counter));
}

/* Without a hang it costs nothing, and nobody spins when all is over. */
static void no_hang(unsigned int variant)
{
	unsigned int cpu;

	scene(variant);
	place_ns[PLACE_LAST] = 1 * MS;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_STR(log_line("CPUs stopped"), "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK_INT(log_count("hung"), 0);
	CHECK_INT(panic_cpu.counter, 0);
	for (cpu = 1; cpu < NR_CPUS && !(variant & 1); cpu++)
		CHECK(cpu_parked(cpu));
}

/* Deadlines of 0: nobody watches, and nothing is said of it. */
static void switched_off(unsigned int variant)
{
	scene(variant);
	deadline_ms = 0;
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), MACHINE_LIMIT);
	CHECK_STR(log_line("CPUs stopped"), "crash_stop: 3/3 other CPUs stopped in # us (ipi 3)");
	CHECK_INT(visits[PLACE_DUMPER + 1], 0);
}

/* No CPU can: the line says so. Two ways: none stopped, none may. */
static void nobody_can_stand_by(unsigned int variant)
{
	unsigned int cpu;

	scene(variant);
	for (cpu = 1; cpu < NR_CPUS; cpu++) {
		plan[cpu].masked = plan[cpu].deaf[NMI] = variant & 2;
		plan[cpu].busy = !(variant & 2);
	}
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), MACHINE_LIMIT);
	CHECK_STR(log_line("CPUs stopped"), variant & 2 ?
		  "crash_stop: 0/3 other CPUs stopped in # us; no standby; not stopped: 1-3" :
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 3); no standby");
}

/* Without the hook as well. */
static void backend_without_the_hook(unsigned int variant)
{
	scene(variant);
	fake_backend.can_stand_by = NULL;
	CHECK_INT(kernel_boot(), variant ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_STR(log_line("CPUs stopped"),
		  "crash_stop: 3/3 other CPUs stopped in # us (ipi 3); no standby");
}

static void extend(unsigned int where)
{
	int i;

	if (where != PLACE_DUMPER && where != PLACE_NOTIFIER)
		return;
	for (i = 0; i < 10; i++) {
		machine_sleep(DEADLINE_MS * MS * 3 / 4);
		crash_step_extend();
	}
}

/* A host that takes the CPU that stands by away, for some ms each time, delays nothing. */
static void watch_that_has_gaps(unsigned int variant)
{
	scene(variant);
	machine_udelay_factor = machine_seed ? 400 : 5000;
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung in step"), 1);
	if (machine_keeps_time)
		CHECK_RANGE(event_ns(EV_CAPTURE, 0, ANY) - event_ns(EV_PLACE, 0, PLACE_DUMPER),
			    DEADLINE_MS * MS, (DEADLINE_MS + TAKEOVER_MS) * MS);
}

/* A delay loop that was so badly calibrated that a call alone takes longer gives up nobody early. */
static void watch_whose_delay_is_short(unsigned int variant)
{
	scene(variant);
	machine_udelay_ns = 400;
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	if (machine_keeps_time)
		CHECK_RANGE(event_ns(EV_CAPTURE, 0, ANY) - event_ns(EV_PLACE, 0, PLACE_DUMPER),
			    DEADLINE_MS * MS, (DEADLINE_MS + TAKEOVER_MS) * MS);
}

/* A deadline that is shorter than the ladder counts as one that is not. */
static void short_deadline(unsigned int variant)
{
	scene(variant);
	deadline_ms = 1;
	place_ns[PLACE_DUMPER] = 190 * MS;
	place_ns[PLACE_DUMPER + 1] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung in step"), 1);
}

/* Slow but moving. */
static void stage_that_is_extended(unsigned int variant)
{
	scene(variant);
	at_place = extend;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung"), 0);
}

static void extend_in_nmi(struct pt_regs *regs, int arg)
{
	(void)regs, (void)arg;
	crash_step_extend();
}

static void nmis(unsigned int where)
{
	int i;

	for (i = 0; where >= PLACE_REPORT && i < 3; i++)
		machine_signal(0, true, machine_now + i * US / 4, extend_in_nmi, 0);
	machine_sleep(US);
}

/* An NMI on the owner extends it, between any two lines of what it does. */
static void stage_that_an_nmi_extends(unsigned int variant)
{
	scene(variant);
	at_place = nmis;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung"), 0);
}

/* It extends, and hangs then. */
static void stage_that_is_extended_in_vain(unsigned int variant)
{
	scene(variant);
	at_place = extend;
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung in step \"kmsg_dump\" (dump_log) for 200 ms"), 1);
}

static void hang(struct pt_regs *regs, int arg)
{
	(void)regs, (void)arg;
	for (;;)
		machine_wait();
}

static void standby_hangs(unsigned int where)
{
	int cpu, first = -1;

	if (where != PLACE_DUMPER)
		return;
	for (cpu = 1; cpu < NR_CPUS; cpu++)
		if (first < 0 || event_index(EV_QUIESCE, cpu, ANY) < event_index(EV_QUIESCE, first, ANY))
			first = cpu;
	machine_signal(first, true, machine_now, hang, 0);
}

/* Owner and standby hang at once: the second standby takes over. */
static void owner_and_standby_hang(unsigned int variant)
{
	scene(variant);
	at_place = standby_hangs;
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung in step"), 1);
}

static void nmi_loses(struct pt_regs *regs, int arg)
{
	(void)arg;
	nmi_panic(regs, "on top of the watch");
}

static void standbys_lose(unsigned int where)
{
	int cpu;

	for (cpu = 1; where == PLACE_DUMPER && cpu < NR_CPUS; cpu++)
		machine_signal(cpu, true, machine_now, nmi_loses, 0);
}

/* Who stands by loses a panic of its own: it watches on. */
static void nmi_on_top_of_the_watch(unsigned int variant)
{
	scene(variant);
	at_place = standbys_lose;
	place_ns[PLACE_DUMPER] = place_ns[PLACE_DUMPER + 1] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung in step"), 2);
}

/* The first one takes over, and hangs in its turn. A third hang is one too many. */
static void new_owner_hangs(unsigned int variant)
{
	bool third = variant & 2;
	int cpu;

	scene(variant & 1);
	place_ns[PLACE_DUMPER] = place_ns[PLACE_DUMPER + 1] = FOREVER;
	if (third)
		place_ns[PLACE_DUMPER + 2] = FOREVER;
	CHECK_INT(kernel_boot(), third ? MACHINE_LIMIT :
		  variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_INT(log_count("hung in step"), 2);
	CHECK_INT(crash_stop_result()->stopped, 3);
	/* Three that the first owner stopped, that owner, and its successor once more. */
	CHECK_INT(event_count(EV_CAPTURE, ANY, ANY), 5);
	if (third)
		return;
	expect_everything_once(variant);
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		CHECK(kernel_note(cpu).pid == NOTE_PID(cpu) || cpu == panic_cpu.counter);
}

/* The stopped CPUs have left cpu_online_mask: who takes over is in it, and so is stopped. */
static void new_owner_hangs_in_a_notifier(unsigned int variant)
{
	scene(variant & 2);
	place_ns[PLACE_NOTIFIER] = place_ns[PLACE_NOTIFIER + 1] = FOREVER;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
	CHECK_INT(log_count("hung in step"), 2);
	CHECK_INT(event_count(EV_CAPTURE, ANY, ANY), 5);
	/* Consoles print on a CPU that is online. */
	CHECK(cpu_online(panic_cpu.counter));
}

/* A fault behind a takeover is one like any other. */
static void fault_after_a_takeover(unsigned int variant)
{
	scene(variant);
	place_ns[PLACE_DUMPER] = FOREVER;
	faults[PLACE_DUMPER + 1] = 1;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung in step"), 1);
	CHECK_INT(log_count("nested panic in step \"kmsg_dump\""), 1);
}

/*
 * The owner hangs where nothing reaches it: that is said, and the crash goes on. If the
 * kexec lock is held, then not by one that may still be loading an image.
 */
static void old_owner_is_unreachable(unsigned int variant)
{
	scene(variant);
	kexec_locked = variant & 4;
	plan[0].program = program_nmi_panic;
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("(dump_log) for 200 ms and did not stop, CPU"), 1);
	CHECK_INT(log_count("RIP:"), 0);
	CHECK_INT(crash_stop_result()->stopped, 2);
	CHECK(cpumask_test_cpu(0, crash_stop_result()->left));
	CHECK_INT(kernel_note(0).pid, -1);
}

static bool owner_stands_still(unsigned int cpu)
{
	return !cpu && event_count(EV_RAISE, 0, NMI);
}

static struct pt_regs *asked_registers(unsigned int cpu)
{
	static struct pt_regs regs;

	regs.ip = 5000 + cpu;
	return &regs;
}

/* The old owner stands still and has saved nothing: the backend may know its registers. */
static void old_owner_is_asked_for_its_registers(unsigned int variant)
{
	scene(variant & 1);
	plan[0].deaf[NMI] = true;
	fake_rungs[NMI].stopped = owner_stands_still;
	if (variant & 2)
		fake_backend.registers = asked_registers;
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_INT(log_count("hung in step"), 1);
	CHECK_INT(log_count("did not stop"), 0);
	CHECK_INT(log_count("RIP: 5000"), !!(variant & 2));
	CHECK_INT(log_count("RIP:"), !!(variant & 2));
}

/* So that the old owner comes back while the new one is on its way. sys_info has two of them. */
static void every_place_takes(u64 ns)
{
	unsigned int i;

	for (i = PLACE_REPORT; i < PLACE_GATE; i++)
		if (!is_console(i))
			place_ns[i] = ns;
}

/* A CPU that no rung has reached is not tried again. */
static void unreachable_cpu_is_left_alone(unsigned int variant)
{
	scene(variant);
	plan[3].masked = plan[3].deaf[NMI] = true;
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung in step"), 1);
	CHECK_INT(event_count(EV_RAISE, 3, NMI), 1);
	CHECK_INT(crash_stop_result()->stopped, 2);
}

/* Who takes over had stopped too late for the first owner: it is not among those left. */
static void late_cpu_takes_over(unsigned int variant)
{
	unsigned int cpu;

	scene(variant);
	for (cpu = 1; cpu < NR_CPUS; cpu++) {
		plan[cpu].late[IPI] = plan[cpu].late[NMI] = 300 * MS;
		plan[cpu].busy = cpu > 1;
	}
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung in step"), 1);
	CHECK_INT(panic_cpu.counter, 1);
	CHECK(!cpumask_test_cpu(1, crash_stop_result()->left));
	CHECK_INT(crash_stop_result()->cpus, NR_CPUS - 1);
}

/* And where it comes back later, it parks, and does nothing twice. */
static void unreachable_owner_comes_back(unsigned int variant)
{
	static const enum place where[] = { PLACE_REPORT, PLACE_NOTIFIER, PLACE_SYS_INFO,
					    PLACE_DUMPER };
	enum place hung = where[variant / 4 % ARRAY_SIZE(where)];

	scene(variant);
	plan[0].program = program_nmi_panic;
	every_place_takes(DEADLINE_MS * MS * 2 / 5);
	place_ns[hung] = (DEADLINE_MS + 150) * MS;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_RANGE(log_count("hung in step"), reached(hung, variant),
		    machine_keeps_time ? reached(hung, variant) : CRASH_STANDBYS);
	if (reached(hung, variant) && (hung != PLACE_NOTIFIER || variant & 2))
		CHECK_INT(crash_stop_cpu[0].state.counter, CRASH_CPU_STOPPED);
}

static unsigned int held_up_at, accesses;

static void owner_comes_to(bool access)
{
	if (access && !raw_smp_processor_id() && accesses++ == held_up_at)
		machine_sleep((DEADLINE_MS + 150) * MS);
}

static void holds_up(const atomic_t *v)
{
	owner_comes_to(v == &crash_turn);
}

static void owner_held_up(unsigned int variant, void (*access)(const atomic_t *v),
			  void (*own)(const void *all))
{
	scene(variant);
	plan[0].program = program_nmi_panic;
	every_place_takes(20 * MS);
	held_up_at = variant / 4;
	at_access = access;
	at_per_cpu = own;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	at_per_cpu = NULL;
	expect_everything_once(variant);
	CHECK_RANGE(log_count("hung in step"), 0, machine_keeps_time ? 1 : CRASH_STANDBYS);
}

/*
 * The host takes the owner's CPU away right before it looks whether it still has the
 * crash, or goes on to its next stage; that no signal reaches it changes nothing.
 */
static void owner_that_is_held_up(unsigned int variant)
{
	owner_held_up(variant, holds_up, NULL);
	CHECK(accesses <= ACCESSES);
}

static void holds_up_at_its_own(const void *all)
{
	owner_comes_to(all != crash_stop_cpu);
}

/* Or right before it writes what is its own: its successor has another one. */
static void owner_that_is_held_up_at_its_own(unsigned int variant)
{
	owner_held_up(variant, NULL, holds_up_at_its_own);
	CHECK(accesses <= OWN_ACCESSES);
}

static int heir;

/* The first CPU that takes the crash over, from then on. */
static void heir_comes_to(const atomic_t *v)
{
	int owner = crash_turn_cpu(crash_turn.counter);

	(void)v;
	if (!heir && owner > 0)
		heir = owner;
	/* Whose turn it is does not look still to who takes it away. */
	if (owner > 0 && raw_smp_processor_id() == owner)
		CHECK(crash_stop_cpu[owner].state.counter != CRASH_CPU_STOPPED);
	if (heir && raw_smp_processor_id() == heir && accesses++ == held_up_at)
		machine_sleep((DEADLINE_MS + 250) * MS);
}

/* The same, right before its result is that of the stop. */
static void heir_has_a_result(const atomic_t *v)
{
	static bool once;

	(void)v;
	if (!once && crash_ladders[CRASH_STOP_PANIC + 1].result.cpus) {
		once = true;
		machine_sleep((DEADLINE_MS + 250) * MS);
	}
}

/* Whoever has the crash then keeps it, and its result. */
static void heir_held_up(unsigned int variant, void (*access)(const atomic_t *v),
			 unsigned int cpus)
{
	const struct crash_stop_result *r;
	unsigned int cpu, left = 0;

	at_access = access;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant & 1);
	CHECK_RANGE(log_count("hung in step"), 1, 2);
	CHECK_INT(panic_cpu.counter, crash_turn_cpu(crash_turn.counter));
	r = crash_stop_result();
	for_each_cpu(cpu, r->left)
		left++;
	CHECK_INT(r->cpus, cpus - 1);
	CHECK_INT(r->stopped + left, r->cpus);
	CHECK(!cpumask_test_cpu(panic_cpu.counter, r->left));
	CHECK(r == &crash_ladders[CRASH_STOP_PANIC + crash_stage_of(crash_turn.counter)->heirs].result);
}

/* As soon as its host lets it, the old owner goes on: it is the standby of who has taken over. */
static void heir_of_an_owner_that_moves_again(unsigned int variant)
{
	scene(variant & 1);
	shim_online.bits = 3;
	plan[1].deaf[NMI] = variant & 2;
	place_ns[PLACE_DUMPER] = (DEADLINE_MS + 50) * MS;
	/* The heir comes back before the end. */
	place_ns[PLACE_DUMPER + 1] = (DEADLINE_MS - 20) * MS;
	held_up_at = variant / 4;
	heir_held_up(variant, held_up_at < HEIR_ACCESSES ? heir_comes_to : heir_has_a_result, 2);
}

/*
 * The host takes the CPU away that has just taken the crash over: the second standby
 * does so then, and the first one does not come back as its owner. The old owner, which
 * nobody may have stopped yet, is stopped then, if it can be.
 */
static void heir_that_is_held_up(unsigned int variant)
{
	scene(variant & 1);
	if (variant & 2)
		plan[0].program = program_nmi_panic;
	place_ns[PLACE_DUMPER] = FOREVER;
	held_up_at = variant / 4;
	heir_held_up(variant, heir_comes_to, NR_CPUS);
	if (!(variant & 2))
		CHECK_INT(crash_stop_cpu[0].state.counter, CRASH_CPU_STOPPED);
}

static void second_dumper_deafens(unsigned int where)
{
	if (where == PLACE_DUMPER + 1)
		plan[raw_smp_processor_id()].deaf[NMI] = true;
}

/* Who has taken over hangs where nothing reaches it: what it was stopped in at first says nothing. */
static void new_owner_is_unreachable(unsigned int variant)
{
	int cpu;

	(void)variant;
	scene(1);
	at_place = second_dumper_deafens;
	place_ns[PLACE_DUMPER] = place_ns[PLACE_DUMPER + 1] = FOREVER;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	expect_everything_once(1);
	CHECK_INT(log_count("and did not stop"), 1);
	for (cpu = 1; cpu < NR_CPUS; cpu++)
		if (crash_stop_cpu[cpu].state.counter == CRASH_CPU_RUNNING && cpu != panic_cpu.counter)
			CHECK_INT(kernel_note(cpu).pid, -1);
	CHECK_INT(kernel_note(0).ip, IP_TASK(0));
}

/* What is said of a hang takes longer than the stage that hung may. */
static void report_that_takes_long(unsigned int variant)
{
	scene(variant);
	step_deadline_ms = 1000;
	show_regs_ns = 2 * DEADLINE_MS * MS;
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung in step"), 1);
	CHECK_INT(log_count("RIP: 2000"), 1);
}

/* The first rung's patience is for the stop: an old owner has had its time. */
static void grace_is_not_for_an_owner_that_hangs(unsigned int variant)
{
	scene(variant);
	*shim_param_grace_ms = 3 * DEADLINE_MS / 2;
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung in step"), 1);
	CHECK_INT(log_count("RIP: 2000"), 1);
}

static bool went_on;

static void extends_too_late(unsigned int where)
{
	if (where != PLACE_DUMPER || raw_smp_processor_id())
		return;
	machine_sleep((DEADLINE_MS + 100) * MS);
	crash_step_extend();
	went_on = true;
}

/* An owner that nothing has stopped, and which says that it moves, has lost the crash. */
static void old_owner_that_moves_again(unsigned int variant)
{
	scene(variant);
	plan[0].program = program_nmi_panic;
	at_place = extends_too_late;
	every_place_takes(40 * MS);
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung in step"), 1);
	CHECK(!went_on);
}

static void panic_takes_its_time(unsigned int where)
{
	if (where == PLACE_RAISED + IPI && panic_cpu.counter == 0)
		machine_sleep(2 * DEADLINE_MS * MS);
	if (where == PLACE_RESTART && raw_smp_processor_id())
		machine_sleep(FOREVER);
}

/* A reboot's stop has ended, a panic's has not: that is not watched. */
static void stop_behind_that_of_a_reboot(unsigned int variant)
{
	scene(variant);
	plan[0].at = 2500 * MS;
	plan[0].masked = plan[0].deaf[NMI] = true;
	plan[1].program = program_restart;
	at_place = panic_takes_its_time;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_INT(log_count("CPUs stopped"), 2);
	CHECK_INT(log_count("hung"), 0);
}

static void leaves_the_online_mask(unsigned int where)
{
	if (where == PLACE_MESSAGE)
		set_cpu_online(0, false);
}

/* An owner that was on its way down is stopped as any other. */
static void owner_that_is_not_online_hangs(unsigned int variant)
{
	scene(variant);
	at_place = leaves_the_online_mask;
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("RIP: 2000"), 1);
	CHECK_INT(kernel_note(0).ip, IP_TASK(0));
	CHECK_INT(crash_stop_result()->cpus, NR_CPUS - 1);
}

static void firmware_takes_its_time(void)
{
	machine_sleep(3 * DEADLINE_MS * MS);
}

/* A firmware that dumps the machine has all the time. */
static void firmware_dump_is_not_watched(unsigned int variant)
{
	scene(variant);
	fake_backend.firmware_dump = firmware_takes_its_time;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_INT(log_count("hung"), 0);
}

/* So has a notifier that need not return, and the way into the crash kernel. */
static void end_is_not_watched(unsigned int variant)
{
	scene(variant);
	place_ns[variant & 1 ? PLACE_BEFORE_KEXEC : PLACE_LAST] = 3 * DEADLINE_MS * MS;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_INT(log_count("hung"), 0);
}

static void hang_once(unsigned int where)
{
	if (visits[where] > 1)
		return;
	if (where == PLACE_RAISED + IPI)
		machine_sleep(2 * DEADLINE_MS * MS);
	if (where == PLACE_AFTER_STOP)
		machine_sleep(FOREVER);
}

/* The stop has ended, and the consoles are let loose: that is watched, not the stop. */
static void hang_right_behind_the_stop(unsigned int variant)
{
	scene(variant);
	at_place = hang_once;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	expect_everything_once(variant);
	CHECK_INT(log_count("hung in step"), 1);
	CHECK_INT(log_count("hung in step \"stop\""), 1);
	CHECK(event_ns(EV_PLACE, ANY, PLACE_REPORT) > event_ns(EV_AFTER_STOP, 0, ANY) + DEADLINE_MS * MS);
}

static void first_owner_hangs(void)
{
	if (!raw_smp_processor_id())
		machine_sleep(FOREVER);
}

/* K9: of an owner that hangs halfway through a placeholder nobody else would write one. */
static void owner_hangs_in_a_placeholder(unsigned int variant)
{
	scene(variant);
	plan[3].masked = plan[3].deaf[NMI] = true;
	/* It has a placeholder of its own then, before that of CPU 3. */
	plan[0].deaf[NMI] = variant & 4;
	in_placeholder = first_owner_hangs;
	CHECK_INT(kernel_boot(), variant & 1 ? MACHINE_KEXEC : MACHINE_RESTART);
	CHECK_INT(log_count("hung in step \"stop\""), 1);
	CHECK_INT(crash_stop_cpu[3].note.counter, CRASH_NOTE_PLACEHOLDER);
	CHECK(kernel_note(3).there);
	CHECK_INT(kernel_note(3).pid, -1);
}

/* The registers of the oops are those of the CPU that oopsed. */
static void program_oops(void)
{
	struct pt_regs regs = { .ip = 4711 };

	oops(&regs);
}

static void owner_of_an_oops_hangs(unsigned int variant)
{
	(void)variant;
	scene(1);
	plan[0].program = program_oops;
	place_ns[PLACE_DUMPER] = FOREVER;
	CHECK_INT(kernel_boot(), MACHINE_KEXEC);
	CHECK(kernel_note(panic_cpu.counter).ip != 4711);
	CHECK_INT(kernel_note(0).ip, IP_TASK(0));
}

const struct test standby_tests[] = {
	T_N(hang_in_every_step, HANG_VARIANTS),
	T_N(stage_that_ends_at_its_deadline, HANG_VARIANTS),
	T_N(no_hang, 4),
	T_N(switched_off, 4),
	T_N(nobody_can_stand_by, 4),
	T_N(backend_without_the_hook, 2),
	T_N(watch_that_has_gaps, 2),
	T_N(watch_whose_delay_is_short, 2),
	T_N(short_deadline, 4),
	T_N(stage_that_is_extended, 4),
	T_N(stage_that_an_nmi_extends, 4),
	T_N(stage_that_is_extended_in_vain, 4),
	T_N(owner_and_standby_hang, 4),
	T_N(owner_hangs_in_a_placeholder, 8),
	T_N(nmi_on_top_of_the_watch, 4),
	T_N(new_owner_hangs, 4),
	T_N(new_owner_hangs_in_a_notifier, 4),
	T_N(fault_after_a_takeover, 4),
	T_N(old_owner_is_unreachable, 8),
	T_N(old_owner_is_asked_for_its_registers, 4),
	T_N(unreachable_cpu_is_left_alone, 4),
	T_N(late_cpu_takes_over, 4),
	T_N(unreachable_owner_comes_back, 16),
	T_N(owner_that_is_held_up, 4 * ACCESSES),
	T_N(owner_that_is_held_up_at_its_own, 4 * OWN_ACCESSES),
	T_N(heir_that_is_held_up, 4 * HEIR_ACCESSES),
	T_N(heir_of_an_owner_that_moves_again, 4 * (HEIR_ACCESSES + 1)),
	T(new_owner_is_unreachable),
	T_N(report_that_takes_long, 4),
	T_N(grace_is_not_for_an_owner_that_hangs, 4),
	T_N(old_owner_that_moves_again, 4),
	T_N(stop_behind_that_of_a_reboot, 4),
	T_N(owner_that_is_not_online_hangs, 4),
	T_N(firmware_dump_is_not_watched, 4),
	T_N(end_is_not_watched, 4),
	T_N(hang_right_behind_the_stop, 4),
	T(owner_of_an_oops_hangs),
	{ }
};
