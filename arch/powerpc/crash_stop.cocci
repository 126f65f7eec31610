// SPDX-License-Identifier: GPL-2.0-only
//
// How powerpc's functions are rewired; the form is explained in kernel/panic.cocci.

// rule: ppc-kconfig
// file: arch/powerpc/Kconfig
// after: 	select ARCH_HAS_CURRENT_STACK_POINTER
+	select ARCH_HAS_CRASH_STOP		if NMI_IPI || !SMP

// rule: ppc-makefile
// file: arch/powerpc/kernel/Makefile
// after: obj-$(CONFIG_SMP)		+= smp.o
+obj-$(CONFIG_CRASH_STOP)	+= crash_stop.o
+obj-$(CONFIG_CRASH_STOP_DUMP)	+= crash_stop_kexec.o

// rule: ppc-smp-include
// file: arch/powerpc/kernel/smp.c
@@ @@
 #include <linux/kexec.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: ppc-nmi-ipi
// file: arch/powerpc/kernel/smp.c
// Both rungs arrive here. Behind it is a lock that a stopped CPU may hold.
@@ identifier flags, me; @@
 smp_handle_nmi_ipi(...)
 {
 	...
 	int me = raw_smp_processor_id();
 	int ret = 0;
+
+	if (IS_ENABLED(CONFIG_CRASH_STOP) && crash_stop_begun())
+		return crash_stop_nmi_ipi(regs);
 	...
 }

// rule: ppc-nmi-ipi-send
// file: arch/powerpc/kernel/smp.c
@@ expression flags; @@
 if (unlikely(!smp_ops))
 	return 0;
+if (crash_stop_nmi_ipi_stuck(&nmi_ipi_busy, &__nmi_ipi_lock))
+	return 0;
 nmi_ipi_lock_start(flags);

// rule: ppc-nmi-ipi-wait
// file: arch/powerpc/kernel/smp.c
// For a backtrace that is five seconds for each CPU that cannot answer.
@@ expression delay_us; @@
 delay_us--;
-if (!delay_us)
+if (!delay_us || crash_part_late())
 	break;

// rule: ppc-backtrace-include
// file: arch/powerpc/kernel/stacktrace.c
@@ @@
+#include <linux/crash_stop.h>
 #include <linux/delay.h>

// rule: ppc-backtrace-wait
// file: arch/powerpc/kernel/stacktrace.c
@@ expression cpu, mask, delay_us; @@
-while (cpumask_test_cpu(cpu, mask) && delay_us) {
+while (cpumask_test_cpu(cpu, mask) && delay_us && !crash_part_late()) {
 	...
 }

// rule: ppc-stop
// file: arch/powerpc/kernel/smp.c
@@ @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	crash_stop_other_cpus(CRASH_STOP_REBOOT);
+	return;
+}
 smp_send_nmi_ipi(NMI_IPI_ALL_OTHERS, nmi_stop_this_cpu, 1000000);

// rule: ppc-kdump-include
// file: arch/powerpc/kexec/crash.c
@@ @@
 #include <linux/crash_dump.h>
+#include <linux/crash_stop.h>
+#include "../kernel/crash_stop_compat.h"

// rule: ppc-kdump-cpus
// file: arch/powerpc/kexec/crash.c
// The ladder has stopped them; no second signal, no prompt, no wait.
@@ expression E, ncpus; @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	crash_stop_wake_offline();
+	return;
+}
 printk(E);
 if (crash_wake_offline)
 	ncpus = num_present_cpus() - 1;

// rule: ppc-kdump-secondary
// file: arch/powerpc/kexec/crash.c
// A system reset is sent to all CPUs; crash_kexec() has decided whose it is.
@@ expression flags; @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	crash_stop_poll(regs);
+	return;
+}
 local_irq_save(flags);

// rule: ppc-kdump-deferred
// file: arch/powerpc/kexec/crash.c
// Nothing ever ends it, and the CPUs that could hold a console stand still.
@@ @@
-printk_deferred_enter();
+if (!IS_ENABLED(CONFIG_CRASH_STOP))
+	printk_deferred_enter();

// rule: ppc-kdump-stop
// file: arch/powerpc/kexec/crash.c
@@ @@
-if (IS_ENABLED(CONFIG_SMP))
+if (IS_ENABLED(CONFIG_SMP) && !IS_ENABLED(CONFIG_CRASH_STOP))
 	crash_smp_send_stop();
 else
 	crash_kexec_prepare();

// rule: ppc-kdump-real-mode
// file: arch/powerpc/kexec/crash.c
@@ expression E; @@
-crash_kexec_wait_realmode(E);
+if (IS_ENABLED(CONFIG_CRASH_STOP) && IS_ENABLED(CONFIG_SMP))
+	crash_stop_await_real_mode();
+else
+	crash_kexec_wait_realmode(E);

// rule: ppc-xics-queue
// file: arch/powerpc/sysdev/xics/xics-common.c
// Every CPU that comes up asks, and one that leaves for a crash kernel: that may take
// no lock.
// after: static struct ics *xics_ics;
+
+#ifdef CONFIG_PPC_RTAS
+static noinline bool xics_has_queue(void)
+{
+	static int found = -1;
+
+	if (found < 0)
+		found = rtas_indicator_present(GLOBAL_INTERRUPT_QUEUE, NULL);
+	return found;
+}
+#endif

// rule: ppc-xics-ask
// file: arch/powerpc/sysdev/xics/xics-common.c
@@ @@
-if (!rtas_indicator_present(GLOBAL_INTERRUPT_QUEUE, NULL))
+if (IS_ENABLED(CONFIG_CRASH_STOP) && !xics_has_queue())
+	return;
+if (!IS_ENABLED(CONFIG_CRASH_STOP) && !rtas_indicator_present(GLOBAL_INTERRUPT_QUEUE, NULL))
 	return;

// rule: ppc-die-include
// file: arch/powerpc/kernel/traps.c
@@ @@
 #include <linux/context_tracking.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: ppc-die-lock
// file: arch/powerpc/kernel/traps.c
@@ @@
-arch_spin_lock(&die_lock);
+crash_stop_lock_die(&die_lock);

// rule: ppc-fadump-include
// file: arch/powerpc/kernel/fadump.c
@@ @@
 #include <linux/crash_dump.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: ppc-fadump
// file: arch/powerpc/kernel/fadump.c
// An oops and a panic notifier call it while the other CPUs run.
@@ @@
 if (!should_fadump_crash())
 	return;
+if (IS_ENABLED(CONFIG_CRASH_STOP_DUMP) && crash_stop_fadump_early(regs, str))
+	return;
