// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coroutines, and what AddressSanitizer wants to know of them.
 *
 * It follows the stack of a thread, so each switch is announced to it. The stack
 * of the caller of the first switch is learnt from it, on arrival.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

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

void fiber_switch(struct fiber *from, struct fiber *to)
{
	void *fake = NULL;

	__sanitizer_start_switch_fiber(&fake, to->stack ?: main_stack,
				       to->stack ? FIBER_STACK : main_stack_size);
	swapcontext(&from->context, &to->context);
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
	/* Else the sanitizer forgets what it knows of it on every switch. */
	f->context.uc_stack = (stack_t){};
}

/* On the first switch the sanitizer warns that it cannot follow: unheard. */
void fiber_hush(void)
{
#ifdef __SANITIZE_ADDRESS__
	static volatile bool hushed;
	static ucontext_t from, to;
	int err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

	dup2(null, STDERR_FILENO);
	getcontext(&to);
	if (!hushed) {
		hushed = true;
		swapcontext(&from, &to);
	}
	dup2(err, STDERR_FILENO);
	close(err);
	close(null);
#endif
}
