// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which rungs this machine has, said before anything panics.
 *
 * A line at boot, which a recorded console has:
 *
 *	crash_stop: rungs: ipi nmi; not usable: sdei
 *	crash_stop: rungs: ipi; not usable: nmi sdei; none reaches masked CPUs
 *
 * and in debugfs the file crash_stop/rungs, a line for each:
 *
 *	ipi: usable
 *	nmi: usable, reaches masked CPUs
 *	sdei: not usable, reaches masked CPUs
 *
 * There is no state. The race that is accepted: the line at boot is as old as
 * the boot; the file asks anew each time that it is read.
 *
 * Hooks: usable of struct crash_rung.
 */
#define pr_fmt(fmt) "crash_stop: " fmt

#include <linux/crash_stop.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/seq_file.h>

#include "crash_stop_internal.h"

#define CRASH_RUNGS_LEN	64	/* of the names of all rungs */

static int rungs_show(struct seq_file *m, void *unused)
{
	const struct crash_stop_backend *backend = arch_crash_stop_backend();
	unsigned int i;

	for (i = 0; i < backend->nr_rungs; i++) {
		const struct crash_rung *rung = &backend->rungs[i];

		seq_printf(m, "%s: %susable%s\n", rung->name,
			   crash_rung_usable_now(rung) ? "" : "not ",
			   rung->reaches_masked ? ", reaches masked CPUs" : "");
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(rungs);

static int __init crash_stop_rungs_init(void)
{
	const struct crash_stop_backend *backend = arch_crash_stop_backend();
	char names[2][CRASH_RUNGS_LEN] = { " none", "" };
	int len[2] = {};
	bool reaches_masked = false;
	unsigned int i;

	for (i = 0; i < backend->nr_rungs; i++) {
		const struct crash_rung *rung = &backend->rungs[i];
		bool usable = crash_rung_usable_now(rung);

		reaches_masked |= usable && rung->reaches_masked;
		len[!usable] += scnprintf(names[!usable] + len[!usable],
					  CRASH_RUNGS_LEN - len[!usable], " %s", rung->name);
	}
	pr_info("rungs:%s%s%s%s\n", names[0], *names[1] ? "; not usable:" : "", names[1],
		reaches_masked ? "" : "; none reaches masked CPUs");
	debugfs_create_file("rungs", 0444, debugfs_create_dir("crash_stop", NULL), NULL,
			    &rungs_fops);
	return 0;
}

/* Behind the drivers that a rung may need. */
late_initcall(crash_stop_rungs_init);
