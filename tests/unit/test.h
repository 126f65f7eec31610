/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test case sees: checks (test.c), the log (printf.c), the rest of the
 * kernel (kernel.c), and the misbehaving CPUs and backend (backend.c).
 */
#ifndef TEST_H
#define TEST_H

#include "machine.h"
#include <linux/crash_stop.h>

/**
 * struct test - a test case
 * @name: what it shows
 * @run: sets the scene, runs the machine, checks. In a process of its own.
 * @variants: it is run with a @variant of 0 to @variants - 1; 0 is as 1
 */
struct test {
	const char *name;
	void (*run)(unsigned int variant);
	unsigned int variants;
};

#define T(fn)		{ .name = #fn, .run = fn }
#define T_N(fn, n)	{ .name = #fn, .run = fn, .variants = n }

extern const struct test ladder_tests[], late_tests[], clock_tests[], dump_tests[],
	owner_tests[], nested_tests[], kexec_tests[], reboot_tests[], hotplug_tests[],
	rungs_tests[], standby_tests[], storm_tests[];

/* test.c. A check that fails says where and what was seen, and goes on. */
void test_check(bool ok, const char *file, int line, const char *what);
void test_check_int(s64 seen, s64 wanted, const char *file, int line, const char *what);
void test_check_range(s64 seen, s64 lo, s64 hi, const char *file, int line, const char *what);
void test_check_str(const char *seen, const char *wanted, const char *file, int line);
#define CHECK(cond)		test_check(!!(cond), __FILE__, __LINE__, #cond)
#define CHECK_INT(seen, wanted)	test_check_int(seen, wanted, __FILE__, __LINE__, #seen)
#define CHECK_RANGE(seen, lo, hi) test_check_range(seen, lo, hi, __FILE__, __LINE__, #seen)
#define CHECK_STR(seen, wanted)	test_check_str(seen, wanted, __FILE__, __LINE__)

/* printf.c */
unsigned int log_count(const char *text);
const char *log_line(const char *text);
char log_level(const char *text);
void log_show(void);

/* Places at which the owner can be made to fault, and which count its visits. */
enum place {
	PLACE_MESSAGE,
	PLACE_KGDB,
	PLACE_BACKTRACE,
	PLACE_RAISE,		/* of rung 0, before anything is sent; + rung */
	PLACE_RAISED = PLACE_RAISE + CRASH_RUNGS_MAX, /* behind that; + rung */
	PLACE_AFTER_STOP = PLACE_RAISED + CRASH_RUNGS_MAX,
	PLACE_REPORT,		/* the line is in the log already */
	PLACE_CONSOLE,		/* brings out what the first one has buffered; + number */
	PLACE_NOTIFIER = PLACE_CONSOLE + 2, /* of the first one; + number */
	PLACE_LOG = PLACE_NOTIFIER + 3, /* a notifier that adds to the log */
	PLACE_SYS_INFO,
	PLACE_DUMPER,		/* of the first one; + number */
	PLACE_GATE = PLACE_DUMPER + 8, /* what becomes of the crash kernel is said */
	PLACE_VMCOREINFO,
	PLACE_BEFORE_KEXEC,
	PLACE_UNBLANK,
	PLACE_FLUSH,
	PLACE_LAST,		/* the first notifier that may not return; + number */
	PLACE_RESTART = PLACE_LAST + 2,
	PLACES
};

enum fault { FAULT_PANIC, FAULT_OOPS };

/* kernel.c */
#define NR_CONSOLES	2
#define NR_NOTIFIERS	3
#define NR_LAST		2
#define NR_DUMPERS	8
extern unsigned int faults[PLACES];	/* how often it faults there */
extern enum fault fault_kind;
extern unsigned int visits[PLACES];
extern u64 place_ns[PLACES];		/* how long it takes there */
extern unsigned int deadline_ms;	/* of each stage; 0: nobody stands by */
extern unsigned int step_deadline_ms;	/* of what is no dumper and no notifier, if it is another */
extern u64 show_regs_ns;		/* how long it takes to print registers */
extern void (*at_place)(unsigned int where);
extern void (*in_placeholder)(void);	/* the owner is in the midst of writing one */
extern bool post_notifiers;		/* crash_kexec_post_notifiers */
extern bool print_backtrace;		/* panic_print asks for all CPUs */
extern bool kexec_locked;
extern bool kexec_returns;		/* the image fails its check */
extern int redirect_to;			/* panic_force_cpu=, or -1 */
extern unsigned int nr_dumpers;		/* the last one is the store */
extern u64 dumper_ns[NR_DUMPERS];	/* how long each takes, on any CPU */
extern unsigned int dumper_runs[NR_DUMPERS];
extern int store_lock;			/* the CPU that holds it, or -1 */
extern char stored[];			/* the report line, once it was stored */
extern bool note_may_be_old[];		/* a placeholder by who had lost the crash */
extern struct cpumask online_at_kexec;
extern char vmcoreinfo[];
extern unsigned int vmcoreinfo_longest;

void place(unsigned int where);
const char *kernel_symbol(void *fn);
void nmi_panic(struct pt_regs *regs, const char *msg);
void oops(struct pt_regs *regs);
void crash_kexec(struct pt_regs *regs);
void kmsg_dump(enum kmsg_dump_reason reason);
void kernel_load_image(void);
void kernel_restart(void);
void kernel_online(void);
void __noreturn kernel_offline(void);
enum machine_end kernel_boot(void);

/* A crash note, as the dump would show it. */
struct note {
	bool there;
	int pid;
	unsigned long ip;
};
struct note kernel_note(int cpu);
#define NOTE_PID(cpu)		(100 + (cpu))
#define IP_TASK(cpu)		(2000ul + (cpu))   /* interrupted in its program */
#define IP_HANDLER(cpu)		(3000ul + (cpu))   /* interrupted in a handler */
#define IP_HERE(ip)		(100000ul + (ip))  /* saved where it stood, not interrupted */

/**
 * struct plan - what a CPU does, and how it answers
 * @program: what it runs; when absent it idles with interrupts on
 * @at: for the programs below: when it does what it is there for, in ns
 * @masked: it runs with interrupts off
 * @deaf: signals of that rung do not arrive
 * @late: those of that rung arrive so many ns later
 * @again: and arrive so many times more
 * @on_signal: called by the handler, before the core is
 * @capture_ns: how long its capture takes
 * @capture_faults: how often its capture faults
 * @quiesce_faults: how often its quiescing does
 * @release_faults: how often it does when it is released
 * @busy: it cannot stand by
 */
struct plan {
	void (*program)(void);
	u64 at;
	bool masked;
	bool deaf[CRASH_RUNGS_MAX];
	u64 late[CRASH_RUNGS_MAX];
	unsigned int again[CRASH_RUNGS_MAX];
	void (*on_signal)(struct pt_regs *regs, int rung);
	u64 capture_ns;
	unsigned int capture_faults;
	unsigned int quiesce_faults;
	unsigned int release_faults;
	bool busy;
};

/* backend.c */
enum { IPI, NMI, RUNG3 };
extern struct plan plan[NR_CPUS];
extern struct crash_rung fake_rungs[CRASH_RUNGS_MAX];
extern struct crash_stop_backend fake_backend;

enum event {
	EV_RAISE,		/* arg: rung; cpu: the target */
	EV_SIGNAL,		/* it arrived; arg: rung */
	EV_RETURNED,		/* its handler returned; arg: rung */
	EV_CAPTURE,
	EV_QUIESCE,
	EV_PARK,
	EV_RELEASE,		/* arg: how the CPU stopped */
	EV_AFTER_STOP,
	EV_BEFORE_KEXEC,
	EV_PLACE,		/* arg: the place */
	EV_RESUMED,		/* a program went on where it might have been stopped */
	EVENTS
};

#define ANY	(-1)
void event(enum event what, int cpu, int arg);
int event_count(enum event what, int cpu, int arg);
int event_index(enum event what, int cpu, int arg);	/* of the first, or -1 */
u64 event_ns(enum event what, int cpu, int arg);	/* of the first */
void events_show(void);
void backend_init(void);
bool cpu_parked(int cpu);
void backend_releases(void);	/* the backend has the release hook */
void backend_signal(int cpu, int rung, u64 ns);	/* arrives in @ns, raised by nobody */

/* Programs, for struct plan. */
void program_panic(void);	/* panic("cpu %d"), as task */
void program_nmi_panic(void);	/* gets an NMI which panics */
void program_restart(void);	/* kernel_restart(), then idle */
void program_dump(void);	/* kmsg_dump(OOPS), then idle */
void idle(void);

#endif /* TEST_H */
