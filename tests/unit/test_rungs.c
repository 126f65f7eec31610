// SPDX-License-Identifier: GPL-2.0-only
/* What is said of the rungs before anything panics: the line at boot, and debugfs. */
#include "test.h"
#include "shim.h"

extern int (*shim_late_initcall)(void);
static const struct file_operations *file;
static struct seq_file shown;

struct dentry *debugfs_create_dir(const char *name, struct dentry *parent)
{
	CHECK_STR(name, "crash_stop");
	CHECK(!parent);
	return NULL;
}

struct dentry *debugfs_create_file(const char *name, unsigned int mode, struct dentry *dir, void *data,
				   const struct file_operations *fops)
{
	(void)dir, (void)data;
	CHECK_STR(name, "rungs");
	CHECK_INT(mode, 0444);
	file = fops;
	return NULL;
}

static bool no(void)
{
	CHECK(!machine_irqs_on());
	return false;
}

static bool yes(void)
{
	CHECK(!machine_irqs_on());
	return true;
}

/* The end of the boot, and somebody who reads the file; then it panics. */
static void program_boot(void)
{
	CHECK_INT(shim_late_initcall(), 0);
	CHECK_INT(file->show(&shown, NULL), 0);
	CHECK(machine_irqs_on());
	panic("cpu %d", raw_smp_processor_id());
}

static void boot(void)
{
	plan[0].program = program_boot;
	CHECK_INT(kernel_boot(), MACHINE_RESTART);
}

static void all_rungs_are_usable(unsigned int variant)
{
	(void)variant;
	fake_rungs[NMI].usable = yes;
	boot();
	CHECK_STR(log_line("rungs:"), "crash_stop: rungs: ipi nmi");
	CHECK_INT(log_level("rungs:"), '6');
	CHECK_STR(shown.text, "ipi: usable\nnmi: usable, reaches masked CPUs\n");
}

static void what_is_not_usable_is_named(unsigned int variant)
{
	(void)variant;
	fake_backend.nr_rungs = 3;
	fake_rungs[NMI].usable = no;
	boot();
	CHECK_STR(log_line("rungs:"), "crash_stop: rungs: ipi sdei; not usable: nmi");
	CHECK_STR(shown.text, "ipi: usable\nnmi: not usable, reaches masked CPUs\n"
			      "sdei: usable, reaches masked CPUs\n");
}

static void masked_cpus_that_nothing_reaches(unsigned int variant)
{
	(void)variant;
	fake_rungs[NMI].usable = no;
	boot();
	CHECK_STR(log_line("rungs:"),
		  "crash_stop: rungs: ipi; not usable: nmi; none reaches masked CPUs");
}

static void no_rung_is_usable(unsigned int variant)
{
	(void)variant;
	fake_backend.nr_rungs = 1;
	fake_rungs[IPI].usable = no;
	boot();
	CHECK_STR(log_line("rungs:"),
		  "crash_stop: rungs: none; not usable: ipi; none reaches masked CPUs");
}

const struct test rungs_tests[] = {
	T(all_rungs_are_usable),
	T(what_is_not_usable_is_named),
	T(masked_cpus_that_nothing_reaches),
	T(no_rung_is_usable),
	{ 0 }
};
