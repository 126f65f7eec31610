// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coroutines, and what AddressSanitizer wants to know of them.
 *
 * It follows the stack of a thread, so each switch is announced to it. The stack
 * of the caller of the first switch is learnt from it, on arrival. Only that first
 * switch to a fiber is setcontext(), which asks the kernel for the signal mask: a
 * test switches millions of times.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "fiber.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(fake, stack, size) \
	((void)(fake), (void)(stack), (void)(size))
#define __sanitizer_finish_switch_fiber(fake, stack, size) \
	((void)(fake), (void)(stack), (void)(size))
#endif

static const void *main_stack;
static size_t main_stack_size;

/* Else the sanitizer takes each jump for one that unwinds this stack. */
#define UNSEEN	__attribute__((noinline, no_sanitize("address")))

static UNSEEN void fiber_go(struct fiber *to)
{
	if (to->left)
		__builtin_longjmp(to->jump, 1);
	setcontext(&to->context);
	abort();
}

UNSEEN void fiber_switch(struct fiber *from, struct fiber *to)
{
	void *fake = NULL;

	__sanitizer_start_switch_fiber(&fake, to->stack ?: main_stack,
				       to->stack ? FIBER_STACK : main_stack_size);
	if (!__builtin_setjmp(from->jump)) {
		from->left = true;
		fiber_go(to);
	}
	__sanitizer_finish_switch_fiber(fake, NULL, NULL);
}

void fiber_entered(void)
{
	__sanitizer_finish_switch_fiber(NULL, &main_stack, &main_stack_size);
}

void fiber_create(struct fiber *f, void (*entry)(void))
{
	f->stack = malloc(FIBER_STACK);
	if (!f->stack || getcontext(&f->context))
		abort();
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = FIBER_STACK;
	makecontext(&f->context, entry, 0);
	f->left = false;
}
