/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the monitor's files share: the memory map, a CPU's state, its frame.
 *
 * Memory map (QEMU's "virt" with secure=on, hw/arm/virt.c)
 *	0x0000_0000	secure flash: code and constants, executed in place
 *	0x0800_0000	GICv3 distributor, 0x080a_0000 redistributors
 *	0x0900_0000	non-secure PL011: one line at boot, one line before a halt
 *	0x090b_0000	secure PL061: line 0 powers QEMU's machine off, line 1 resets it
 *	0x0e00_0000	secure SRAM: the CPUs' states and stacks
 *	0x4000_0000	RAM: device tree; +2 MiB what is wrong with the firmware
 *	0x6000_0000	the kernel; where TF-A expects it too
 *	0x7000_0000	the initramfs; only the device tree knows
 * The addresses that QEMU's loader needs are in "prepare" too.
 */
#ifndef MONITOR_H
#define MONITOR_H

#define DTB_BASE	0x40000000
#define FAULT_BASE	0x40200000
#define KERNEL_BASE	0x60000000

#define MAX_CPUS	64
#define STACK_SIZE	1024
#define FRAME_SIZE	272	/* sizeof(struct frame), 16-byte aligned */

#define EVENT_SGI	8	/* 0 to 7 are the kernel's; TF-A uses 8, too */
#define WAKE_SGI	9

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A lower exception level as entry.S found it and will resume it. */
struct frame {
	uint64_t x[31];
	uint64_t elr;
	uint64_t spsr;
	uint64_t pad;
};

/* SDEI event 0 of one PE: DEN 0054C 4.3, with the context of 5.2. */
struct sdei {
	bool registered, enabled, running, unmasked;
	uint64_t handler, argument;
	uint64_t x[18];
	uint64_t elr, spsr;
};

enum power { POWER_OFF, POWER_ON_PENDING, POWER_ON };

/*
 * A CPU. Only its owner writes to it, but for the hand-over from off to
 * pending, which PSCI clients serialize. The first CPU clears it at reset,
 * before anybody else looks (monitor.c).
 */
struct cpu {
	volatile uint32_t present;
	volatile uint32_t power;
	uint64_t mpidr;
	uint64_t entry, context;
	uintptr_t redistributor;
	struct sdei sdei;
};

/* How SDEI_EVENT_SIGNAL misbehaves; two words at FAULT_BASE. */
enum fault { FAULT_NONE, FAULT_DROP, FAULT_DELAY, FAULT_REFUSE };

struct faults {
	uint32_t kind;
	uint32_t delay_us;
};

extern struct cpu cpus[MAX_CPUS];
extern struct faults faults;

#define sysreg_read(reg)	sysreg_read_(reg)	/* reg may be a macro */
#define sysreg_read_(reg) ({					\
	uint64_t value_;					\
	__asm__ volatile("mrs %0, " #reg : "=r" (value_));	\
	value_;							\
})
#define sysreg_write(reg, value)	sysreg_write_(reg, value)
#define sysreg_write_(reg, value)				\
	__asm__ volatile("msr " #reg ", %0" :: "r" ((uint64_t)(value)))
#define isb()	__asm__ volatile("isb" ::: "memory")
#define dsb()	__asm__ volatile("dsb sy" ::: "memory")
#define wfi()	__asm__ volatile("wfi" ::: "memory")

/* monitor.c */
struct cpu *this_cpu(void);
struct cpu *cpu_of(uint64_t mpidr);
bool has_el2(void);
void say(const char *text);

/* entry.S */
_Noreturn void reset(void);
_Noreturn void resume(const struct frame *frame);

/* gic.c */
void gic_init(void);
bool gic_ready(void);
bool gic_nth_cpu(unsigned int n, uint64_t *mpidr);
void gic_cpu_init(struct cpu *cpu);
void gic_enable(struct cpu *cpu, unsigned int sgi, bool enable);
void gic_clear(struct cpu *cpu, unsigned int sgi);
void gic_send(const struct cpu *cpu, unsigned int sgi);
unsigned int gic_acknowledge(void);
void gic_end(unsigned int sgi);

/* psci.c and sdei.c: false if the call is not theirs */
bool psci_call(struct frame *frame);
bool sdei_call(struct frame *frame);
void sdei_reset(struct cpu *cpu);
void sdei_dispatch(struct frame *frame);

#endif
#endif
