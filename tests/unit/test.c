// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the test cases, each in a process of its own, so that the core's static
 * variables are fresh, with a time limit, first in order and then with seeds.
 *
 * A process that does not come back to the end of its test case fails, whatever
 * it died of. Environment:
 *
 *	SEEDS=n	schedules per test case beside the orderly one
 *	SEED=n	this one only, and show the log and the events; 0: in order
 *	VARIANT=n	with SEED: of this variant of the test case
 *	VARIANTS=n	in order only so many variants of each test case
 *	TEST=x	only test cases whose name holds x
 *	FIRST=1	end at the first failure
 *	SHARD=k/n	the k-th of n parts of the test cases, from 1
 */
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define TEST_LIMIT_S	20	/* of this host's time; a hang may also use none */
#define TEST_SPINS_S	120	/* where a CPU that waits for one that has no time uses its own */
#define TEST_HANGS_S	600
#define TEST_SEEDS	25

static unsigned int failures, checks;
static bool verbose;

/* A child ends without destructors, and so would its leak check. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/*
 * A race ends the run. The machine's signals come as they do, and change no errno. At
 * the end all CPUs are frozen: no second is waited for what they may still do.
 */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "halt_on_error=1:report_signal_unsafe=0:atexit_sleep_ms=0";
}

/* kernel_note() is what a check looks through, while CPUs run. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:kernel_note\n";
}

static bool test_fails(bool fails, const char *file, int line)
{
	machine_lock();
	checks++;
	if (fails) {
		failures++;
		fprintf(stderr, "# %s:%d: ", file, line);
	}
	machine_unlock();
	return fails;
}

void test_check(bool ok, const char *file, int line, const char *what)
{
	if (test_fails(!ok, file, line))
		fprintf(stderr, "not so: %s\n", what);
}

void test_check_int(s64 seen, s64 wanted, const char *file, int line, const char *what)
{
	if (test_fails(seen != wanted, file, line))
		fprintf(stderr, "%s is %lld, not %lld\n", what, (long long)seen,
			(long long)wanted);
}

void test_check_range(s64 seen, s64 lo, s64 hi, const char *file, int line, const char *what)
{
	if (test_fails(seen < lo || seen > hi, file, line))
		fprintf(stderr, "%s is %lld, not from %lld to %lld\n", what, (long long)seen,
			(long long)lo, (long long)hi);
}

/* In @wanted, '#' stands for any number. */
static bool test_match(const char *s, const char *wanted)
{
	for (; *wanted; wanted++) {
		if (*wanted != '#') {
			if (*s++ != *wanted)
				return false;
			continue;
		}
		if (!strspn(s, "0123456789"))
			return false;
		s += strspn(s, "0123456789");
	}
	return !*s;
}

void test_check_str(const char *seen, const char *wanted, const char *file, int line)
{
	if (test_fails(!test_match(seen, wanted), file, line))
		fprintf(stderr, "\"%s\", not \"%s\"\n", seen, wanted);
}

static void __noreturn test_child(const struct test *t, unsigned int seed, unsigned int variant,
				  int verdict)
{
	const struct itimerval limit = {
		.it_value.tv_sec = machine_keeps_time ? TEST_LIMIT_S : TEST_SPINS_S,
	};

	setitimer(ITIMER_PROF, &limit, NULL);
	alarm(TEST_HANGS_S);
	machine_seed = seed;
	t->run(variant);
	if (!checks)
		test_fails(true, t->name, 0);
	if (verbose || failures) {
		fprintf(stderr, "# the log and the events of this run:\n");
		log_show();
		events_show();
	}
	if (!failures && write(verdict, "P", 1) != 1)
		failures++;
	_exit(!!failures);
}

static bool test_once(const struct test *t, unsigned int seed, unsigned int variant)
{
	int status, verdict[2];
	char c = 0;
	pid_t pid;

	if (pipe(verdict))
		return false;
	fflush(NULL);
	pid = fork();
	if (!pid)
		test_child(t, seed, variant, verdict[1]);
	close(verdict[1]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status || read(verdict[0], &c, 1) != 1)
		c = 0;
	close(verdict[0]);
	if (c == 'P')
		return true;
	printf("# %s: SEED=%u VARIANT=%u fails", t->name, seed, variant);
	if (pid > 0 && WIFSIGNALED(status))
		printf(", killed by signal %d%s", WTERMSIG(status),
		       WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGPROF ?
		       " (time limit)" : "");
	printf("\n");
	return false;
}

static int env(const char *name, int otherwise)
{
	const char *value = getenv(name);

	return value && *value ? atoi(value) : otherwise;
}

/* In order all variants, with a seed one of them, and all in turn. */
static bool test_case(const struct test *t, int seed, unsigned int seeds)
{
	unsigned int i, n = t->variants ?: 1, in_order = env("VARIANTS", n);

	if (seed >= 0)
		return test_once(t, seed, env("VARIANT", 0));
	for (i = 0; i < n && i < in_order; i++)
		if (!test_once(t, machine_first_seed, i))
			return false;
	for (i = 1; i <= seeds; i++)
		if (!test_once(t, i, i % n))
			return false;
	return true;
}

int main(void)
{
	const struct test * const all[] = {
		ladder_tests, late_tests, clock_tests, dump_tests, owner_tests, nested_tests,
		kexec_tests, reboot_tests, hotplug_tests, rungs_tests, standby_tests, storm_tests,
	};
	const char *only = getenv("TEST");
	unsigned int i, n = 0, failed = 0, seen = 0, shard = 1, shards = 1;
	int seed = env("SEED", -1);
	const struct test *t;

	verbose = seed >= 0;
	if (getenv("SHARD") && (sscanf(getenv("SHARD"), "%u/%u", &shard, &shards) != 2 ||
				!shard || shard > shards)) {
		fprintf(stderr, "SHARD=%s: give K/N, from 1/N to N/N\n", getenv("SHARD"));
		return 2;
	}
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		for (t = all[i]; t->name; t++) {
			if (only && !strstr(t->name, only))
				continue;
			if (seen++ % shards != shard - 1)
				continue;
			n++;
			if (test_case(t, seed, env("SEEDS", TEST_SEEDS))) {
				printf("ok %u - %s\n", n, t->name);
				continue;
			}
			printf("not ok %u - %s\n", n, t->name);
			failed++;
			if (env("FIRST", 0))
				goto out;
		}
	}
out:
	printf("1..%u\n%u passed, %u failed\n", n, n - failed, failed);
	return failed || !seen;	/* a part may be empty */
}
