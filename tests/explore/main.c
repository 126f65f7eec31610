// SPDX-License-Identifier: GPL-2.0-only
/*
 * Searches the scenarios, each in a process of its own.
 *
 *	explore [-a] [-b BOUND] [-m MILLIONS] [-1] [NAME[-CPUS][/MOVES]...]
 *
 * With two CPUs the interleavings that have no more than BOUND_OF_2 surprises (see
 * search.c), with three no more than BOUND_OF_3.
 *
 * -a	all; where they are too many, with one surprise more, as often as they are not
 * -b	no more than so many surprises, with two and with three
 * -m	too many are those with more than so many millions of states, of 15 bytes each
 * -1	first with none, then with one ..., and end at the first failure
 *
 * A NAME with a slash is replayed, and each access is shown. SHARD=K/N in the environment
 * searches the K-th of N parts of the scenarios, from 1.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "explore.h"

#define BOUND_OF_2	2
#define BOUND_OF_3	0
#define BOUNDS		3	/* to try in turn, before the one that is asked for */
#define MILLIONS	25	/* of states, half a minute and 400 MB or so */

static unsigned int tests, failed;
static unsigned int shard = 1, shards = 1;
static bool deep, first, any;
static u64 max_states = MILLIONS * 1000000ull;
static double executions;

static void set_scene(const struct scenario *c, const char *name, unsigned int cpus)
{
	explore_machine_init(cpus, c->faults);
	search_init(name);
	shim_online.bits = (1ul << cpus) - 1;
	nr_dumpers = 2;
	c->set();
	kernel_boot();
}

/* Whether nothing was found; what was, the process has said itself. */
static bool explore(const struct scenario *c, const char *name, unsigned int cpus,
		    unsigned int bound, bool quiet, struct found *found)
{
	int status, report[2];
	pid_t pid;

	if (pipe(report))
		return false;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (quiet && !freopen("/dev/null", "w", stdout))
			_exit(2);
		set_scene(c, name, cpus);
		search(bound, max_states, found);
		fflush(NULL);
		_exit(write(report[1], found, sizeof(*found)) != sizeof(*found));
	}
	close(report[1]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status ||
	    read(report[0], found, sizeof(*found)) != sizeof(*found))
		pid = -1;
	close(report[0]);
	return pid > 0;
}

static void say_bound(unsigned int bound)
{
	if (bound == BOUND_NONE)
		printf("all, ");
	else
		printf("%u surprises, ", bound);
}

/*
 * All there is, or with a surprise more as long as that can be searched to its end. At
 * least with the bound. In found is what was, and in bound with how many.
 */
static bool explore_deeper(const struct scenario *c, const char *name, unsigned int cpus,
			   unsigned int *bound, struct found *found)
{
	struct found more = {};
	unsigned int b = BOUND_NONE;

	for (;;) {
		if (!explore(c, name, cpus, b, true, &more)) {
			*bound = b;
			return false;
		}
		if (!more.unfinished) {
			*bound = b;
			*found = more;
		}
		if (b == BOUND_NONE ? !more.unfinished : more.unfinished)
			return true;
		b = b == BOUND_NONE ? *bound : b + 1;
	}
}

static bool test_scenario(const struct scenario *c, const char *name, unsigned int cpus,
			  unsigned int bound)
{
	struct found found = { .unfinished = true };
	unsigned int b;

	tests++;
	if (deep ? explore_deeper(c, name, cpus, &bound, &found) :
		   explore(c, name, cpus, bound, true, &found)) {
		executions += found.executions;
		printf("%s %u - %s # ", found.unfinished ? "not ok" : "ok", tests, name);
		say_bound(bound);
		if (found.unfinished)
			printf("more than %llu states: give it more with -m\n",
			       (unsigned long long)max_states);
		else
			printf("%.6g executions, %llu states, %llu ends, %u moves\n",
			       found.executions, (unsigned long long)found.states,
			       (unsigned long long)found.ends, found.longest);
		failed += found.unfinished;
		return !found.unfinished;
	}
	/* Once more, to say what, with as few surprises as it takes. */
	for (b = 0; b < BOUNDS && b < bound; b++)
		if (!explore(c, name, cpus, b, false, &found))
			break;
	if (b == BOUNDS || b == bound)
		explore(c, name, cpus, bound, false, &found);
	printf("not ok %u - %s\n", tests, name);
	failed++;
	return false;
}

/* NAME, NAME-CPUS, and what is behind a slash. */
static bool is_asked_for(const char *asked, const struct scenario *c, const char *name)
{
	size_t len = strcspn(asked, "/");

	return (len == strlen(name) && !strncmp(asked, name, len)) ||
	       (len == strlen(c->name) && !strncmp(asked, c->name, len));
}

static unsigned int bound_for(const struct scenario *c, unsigned int cpus, unsigned int bound)
{
	unsigned int most = cpus == 2 ? BOUND_OF_2 : BOUND_OF_3;

	most -= c->dear < most ? c->dear : most;
	/* In turn: what nobody has asked for is not searched for a broken core either. */
	if (first)
		return bound < most ? bound : most;
	return bound == BOUND_NONE ? most : bound;
}

static bool for_each(int nr_asked, char **asked, unsigned int bound)
{
	const struct scenario *c;
	char name[64], *moves;
	unsigned int cpus, i, seen = 0;

	for (cpus = 2; cpus <= NR_CPUS; cpus++) {
		for (c = scenarios; c->name; c++) {
			snprintf(name, sizeof(name), "%s-%u", c->name, cpus);
			for (i = 0; i < nr_asked; i++)
				if (is_asked_for(asked[i], c, name))
					break;
			if (nr_asked && i == nr_asked)
				continue;
			any = true;
			if (seen++ % shards != shard - 1)
				continue;
			moves = nr_asked ? strchr(asked[i], '/') : NULL;
			if (moves) {
				tests++;
				explore_trace = true;
				set_scene(c, name, cpus);
				replay(moves + 1);
				return true;
			}
			if (!test_scenario(c, name, cpus, bound_for(c, cpus, bound)) && first)
				return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned int bound = BOUND_NONE, b;
	int option;

	while ((option = getopt(argc, argv, "ab:m:1")) != -1) {
		switch (option) {
		case 'a':
			deep = true;
			break;
		case 'b':
			bound = atoi(optarg);
			break;
		case 'm':
			max_states = strtoull(optarg, NULL, 10) * 1000000;
			if (max_states)
				break;
			fprintf(stderr, "-m %s: give it millions of states, 1 at least\n", optarg);
			return 2;
		case '1':
			first = true;
			max_states = ~0ull;	/* a limit is nothing that was found */
			break;
		default:
			return 2;
		}
	}
	if (getenv("SHARD") && (sscanf(getenv("SHARD"), "%u/%u", &shard, &shards) != 2 ||
				!shard || shard > shards)) {
		fprintf(stderr, "SHARD=%s: give K/N, from 1/N to N/N\n", getenv("SHARD"));
		return 2;
	}
	argc -= optind;
	argv += optind;
	for (b = 0; first && b < BOUNDS; b++)
		if (!for_each(argc, argv, b))
			goto out;
	for_each(argc, argv, bound);
out:
	printf("1..%u\n%u passed, %u failed, %.6g executions\n", tests, tests - failed, failed,
	       executions);
	return failed || !any;	/* a part may be empty */
}
