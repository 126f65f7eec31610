/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel as the core's own files need, on a fake machine.
 *
 * The core is compiled as it is; every <linux/...> and <asm/...> header that it
 * includes is this one, but <linux/crash_stop.h>. Per-CPU variables are arrays,
 * and the CPU that runs is the coroutine that runs (machine.c). An access that
 * other CPUs may see is a point at which the machine may switch to another CPU
 * or deliver a signal; plain accesses are not.
 */
#ifndef SHIM_H
#define SHIM_H

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t u64;
typedef int64_t s64;
typedef uint32_t u32;

#define CONFIG_CRASH_STOP	1
#define CONFIG_CRASH_STOP_DUMP	1
#define CONFIG_SMP		1
#define CONFIG_RANDOMIZE_BASE	1
#define IS_ENABLED(x)		(x)

#ifndef NR_CPUS
#define NR_CPUS			4
#endif
#define NSEC_PER_USEC		1000L
#define NSEC_PER_MSEC		1000000L
#define PANIC_CPU_INVALID	(-1)

#define __printf(a, b)		/* gcc knows neither %ps nor %*pbl */
#define __noreturn		__attribute__((noreturn))
#define __noclone
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define EXPORT_SYMBOL_GPL(x)	struct shim_export_##x
#define STACK_FRAME_NON_STANDARD(x) struct shim_frame_##x
#define module_param(name, type, perm) type *shim_param_##name = &(name)
#define MODULE_PARM_DESC(name, text) struct shim_desc_##name
typedef unsigned int uint;

/* memory */
void machine_point(void);
#define barrier()		__asm__ volatile("" ::: "memory")
#define container_of(p, type, member)	((type *)((char *)(p) - offsetof(type, member)))
#define READ_ONCE(x)		(machine_point(), __atomic_load_n(&(x), __ATOMIC_RELAXED))
#define WRITE_ONCE(x, v)	(machine_point(), __atomic_store_n(&(x), v, __ATOMIC_RELAXED))
/* Of TSan, where that is linked: what is done between them is not looked at. */
void AnnotateIgnoreReadsBegin(const char *file, int line) __attribute__((weak));
void AnnotateIgnoreReadsEnd(const char *file, int line) __attribute__((weak));
void AnnotateIgnoreWritesBegin(const char *file, int line) __attribute__((weak));
void AnnotateIgnoreWritesEnd(const char *file, int line) __attribute__((weak));
#define tsan_ignore(what, when) \
	(AnnotateIgnore##what##when ? AnnotateIgnore##what##when(__FILE__, __LINE__) : (void)0)
#define data_race(expr) do { \
	tsan_ignore(Reads, Begin), tsan_ignore(Writes, Begin); \
	expr; \
	tsan_ignore(Writes, End), tsan_ignore(Reads, End); \
} while (0)
#define smp_mb()		(machine_point(), __atomic_thread_fence(__ATOMIC_SEQ_CST))

typedef struct { int counter; } atomic_t;
#define ATOMIC_INIT(i)		{ (i) }
/* A test can hold a CPU up right before an access. */
extern void (*at_access)(const atomic_t *v);
#define ATOMIC_OP(op, v, ...)	(machine_point(), at_access ? at_access(v) : (void)0, \
				 __atomic_##op(&(v)->counter, __VA_ARGS__))
#define atomic_read(v)		ATOMIC_OP(load_n, v, __ATOMIC_RELAXED)
#define atomic_read_acquire(v)	ATOMIC_OP(load_n, v, __ATOMIC_ACQUIRE)
#define atomic_set(v, i)	ATOMIC_OP(store_n, v, i, __ATOMIC_RELAXED)
#define atomic_set_release(v, i) ATOMIC_OP(store_n, v, i, __ATOMIC_RELEASE)
#define atomic_inc(v)		((void)ATOMIC_OP(fetch_add, v, 1, __ATOMIC_SEQ_CST))
#define atomic_dec_and_test(v)	(ATOMIC_OP(sub_fetch, v, 1, __ATOMIC_SEQ_CST) == 0)
#define atomic_xchg(v, i)	ATOMIC_OP(exchange_n, v, i, __ATOMIC_SEQ_CST)
#define atomic_try_cmpxchg(v, old, new) \
	ATOMIC_OP(compare_exchange_n, v, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

/* CPUs */
int raw_smp_processor_id(void);
#define DEFINE_PER_CPU(type, name)	type name[NR_CPUS]
#define DECLARE_PER_CPU(type, name)	extern type name[NR_CPUS]
/* A test can hold a CPU up right before it comes to its own of these, too. */
extern void (*at_per_cpu)(const void *all);
#define per_cpu(name, cpu)		((name)[(at_per_cpu ? at_per_cpu(name) : (void)0), (cpu)])
#define this_cpu_ptr(p)			(&per_cpu(*(p), raw_smp_processor_id()))
#define per_cpu_ptr(p, cpu)		(&(p)[cpu])

struct cpumask { unsigned long bits; };
extern struct cpumask shim_online;
/*
 * Dice that are thrown at every use of a mask would hardly ever hit the rest: the unit tests
 * have points where one looks who is online, and only the explorer has all of them.
 */
#ifdef CPUMASK_POINT
#define ONLINE_POINT()			((void)0)
#else
#define ONLINE_POINT()			machine_point()
#define CPUMASK_POINT()			((void)0)
#endif
#define cpu_online(cpu)			(ONLINE_POINT(), cpumask_test_cpu(cpu, &shim_online))
/* Bits are set and cleared atomically. A copy is of whole words, of which this is one. */
#define CPUMASK_OP(op, m, v)		\
	(CPUMASK_POINT(), __atomic_##op(&(m)->bits, v, __ATOMIC_RELAXED))
#define CPUMASK_BITS(m)			\
	(CPUMASK_POINT(), __atomic_load_n(&(m)->bits, __ATOMIC_RELAXED))
#define cpumask_test_cpu(cpu, m)	((CPUMASK_BITS(m) >> (cpu)) & 1)
#define cpumask_set_cpu(cpu, m)		((void)CPUMASK_OP(fetch_or, m, 1ul << (cpu)))
#define cpumask_test_and_set_cpu(cpu, m) ((CPUMASK_OP(fetch_or, m, 1ul << (cpu)) >> (cpu)) & 1)
#define cpumask_clear_cpu(cpu, m)	((void)CPUMASK_OP(fetch_and, m, ~(1ul << (cpu))))
/* Somebody may come in between what is read and what is written. */
#define CPUMASK_STORE(to, bits)		\
	({ unsigned long bits_ = (bits); CPUMASK_OP(store_n, to, bits_); bits_ != 0; })
#define cpumask_copy(to, from)		((void)CPUMASK_STORE(to, CPUMASK_BITS(from)))
#define cpumask_of(cpu)			(&(struct cpumask){ 1ul << (cpu) })
#define cpumask_andnot(to, a, b)	CPUMASK_STORE(to, CPUMASK_BITS(a) & ~CPUMASK_BITS(b))
#define cpumask_and(to, a, b)		\
	((void)CPUMASK_STORE(to, CPUMASK_BITS(a) & CPUMASK_BITS(b)))
#define cpumask_or(to, a, b)		\
	((void)CPUMASK_STORE(to, CPUMASK_BITS(a) | CPUMASK_BITS(b)))
#define cpumask_empty(m)		(!CPUMASK_BITS(m))
#define cpumask_pr_args(m)		NR_CPUS, (m)
static inline unsigned int shim_next_cpu(int cpu, unsigned long bits)
{
	do
		cpu++;
	while (cpu < NR_CPUS && !((bits >> cpu) & 1));
	return cpu;
}
/* The kernel's reads a word anew for each turn, too. */
#define for_each_cpu(cpu, m)		\
	for ((cpu) = shim_next_cpu(-1, CPUMASK_BITS(m)); (cpu) < NR_CPUS; \
	     (cpu) = shim_next_cpu(cpu, CPUMASK_BITS(m)))
#define for_each_online_cpu(cpu)	for_each_cpu(cpu, &shim_online)
#define set_cpu_online(cpu, on)		\
	(ONLINE_POINT(), (on) ? cpumask_set_cpu(cpu, &shim_online) : \
				cpumask_clear_cpu(cpu, &shim_online))

void local_irq_disable(void);
unsigned long shim_irq_save(void);
void local_irq_restore(unsigned long flags);
#define local_irq_save(flags)		((flags) = shim_irq_save())

/* time */
u64 sched_clock(void);
void udelay(unsigned long us);
void cpu_relax(void);
#define div_u64(a, b)			((a) / (b))
#define min_t(type, a, b)		\
	({ type a_ = (type)(a), b_ = (type)(b); a_ < b_ ? a_ : b_; })
#define max_t(type, a, b)		\
	({ type a_ = (type)(a), b_ = (type)(b); a_ > b_ ? a_ : b_; })
#define max(a, b)		max_t(__typeof__(a), a, b)
#define clamp_t(type, v, lo, hi)	min_t(type, max_t(type, v, lo), hi)

/* words */
#ifndef pr_fmt
#define pr_fmt(fmt) fmt
#endif
#define KERN_EMERG		"\0010"
#define KERN_INFO		"\0016"
int printk(const char *fmt, ...);
#define pr_emerg(fmt, ...)	printk(KERN_EMERG pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...)	printk(KERN_INFO pr_fmt(fmt), ##__VA_ARGS__)
int vscnprintf(char *buf, size_t size, const char *fmt, va_list args);
int scnprintf(char *buf, size_t size, const char *fmt, ...);
extern char _stext[];

#define BIT(nr)			(1ul << (nr))

/* what runs at the end of the boot, and debugfs */
#define __init
#define late_initcall(fn)	int (*shim_late_initcall)(void) = fn
struct seq_file { char text[256]; };
struct file_operations { int (*show)(struct seq_file *m, void *unused); };
#define seq_printf(m, ...)	\
	((void)scnprintf((m)->text + strlen((m)->text), sizeof((m)->text) - strlen((m)->text), __VA_ARGS__))
#define DEFINE_SHOW_ATTRIBUTE(name)	\
	static const struct file_operations name##_fops = { .show = name##_show }
struct dentry;
struct dentry *debugfs_create_dir(const char *name, struct dentry *parent);
struct dentry *debugfs_create_file(const char *name, unsigned int mode, struct dentry *dir, void *data,
				   const struct file_operations *fops);

/* panic */
extern atomic_t panic_cpu;
extern int panic_timeout;
void __noreturn panic(const char *fmt, ...);
void machine_emergency_restart(void);

/* notifiers and dumpers */
#define NOTIFY_DONE		0
#define NOTIFY_STOP_MASK	0x8000
struct notifier_block {
	int (*notifier_call)(struct notifier_block *nb, unsigned long val, void *data);
	struct notifier_block *next;
	int priority;
};
struct atomic_notifier_head { struct notifier_block *head; };
extern struct atomic_notifier_head panic_notifier_list;
#define ATOMIC_NOTIFIER_HEAD(name) struct atomic_notifier_head name
static inline int atomic_notifier_call_chain(struct atomic_notifier_head *nh, unsigned long val,
					     void *v)
{
	struct notifier_block *nb;

	for (nb = nh->head; nb; nb = nb->next)
		nb->notifier_call(nb, val, v);
	return 0;
}
#define rcu_read_lock()		((void)0)
#define rcu_read_unlock()	((void)0)
#define rcu_dereference_raw(p)	(p)

enum kmsg_dump_reason { KMSG_DUMP_UNDEF, KMSG_DUMP_PANIC, KMSG_DUMP_OOPS, KMSG_DUMP_EMERG };
struct kmsg_dumper { void (*dump)(struct kmsg_dumper *dumper, enum kmsg_dump_reason reason); };

/* kdump; some C libraries have structures of these names, in headers that come first */
#define pt_regs			shim_pt_regs
#define elf_prstatus		shim_elf_prstatus
struct pt_regs { unsigned long ip; };
struct kimage { int whole; };
struct elf_prstatus_common { int pr_pid; };
struct elf_prstatus { struct elf_prstatus_common common; struct pt_regs pr_reg; };
typedef u32 note_buf_t[32];
extern note_buf_t *crash_notes;
extern struct kimage *kexec_crash_image;
#define NT_PRSTATUS 1
u32 *append_elf_note(u32 *buf, char *name, unsigned int type, void *data, size_t len);
void final_note(u32 *buf);
void crash_setup_regs(struct pt_regs *to, struct pt_regs *from);

void crash_save_vmcoreinfo(void);
void show_regs(struct pt_regs *regs);

/* As in the kernel, since the length of each line is what counts. */
void vmcoreinfo_append_str(const char *fmt, ...);
extern unsigned long __per_cpu_offset[NR_CPUS];
#define VMCOREINFO_SYMBOL(x)	\
	vmcoreinfo_append_str("SYMBOL(%s)=%lx\n", #x, (unsigned long)&x)
#define VMCOREINFO_SYMBOL_ARRAY(x) \
	vmcoreinfo_append_str("SYMBOL(%s)=%lx\n", #x, (unsigned long)x)
#define VMCOREINFO_STRUCT_SIZE(x) \
	vmcoreinfo_append_str("SIZE(%s)=%lu\n", #x, (unsigned long)sizeof(struct x))
#define VMCOREINFO_OFFSET(x, y)	\
	vmcoreinfo_append_str("OFFSET(%s.%s)=%lu\n", #x, #y, (unsigned long)offsetof(struct x, y))

#endif /* SHIM_H */
