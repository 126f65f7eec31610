/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One way to stop the other CPUs: the public API and the backend contract.
 *
 * Three groups, in this order: who owns the crash and which step it is in
 * (kernel/panic_mutex.c), how the others are stopped (kernel/crash_stop.c),
 * and what an architecture provides (arch/<arch>/kernel/crash_stop.c).
 *
 * Everything here works in task, interrupt and NMI context, on any stack,
 * never sleeps, never allocates and takes no lock, unless it says otherwise.
 */
#ifndef _LINUX_CRASH_STOP_H
#define _LINUX_CRASH_STOP_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/kmsg_dump.h>
#include <linux/notifier.h>
#include <linux/percpu.h>
#include <linux/processor.h>
#include <linux/smp.h>
#include <linux/types.h>

struct pt_regs;

#define CRASH_RUNGS_MAX		3	/* signals that a backend may have */
#define CRASH_BY_ITSELF		(-1)	/* crash_cpu.how: lost a panic */
#define CRASH_MSG_LEN		44	/* bytes kept of a loser's message */
#define CRASH_POLL_GAP_MS	1	/* what one poll of a wait counts at the most */

/**
 * enum panic_mutex_outcome - what became of an attempt to own the crash
 * @PANIC_MUTEX_ACQUIRED: this CPU owns the crash from now on
 * @PANIC_MUTEX_MINE:	  it did already: a nested entry
 * @PANIC_MUTEX_LOST:	  another CPU owns it
 */
enum panic_mutex_outcome {
	PANIC_MUTEX_ACQUIRED,
	PANIC_MUTEX_MINE,
	PANIC_MUTEX_LOST,
};

/**
 * enum crash_step - the steps of a crash, in the order in which they are taken
 * @CRASH_CALM:		before the first: the message is printed
 * @CRASH_KGDB:		kgdb, if it is there
 * @CRASH_BACKTRACE:	of all CPUs, if asked for
 * @CRASH_STOP:		the ladder
 * @CRASH_REPORT:	the report line
 * @CRASH_SHOW:		what has been said reaches consoles that buffer
 * @CRASH_NOTIFY_EARLY:	panic notifiers, with crash_kexec_post_notifiers
 * @CRASH_SYS_INFO:	what the saved log is to have besides
 * @CRASH_DUMP:		the log is saved
 * @CRASH_KEXEC:	the crash kernel
 * @CRASH_NOTIFY:	panic notifiers otherwise
 * @CRASH_UNBLANK:	the console is made visible
 * @CRASH_FLUSH:	and gets what it has missed
 * @CRASH_SHOW_REST:	also where it buffers
 * @CRASH_NOTIFY_LAST:	panic notifiers of the lowest priority, which may not return
 * @CRASH_STEPS:	how many there are
 *
 * A step is entered once. CRASH_STOP, CRASH_DUMP, CRASH_KEXEC and the steps that
 * call notifiers are walks: their parts (a rung, a dumper, a notifier) are
 * entered once each, and a nested entry takes the walk up again behind the part
 * that failed.
 */
enum crash_step {
	CRASH_CALM,
	CRASH_KGDB,
	CRASH_BACKTRACE,
	CRASH_STOP,
	CRASH_REPORT,
	CRASH_SHOW,
	CRASH_NOTIFY_EARLY,
	CRASH_SYS_INFO,
	CRASH_DUMP,
	CRASH_KEXEC,
	CRASH_NOTIFY,
	CRASH_UNBLANK,
	CRASH_FLUSH,
	CRASH_SHOW_REST,
	CRASH_NOTIFY_LAST,
	CRASH_STEPS
};

/**
 * enum crash_stop_why - who wants the other CPUs to stop
 * @CRASH_STOP_REBOOT: a reboot, halt, power-off or kexec; it yields to a panic
 * @CRASH_STOP_PANIC: the owner of the crash
 */
enum crash_stop_why {
	CRASH_STOP_REBOOT,
	CRASH_STOP_PANIC,
};

enum crash_cpu_state {
	CRASH_CPU_RUNNING,
	CRASH_CPU_CAPTURING,
	CRASH_CPU_RECAPTURING,	/* something came between */
	CRASH_CPU_QUIESCING,
	CRASH_CPU_STOPPED,
	CRASH_CPU_TAKING_OVER,	/* not to be signalled, and not still any more */
};

enum crash_note_state {
	CRASH_NOTE_NONE,
	CRASH_NOTE_PLACING,	/* the owner writes */
	CRASH_NOTE_PLACEHOLDER,	/* no registers: all of them zero, pid -1 */
	CRASH_NOTE_WRITING,	/* the CPU writes */
	CRASH_NOTE_REGS,
};

/**
 * struct crash_cpu - what became of one CPU; per CPU, and in the dump
 * @state: enum crash_cpu_state
 * @note: enum crash_note_state
 * @how: index of the rung that stopped it, or %CRASH_BY_ITSELF
 * @us: microseconds from the first signal until the owner saw it stopped
 * @dumping: nesting depth inside kmsg_dump(); negative once it has been taken over
 * @msg: the message of the panic that it lost, cut to %CRASH_MSG_LEN
 */
struct crash_cpu {
	atomic_t state;
	atomic_t note;
	int how;
	u32 us;
	atomic_t dumping;
	char msg[CRASH_MSG_LEN];
};

/**
 * struct crash_stop_result - how the stop went
 * @cpus: other CPUs that were to stop
 * @stopped: how many of them did
 * @by_rung: how many of those each rung stopped
 * @by_itself: how many of those stopped by themselves (lost a panic)
 * @us: microseconds from the first signal to the end of the last rung
 * @left: the CPUs that did not stop
 */
struct crash_stop_result {
	unsigned int cpus;
	unsigned int stopped;
	unsigned int by_rung[CRASH_RUNGS_MAX];
	unsigned int by_itself;
	u32 us;
	const struct cpumask *left;
};

/**
 * struct crash_rung - one signal of the ladder, gentle ones first
 * @name: the word for it in the report line: "ipi", "nmi"
 * @reaches_masked: it stops a CPU that runs with interrupts off, and so may
 *	stop one that holds a lock which the store needs
 * @usable: called by: the ladder, before the rung; at the end of the boot, and
 *	who reads debugfs. Context: any, interrupts off. Must not: wait, nor
 *	fault, since it is asked again afterwards.
 *	Returns: whether @raise can work on this machine. When absent: always.
 * @raise: called by: the ladder, once per rung and stop. Context: any,
 *	interrupts off. Must: signal the CPUs of the mask, which holds no
 *	stopped CPU and not the caller, behind all that the caller has stored:
 *	smp_mb() went before, but does not order a call into firmware or a
 *	write to a system register. Must not: wait for a CPU, a device,
 *	firmware or a hypervisor without a deadline, or take a lock. When
 *	absent: does not build a ladder, so it may not be.
 * @stopped: called by: the ladder, on each poll. Context: as @raise. Returns:
 *	true once that CPU is known to stand still without its own
 *	acknowledgment, and its stores are visible. When absent: only the
 *	acknowledgment counts.
 */
struct crash_rung {
	const char *name;
	bool reaches_masked;
	bool (*usable)(void);
	void (*raise)(const struct cpumask *mask);
	bool (*stopped)(unsigned int cpu);
};

/**
 * struct crash_stop_backend - what an architecture provides
 * @rungs: the ladder, gentle first
 * @nr_rungs: its length, %CRASH_RUNGS_MAX at most; 0 on a uniprocessor kernel
 * @capture: called by: the CPU that stops, once. Context: any, interrupts off.
 *	Must: save @regs as the crash note of @cpu. When absent: the crash
 *	kernel reads the registers itself, and no placeholder is written.
 * @quiesce: called by: the CPU that stops, after @capture and before its
 *	acknowledgment. Must: switch off what must not run on while the log
 *	is saved (virtualization, tracing). Must not: wait, take a lock. When
 *	absent: there is nothing of the kind.
 * @park: called by: the CPU that has stopped, for ever, in a loop. Must: idle
 *	with interrupts masked; may return. When absent: the CPU spins.
 * @release: called by: each CPU that has stopped, once, while it parks, after
 *	the owner has saved the log and before or while @before_crash_kernel
 *	runs. @how is the index of the rung that stopped it, or
 *	%CRASH_BY_ITSELF. Must: do what the CPU can only do itself and the crash
 *	kernel needs (power off, real mode); may not come back. Must not: wait
 *	for another CPU. When absent: CPUs stay parked. A backend that has it has
 *	a @park that returns now and then, or the word is never looked at.
 * @can_stand_by: called by: the CPU that stops, behind @quiesce and before its
 *	acknowledgment. Context: as there. @how is as for @release. Must not:
 *	wait. Returns: whether this CPU, from where it has stopped, could run the
 *	rest of the crash and boot the crash kernel in the place of an owner
 *	that hangs; it then watches the owner instead of parking. When absent:
 *	none can, and the report line says "no standby".
 * @registers: called by: who has taken the crash over, for an old owner that has
 *	stopped and not saved its registers. Context: as @raise. Must not: wait
 *	without a deadline, or take a lock. Returns: the registers of @cpu, which
 *	stay as they are, or NULL. When absent: nobody sees what it was doing but
 *	in the dump.
 * @after_stop: called by: the CPU that stopped the others, right after the
 *	ladder, and by one that has taken the crash over. Must not: take away
 *	anything that a kmsg dumper needs. When absent: nothing.
 * @firmware_dump: called by: the owner, once the log is saved, before the crash
 *	kernel. Must: have the firmware dump the machine, if it is set up to,
 *	which ends this kernel; come back if not, or if it fails. When absent:
 *	there is no such firmware.
 * @verifies_image: machine_kexec() looks whether the image is as it was loaded,
 *	and comes back, having said why, when it is not.
 * @before_crash_kernel: called by: the owner, once the log is saved and an
 *	image will be booted. Must: bring the machine into the state that the
 *	crash kernel expects and save @regs as the owner's note. When absent:
 *	does not build, since __crash_kexec() needs it.
 */
struct crash_stop_backend {
	const struct crash_rung *rungs;
	unsigned int nr_rungs;
	void (*capture)(struct pt_regs *regs, int cpu);
	void (*quiesce)(enum crash_stop_why why);
	void (*park)(enum crash_stop_why why);
	void (*release)(int how);
	bool (*can_stand_by)(int how);
	struct pt_regs *(*registers)(unsigned int cpu);
	void (*after_stop)(enum crash_stop_why why);
	void (*firmware_dump)(void);
	bool verifies_image;
	void (*before_crash_kernel)(struct pt_regs *regs);
};

/**
 * struct crash_clock - what a wait has taken so far
 * @ns: nanoseconds counted
 * @last_ns: the last reading of sched_clock()
 * @still_ns: counted by polls since that reading last changed
 */
struct crash_clock {
	u64 ns;
	u64 last_ns;
	u64 still_ns;
};

/*
 * Panic notifiers that do nothing but add to the log (ftrace's dump). They run
 * before the log is saved, where other notifiers run when it is safe.
 */
extern struct atomic_notifier_head crash_log_list;

/*
 * Panic notifiers that do nothing but bring out what a console has buffered.
 * They run after the report line, before the crash kernel and at the end, and
 * wait no longer than crash_part_late() allows.
 */
extern struct atomic_notifier_head crash_console_list;

#ifdef CONFIG_CRASH_STOP

DECLARE_PER_CPU(struct crash_cpu, crash_stop_cpu);

/* Provided by the architecture that selects ARCH_HAS_CRASH_STOP. */
const struct crash_stop_backend *arch_crash_stop_backend(void);

/* kernel/crash_clock.c */
void crash_clock_start(struct crash_clock *clock);
u64 crash_clock_wait(struct crash_clock *clock, unsigned int gap_ms);

static inline u64 crash_clock_poll(struct crash_clock *clock)
{
	return crash_clock_wait(clock, CRASH_POLL_GAP_MS);
}

/* kernel/panic_mutex.c */
enum panic_mutex_outcome panic_mutex_take(void);
bool panic_mutex_is_mine(void);
bool panic_mutex_is_lost(void);
__printf(1, 0) void panic_mutex_enter(const char *fmt, va_list args);
__printf(2, 0) void __noreturn panic_mutex_park(struct pt_regs *regs, const char *fmt,
						va_list args);
void __noreturn panic_mutex_park_msg(struct pt_regs *regs, const char *msg);
#define panic_mutex_nmi_lost(regs, msg) panic_mutex_park_msg(regs, msg)
__printf(2, 0) void panic_mutex_await(struct pt_regs *regs, const char *fmt, va_list args);

/* kernel/crash_step.c */
bool crash_step(enum crash_step step);
bool crash_substep(void *what);
bool crash_part_late(void);
void crash_step_extend(void);

/* kernel/crash_notify.c */
int crash_dump_begin(enum kmsg_dump_reason reason);
bool crash_dump_part(struct kmsg_dumper *dumper);
void crash_dump_end(int cpu);
bool crash_step_sys_info(bool post_notifiers);
void crash_notify(enum crash_step step, char *msg);
void crash_show(enum crash_step step);

/* kernel/crash_stop.c */
const struct crash_stop_result *crash_stop_other_cpus(enum crash_stop_why why);
const struct crash_stop_result *crash_stop_result(void);

/* kernel/crash_stop_cpu.c */
bool crash_stop_begun(void);
bool crash_stop_receive(struct pt_regs *regs, int rung);
void crash_stop_poll(struct pt_regs *regs);
void __noreturn crash_stop_self(struct pt_regs *regs);
void crash_stop_cpu_online(void);
void crash_stop_capture(struct pt_regs *regs);
void crash_stop_release(void);
bool crash_stop_cpu_stopped(unsigned int cpu);

/*
 * On the owner, once it has begun to stop the others: a lock that is held may
 * never be released, by one of them or by what has faulted on the owner.
 */
static inline bool crash_alone(void)
{
	return panic_mutex_is_mine() && crash_stop_begun();
}

/* kernel/crash_stop_report.c */
void crash_stop_report(void);
bool crash_stop_complete(void);
void crash_stop_leave_online_mask(void);
void crash_stop_mask_backtrace(struct cpumask *mask);

#else /* !CONFIG_CRASH_STOP */

/* Callers keep their old code behind IS_ENABLED(CONFIG_CRASH_STOP). */
static inline bool panic_mutex_is_mine(void) { return false; }
static inline bool panic_mutex_is_lost(void) { return false; }
static inline void panic_mutex_enter(const char *fmt, va_list args) { }
static inline void panic_mutex_park(struct pt_regs *regs, const char *fmt, va_list args) { }
static inline void panic_mutex_nmi_lost(struct pt_regs *regs, const char *msg)
{
	nmi_panic_self_stop(regs);
}

static inline void panic_mutex_await(struct pt_regs *regs, const char *fmt, va_list args) { }
/* Inline functions fold away as well, but change how vpanic()'s registers are given out. */
#define crash_step(step) ((void)(step), true)
#define crash_step_sys_info(post_notifiers) ((void)(post_notifiers), true)
#define crash_notify(step, msg) ((void)(step), (void)(msg))
#define crash_show(step) ((void)(step))
#define crash_stop_report() ((void)0)
#define crash_stop_leave_online_mask() ((void)0)
static inline bool crash_part_late(void) { return false; }
static inline void crash_step_extend(void) { }
static inline int crash_dump_begin(enum kmsg_dump_reason reason) { return 0; }
static inline bool crash_dump_part(struct kmsg_dumper *dumper) { return true; }
static inline void crash_dump_end(int cpu) { }

static inline const struct crash_stop_result *
crash_stop_other_cpus(enum crash_stop_why why) { return NULL; }
static inline bool crash_stop_receive(struct pt_regs *regs, int rung) { return false; }
static inline void crash_stop_poll(struct pt_regs *regs) { }
static inline void crash_stop_cpu_online(void) { }
static inline bool crash_stop_begun(void) { return false; }
static inline bool crash_stop_complete(void) { return true; }
static inline void crash_stop_mask_backtrace(struct cpumask *mask) { }
static inline bool crash_alone(void) { return false; }

#endif /* CONFIG_CRASH_STOP */

/*
 * Take a lock of the oops code: its holder may have been stopped, and while it
 * prints, another CPU may panic. The owner of the crash goes on without: to a
 * checker that follows such a lock, "without" says that it is held, too.
 */
#define crash_stop_take_lock(trylock, without, regs)		\
do {								\
	if (panic_mutex_is_mine()) {				\
		without;					\
		break;						\
	}							\
	if (trylock)						\
		break;						\
	crash_stop_poll(regs);					\
	cpu_relax();						\
} while (1)

#ifdef CONFIG_CRASH_STOP_DUMP

/* kernel/crash_stop_dump.c */
void crash_stop_note(struct pt_regs *regs, int cpu);
void crash_stop_placeholder(int cpu);
void crash_stop_vmcoreinfo(void);
bool crash_stop_have_image(void);
bool crash_stop_may_kexec(bool locked);
void crash_stop_before_crash_kernel(struct pt_regs *regs);
void crash_stop_crash_kexec(struct pt_regs *regs);
struct pt_regs *crash_stop_owner_regs(struct pt_regs *regs);

#else /* !CONFIG_CRASH_STOP_DUMP */

static inline void crash_stop_note(struct pt_regs *regs, int cpu) { }
static inline void crash_stop_placeholder(int cpu) { }
static inline void crash_stop_vmcoreinfo(void) { }
static inline bool crash_stop_have_image(void) { return false; }
static inline bool crash_stop_may_kexec(bool locked) { return locked; }
static inline void crash_stop_before_crash_kernel(struct pt_regs *regs) { }
static inline void crash_stop_crash_kexec(struct pt_regs *regs) { }
static inline struct pt_regs *crash_stop_owner_regs(struct pt_regs *regs) { return regs; }

#endif /* CONFIG_CRASH_STOP_DUMP */

#endif /* _LINUX_CRASH_STOP_H */
