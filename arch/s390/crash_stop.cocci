// SPDX-License-Identifier: GPL-2.0-only
//
// How s390's functions are rewired; the form is explained in kernel/panic.cocci.

// rule: s390-kconfig
// file: arch/s390/Kconfig
// after: 	select ARCH_HAS_CURRENT_STACK_POINTER
+	select ARCH_HAS_CRASH_STOP

// rule: s390-makefile
// file: arch/s390/kernel/Makefile
// after: obj-$(CONFIG_SYSFS)		+= nospec-sysfs.o
+obj-$(CONFIG_CRASH_STOP)	+= crash_stop.o crash_stop_psw.o

// rule: s390-smp-include
// file: arch/s390/kernel/smp.c
@@ @@
 #include <linux/cpu.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: s390-set-ec
// file: arch/s390/kernel/smp.c
// kernels: 6.12 7.3
// What the signal means is private to this file.
// after: EXPORT_SYMBOL_GPL(smp_yield_cpu);
+
+#ifdef CONFIG_CRASH_STOP
+void crash_stop_set_ec(int cpu)
+{
+	set_bit(ec_stop_cpu, &per_cpu(pcpu_devices, cpu).ec_mask);
+}
+#endif

// rule: s390-set-ec-6.1
// file: arch/s390/kernel/smp.c
// kernels: 6.1
// after: EXPORT_SYMBOL_GPL(smp_yield_cpu);
+
+#ifdef CONFIG_CRASH_STOP
+void crash_stop_set_ec(int cpu)
+{
+	set_bit(ec_stop_cpu, &pcpu_devices[cpu].ec_mask);
+}
+#endif

// rule: s390-signalled
// file: arch/s390/kernel/smp.c
@@ @@
-smp_stop_cpu();
+crash_stop_signalled();

// rule: s390-emergency-stop
// file: arch/s390/kernel/smp.c
@@ @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	crash_stop_other_cpus(CRASH_STOP_REBOOT);
+	return;
+}
 arch_spin_lock(&lock);

// rule: s390-stop
// file: arch/s390/kernel/smp.c
@@ @@
 debug_set_critical();
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	crash_stop_other_cpus(CRASH_STOP_REBOOT);
+	return;
+}

// rule: s390-restart-include
// file: arch/s390/kernel/ipl.c
@@ @@
 #include <linux/panic_notifier.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: s390-psw-restart
// file: arch/s390/kernel/ipl.c
@@ @@
 do_restart(void *arg)
 {
+	crash_stop_psw_restart();
 	tracing_off();
 	...
 }

// rule: s390-psw-restart-image
// file: arch/s390/kernel/ipl.c
// The panic stops the others, and saves the log before the crash kernel.
@@ @@
 __do_restart(void *ignore)
 {
+	crash_stop_psw_panic();
 	smp_send_stop();
 	...
 }

// rule: s390-on-panic
// file: arch/s390/kernel/ipl.c
@@ @@
 do_panic(void)
 {
+	crash_stop_settle();
 	...
 }

// rule: s390-checksum
// file: arch/s390/kernel/machine_kexec.c
@@ expression E; @@
-if (E && !kdump_csum_valid(image))
+if (E && !kdump_csum_valid(image)) {
+	if (IS_ENABLED(CONFIG_CRASH_STOP))
+		pr_emerg("crash_stop: crash kernel not booted: the checksum of its image is wrong\n");
 	return;
+}

// rule: s390-die-include
// file: arch/s390/kernel/dumpstack.c
@@ @@
 #include <linux/kdebug.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: s390-die-lock
// file: arch/s390/kernel/dumpstack.c
@@ @@
-spin_lock_irq(&die_lock);
+crash_stop_lock_die(&die_lock);

// rule: s390-die-unlock
// file: arch/s390/kernel/dumpstack.c
@@ @@
-spin_unlock_irq(&die_lock);
+crash_stop_unlock_die(&die_lock);

// rule: s390-sclp-include
// file: drivers/s390/char/sclp.c
@@ @@
 #include <linux/panic_notifier.h>
+#include <linux/crash_stop.h>

// rule: s390-sclp-request
// file: drivers/s390/char/sclp.c
// A stopped CPU may hold the lock: what is to be shown is lost then, not the dump.
@@ @@
 sclp_add_request(struct sclp_req *req)
 {
 	unsigned long flags;
 	int rc;
+
+	if (crash_alone() && spin_is_locked(&sclp_lock))
+		return -EIO;
 	...
 }

// rule: s390-sclp-wait
// file: drivers/s390/char/sclp.c
@@ @@
 sclp_trace(4, "SYN1", ...);
+if (crash_alone() && spin_is_locked(&sclp_lock))
+	return;

// rule: s390-sclp-wait-end
// file: drivers/s390/char/sclp.c
@@ @@
-while (sclp_running_state != sclp_running_state_idle) {
+while (sclp_running_state != sclp_running_state_idle && !crash_part_late()) {
 	...
 }

// rule: s390-sclp-con-include
// file: drivers/s390/char/sclp_con.c
@@ @@
 #include <linux/panic_notifier.h>
+#include <linux/crash_stop.h>

// rule: s390-sclp-con-wait
// file: drivers/s390/char/sclp_con.c
@@ @@
-while (sclp_con_queue_running) {
+while (sclp_con_queue_running && !crash_part_late()) {
 	...
 }

// rule: s390-sclp-con
// file: drivers/s390/char/sclp_con.c
@@ @@
-atomic_notifier_chain_register(&panic_notifier_list, &on_panic_nb);
+if (IS_ENABLED(CONFIG_CRASH_STOP))
+	atomic_notifier_chain_register(&crash_console_list, &on_panic_nb);
+else
+	atomic_notifier_chain_register(&panic_notifier_list, &on_panic_nb);

// rule: s390-vt220-include
// file: drivers/s390/char/sclp_vt220.c
@@ @@
 #include <linux/panic_notifier.h>
+#include <linux/crash_stop.h>

// rule: s390-vt220-wait
// file: drivers/s390/char/sclp_vt220.c
@@ @@
-while (sclp_vt220_queue_running) {
+while (sclp_vt220_queue_running && !crash_part_late()) {
 	...
 }

// rule: s390-vt220
// file: drivers/s390/char/sclp_vt220.c
@@ @@
-atomic_notifier_chain_register(&panic_notifier_list, &on_panic_nb);
+if (IS_ENABLED(CONFIG_CRASH_STOP))
+	atomic_notifier_chain_register(&crash_console_list, &on_panic_nb);
+else
+	atomic_notifier_chain_register(&panic_notifier_list, &on_panic_nb);
