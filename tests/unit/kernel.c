// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rest of the kernel: panic(), kmsg_dump(), kexec and restart, as far as the
 * core is called from them, in the order that kernel/panic.cocci gives them.
 *
 * place() marks where they pass; a test can let the owner fault there.
 */
#include "crash_stop_internal.h"
#include "test.h"

static atomic_t panic_redirect_cpu = ATOMIC_INIT(PANIC_CPU_INVALID);
static note_buf_t notes[NR_CPUS];
static struct kimage image;
extern unsigned int *shim_param_dumper_ms, *shim_param_notifier_ms, *shim_param_step_ms;

atomic_t panic_cpu = ATOMIC_INIT(PANIC_CPU_INVALID);
int panic_timeout = -1;
struct cpumask shim_online = { (1ul << NR_CPUS) - 1 };
char _stext[1];
unsigned long __per_cpu_offset[NR_CPUS];
note_buf_t *crash_notes = notes;
struct kimage *kexec_crash_image;
struct atomic_notifier_head panic_notifier_list;

unsigned int faults[PLACES], visits[PLACES];
u64 place_ns[PLACES];
unsigned int deadline_ms;
unsigned int step_deadline_ms;
u64 show_regs_ns;
void (*at_place)(unsigned int where);
void (*at_access)(const atomic_t *v);
void (*at_per_cpu)(const void *all);
void (*in_placeholder)(void);
enum fault fault_kind;
bool post_notifiers, print_backtrace, kexec_locked, kexec_returns;
int redirect_to = -1;
unsigned int nr_dumpers = 3;
u64 dumper_ns[NR_DUMPERS];
unsigned int dumper_runs[NR_DUMPERS];
int store_lock = -1;
char stored[256];
bool note_may_be_old[NR_CPUS];
struct cpumask online_at_kexec;
char vmcoreinfo[4096];
unsigned int vmcoreinfo_longest;

void place(unsigned int where)
{
	struct pt_regs regs = { .ip = 5000 + where };
	bool due;

	machine_lock();
	visits[where]++;
	machine_unlock();
	event(EV_PLACE, raw_smp_processor_id(), where);
	if (at_place)
		at_place(where);
	if (place_ns[where])
		machine_sleep(place_ns[where]);
	machine_lock();
	due = faults[where];
	faults[where] -= due;
	machine_unlock();
	if (!due)
		return;
	if (fault_kind == FAULT_OOPS)
		oops(&regs);
	panic("fault at place %u", where);
}

/* A step of panic() that the core leaves to others. */
static void step(enum crash_step step, enum place where)
{
	if (crash_step(step))
		place(where);
}

void show_regs(struct pt_regs *regs)
{
	machine_sleep(show_regs_ns);
	printk(KERN_EMERG "RIP: %lu\n", regs->ip);
}

void crash_save_vmcoreinfo(void)
{
	place(PLACE_VMCOREINFO);
	crash_stop_vmcoreinfo();
}

static void __crash_kexec(struct pt_regs *regs)
{
	bool locked = !kexec_locked;

	kexec_locked = true;
	if (crash_stop_may_kexec(locked)) {
		if (kexec_crash_image) {
			struct pt_regs fixed_regs;

			crash_setup_regs(&fixed_regs, crash_stop_owner_regs(regs));
			crash_stop_before_crash_kernel(&fixed_regs);
			online_at_kexec = shim_online;
			if (!kexec_returns)
				machine_stop(MACHINE_KEXEC);
		}
		kexec_locked = false;
	}
}

static void emergency_restart(void)
{
	kmsg_dump(KMSG_DUMP_EMERG);
	machine_emergency_restart();
}

void machine_emergency_restart(void)
{
	place(PLACE_RESTART);
	/* Some architectures stop the others here. */
	crash_stop_other_cpus(CRASH_STOP_REBOOT);
	machine_stop(MACHINE_RESTART);
}

static void redirected(struct pt_regs *regs, int arg)
{
	(void)regs, (void)arg;
	panic("redirected");
}

static bool panic_try_force_cpu(void)
{
	int this_cpu = raw_smp_processor_id(), old = PANIC_CPU_INVALID;

	if (redirect_to < 0 || redirect_to == this_cpu || !cpu_online(redirect_to) ||
	    atomic_read(&panic_cpu) != PANIC_CPU_INVALID ||
	    !atomic_try_cmpxchg(&panic_redirect_cpu, &old, this_cpu))
		return false;
	machine_signal(redirect_to, false, machine_now + 2 * US, redirected, 0);
	return true;
}

static void __noreturn vpanic(const char *fmt, va_list args)
{
	static char buf[128];

	local_irq_disable();
	if (panic_try_force_cpu())
		panic_mutex_await(NULL, fmt, args);
	panic_mutex_enter(fmt, args);
	vscnprintf(buf, sizeof(buf), fmt, args);
	printk(KERN_EMERG "Kernel panic - not syncing: %s\n", buf);
	place(PLACE_MESSAGE);
	step(CRASH_KGDB, PLACE_KGDB);
	if (print_backtrace)
		step(CRASH_BACKTRACE, PLACE_BACKTRACE);
	if (crash_step(CRASH_STOP))
		crash_stop_other_cpus(CRASH_STOP_PANIC);
	if (crash_step(CRASH_REPORT))
		crash_stop_report();
	crash_show(CRASH_SHOW);
	if (post_notifiers)
		crash_notify(CRASH_NOTIFY_EARLY, buf);
	if (crash_step_sys_info(post_notifiers))
		place(PLACE_SYS_INFO);
	if (crash_step(CRASH_DUMP))
		kmsg_dump(KMSG_DUMP_PANIC);
	if (crash_step(CRASH_KEXEC))
		__crash_kexec(NULL);
	crash_stop_leave_online_mask();
	if (!post_notifiers)
		crash_notify(CRASH_NOTIFY, buf);
	step(CRASH_UNBLANK, PLACE_UNBLANK);
	step(CRASH_FLUSH, PLACE_FLUSH);
	crash_show(CRASH_SHOW_REST);
	crash_notify(CRASH_NOTIFY_LAST, buf);
	if (panic_timeout)
		emergency_restart();
	for (;;)
		cpu_relax();
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vpanic(fmt, args);
}

static void await(struct pt_regs *regs, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	panic_mutex_await(regs, fmt, args);
	va_end(args);
}

void nmi_panic(struct pt_regs *regs, const char *msg)
{
	if (panic_try_force_cpu())
		await(regs, "%s", msg);
	switch (panic_mutex_take()) {
	case PANIC_MUTEX_ACQUIRED:
		panic("%s", msg);
	case PANIC_MUTEX_MINE:
		return;
	case PANIC_MUTEX_LOST:
		panic_mutex_nmi_lost(regs, msg);
	}
}

void crash_kexec(struct pt_regs *regs)
{
	crash_stop_crash_kexec(regs);
}

/* die() with panic_on_oops, as far as oops_exit(); returns, as it does there. */
void oops(struct pt_regs *regs)
{
	printk(KERN_EMERG "Oops at %lu\n", regs->ip);
	crash_kexec(regs);
	kmsg_dump(KMSG_DUMP_OOPS);
	if (panic_mutex_is_mine())
		panic("Fatal exception on the panicking CPU");
}

static void dump_log(struct kmsg_dumper *dumper, enum kmsg_dump_reason reason);
static void dump_store(struct kmsg_dumper *dumper, enum kmsg_dump_reason reason);
static struct kmsg_dumper dumpers[NR_DUMPERS];

static void dump_log(struct kmsg_dumper *dumper, enum kmsg_dump_reason reason)
{
	int i = dumper - dumpers;

	(void)reason;
	machine_lock();
	dumper_runs[i]++;
	machine_unlock();
	if (panic_mutex_is_mine())
		place(PLACE_DUMPER + i);
	if (dumper_ns[i])
		machine_sleep(dumper_ns[i]);
}

/* As pstore in a panic: the lock is tried, and without it nothing is saved. */
static void dump_store(struct kmsg_dumper *dumper, enum kmsg_dump_reason reason)
{
	int holder;

	machine_lock();
	holder = store_lock;
	if (holder < 0)
		store_lock = raw_smp_processor_id();
	machine_unlock();
	if (holder >= 0) {
		printk(KERN_EMERG "store: locked by CPU %d\n", holder);
		return;
	}
	dump_log(dumper, reason);
	if (reason == KMSG_DUMP_PANIC)
		snprintf(stored, sizeof(stored), "%s", log_line("other CPUs stopped"));
	machine_lock();
	store_lock = -1;
	machine_unlock();
}

void kmsg_dump(enum kmsg_dump_reason reason)
{
	int crash_cpu = crash_dump_begin(reason);
	unsigned int i;

	if (crash_cpu < 0)
		return;
	for (i = 0; i < nr_dumpers; i++)
		if (crash_dump_part(&dumpers[i]))
			dumpers[i].dump(&dumpers[i], reason);
	crash_dump_end(crash_cpu);
}

static int notify(struct notifier_block *nb, unsigned long val, void *data);
static struct notifier_block notifiers[NR_NOTIFIERS];

static int notify(struct notifier_block *nb, unsigned long val, void *data)
{
	(void)val, (void)data;
	place(PLACE_NOTIFIER + (nb - notifiers));
	return NOTIFY_DONE;
}

static int notify_log(struct notifier_block *nb, unsigned long val, void *data)
{
	(void)nb, (void)val, (void)data;
	place(PLACE_LOG);
	return NOTIFY_DONE;
}

static int notify_console(struct notifier_block *nb, unsigned long val, void *data);
static struct notifier_block consoles[NR_CONSOLES];

static int notify_console(struct notifier_block *nb, unsigned long val, void *data)
{
	(void)val, (void)data;
	place(PLACE_CONSOLE + (nb - consoles));
	return NOTIFY_DONE;
}

static int notify_last(struct notifier_block *nb, unsigned long val, void *data);
static struct notifier_block lasts[NR_LAST];

static int notify_last(struct notifier_block *nb, unsigned long val, void *data)
{
	(void)val, (void)data;
	place(PLACE_LAST + (nb - lasts));
	return NOTIFY_DONE;
}

static struct notifier_block log_notifier = { .notifier_call = notify_log };

const char *kernel_symbol(void *fn)
{
	if (!fn)
		return "0x0";
	return fn == (void *)dump_log ? "dump_log" : fn == (void *)dump_store ? "dump_store" :
	       fn == (void *)notify ? "notify" : "?";
}

void kernel_load_image(void)
{
	kexec_crash_image = &image;
}

void kernel_restart(void)
{
	crash_stop_other_cpus(CRASH_STOP_REBOOT);
	event(EV_RESUMED, raw_smp_processor_id(), 0);
}

/* The end of cpuhp bringup, and of take_cpu_down(). */
void kernel_online(void)
{
	set_cpu_online(raw_smp_processor_id(), true);
	machine_point();
	crash_stop_cpu_online();
	event(EV_RESUMED, raw_smp_processor_id(), 0);
}

void kernel_offline(void)
{
	local_irq_disable();
	set_cpu_online(raw_smp_processor_id(), false);
	machine_off();
}

/* In a placeholder when the crash was taken over from it; crash_stop_dump.c accepts that. */
static bool lost_it_there(int writer)
{
	return cpumask_test_cpu(writer, &crash_old_owners);
}

/* Only one CPU at a time may write a note. */
u32 *append_elf_note(u32 *buf, char *name, unsigned int type, void *data, size_t len)
{
	static int writers[NR_CPUS];
	int this_cpu = raw_smp_processor_id(), cpu = (note_buf_t *)buf - crash_notes;
	int writer;

	machine_lock();
	writer = writers[cpu];
	writers[cpu] = this_cpu + 1;
	machine_unlock();
	/* Who stands still writes no more, and two owners write the same for another CPU. */
	CHECK(!writer || writer == this_cpu + 1 || crash_stop_cpu_stopped(writer - 1) ||
	      lost_it_there(writer - 1) || (cpu != this_cpu && cpu != writer - 1));
	if (cpu != this_cpu && in_placeholder)
		in_placeholder();
	*buf++ = strlen(name) + 1;
	*buf++ = len;
	*buf++ = type;
	memcpy(buf, name, strlen(name) + 1);
	buf += (strlen(name) + 4) / 4;
	machine_point();
	memcpy(buf, data, len);
	if (cpu != this_cpu && panic_cpu.counter != this_cpu && lost_it_there(this_cpu))
		note_may_be_old[cpu] = true;
	writers[cpu] = writer;
	return buf + (len + 3) / 4;
}

void final_note(u32 *buf)
{
	memset(buf, 0, 3 * sizeof(*buf));
}

struct note kernel_note(int cpu)
{
	const u32 *buf = crash_notes[cpu];
	struct elf_prstatus prstatus;
	struct note note = {};

	if (buf[0] != 5 || buf[1] != sizeof(prstatus) || buf[2] != NT_PRSTATUS ||
	    strcmp((const char *)(buf + 3), "CORE"))
		return note;
	memcpy(&prstatus, buf + 5, sizeof(prstatus));
	note.there = true;
	note.pid = prstatus.common.pr_pid;
	note.ip = prstatus.pr_reg.ip;
	return note;
}

void vmcoreinfo_append_str(const char *fmt, ...)
{
	char line[256];
	va_list args;
	unsigned int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (len > vmcoreinfo_longest)
		vmcoreinfo_longest = len;
	snprintf(vmcoreinfo + strlen(vmcoreinfo), sizeof(vmcoreinfo) - strlen(vmcoreinfo), "%s",
		 line);
}

/* Run the machine, once the test has set the scene. */
enum machine_end kernel_boot(void)
{
	unsigned int i;

	*shim_param_dumper_ms = *shim_param_notifier_ms = deadline_ms;
	*shim_param_step_ms = step_deadline_ms ?: deadline_ms;
	for (i = 0; i < NR_NOTIFIERS; i++) {
		notifiers[i].notifier_call = notify;
		notifiers[i].next = i + 1 < NR_NOTIFIERS ? &notifiers[i + 1] : lasts;
	}
	for (i = 0; i < NR_LAST; i++) {
		lasts[i].notifier_call = notify_last;
		lasts[i].priority = INT_MIN;
		lasts[i].next = i + 1 < NR_LAST ? &lasts[i + 1] : NULL;
	}
	panic_notifier_list.head = notifiers;
	crash_log_list.head = &log_notifier;
	for (i = 0; i < NR_CONSOLES; i++) {
		consoles[i].notifier_call = notify_console;
		consoles[i].priority = INT_MIN + 1;
		consoles[i].next = i + 1 < NR_CONSOLES ? &consoles[i + 1] : NULL;
	}
	crash_console_list.head = consoles;
	for (i = 0; i < nr_dumpers; i++)
		dumpers[i].dump = i + 1 < nr_dumpers ? dump_log : dump_store;
	backend_init();
	return machine_run();
}
