// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's whole user space: hand out the evidence, then obey.
 *
 * In the first kernel it prints which rungs it has, and what the store holds from
 * the last panic, says "ready", and takes commands, one a line, from the console:
 *
 *	kexec CMDLINE		load /crash/kernel and /crash/initrd for a crash
 *	write PATH TEXT		write TEXT to a file
 *	loop-kexec CMDLINE	a child loads that image over and over
 *	loop-hotplug N		a child takes CPU N off and on over and over
 *	reboot
 *
 * In the crash kernel it prints the notes of /proc/vmcore, what vmcoreinfo says
 * of the stop, the per-CPU states that it points to, and what the crashed kernel's
 * log has from the panic on, and restarts. Where notes do not show what a CPU did
 * because the crash kernel made them later, note_sp= and frame_next= on its command
 * line say where a note has the stack pointer and a frame its predecessor: then
 * the code addresses on each CPU's stacks are printed, too.
 *
 * Every line of its own begins with "guest: ".
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/klog.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "guest.h"
#include "translate.h"

#define MAX_CPUS 64
#define CRASH_LOAD 2 /* KEXEC_FILE_ON_CRASH */
#define CONSOLE_OFF 6 /* syslog(2): only emergencies, and all that a panic prints */
#define CONSOLE_ON 7

static void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("guest: ");
	vprintf(fmt, args);
	printf("\n");
	fflush(stdout);
	va_end(args);
}

static void restart(void)
{
	say("restart");
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

/* One record of the store, each line marked so that nothing else is taken for it. */
static void show_record(const char *name)
{
	char path[300], *line = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/pstore/%s", name);
	f = fopen(path, "r");
	if (!f)
		return;
	say("record %s", name);
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		printf("store| %s\n", line);
	}
	say("record ends");
	fclose(f);
	unlink(path);
}

static int is_record(const struct dirent *d)
{
	return !strncmp(d->d_name, "dmesg-", 6);
}

static void show_store(void)
{
	struct dirent **list;
	int n = scandir("/pstore", &list, is_record, alphasort);

	say("store holds %d records", n < 0 ? 0 : n);
	for (int i = 0; i < n; i++)
		show_record(list[i]->d_name);
}

/* What debugfs says of the rungs; a stock kernel has no such file. */
static void show_rungs(void)
{
	FILE *f = fopen("/sys/kernel/debug/crash_stop/rungs", "r");
	char line[80];

	while (f && fgets(line, sizeof(line), f))
		say("rung %.*s", (int)strcspn(line, "\n"), line);
	if (f)
		fclose(f);
}

static long load_crash_kernel(const char *cmdline)
{
	int kernel = open(CRASH_KERNEL, O_RDONLY), initrd = open(CRASH_INITRD, O_RDONLY);
	long err = syscall(SYS_kexec_file_load, kernel, initrd, strlen(cmdline) + 1, cmdline,
			   CRASH_LOAD);

	close(kernel);
	close(initrd);
	return err && errno == ENOSYS ? load_by_segments(cmdline) : err;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err = errno;
	if (fd >= 0)
		close(fd);
	return err;
}

static void obey(char *line)
{
	char *arg = strchr(line, ' '), path[100];

	if (arg)
		*arg++ = 0;
	if (!strcmp(line, "kexec") && arg) {
		say("kexec %s", load_crash_kernel(arg) ? strerror(errno) : "ok");
	} else if (!strcmp(line, "write") && arg) {
		char *text = strchr(arg, ' ');
		int err;

		if (!text)
			return;
		*text++ = 0;
		err = write_file(arg, text);
		say("write %s %s", arg, err ? strerror(err) : "ok");
	} else if (!strcmp(line, "loop-kexec") && arg) {
		if (!fork())
			for (;;)
				load_crash_kernel(arg);
		usleep(100000);
		say("loop ok");
	} else if (!strcmp(line, "loop-hotplug") && arg) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%s/online", arg);
		if (!fork())
			for (;;) {
				write_file(path, "0");
				write_file(path, "1");
			}
		usleep(100000);
		say("loop ok");
	} else if (!strcmp(line, "reboot")) {
		klogctl(CONSOLE_ON, NULL, 0);
		restart();
	} else {
		say("unknown command %s", line);
	}
}

static uint8_t *core;
static size_t core_phnum;
static ElfW(Phdr) *core_ph;
static int core_fd;

/* Read the crashed kernel's memory at a virtual address. */
static bool peek(uint64_t addr, void *to, size_t len)
{
	for (size_t i = 0; i < core_phnum; i++) {
		ElfW(Phdr) *p = &core_ph[i];

		if (p->p_type == PT_LOAD && addr >= p->p_vaddr &&
		    addr + len <= p->p_vaddr + p->p_memsz)
			return pread(core_fd, to, len, p->p_offset + addr - p->p_vaddr) ==
			       (ssize_t)len;
	}
	return false;
}

bool peek_phys(uint64_t addr, void *to, size_t len)
{
	for (size_t i = 0; i < core_phnum; i++) {
		ElfW(Phdr) *p = &core_ph[i];

		if (p->p_type == PT_LOAD && addr >= p->p_paddr &&
		    addr + len <= p->p_paddr + p->p_memsz)
			return pread(core_fd, to, len, p->p_offset + addr - p->p_paddr) ==
			       (ssize_t)len;
	}
	return false;
}

/* As peek(), also where only this CPU's own page tables lead. */
static bool peek_as(int cpu, uint64_t addr, void *to, size_t len)
{
	uint64_t phys;

	return peek(addr, to, len) ||
	       (translate && translate(cpu, addr, &phys) && peek_phys(phys, to, len));
}

static uint64_t info(const char *text, const char *key, int base)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, base) : 0;
}

/* The states of all CPUs, by the way that vmcoreinfo gives. */
static void show_states(const char *text, int notes)
{
	uint64_t var = info(text, "SYMBOL(crash_stop_cpu)=", 16);
	uint64_t offsets = info(text, "SYMBOL(__per_cpu_offset)=", 16);
	uint64_t msg = info(text, "OFFSET(crash_cpu.msg)=", 10);
	uint64_t size = info(text, "SIZE(crash_cpu)=", 10);
	uint8_t cpu[256];

	if (!var || !offsets || size > sizeof(cpu))
		return;
	for (int i = 0; i < notes; i++) {
		unsigned long offset;
		int32_t state, note, how, us;

		if (!peek(offsets + i * sizeof(offset), &offset, sizeof(offset)) ||
		    !peek((unsigned long)(var + offset), cpu, size)) {
			say("state %d unreadable", i);
			continue;
		}
		memcpy(&state, cpu + info(text, "OFFSET(crash_cpu.state)=", 10), 4);
		memcpy(&note, cpu + info(text, "OFFSET(crash_cpu.note)=", 10), 4);
		memcpy(&how, cpu + info(text, "OFFSET(crash_cpu.how)=", 10), 4);
		memcpy(&us, cpu + info(text, "OFFSET(crash_cpu.us)=", 10), 4);
		say("state %d state %d note %d how %d us %d msg \"%.*s\"", i, state, note, how, us,
		    (int)(size - msg), cpu + msg);
	}
}

#define STACK_SIZE 16384
#define STACKS 4
#define TEXT_SIZE (32 << 20)

/* The code addresses on the stacks that the frames of a CPU lie on. */
static void show_stack(int cpu, const uint8_t *note, const char *text)
{
	const char *at = getenv("note_sp"), *next = getenv("frame_next");
	uint64_t start = info(text, "SYMBOL(_stext)=", 16), sp, frame, word;

	if (!at || !next || !start)
		return;
	memcpy(&sp, note + atoi(at), sizeof(sp));
	printf("guest: stack %d", cpu);
	for (int i = 0; i < STACKS; i++) {
		uint64_t end = (sp | (STACK_SIZE - 1)) + 1;

		for (uint64_t p = sp; p < end && peek_as(cpu, p, &word, sizeof(word)); p += sizeof(word))
			if (word >= start && word < start + TEXT_SIZE)
				printf(" %lx", (long)word);
		for (frame = sp; frame >= sp && frame < end;)
			if (!peek_as(cpu, frame + atoi(next), &frame, sizeof(frame)))
				frame = 0;
		if (!frame)
			break;
		sp = frame;
	}
	printf("\n");
}

static uint64_t peek_word(uint64_t addr)
{
	unsigned long word = 0;

	peek(addr, &word, sizeof(word));
	return word;
}

/* The last word of the kernel's log, as Documentation/admin-guide/kdump/gdbmacros.txt reads it. */
static void show_log(const char *text)
{
	uint64_t prb = peek_word(info(text, "SYMBOL(prb)=", 16));
	uint64_t descs = prb + info(text, "OFFSET(printk_ringbuffer.desc_ring)=", 10);
	uint64_t data = prb + info(text, "OFFSET(printk_ringbuffer.text_data_ring)=", 10);
	uint64_t lpos = info(text, "OFFSET(prb_desc.text_blk_lpos)=", 10);
	uint64_t id, last, mask, size, base;
	uint32_t count_bits = 0, size_bits = 0;
	bool panic = false;

	if (!prb)
		return;
	peek(descs + info(text, "OFFSET(prb_desc_ring.count_bits)=", 10), &count_bits, 4);
	peek(data + info(text, "OFFSET(prb_data_ring.size_bits)=", 10), &size_bits, 4);
	size = 1ull << size_bits;
	base = peek_word(data + info(text, "OFFSET(prb_data_ring.data)=", 10));
	mask = ~0ul >> 2; /* the two bits above hold the state */
	id = peek_word(descs + info(text, "OFFSET(prb_desc_ring.tail_id)=", 10));
	last = peek_word(descs + info(text, "OFFSET(prb_desc_ring.head_id)=", 10));
	for (uint64_t left = 1ull << count_bits; left; left--, id = (id + 1) & mask) {
		uint64_t slot = id & ((1ull << count_bits) - 1);
		uint64_t desc = peek_word(descs + info(text, "OFFSET(prb_desc_ring.descs)=", 10)) +
				slot * info(text, "SIZE(prb_desc)=", 10);
		uint64_t rec = peek_word(descs + info(text, "OFFSET(prb_desc_ring.infos)=", 10)) +
			       slot * info(text, "SIZE(printk_info)=", 10);
		uint64_t begin = peek_word(desc + lpos +
					   info(text, "OFFSET(prb_data_blk_lpos.begin)=", 10));
		uint64_t end = peek_word(desc + lpos +
					 info(text, "OFFSET(prb_data_blk_lpos.next)=", 10));
		unsigned int state = peek_word(desc + info(text, "OFFSET(prb_desc.state_var)=", 10)) /
				     (mask + 1);
		char line[1024] = "", *rest = line, *part;
		uint16_t len = 0;
		uint64_t ns = 0;

		peek(rec + info(text, "OFFSET(printk_info.text_len)=", 10), &len, 2);
		peek(rec + info(text, "OFFSET(printk_info.ts_nsec)=", 10), &ns, 8);
		/* A block that would wrap lies at the start of the ring. */
		if (begin / size != end / size && end % size)
			begin = 0;
		if (len >= sizeof(line))
			len = sizeof(line) - 1;
		if ((state == 1 || state == 2) && !(begin & 1))
			peek(base + begin % size + sizeof(long), line, len);
		panic |= !strncmp(line, "Kernel panic", 12);
		while (panic && (part = strsep(&rest, "\n")))
			printf("log| [%5llu.%06llu] %s\n", (unsigned long long)ns / 1000000000,
			       (unsigned long long)ns / 1000 % 1000000, part);
		if (id == last)
			break;
	}
}

static void show_core(void)
{
	ElfW(Ehdr) head;
	ElfW(Phdr) *p;
	uint8_t *at, *end, *first[MAX_CPUS];
	const char *text = "";
	int notes = 0;

	core_fd = open("/proc/vmcore", O_RDONLY);
	if (core_fd < 0 || pread(core_fd, &head, sizeof(head), 0) != sizeof(head)) {
		say("vmcore %s", strerror(errno));
		return;
	}
	core_phnum = head.e_phnum;
	core_ph = calloc(core_phnum, sizeof(*core_ph));
	pread(core_fd, core_ph, core_phnum * sizeof(*core_ph), head.e_phoff);
	for (p = core_ph; p < core_ph + core_phnum && p->p_type != PT_NOTE; p++)
		;
	core = calloc(1, p->p_filesz + 1);
	pread(core_fd, core, p->p_filesz, p->p_offset);
	for (at = core, end = core + p->p_filesz; at + 12 <= end;) {
		uint32_t *n = (uint32_t *)at;
		const char *name = (const char *)(at + 12);
		uint8_t *desc = at + 12 + ((n[0] + 3) & ~3u);

		if (!n[0])
			break;
		if (translate_note)
			translate_note(n[2], desc);
		if (!strcmp(name, "CORE") && n[2] == NT_PRSTATUS) {
			if (notes < MAX_CPUS)
				first[notes] = desc;
			printf("guest: note %d ", notes++);
			for (uint32_t i = 0; i < n[1]; i++)
				printf("%02x", desc[i]);
			printf("\n");
		} else if (!strcmp(name, "VMCOREINFO")) {
			text = strndup((char *)desc, n[1]);
		}
		at = desc + ((n[1] + 3) & ~3u);
	}
	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strstr(line, "crash") || !strncmp(line, "KERNELOFFSET", 12) ||
		    !strncmp(line, "SYMBOL(_stext)", 14)) {
			int len = strcspn(line, "\n");

			if (memmem(line, len, "crash", 5) || line[0] == 'K' || line[0] == 'S')
				say("vmcoreinfo %.*s", len, line);
		}
	show_states(text, notes);
	for (int i = 0; i < notes && i < MAX_CPUS; i++)
		show_stack(i, first[i], text);
	show_log(text);
	say("vmcore holds %d notes", notes);
}

int main(void)
{
	char *line = NULL;
	struct termios tty;
	size_t size = 0;

	/* What the kernel says would come between the lines of the evidence ... */
	klogctl(CONSOLE_OFF, NULL, 0);
	/* ... and so would a slow console's echo of a command. */
	if (!tcgetattr(STDIN_FILENO, &tty)) {
		tty.c_lflag &= ~ECHO;
		tcsetattr(STDIN_FILENO, TCSANOW, &tty);
	}
	mkdir("/proc", 0555);
	mkdir("/sys", 0555);
	mkdir("/pstore", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("pstore", "/pstore", "pstore", 0, NULL);

	if (!access("/proc/vmcore", F_OK)) {
		say("crash kernel, %ld CPUs", sysconf(_SC_NPROCESSORS_ONLN));
		show_core();
		restart();
	}
	say("first kernel, %ld CPUs", sysconf(_SC_NPROCESSORS_ONLN));
	show_rungs();
	show_store();
	say("ready");
	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\r\n")] = 0;
		if (*line)
			obey(line);
	}
	restart();
}
