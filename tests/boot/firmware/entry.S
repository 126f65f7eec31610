/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * EL3's entry points: reset, and exceptions from the kernel.
 *
 * All CPUs leave reset here at once, in EL3, MMU and caches off, and stay that
 * way in EL3. A CPU finds its stack by its number, so nothing is shared before
 * monitor.c says so. An exception from a lower level saves x0 to x30, ELR and
 * SPSR in a frame on that stack, calls C with it, and resumes what the frame
 * then holds; floating point is not used. Anything else (an exception inside
 * EL3, SError, AArch32) is a bug: one line on the console, and this CPU halts.
 */
#include "monitor.h"

	.section .text.reset, "ax"
	.globl	reset
reset:
	mrs	x0, mpidr_el1		// QEMU: 16 CPUs in a cluster, number = Aff1 * 16 + Aff0
	ubfx	x1, x0, #8, #8
	and	x0, x0, #0xff
	add	x0, x0, x1, lsl #4
	adr	x1, vectors
	msr	vbar_el3, x1
	ldr	x1, =stacks + STACK_SIZE
	mov	x2, #STACK_SIZE
	madd	x1, x0, x2, x1
	msr	spsel, #1
	mov	sp, x1
	isb
	b	monitor_main

	/* void resume(const struct frame *): to the level below; the stack is empty then */
	.globl	resume
resume:
	mov	sp, x0
	ldp	x1, x2, [sp, #31 * 8]
	msr	elr_el3, x1
	msr	spsr_el3, x2
	ldp	x30, xzr, [sp, #30 * 8]
	ldp	x28, x29, [sp, #28 * 8]
	ldp	x26, x27, [sp, #26 * 8]
	ldp	x24, x25, [sp, #24 * 8]
	ldp	x22, x23, [sp, #22 * 8]
	ldp	x20, x21, [sp, #20 * 8]
	ldp	x18, x19, [sp, #18 * 8]
	ldp	x16, x17, [sp, #16 * 8]
	ldp	x14, x15, [sp, #14 * 8]
	ldp	x12, x13, [sp, #12 * 8]
	ldp	x10, x11, [sp, #10 * 8]
	ldp	x8, x9, [sp, #8 * 8]
	ldp	x6, x7, [sp, #6 * 8]
	ldp	x4, x5, [sp, #4 * 8]
	ldp	x2, x3, [sp, #2 * 8]
	ldp	x0, x1, [sp], #FRAME_SIZE
	eret

	.macro	from_below handler
	.balign	128
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	stp	x30, xzr, [sp, #30 * 8]
	adr	x0, \handler
	b	save
	.endm

	.macro	unexpected
	.balign	128
	b	monitor_unexpected
	.endm

	.balign	2048
vectors:
	.rept	8			// EL3's own, with SP_EL0 and with SP_EL3
	unexpected
	.endr
	from_below monitor_smc		// from AArch64: synchronous, IRQ, FIQ, SError
	unexpected
	from_below monitor_fiq
	unexpected
	.rept	4			// from AArch32
	unexpected
	.endr

	.balign	128
save:
	stp	x2, x3, [sp, #2 * 8]
	stp	x4, x5, [sp, #4 * 8]
	stp	x6, x7, [sp, #6 * 8]
	stp	x8, x9, [sp, #8 * 8]
	stp	x10, x11, [sp, #10 * 8]
	stp	x12, x13, [sp, #12 * 8]
	stp	x14, x15, [sp, #14 * 8]
	stp	x16, x17, [sp, #16 * 8]
	stp	x18, x19, [sp, #18 * 8]
	stp	x20, x21, [sp, #20 * 8]
	stp	x22, x23, [sp, #22 * 8]
	stp	x24, x25, [sp, #24 * 8]
	stp	x26, x27, [sp, #26 * 8]
	stp	x28, x29, [sp, #28 * 8]
	mrs	x1, elr_el3
	mrs	x2, spsr_el3
	stp	x1, x2, [sp, #31 * 8]
	mov	x1, x0
	mov	x0, sp
	blr	x1
	mov	x0, sp
	b	resume

	.bss
	.balign	16
stacks:
	.space	MAX_CPUS * STACK_SIZE
