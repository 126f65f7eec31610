// SPDX-License-Identifier: GPL-2.0-only
//
// How existing functions outside arch/ are rewired.
//
// A rule begins with "// rule: NAME" and says which "// file:" it changes, for
// which "// kernels:" (all, when absent) and how many "// hunks:" of the diff
// one match gives (1, when absent). Each must match exactly once. The old code
// stays beside the new, so that CONFIG_CRASH_STOP=n compiles to what it was;
// what needs no IS_ENABLED() calls an inline stub that folds away.
//
// What Coccinelle cannot reach (Kconfig, Makefile) has "// after:" with the line
// behind which the lines that begin with + are put; that line must occur once.

// rule: kconfig
// file: init/Kconfig
// after: source "kernel/Kconfig.locks"
+
+source "kernel/Kconfig.crash_stop"

// rule: makefile
// file: kernel/Makefile
// after: obj-$(CONFIG_SMP) += smp.o
+obj-$(CONFIG_CRASH_STOP) += panic_mutex.o crash_step.o crash_notify.o crash_clock.o
+obj-$(CONFIG_CRASH_STOP) += crash_stop.o crash_stop_cpu.o crash_stop_report.o crash_standby.o
+obj-$(CONFIG_CRASH_STOP_DUMP) += crash_stop_dump.o
+obj-$(CONFIG_CRASH_STOP_RUNGS) += crash_stop_rungs.o
+obj-$(CONFIG_CRASH_STOP_KUNIT_TEST) += crash_stop_test.o

// rule: objtool
// file: tools/objtool/noreturns.h
// kernels: 6.12 7.3
// after: NORETURN(panic)
+NORETURN(panic_mutex_park)
+NORETURN(panic_mutex_park_msg)
+NORETURN(crash_stop_self)

// rule: objtool-6.1
// file: tools/objtool/check.c
// kernels: 6.1
// after: 		"panic",
+		"panic_mutex_park",
+		"panic_mutex_park_msg",
+		"crash_stop_self",

// rule: panic-include
// file: kernel/panic.c
@@ @@
 #include <linux/console.h>
+#include <linux/crash_stop.h>

// rule: panic-redirect
// file: kernel/panic.c
// kernels: 7.3
// The CPU that crashed stays online: its registers are saved, and it goes on as
// the owner when the target does not claim.
@@ expression fmt, args; @@
 if (panic_try_force_cpu(fmt, args)) {
-	set_cpu_online(smp_processor_id(), false);
-	panic_smp_self_stop();
+	if (!IS_ENABLED(CONFIG_CRASH_STOP)) {
+		set_cpu_online(smp_processor_id(), false);
+		panic_smp_self_stop();
+	}
+	panic_mutex_await(NULL, fmt, args);
 }
+if (IS_ENABLED(CONFIG_CRASH_STOP))
+	panic_mutex_enter(fmt, args);

// rule: panic-enter
// file: kernel/panic.c
// kernels: 6.1 6.12
@@ @@
 preempt_disable_notrace();
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	va_start(args, fmt);
+	panic_mutex_enter(fmt, args);
+	va_end(args);
+}

// rule: nmi-panic-redirect
// file: kernel/panic.c
// kernels: 7.3
@@ expression fmt, args, regs; @@
 if (panic_try_force_cpu(fmt, args)) {
-	set_cpu_online(raw_smp_processor_id(), false);
-	nmi_panic_self_stop(regs);
+	if (!IS_ENABLED(CONFIG_CRASH_STOP)) {
+		set_cpu_online(raw_smp_processor_id(), false);
+		nmi_panic_self_stop(regs);
+	}
+	panic_mutex_await(regs, fmt, args);
 }

// rule: nmi-panic-lost-va
// file: kernel/panic.c
// kernels: 7.3
@@ @@
-if (panic_on_other_cpu())
+if (panic_on_other_cpu()) {
+	if (IS_ENABLED(CONFIG_CRASH_STOP))
+		panic_mutex_park(regs, fmt, args);
 	nmi_panic_self_stop(regs);
+}

// rule: nmi-panic-lost
// file: kernel/panic.c
// kernels: 6.1 6.12
@@ @@
-nmi_panic_self_stop(regs);
+panic_mutex_nmi_lost(regs, msg);

// rule: panic-on-warn
// file: kernel/panic.c
@@ @@
 check_panic_on_warn(const char *origin)
 {
 	unsigned int limit;
+
+	if (panic_mutex_is_mine())
+		return;
 	...
 }

// rule: panic-backtrace
// file: kernel/panic.c
@@ expression M; statement S; @@
 panic_other_cpus_shutdown(...)
 {
-	if (panic_print & M)
+	if ((panic_print & M) && crash_step(CRASH_BACKTRACE))
 	S
 	...
 }

// rule: panic-stop
// file: kernel/panic.c
@@ @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	if (crash_step(CRASH_STOP))
+		crash_stop_other_cpus(CRASH_STOP_PANIC);
+	return;
+}
 if (!crash_kexec)
 	smp_send_stop();
 else
 	crash_smp_send_stop();

// rule: panic-kgdb
// file: kernel/panic.c
@@ @@
-kgdb_panic(buf);
+if (crash_step(CRASH_KGDB))
+	kgdb_panic(buf);

// rule: panic-kexec-first
// file: kernel/panic.c
@@ @@
-if (!_crash_kexec_post_notifiers)
+if (!IS_ENABLED(CONFIG_CRASH_STOP) && !_crash_kexec_post_notifiers)
 	__crash_kexec(NULL);

// rule: panic-report
// file: kernel/panic.c
@@ @@
+if (crash_step(CRASH_REPORT))
+	crash_stop_report();
+crash_show(CRASH_SHOW);
+if (IS_ENABLED(CONFIG_CRASH_STOP) && _crash_kexec_post_notifiers)
+	crash_notify(CRASH_NOTIFY_EARLY, buf);
-atomic_notifier_call_chain(&panic_notifier_list, 0, buf);
+if (!IS_ENABLED(CONFIG_CRASH_STOP))
+	atomic_notifier_call_chain(&panic_notifier_list, 0, buf);

// rule: panic-sys-info
// file: kernel/panic.c
@@ @@
(
-sys_info(panic_print);
+if (crash_step_sys_info(_crash_kexec_post_notifiers))
+	sys_info(panic_print);
|
-panic_print_sys_info(false);
+if (crash_step_sys_info(_crash_kexec_post_notifiers))
+	panic_print_sys_info(false);
)

// rule: panic-dump
// file: kernel/panic.c
@@ @@
(
-kmsg_dump_desc(KMSG_DUMP_PANIC, buf);
+if (crash_step(CRASH_DUMP))
+	kmsg_dump_desc(KMSG_DUMP_PANIC, buf);
|
-kmsg_dump(KMSG_DUMP_PANIC);
+if (crash_step(CRASH_DUMP))
+	kmsg_dump(KMSG_DUMP_PANIC);
)

// rule: panic-kexec
// file: kernel/panic.c
@@ @@
-if (_crash_kexec_post_notifiers)
+if (IS_ENABLED(CONFIG_CRASH_STOP) ? crash_step(CRASH_KEXEC) : _crash_kexec_post_notifiers)
 	__crash_kexec(NULL);
+crash_stop_leave_online_mask();
+if (IS_ENABLED(CONFIG_CRASH_STOP) && !_crash_kexec_post_notifiers)
+	crash_notify(CRASH_NOTIFY, buf);

// rule: panic-flush
// file: kernel/panic.c
// hunks: 2
@@ @@
-console_unblank();
+if (crash_step(CRASH_UNBLANK))
+	console_unblank();
 debug_locks_off();
-console_flush_on_panic(CONSOLE_FLUSH_PENDING);
+if (crash_step(CRASH_FLUSH))
+	console_flush_on_panic(CONSOLE_FLUSH_PENDING);
+crash_show(CRASH_SHOW_REST);
+crash_notify(CRASH_NOTIFY_LAST, buf);

// rule: oops-pause
// file: kernel/panic.c
// The lock behind it may be held by a stopped CPU.
@@ @@
-if (!pause_on_oops)
+if (!pause_on_oops || panic_mutex_is_mine())
 	return;

// rule: oops-on-owner
// file: kernel/panic.c
// Before the architecture rewinds the stack, which holds the evidence.
@@ @@
 kmsg_dump(KMSG_DUMP_OOPS);
+if (panic_mutex_is_mine())
+	panic("Fatal exception on the panicking CPU");

// rule: exit-include
// file: kernel/exit.c
@@ @@
 #include <linux/capability.h>
+#include <linux/crash_stop.h>

// rule: exit-owner
// file: kernel/exit.c
@@ @@
 make_task_dead(int signr)
 {
 	struct task_struct *tsk = current;
 	unsigned int limit;
+
+	if (panic_mutex_is_mine())
+		panic("Fatal exception on the panicking CPU");
 	...
 }

// rule: kexec-include
// file: kernel/crash_core.c | kernel/kexec_core.c
// kernels: 6.12 7.3 | 6.1
@@ @@
 #include <linux/kexec.h>
+#include <linux/crash_stop.h>

// rule: kexec-gate
// file: kernel/crash_core.c | kernel/kexec_core.c
// kernels: 6.12 7.3 | 6.1
// hunks: 2
@@ identifier R; @@
-if (kexec_trylock()) {
+if (crash_stop_may_kexec(kexec_trylock())) {
 	if (kexec_crash_image) {
 		struct pt_regs R;
-		crash_setup_regs(&R, regs);
-		crash_save_vmcoreinfo();
-		machine_crash_shutdown(&R);
+		crash_setup_regs(&R, crash_stop_owner_regs(regs));
+		if (!IS_ENABLED(CONFIG_CRASH_STOP))
+			crash_save_vmcoreinfo();
+		if (IS_ENABLED(CONFIG_CRASH_STOP))
+			crash_stop_before_crash_kernel(&R);
+		else
+			machine_crash_shutdown(&R);
 		...
 	}
 	kexec_unlock();
 }

// rule: crash-kexec
// file: kernel/crash_core.c
// kernels: 7.3
@@ @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	crash_stop_crash_kexec(regs);
+	return;
+}
 if (panic_try_start()) {
 	__crash_kexec(regs);
 	panic_reset();
 }

// rule: crash-kexec-6.12
// file: kernel/crash_core.c
// kernels: 6.12
@@ @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	crash_stop_crash_kexec(regs);
+	return;
+}
 old_cpu = PANIC_CPU_INVALID;

// rule: crash-kexec-6.1
// file: kernel/kexec_core.c
// kernels: 6.1
@@ @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	crash_stop_crash_kexec(regs);
+	return;
+}
 this_cpu = raw_smp_processor_id();

// rule: vmcoreinfo-include
// file: kernel/vmcore_info.c | kernel/crash_core.c
// kernels: 6.12 7.3 | 6.1
@@ @@
 #include <linux/utsname.h>
+#include <linux/crash_stop.h>

// rule: vmcoreinfo
// file: kernel/vmcore_info.c | kernel/crash_core.c
// kernels: 6.12 7.3 | 6.1
// On 32 bits the time of day is read under a sequence count, which may never end.
@@ expression E; @@
-vmcoreinfo_append_str("CRASHTIME=%lld\n", E);
+if (IS_ENABLED(CONFIG_CRASH_STOP))
+	vmcoreinfo_append_str("CRASHTIME=%lld\n", __ktime_get_real_seconds());
+else
+	vmcoreinfo_append_str("CRASHTIME=%lld\n", E);
+crash_stop_vmcoreinfo();

// rule: dump-include
// file: kernel/printk/printk.c
@@ @@
 #include <linux/kmsg_dump.h>
+#include <linux/crash_stop.h>

// rule: dump-begin
// file: kernel/printk/printk.c
@@ @@
 struct kmsg_dumper *dumper;
+int crash_cpu = crash_dump_begin(reason);

// rule: dump-walk
// file: kernel/printk/printk.c
// hunks: 3
@@ iterator name list_for_each_entry_rcu; expression D; @@
+if (crash_cpu < 0)
+	return;
 rcu_read_lock();
 list_for_each_entry_rcu(dumper, &dump_list, list) {
 	...
+	if (!crash_dump_part(dumper))
+		continue;
 	dumper->dump(dumper, D);
 }
 rcu_read_unlock();
+crash_dump_end(crash_cpu);

// rule: nbcon-include
// file: kernel/printk/nbcon.c
// kernels: 6.12 7.3
@@ @@
 #include <linux/console.h>
+#include <linux/crash_stop.h>

// rule: nbcon-wait
// file: kernel/printk/nbcon.c
// kernels: 6.12 7.3
// A serial driver's interrupt asks for its console until it gets it, which it does
// not while another CPU panics: no maskable signal would ever reach that CPU.
@@ expression C; @@
 nbcon_device_try_acquire(...)
 {
 ...
-if (!nbcon_context_try_acquire(C, false))
+if (!nbcon_context_try_acquire(C, false)) {
+	crash_stop_poll(NULL);
 	return false;
+}
 ...
 }

// rule: ftrace-include
// file: kernel/trace/trace.c
@@ @@
 #include <linux/panic_notifier.h>
+#include <linux/crash_stop.h>

// rule: ftrace
// file: kernel/trace/trace.c
// The buffers belong into the log that is saved, as they did when all notifiers
// ran before the dumpers.
@@ @@
-atomic_notifier_chain_register(&panic_notifier_list,
-			       &trace_panic_notifier);
+if (IS_ENABLED(CONFIG_CRASH_STOP))
+	atomic_notifier_chain_register(&crash_log_list, &trace_panic_notifier);
+else
+	atomic_notifier_chain_register(&panic_notifier_list, &trace_panic_notifier);

// rule: online-include
// file: kernel/cpu.c
@@ @@
 #include <linux/cpu.h>
+#include <linux/crash_stop.h>

// rule: online
// file: kernel/cpu.c
@@ @@
+crash_stop_cpu_online();
 stop_machine_unpark(smp_processor_id());

// rule: backtrace-include
// file: lib/nmi_backtrace.c
@@ @@
 #include <linux/cpumask.h>
+#include <linux/crash_stop.h>

// rule: backtrace-mask
// file: lib/nmi_backtrace.c
@@ @@
 cpumask_copy(to_cpumask(backtrace_mask), mask);
+crash_stop_mask_backtrace(to_cpumask(backtrace_mask));

// rule: backtrace-wait
// file: lib/nmi_backtrace.c
// Ten seconds for a CPU that cannot answer are nine too many before the stop.
@@ @@
-if (cpumask_empty(to_cpumask(backtrace_mask)))
+if (cpumask_empty(to_cpumask(backtrace_mask)) || crash_part_late())
 	break;

// rule: irq-include
// file: kernel/irq/chip.c
// kernels: 6.12 7.3
@@ @@
 #include <linux/irq.h>
+#include <linux/crash_stop.h>

// rule: irq-resend
// file: kernel/irq/chip.c
// kernels: 6.12 7.3
// On the way to the crash kernel nothing is sent again, and a CPU that was stopped
// may hold the lock of the list that this looks into.
@@ expression D; @@
-clear_irq_resend(D);
+if (!panic_mutex_is_mine())
+	clear_irq_resend(D);

// rule: irq-kexec-include
// file: kernel/irq/kexec.c
// kernels: 6.12
@@ @@
+#include <linux/crash_stop.h>
 #include <linux/interrupt.h>

// rule: irq-kexec-active
// file: kernel/irq/kexec.c
// kernels: 6.12
// after: #include "internals.h"
+
+/*
+ * As irq_set_irqchip_state() without its lock, which a CPU that was stopped may
+ * hold, or what an NMI has interrupted on this one.
+ */
+static int crash_clear_active(struct irq_desc *desc)
+{
+	struct irq_data *data = &desc->irq_data;
+
+	for (; data; data = irqd_get_parent_data(data)) {
+		struct irq_chip *chip = irq_data_get_irq_chip(data);
+
+		if (chip && chip->irq_set_irqchip_state)
+			return chip->irq_set_irqchip_state(data, IRQCHIP_STATE_ACTIVE, false);
+	}
+	return -EINVAL;
+}

// rule: irq-kexec
// file: kernel/irq/kexec.c
// kernels: 6.12
// Linux 7.3 takes no lock there.
@@ identifier check_eoi, i; @@
-check_eoi = irq_set_irqchip_state(i, IRQCHIP_STATE_ACTIVE, false);
+if (panic_mutex_is_mine())
+	check_eoi = crash_clear_active(desc);
+else
+	check_eoi = irq_set_irqchip_state(i, IRQCHIP_STATE_ACTIVE, false);
