// SPDX-License-Identifier: GPL-2.0-only
//
// How x86's functions are rewired; the form is explained in kernel/panic.cocci.

// rule: x86-kconfig
// file: arch/x86/Kconfig
// after: 	select ARCH_HAS_CPU_FINALIZE_INIT
+	select ARCH_HAS_CRASH_STOP

// rule: x86-makefile
// file: arch/x86/kernel/Makefile
// after: obj-y				+= reboot.o
+obj-$(CONFIG_CRASH_STOP)	+= crash_stop.o

// rule: x86-smp-include
// file: arch/x86/kernel/smp.c
@@ @@
 #include <linux/cpu.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: x86-reboot-vector
// file: arch/x86/kernel/smp.c
// sysvec_reboot() is made by a macro and cannot be named: match what it does.
@@ identifier eoi, virt_off; @@
 eoi();
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	crash_stop_receive(regs, X86_RUNG_IPI);
+	return;
+}
 virt_off();
 stop_this_cpu(NULL);

// rule: x86-stop
// file: arch/x86/kernel/smp.c
// reboot=force is about a reboot; a panic stops all the same.
@@ @@
-if (reboot_force)
+if (reboot_force && !panic_mutex_is_mine())
 	return;
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	/* For kexec, ensure that offline CPUs are out of MWAIT and in HLT */
+	if (kexec_in_progress)
+		smp_kick_mwait_play_dead();
+	crash_stop_other_cpus(CRASH_STOP_REBOOT);
+	return;
+}

// rule: x86-shootdown-include
// file: arch/x86/kernel/reboot.c
@@ @@
 #include <linux/delay.h>
+#include <linux/crash_stop.h>

// rule: x86-shootdown
// file: arch/x86/kernel/reboot.c
@@ typedef nmi_shootdown_cb; @@
 nmi_shootdown_cpus(nmi_shootdown_cb callback)
 {
 	unsigned long msecs;
+
+	if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+		crash_stop_other_cpus(CRASH_STOP_REBOOT);
+		return;
+	}
 	...
 }

// rule: x86-in-nmi
// file: arch/x86/kernel/reboot.c
@@ @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	crash_stop_poll(regs);
+	return;
+}
 if (crash_ipi_issued)
 	crash_nmi_callback(0, regs);

// rule: x86-kdump-include
// file: arch/x86/kernel/crash.c
@@ @@
 #include <linux/delay.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: x86-kdump
// file: arch/x86/kernel/crash.c
@@ @@
+if (IS_ENABLED(CONFIG_CRASH_STOP) && x86_stops_natively()) {
+	crash_stop_other_cpus(CRASH_STOP_PANIC);
+	return;
+}
 if (cpus_stopped)
 	return;

// rule: x86-die-include
// file: arch/x86/kernel/dumpstack.c
@@ @@
 #include <linux/ftrace.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: x86-die-lock
// file: arch/x86/kernel/dumpstack.c
@@ @@
-arch_spin_lock(&die_lock);
+crash_stop_lock_die(&die_lock);
