// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load a crash kernel with kexec_load(), where kexec_file_load() does not exist.
 *
 * What kexec-tools does, for a machine with a device tree and one bank of memory:
 * four segments in the region that /proc/iomem calls "Crash kernel".
 *
 *	+0x8000	the kernel, which unpacks itself from there
 *	+40 MiB	the device tree we were booted with, its command line and initrd replaced
 *	+44 MiB	the initrd
 *	-1 MiB	an ELF header: a note per CPU, vmcoreinfo, memory; "elfcorehdr="
 */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

#define ON_CRASH	1
#define KERNEL_AT	0x8000u
#define FDT_AT		(40u << 20)
#define INITRD_AT	(44u << 20)
#define HEADERS_BELOW	(1u << 20)
#define PAGE		4096u
#define MAX_HEADERS	80
#define FILE_MAX	(20u << 20)

#define FDT_BEGIN_NODE	1
#define FDT_END_NODE	2
#define FDT_PROP	3
#define FDT_NOP		4

struct segment {
	const void *buf;
	size_t size;
	unsigned long mem;
	size_t mem_size;
};

struct region {
	unsigned long start, end;	/* the end is the first byte behind */
};

/* All of a file, however often it is asked for. */
static void *slurp(const char *path, size_t *size)
{
	char *data = malloc(FILE_MAX);
	int fd = open(path, O_RDONLY);
	ssize_t n;

	for (*size = 0; data && fd >= 0 && *size < FILE_MAX; *size += n) {
		n = read(fd, data + *size, FILE_MAX - *size);
		if (n <= 0)
			break;
	}
	close(fd);
	return data;
}

/* The n-th region of that name in /proc/iomem. */
static bool region(const char *name, int n, struct region *r)
{
	FILE *f = fopen("/proc/iomem", "r");
	char line[200];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, " %lx-%lx", &r->start, &r->end) != 2 ||
		    !strstr(line, " : ") || strcmp(strstr(line, " : ") + 3, name) || n--)
			continue;
		r->end++;
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

static unsigned long symbol(const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	unsigned long address, found = 0;
	char line[300], word[200];

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx %*c %199s", &address, word) == 2 && !strcmp(word, name))
			found = address;
	if (f)
		fclose(f);
	return found;
}

static void put(unsigned char *at, uint32_t len, unsigned long value)
{
	while (len--) {
		at[len] = value;
		value >>= 8;
	}
}

/* Replace properties of /chosen where they stand: none of them grows. */
static long edit_fdt(unsigned char *fdt, const char *cmdline, unsigned long initrd, size_t initrd_size)
{
	const uint32_t *head = (const uint32_t *)fdt;
	unsigned char *at = fdt + be32toh(head[2]);
	const char *strings = (const char *)fdt + be32toh(head[3]);
	bool chosen = false;
	int todo = 3;

	while (todo) {
		uint32_t token = be32toh(*(uint32_t *)at);

		at += 4;
		if (token == FDT_BEGIN_NODE) {
			chosen = !strcmp((char *)at, "chosen");
			at += (strlen((char *)at) + 4) & ~3u;
		} else if (token == FDT_PROP) {
			uint32_t len = be32toh(*(uint32_t *)at);
			const char *name = strings + be32toh(*(uint32_t *)(at + 4));

			at += 8;
			if (chosen && !strcmp(name, "bootargs")) {
				if (strlen(cmdline) >= len)
					return E2BIG;
				memset(at, 0, len);
				memcpy(at, cmdline, strlen(cmdline));
				todo--;
			} else if (chosen && !strcmp(name, "linux,initrd-start")) {
				put(at, len, initrd);
				todo--;
			} else if (chosen && !strcmp(name, "linux,initrd-end")) {
				put(at, len, initrd + initrd_size);
				todo--;
			}
			at += (len + 3) & ~3u;
		} else if (token != FDT_END_NODE && token != FDT_NOP) {
			return ENOENT;
		}
	}
	return 0;
}

/* The ELF header that /proc/vmcore is made from. */
static size_t headers(void *to, const struct region *crash)
{
	ElfW(Ehdr) *elf = to;
	ElfW(Phdr) *p = (void *)(elf + 1);
	struct region r = { 0 };
	/* The page in which the kernel begins; /proc/kallsyms has no _text. */
	unsigned long at, size, text = symbol("_stext") & -4096ul;
	char path[80], line[80];
	int fd = open("/proc/self/exe", O_RDONLY), i;

	/* Class, machine and flags are those of any program here. */
	if (read(fd, elf, sizeof(*elf)) != sizeof(*elf) || !region("Kernel code", 0, &r))
		return 0;
	close(fd);
	text -= r.start;
	for (i = 0; i < MAX_HEADERS; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/crash_notes", i);
		f = fopen(path, "r");
		if (!f)
			break;
		at = fgets(line, sizeof(line), f) ? strtoul(line, NULL, 16) : 0;
		fclose(f);
		strcat(path, "_size");
		f = fopen(path, "r");
		size = f && fgets(line, sizeof(line), f) ? strtoul(line, NULL, 10) : 0;
		*p++ = (ElfW(Phdr)) { .p_type = PT_NOTE, .p_offset = at, .p_paddr = at,
				      .p_filesz = size, .p_memsz = size };
	}
	fd = open("/sys/kernel/vmcoreinfo", O_RDONLY);
	memset(line, 0, sizeof(line));
	if (read(fd, line, sizeof(line) - 1) <= 0 || sscanf(line, "%lx %lx", &at, &size) != 2)
		return 0;
	close(fd);
	*p++ = (ElfW(Phdr)) { .p_type = PT_NOTE, .p_offset = at, .p_paddr = at,
			      .p_filesz = size, .p_memsz = size };
	/* Memory before the crash kernel's, and behind it. */
	for (i = 0; i < MAX_HEADERS && region("System RAM", i, &r); i++) {
		struct region parts[2] = { r, r };

		if (crash->start >= r.start && crash->end <= r.end) {
			parts[0].end = crash->start;
			parts[1].start = crash->end;
		} else {
			parts[1].start = r.end;
		}
		for (int k = 0; k < 2; k++) {
			size = parts[k].end - parts[k].start;
			if (size)
				*p++ = (ElfW(Phdr)) { .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X,
						      .p_offset = parts[k].start, .p_paddr = parts[k].start,
						      .p_vaddr = parts[k].start + text,
						      .p_filesz = size, .p_memsz = size };
		}
	}
	elf->e_type = ET_CORE;
	elf->e_entry = 0;
	elf->e_phoff = sizeof(*elf);
	elf->e_phentsize = sizeof(*p);
	elf->e_phnum = p - (ElfW(Phdr) *)(elf + 1);
	elf->e_shoff = elf->e_shnum = elf->e_shentsize = elf->e_shstrndx = 0;
	return (char *)p - (char *)to;
}

/* As kexec_file_load() for a crash, by the older call. */
long load_by_segments(const char *cmdline)
{
	static unsigned char core[sizeof(ElfW(Ehdr)) + (2 * MAX_HEADERS + 8) * sizeof(ElfW(Phdr))];
	struct segment s[4];
	struct region crash;
	char line[1000];
	long err;

	if (!region("Crash kernel", 0, &crash)) {
		errno = ENOMEM;
		return -1;
	}
	s[0].buf = slurp(CRASH_KERNEL, &s[0].size);
	s[0].mem = crash.start + KERNEL_AT;
	s[1].buf = slurp("/sys/firmware/fdt", &s[1].size);
	s[1].mem = crash.start + FDT_AT;
	s[2].buf = slurp(CRASH_INITRD, &s[2].size);
	s[2].mem = crash.start + INITRD_AT;
	s[3].buf = core;
	s[3].size = headers(core, &crash);
	s[3].mem = crash.end - HEADERS_BELOW;
	snprintf(line, sizeof(line), "%s mem=%luK elfcorehdr=0x%lx", cmdline,
		 (s[3].mem - crash.start) / 1024, s[3].mem);
	err = s[1].size ? edit_fdt((void *)s[1].buf, line, s[2].mem, s[2].size) : ENOENT;
	if (!err) {
		for (int i = 0; i < 4; i++)
			s[i].mem_size = (s[i].size + PAGE - 1) & ~(PAGE - 1);
		if (syscall(SYS_kexec_load, s[0].mem, 4, s, ON_CRASH))
			err = errno;
	}
	for (int i = 0; i < 3; i++)
		free((void *)s[i].buf);
	errno = err;
	return err ? -1 : 0;
}
