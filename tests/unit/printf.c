// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's printf() and log.
 *
 * Knows what the core uses: %*pbl (a CPU list), %ps (a symbol), %s, and the
 * integers. Each printk() is one line of the log, which begins with its level.
 */
#include "test.h"

#ifndef LOG_LINES
#define LOG_LINES	256
#endif
#define LOG_LEN		200

static struct {
	char level;
	char text[LOG_LEN];
} lines[LOG_LINES];
static unsigned int nr_lines;

static int print_cpus(char *buf, size_t size, const struct cpumask *mask)
{
	unsigned int cpu, end;
	int len = 0;

	*buf = '\0';
	for (cpu = 0; cpu < NR_CPUS; cpu = end + 1) {
		end = cpu;
		if (!cpumask_test_cpu(cpu, mask))
			continue;
		while (end + 1 < NR_CPUS && cpumask_test_cpu(end + 1, mask))
			end++;
		len += snprintf(buf + len, size - len, "%s%u", len ? "," : "", cpu);
		if (end > cpu)
			len += snprintf(buf + len, size - len, "-%u", end);
	}
	return len;
}

/* One conversion; @spec begins with the percent sign. Returns its length. */
static size_t print_spec(char *buf, size_t size, const char *spec, va_list *ap)
{
	size_t len = strspn(spec + 1, "0-+ #123456789.lz") + 2;
	char one[16] = "";

	if (!strncmp(spec, "%*pbl", 5)) {
		(void)va_arg(*ap, int);
		print_cpus(buf, size, va_arg(*ap, const struct cpumask *));
		return 5;
	}
	if (!strncmp(spec, "%ps", 3)) {
		snprintf(buf, size, "%s", kernel_symbol(va_arg(*ap, void *)));
		return 3;
	}
	memcpy(one, spec, len);
	switch (spec[len - 1]) {
	case '%':
		snprintf(buf, size, "%%");
		break;
	case 's':
		snprintf(buf, size, one, va_arg(*ap, const char *));
		break;
	case 'c':
	case 'd':
	case 'u':
	case 'x':
		if (spec[len - 2] == 'l' || spec[len - 2] == 'z')
			snprintf(buf, size, one, va_arg(*ap, unsigned long));
		else
			snprintf(buf, size, one, va_arg(*ap, unsigned int));
		break;
	default:
		fprintf(stderr, "# printf.c does not know %s\n", spec);
		abort();
	}
	return len;
}

int vscnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	size_t len = 0, n;
	char part[512];
	va_list ap;

	va_copy(ap, args);
	while (*fmt) {
		if (*fmt == '%') {
			fmt += print_spec(part, sizeof(part), fmt, &ap);
		} else {
			n = strcspn(fmt, "%");
			snprintf(part, sizeof(part), "%.*s", (int)n, fmt);
			fmt += n;
		}
		n = strlen(part);
		if (n > size - 1 - len)
			n = size - 1 - len;
		memcpy(buf + len, part, n);
		len += n;
	}
	buf[len] = '\0';
	va_end(ap);
	return len;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vscnprintf(buf, size, fmt, args);
	va_end(args);
	return len;
}

int printk(const char *fmt, ...)
{
	char text[LOG_LEN], *p = text, level = '4';
	va_list args;
	int len;

	va_start(args, fmt);
	len = vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (*p == '\001') {
		level = p[1];
		p += 2;
	}
	p[strcspn(p, "\n")] = '\0';
	machine_lock();
	if (nr_lines < LOG_LINES) {
		lines[nr_lines].level = level;
		strcpy(lines[nr_lines++].text, p);
	}
	machine_unlock();
	if (strstr(p, "other CPUs stopped"))
		place(PLACE_REPORT);
	else if (strstr(p, "booting the crash kernel") || strstr(p, "crash kernel not booted") ||
		 strstr(p, "no crash kernel is loaded"))
		place(PLACE_GATE);
	return len;
}

/* How many lines of the log hold @text? */
unsigned int log_count(const char *text)
{
	unsigned int i, n = 0;

	machine_lock();
	for (i = 0; i < nr_lines; i++)
		n += !!strstr(lines[i].text, text);
	machine_unlock();
	return n;
}

/* Which is the last line that holds @text? -1 for none. */
static int log_find(const char *text)
{
	int i;

	machine_lock();
	for (i = nr_lines - 1; i >= 0; i--)
		if (strstr(lines[i].text, text))
			break;
	machine_unlock();
	return i;
}

/* The last line that holds @text, or "". */
const char *log_line(const char *text)
{
	int i = log_find(text);

	return i < 0 ? "" : lines[i].text;
}

/* The level of that line. */
char log_level(const char *text)
{
	int i = log_find(text);

	return i < 0 ? '?' : lines[i].level;
}

void log_show(void)
{
	unsigned int i;

	for (i = 0; i < nr_lines; i++)
		fprintf(stderr, "#   <%c> %s\n", lines[i].level, lines[i].text);
}
