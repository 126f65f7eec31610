// SPDX-License-Identifier: GPL-2.0-only
/*
 * Panic in many ways: the hostile half of the boot tests.
 *
 * Built into stock and patched kernels alike. One line written to
 * /proc/crash_test says what each CPU does and what the others suffer:
 *
 *	panic=N oops=N hardirq=N nmi=N	CPU N is the one that crashes, and how
 *	also=LIST	these CPUs panic at the same time
 *	alsonmi=LIST	as also=, but in NMI context
 *	stagger=US	each CPU of also= does so by so much later, times its number
 *	wedged=LIST	these spin with interrupts off
 *	late=LIST	so do these, until the log is being saved
 *	lock=N		CPU N holds the kexec lock
 *	hold=1		so does the CPU that crashes
 *	reboot=N	CPU N is inside machine_restart()
 *	dumping=N	CPU N runs kmsg_dump(OOPS) over and over
 *	coming=N	CPU N, which init takes off and on, is on its way up, not yet online
 *	going=N		... or on its way down, still online
 *	after=US	CPU N goes on so long after the crash has begun
 *	dumper=HOW	a kmsg dumper that is registered before the store ...
 *	notifier=HOW	... or a panic notifier misbehaves: fault, bug, panic, warn,
 *			hang (interrupts off), hanglock (and with the console's lock),
 *			moves (slow, and says so), nmi (gets one, which panics)
 *	last=HOW	so does the kmsg dumper that is registered behind the store
 *	console=hang	a console hangs once the others have been stopped
 *	slow=1		that dumper takes its time, which late CPUs use to stop
 *	spoil=1		the crash kernel's image is not what was loaded
 *
 * All other CPUs run crash_test_busy(). Each CPU counts while it runs, and notes
 * the time, so that the first dumper can tell which ones still do and when the
 * others ran last. Times are get_cycles(). When the panic is due is said before, on
 * a counter with which the crash kernel goes on: crash_test_began on its command
 * line notes there when that is read, by its first code in C but for a few functions.
 */
#define pr_fmt(fmt) "crash_test: " fmt

#include <linux/completion.h>
#include <linux/console.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/irq_work.h>
#include <linux/kernel.h>
#include <linux/kexec.h>
#include <linux/kmsg_dump.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/nmi.h>
#include <linux/panic.h>
#include <linux/panic_notifier.h>
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/timex.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#ifdef CONFIG_CRASH_STOP
#include <linux/crash_stop.h>
#endif

#define STILL_US	2000	/* how long the dumper watches the others */
#define START_MS	100	/* what the threads need to get to their places */
#define MASKED_MS	10000	/* at the most: to hold their CPUs, and to have interrupts off */
#define SAID_MS		150	/* a line is on the console: sclp holds it back for 100 */
#define DUE_MS		50	/* from there to the panic */
#define REBOOT_MS	50	/* a panic that is to hit a reboot lets it begin */
#define MAX_OOPS_DUMPS	8
#define SLOW_MS		2000	/* what a late CPU gets */
#define HELD_MS		4000	/* a CPU on its way up has 5 s on arm64 */
#define NMI_MS		1000	/* what an NMI to itself takes at the most */
#define MOVES		15	/* as often a slow dumper says that it moves ... */
#define MOVE_MS		200	/* ... after so long each */
#define LAST_LEN	800	/* a CPU and a time for each of 64; one record of the log */

enum role {
	BUSY, PANIC, OOPS, HARDIRQ, NMI, ALSO, ALSO_NMI, WEDGED, LATE, LOCK, REBOOT, DUMPING,
	COMING, GOING
};

static enum role roles[NR_CPUS];
static DEFINE_PER_CPU(unsigned long, beats);
static DEFINE_PER_CPU(cycles_t, ran_at);
static char dumper_how[16], last_how[16], notifier_how[16], console_how[16];
static bool slow_dumper, hold_lock, spoil;
static atomic_t holding = ATOMIC_INIT(0), go = ATOMIC_INIT(0), arrived = ATOMIC_INIT(0);
static int holders;		/* threads that are to have their CPU to themselves */
static int starter = -1;	/* the CPU whose thread says when all begin, -1 for who wakes them */
static int together;		/* CPUs that crash at the same time */
static bool reboot_first, dump_first, inside_dump, hotplug_first, inside_hotplug;
static unsigned int stagger_us, after_us;
static unsigned long cycles_per_ms;
static struct cpumask crashed;	/* CPUs that got as far as to call panic() */
static u64 due_at, began_at;
static cycles_t panic_at;
static int dumps;

#ifdef CONFIG_KEXEC_CORE
extern atomic_t __kexec_lock;
#endif

/* Inline, so that a wedged CPU is seen in its own function. */
static __always_inline void beat(void)
{
	WRITE_ONCE(*raw_cpu_ptr(&beats), *raw_cpu_ptr(&beats) + 1);
	WRITE_ONCE(*raw_cpu_ptr(&ran_at), get_cycles());
}

static unsigned long us_since_panic(void)
{
	return div64_u64((u64)(cycles_t)(get_cycles() - panic_at) * 1000, cycles_per_ms ?: 1);
}

static bool passed_us(cycles_t start, unsigned int us)
{
	return (u64)(cycles_t)(get_cycles() - start) * 1000 >= (u64)us * cycles_per_ms;
}

/* udelay() is not to be trusted on a CPU whose delay loop was badly calibrated. */
static void wait_us(unsigned int us)
{
	cycles_t start = get_cycles();

	while (!passed_us(start, us))
		cpu_relax();
}

static void wait_ms(unsigned int ms)
{
	wait_us(ms * 1000);
}

static noinline void crash_test_hang(void)
{
	for (;;)
		cpu_relax();
}

static void crash_test_moves(void)
{
	int i;

	for (i = 0; i < MOVES; i++) {
		wait_ms(MOVE_MS);
#ifdef CONFIG_CRASH_STOP
		crash_step_extend();
#endif
	}
}

static bool nmi_due;
static void crash_test_nmi_self(void);

/* An NMI of this CPU, or what stands for one, whose handler panics. */
static void crash_test_gets_nmi(void)
{
	cycles_t start = get_cycles();

	WRITE_ONCE(nmi_due, true);
	crash_test_nmi_self();
	while (READ_ONCE(nmi_due) && !passed_us(start, NMI_MS * 1000))
		cpu_relax();
}

static void misbehave(const char *how)
{
	if (!strncmp(how, "hang", 4))
		pr_emerg("hangs at %lu us, in 0x%lx\n", us_since_panic(),
			 (unsigned long)crash_test_hang);
	if (!strcmp(how, "hanglock"))
		console_trylock();
	if (!strncmp(how, "hang", 4))
		crash_test_hang();
	if (!strcmp(how, "moves"))
		crash_test_moves();
	if (!strcmp(how, "nmi"))
		crash_test_gets_nmi();
	if (!strcmp(how, "fault"))
		WRITE_ONCE(*(int *)8, 0);
	else if (!strcmp(how, "bug"))
		BUG();
	else if (!strcmp(how, "warn"))
		WARN(1, "crash_test: a warning in a callback\n");
	else if (!strcmp(how, "panic"))
		panic("crash_test: panic in a callback");
}

/* Which other CPUs run on while the log is saved? */
static void watch_others(void)
{
	static unsigned long before[NR_CPUS];
	static struct cpumask moving;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		before[cpu] = READ_ONCE(per_cpu(beats, cpu));
	udelay(STILL_US);
	for_each_possible_cpu(cpu)
		if (cpu != raw_smp_processor_id() && before[cpu] != READ_ONCE(per_cpu(beats, cpu)))
			cpumask_set_cpu(cpu, &moving);
	pr_emerg("running on: [%*pbl]\n", cpumask_pr_args(&moving));
}

/* When did each of the others run last, and how much stack does the owner use by now? */
static void show_last(void)
{
	static char last[LAST_LEN];
	unsigned int cpu;
	int len = 0;

	for_each_possible_cpu(cpu) {
		cycles_t at = READ_ONCE(per_cpu(ran_at, cpu));
		long since = at - panic_at;

		if (!at || cpu == raw_smp_processor_id())
			continue;
		len += scnprintf(last + len, sizeof(last) - len, " %u:%llu", cpu,
				 div64_u64((u64)max(since, 0L) * 1000, cycles_per_ms ?: 1));
	}
	pr_emerg("last ran%s us, %lu bytes of stack\n", last,
		 (unsigned long)task_stack_page(current) + THREAD_SIZE -
		 (unsigned long)__builtin_frame_address(0));
}

#ifdef CONFIG_CRASH_STOP
static bool stopped(void)
{
	return panic_mutex_is_mine() && crash_stop_result();
}

static void show_result(void)
{
	const struct crash_stop_result *r = crash_stop_result();
	unsigned int cpu;

	if (!r)
		return;
	for_each_possible_cpu(cpu) {
		const struct crash_cpu *p = &per_cpu(crash_stop_cpu, cpu);

		if (atomic_read(&p->state) == CRASH_CPU_STOPPED)
			pr_emerg("cpu %u how %d us %u msg \"%s\"\n", cpu, p->how, p->us, p->msg);
	}
}
#else
static bool stopped(void) { return false; }
static void show_result(void) { }
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define DUMP_ARGS	struct kmsg_dumper *dumper, struct kmsg_dump_detail *detail
#define DUMP_REASON	(detail->reason)
#else
#define DUMP_ARGS	struct kmsg_dumper *dumper, enum kmsg_dump_reason reason
#define DUMP_REASON	(reason)
#endif

static void first_dump(DUMP_ARGS)
{
	if (DUMP_REASON != KMSG_DUMP_PANIC)
		return;
	pr_emerg("dump %d begins at %lu us on cpu %d\n", ++dumps, us_since_panic(),
		 raw_smp_processor_id());
	pr_emerg("crashed: [%*pbl]\n", cpumask_pr_args(&crashed));
	watch_others();
	show_last();
	show_result();
	if (slow_dumper)
		wait_ms(SLOW_MS);
	misbehave(dumper_how);
}

static void last_dump(DUMP_ARGS)
{
	if (DUMP_REASON != KMSG_DUMP_PANIC)
		return;
	pr_emerg("dump ends at %lu us\n", us_since_panic());
	misbehave(last_how);
}

static struct kmsg_dumper first_dumper = { .dump = first_dump };
static struct kmsg_dumper last_dumper = { .dump = last_dump };

/* A console of the old kind, for whose lock the next owner would have to wait. */
static void crash_test_console_write(struct console *con, const char *text, unsigned int len)
{
	static bool hangs;

	if (strcmp(console_how, "hang") || hangs || !stopped())
		return;
	hangs = true;
	misbehave("hang");
}

static struct console crash_test_console = {
	.name = "crashtest",
	.write = crash_test_console_write,
	.flags = CON_ENABLED | CON_ANYTIME,
	.index = -1,
};

static int notified(struct notifier_block *nb, unsigned long val, void *v)
{
	pr_emerg("notifier at %lu us\n", us_since_panic());
	misbehave(notifier_how);
	return NOTIFY_DONE;
}

static struct notifier_block notifier = { .notifier_call = notified, .priority = INT_MAX };

static noinline void crash_test_panic(void)
{
	cpumask_set_cpu(raw_smp_processor_id(), &crashed);
	beat();
	panic_at = get_cycles();
	panic("crash_test: on purpose");
}

static noinline void crash_test_oops(void)
{
	panic_at = get_cycles();
	WRITE_ONCE(*(int *)8, 0);
}

static void crash_test_irq_work(struct irq_work *work)
{
	crash_test_panic();
}

static struct irq_work irq_work = IRQ_WORK_INIT_HARD(crash_test_irq_work);

/* Called in NMI context on each CPU that sent itself an NMI, and for any other NMI. */
static bool __maybe_unused crash_test_nmi(struct pt_regs *regs)
{
	enum role role = roles[raw_smp_processor_id()];

	if (nmi_due) {
		pr_emerg("an NMI while the log is saved\n");
		nmi_panic(regs, "crash_test: in NMI");
		WRITE_ONCE(nmi_due, false);
		return true;
	}
	if (role != NMI && role != ALSO_NMI)
		return false;
	if (role == NMI)
		panic_at = get_cycles();
	/* The second CPU is to lose while it is in NMI context. */
	while (role == ALSO_NMI && atomic_read(&panic_cpu) == PANIC_CPU_INVALID)
		cpu_relax();
	cpumask_set_cpu(raw_smp_processor_id(), &crashed);
	nmi_panic(regs, "crash_test: in NMI");
	return true;
}

/*
 * crash_test_nmi_init() and crash_test_nmi_self(), where the architecture has an
 * NMI; crash_test_restart(), where machine_restart() does not stop the others first;
 * crash_test_clock(), where get_cycles() begins anew with each kernel.
 */
#if __has_include(<asm/crash_test.h>)
#include <asm/crash_test.h>
#endif

#ifndef crash_test_nmi_self
static void crash_test_nmi_init(void) { }

static void crash_test_nmi_self(void)
{
	pr_emerg("this architecture has no NMI that a CPU can send to itself\n");
}
#endif

#ifndef crash_test_restart
#define crash_test_restart()	machine_restart(NULL)
#endif

#ifndef crash_test_clock
#define crash_test_clock()	get_cycles()
#endif

/* CPUs that have interrupts off by now: a host may give one no time for longer than START_MS. */
static struct cpumask masked;

static noinline void crash_test_wedged(void)
{
	local_irq_disable();
	cpumask_set_cpu(raw_smp_processor_id(), &masked);
	for (;;) {
		beat();
		cpu_relax();
	}
}

/* Until the ladder has ended and the log is saved; the stop signal is taken then. */
static noinline void crash_test_late(void)
{
	local_irq_disable();
	cpumask_set_cpu(raw_smp_processor_id(), &masked);
	while (!READ_ONCE(dumps)) {
		beat();
		cpu_relax();
	}
	local_irq_enable();
}

static noinline void crash_test_busy(void)
{
	for (;;) {
		beat();
		cpu_relax();
		cond_resched();
	}
}

static void take_kexec_lock(void)
{
#ifdef CONFIG_KEXEC_CORE
	atomic_set(&__kexec_lock, 1);
#endif
}

/* A few dumps, since a store that is full of them has no room for the panic's. */
static noinline void crash_test_dumping(void)
{
	int i;

	/* The CPU that is to hit a dump has to be there before the last one. */
	while (atomic_read(&arrived) < together)
		cpu_relax();
	for (i = 0; i < MAX_OOPS_DUMPS; i++) {
		beat();
		/* Stays set: without a store a dump is over before anybody looks. */
		WRITE_ONCE(inside_dump, true);
		kmsg_dump(KMSG_DUMP_OOPS);
	}
}

/*
 * Where a CPU is held on its way until another one crashes. What holds up the
 * hotplug holds up no CPU that is to crash or to wedge: stop_machine() is over.
 */
static void crash_test_held(enum role role)
{
	cycles_t start = get_cycles();

	if (READ_ONCE(roles[raw_smp_processor_id()]) != role)
		return;
	WRITE_ONCE(inside_hotplug, true);
	while (atomic_read(&panic_cpu) == PANIC_CPU_INVALID && !passed_us(start, HELD_MS * 1000)) {
		if (role == GOING)
			beat();
		cpu_relax();
	}
	wait_us(after_us);
}

/* Interrupts are off, and the CPU is not in cpu_online_mask. */
static int crash_test_coming(unsigned int cpu)
{
	crash_test_held(COMING);
	return 0;
}

static bool all_masked(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		if ((roles[cpu] == WEDGED || roles[cpu] == LATE) && !cpumask_test_cpu(cpu, &masked))
			return false;
	return true;
}

/* The first that a CPU which came up in spite of the crash would run. */
static int crash_test_came(unsigned int cpu)
{
	if (READ_ONCE(roles[cpu]) == COMING && READ_ONCE(inside_hotplug))
		crash_test_busy();
	return 0;
}

static int crash_test_going(unsigned int cpu)
{
	crash_test_held(GOING);
	return 0;
}

/*
 * A program that loads an image, or flushes a TLB, waits for an answer of every CPU, and
 * lets no thread have its own meanwhile: for ever, once one has masked interrupts. So
 * each thread has its CPU before the first one does that.
 */
static void hold_cpu(void)
{
	cycles_t start = get_cycles();

	preempt_disable();
	atomic_inc(&holding);
	while (atomic_read(&holding) < holders && !passed_us(start, MASKED_MS * 1000))
		cpu_relax();
}

static void begin(void)
{
	cycles_t start = get_cycles();

	/* No sleep: the CPU that counts jiffies may be wedged. */
	while (!passed_us(start, START_MS * 1000) ||
	       (!all_masked() && !passed_us(start, MASKED_MS * 1000)))
		cpu_relax();
	if (reboot_first)
		pr_emerg("a reboot begins\n");
	/* Said before, for a kernel that shows nothing from there on. */
	due_at = crash_test_clock() + (SAID_MS + DUE_MS) * cycles_per_ms;
	pr_emerg("due at cycle %llu\n", due_at);
	/* With interrupts on, since it may be a timer that shows it. */
	wait_ms(SAID_MS);
	atomic_set(&go, 1);
}

/* Its CPU may have gone off before it began: its role is that CPU's, wherever it runs. */
static int thread(void *of)
{
	int cpu = (unsigned long)of;
	enum role role = roles[cpu];

	if (role == BUSY)
		crash_test_busy();
	hold_cpu();
	if (role == WEDGED)
		crash_test_wedged();
	if (role == LATE)
		crash_test_late();
	if (role == LOCK)
		take_kexec_lock();
	if (role == LATE || role == LOCK) {
		preempt_enable();
		crash_test_busy();
	}
	if (cpu == starter)
		begin();
	while (!atomic_read(&go))
		cpu_relax();
	if (role == DUMPING) {
		crash_test_dumping();
		preempt_enable();
		crash_test_busy();
	}

	/* The others start together, interrupts off so that nothing comes between. */
	local_irq_disable();
	atomic_inc(&arrived);
	while (atomic_read(&arrived) < together || (long)(crash_test_clock() - due_at) < 0)
		cpu_relax();
	if (reboot_first && role != REBOOT)
		wait_ms(REBOOT_MS);
	while (dump_first && !READ_ONCE(inside_dump))
		cpu_relax();
	if (hold_lock)
		take_kexec_lock();
	if (role == ALSO)
		wait_us(stagger_us * raw_smp_processor_id());
	switch (role) {
	case PANIC:
	case ALSO:
		crash_test_panic();
		break;
	case OOPS:
		crash_test_oops();
		break;
	case HARDIRQ:
		irq_work_queue(&irq_work);
		local_irq_enable();
		break;
	case NMI:
	case ALSO_NMI:
		crash_test_nmi_self();
		mdelay(1000);
		break;
	case REBOOT:
		crash_test_restart();
		break;
	default:
		break;
	}
	local_irq_enable();
	preempt_enable();
	crash_test_busy();
	return 0;
}

/*
 * stop_machine() waits for every CPU, and never comes one that is wedged, or that waits
 * for another with its interrupts off: when a clock changes in that moment, nobody is
 * left to panic. It takes this lock for reading.
 */
static int crash_test_no_stop_machine(void *taken)
{
	cpus_write_lock();
	complete(taken);
	for (;;)
		schedule_timeout_idle(MAX_SCHEDULE_TIMEOUT);
	return 0;
}

static void set_roles(const char *list, enum role role)
{
	static struct cpumask mask;
	unsigned int cpu;

	if (cpulist_parse(list, &mask))
		pr_err("bad list %s\n", list);
	for_each_cpu(cpu, &mask)
		roles[cpu] = role;
}

static void parse(char *line)
{
	static const struct { const char *name; enum role role; } words[] = {
		{ "panic", PANIC }, { "oops", OOPS }, { "hardirq", HARDIRQ }, { "nmi", NMI },
		{ "also", ALSO }, { "alsonmi", ALSO_NMI }, { "wedged", WEDGED }, { "late", LATE },
		{ "lock", LOCK }, { "reboot", REBOOT }, { "dumping", DUMPING },
		{ "coming", COMING }, { "going", GOING },
	};
	char *word, *value;
	int i;

	while ((word = strsep(&line, " \n"))) {
		value = strchr(word, '=');
		if (!value)
			continue;
		*value++ = 0;
		for (i = 0; i < ARRAY_SIZE(words); i++)
			if (!strcmp(word, words[i].name))
				set_roles(value, words[i].role);
		if (!strcmp(word, "dumper"))
			strscpy(dumper_how, value, sizeof(dumper_how));
		if (!strcmp(word, "last"))
			strscpy(last_how, value, sizeof(last_how));
		if (!strcmp(word, "notifier"))
			strscpy(notifier_how, value, sizeof(notifier_how));
		if (!strcmp(word, "console")) {
			strscpy(console_how, value, sizeof(console_how));
			register_console(&crash_test_console);
		}
		if (!strcmp(word, "slow"))
			slow_dumper = true;
		if (!strcmp(word, "hold"))
			hold_lock = true;
		if (!strcmp(word, "spoil"))
			spoil = true;
		if (!strcmp(word, "coming") || !strcmp(word, "going"))
			hotplug_first = true;
		if ((!strcmp(word, "stagger") && kstrtouint(value, 10, &stagger_us)) ||
		    (!strcmp(word, "after") && kstrtouint(value, 10, &after_us)))
			pr_err("bad number %s\n", value);
	}
}

/* A byte of the largest segment, which is the kernel: no other is sure to have a checksum. */
static void spoil_image(void)
{
#ifdef CONFIG_CRASH_DUMP
	struct kexec_segment *largest;
	int i;

	if (!kexec_crash_image)
		return;
	largest = kexec_crash_image->segment;
	for (i = 1; i < kexec_crash_image->nr_segments; i++)
		if (kexec_crash_image->segment[i].bufsz > largest->bufsz)
			largest = &kexec_crash_image->segment[i];
	arch_kexec_unprotect_crashkres();
	*((u8 *)phys_to_virt(largest->mem) + largest->bufsz / 2) ^= 1;
	arch_kexec_protect_crashkres();
#endif
}

static void calibrate(void)
{
	ktime_t t = ktime_get();
	cycles_t c = get_cycles();

	mdelay(20);
	c = get_cycles() - c;
	cycles_per_ms = div64_u64((u64)c * 1000, ktime_us_delta(ktime_get(), t));
}

static ssize_t crash_test_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	struct task_struct *threads[NR_CPUS] = {};
	bool waits = false;
	unsigned int cpu;
	cycles_t start;
	char *line;
	int pass;

	line = memdup_user_nul(buf, len);
	if (IS_ERR(line))
		return PTR_ERR(line);
	calibrate();
	parse(line);
	kfree(line);
	pr_emerg("%lu cycles per ms\n", cycles_per_ms);
	/* A raw address, for whoever wants to show that the log alone decodes it. */
	pr_emerg("panic() will be called at 0x%lx\n", (unsigned long)crash_test_panic);
	if (spoil)
		spoil_image();
	panic_at = get_cycles();	/* until a crashing CPU says better (sysrq, lkdtm) */

	start = get_cycles();
	while (hotplug_first && !READ_ONCE(inside_hotplug) && !passed_us(start, HELD_MS * 1000))
		yield();

	for_each_online_cpu(cpu) {
		if ((roles[cpu] >= PANIC && roles[cpu] <= ALSO_NMI) || roles[cpu] == REBOOT)
			together++;
		waits = waits || roles[cpu] == WEDGED || roles[cpu] == LATE || together > 1 ||
			roles[cpu] == DUMPING;
	}
	/* Where hotplug is held, so is that lock. */
	if (waits && !hotplug_first) {
		DECLARE_COMPLETION_ONSTACK(taken);

		kthread_run(crash_test_no_stop_machine, &taken, "crash_test/still");
		wait_for_completion(&taken);
	}

	/* All threads exist before the first one wedges: kthreadd must not get stuck behind it. */
	for_each_online_cpu(cpu) {
		if (roles[cpu] >= COMING)
			continue;
		threads[cpu] = kthread_create(thread, (void *)(unsigned long)cpu, "crash_test/%u",
					      cpu);
		if (IS_ERR(threads[cpu]))
			return PTR_ERR(threads[cpu]);
		kthread_bind(threads[cpu], cpu);
		holders += roles[cpu] != BUSY;
		/* Stay where no CPU wedges under us: on the one that crashes, or any. */
		if (roles[cpu] <= NMI && !(starter >= 0 && roles[cpu] == BUSY)) {
			set_cpus_allowed_ptr(current, cpumask_of(cpu));
			if (roles[cpu] != BUSY)
				starter = cpu;
		}
		if (roles[cpu] == REBOOT)
			reboot_first = true;
		if (roles[cpu] == DUMPING)
			dump_first = true;
	}
	for (pass = 0; pass < 2; pass++)
		for_each_online_cpu(cpu)
			if (threads[cpu] && cpu != starter && pass == (roles[cpu] != BUSY))
				wake_up_process(threads[cpu]);
	/* It takes this CPU, for good. */
	if (starter >= 0)
		wake_up_process(threads[starter]);
	else
		begin();
	return len;
}

static const struct proc_ops crash_test_ops = {
	.proc_write	= crash_test_write,
};

static int __init crash_test_began(char *unused)
{
	began_at = crash_test_clock();
	return 0;
}
early_param("crash_test_began", crash_test_began);

static int __init crash_test_first(void)
{
	return kmsg_dump_register(&first_dumper);
}
core_initcall(crash_test_first);

static int __init crash_test_init(void)
{
	crash_test_nmi_init();
	if (began_at)
		pr_emerg("began at cycle %llu\n", began_at);
	/* J-Core is an SH: no architecture that crash_stop knows uses its state. */
	cpuhp_setup_state_nocalls(CPUHP_AP_JCORE_TIMER_STARTING, "crash_test:coming",
				  crash_test_coming, NULL);
	cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "crash_test:going",
				  crash_test_came, crash_test_going);
	atomic_notifier_chain_register(&panic_notifier_list, &notifier);
	proc_create("crash_test", 0200, NULL, &crash_test_ops);
	return kmsg_dump_register(&last_dumper);
}
late_initcall(crash_test_init);
