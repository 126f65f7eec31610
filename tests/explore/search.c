// SPDX-License-Identifier: GPL-2.0-only
/*
 * The search: from each state every move, depth first.
 *
 * A state that was seen before is not searched again: what can follow is the
 * same. How many executions lead on from it was counted then, so that the sum is
 * that of all interleavings, though each state is searched once. States are told
 * apart by 64 bits of hash.
 *
 * With a bound, a CPU that could go on is made to wait, or is interrupted, so
 * often at most. That finds what is wrong with the fewest surprises, which is
 * easiest to read. The machine's memory is a bound as well: a search that has seen
 * as many states as it may says that it is not finished.
 *
 * What was chosen is a string, in which each capital letter is a CPU:
 *
 *	A B C	it goes on		a b c	it takes an interrupt
 *	T U V	its time is up		x y z	it takes an NMI
 *	F G H	it faults
 *
 * A number before a letter says how often what is first in machine_moves() came
 * before that; behind the last letter that always comes.
 */
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "explore.h"

#define LONGEST		20000	/* accesses; an execution that has more goes on for ever */
#define HANG_S		5	/* of CPU time without one */
#define IN_PROGRESS	(-1.0)	/* for the executions from a state */
#define NEW		(-2.0)

static const char letters[MOVE_KINDS] = {
	[GO_ON] = 'A', [INTERRUPT] = 'a', [TAKE_NMI] = 'x', [TIME_IS_UP] = 'T', [FAULT] = 'F',
};

/* On the heap, since what the program has as static data goes back and forth. */
static struct search {
	const char *name;
	struct {
		struct move move;
		bool first;
	} path[LONGEST];
	unsigned int depth;
	u64 taken, hung_at;		/* moves */
	unsigned int bound, surprises;
	u64 max_states;
	struct found *found;
} *s;

bool explore_trace;

static void search_print_path(FILE *f)
{
	unsigned int i, firsts = 0;

	fprintf(f, "%s/", s->name);
	for (i = 0; i < s->depth; i++) {
		if (s->path[i].first) {
			firsts++;
			continue;
		}
		if (firsts)
			fprintf(f, "%u", firsts);
		fputc(letters[s->path[i].move.kind] + s->path[i].move.cpu, f);
		firsts = 0;
	}
	fputc('\n', f);
}

void explore_failed(const char *contract, const char *what, const char *file, int line)
{
	const char *base = strrchr(file, '/');

	printf("# %s does not hold, %s:%d: %s\n# replay: ", contract, base ? base + 1 : file, line,
	       what);
	search_print_path(stdout);
	if (explore_trace)
		log_show();
	fflush(NULL);
	_exit(1);
}

/* The kernel's part of the unit tests has checks of its own. */
void test_check(bool ok, const char *file, int line, const char *what)
{
	if (!ok)
		explore_failed("a check", what, file, line);
}

/* It has died, or does not come back from between two accesses. */
static void search_signal(int sig)
{
	if (sig == SIGVTALRM && s->hung_at != s->taken) {
		s->hung_at = s->taken;
		return;
	}
	explore_failed(sig == SIGVTALRM ? "K3" : "the program", strsignal(sig), __FILE__, __LINE__);
}

static void search_watch(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGVTALRM };
	struct itimerval every = { { HANG_S, 0 }, { HANG_S, 0 } };
	stack_t stack = { .ss_size = 65536 };
	unsigned int i;

	stack.ss_sp = malloc(stack.ss_size);
	sigaltstack(&stack, NULL);
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		struct sigaction action = { .sa_handler = search_signal, .sa_flags = SA_ONSTACK };

		sigaction(signals[i], &action, NULL);
	}
	setitimer(ITIMER_VIRTUAL, &every, NULL);
}

static double executions_from(const struct seen *seen)
{
	u64 bits = (u64)seen->executions << 32;
	double n;

	memcpy(&n, &bits, sizeof(n));
	return n;
}

static void set_executions(struct seen *seen, double n)
{
	u64 bits;

	memcpy(&bits, &n, sizeof(n));
	seen->executions = (bits + 0x80000000) >> 32;
}

/* How many surprises this move is: the CPU could go on, and it does something else. */
static unsigned int search_cost(const struct move *moves, unsigned int i, int last)
{
	return i && moves[0].kind == GO_ON && moves[0].cpu == last;
}

static void search_take(struct move move, bool first)
{
	if (s->depth == LONGEST)
		explore_failed("K3", "an execution goes on for ever", __FILE__, __LINE__);
	s->path[s->depth].move = move;
	s->path[s->depth++].first = first;
	s->taken++;
	machine_take(move);
	if (backend_check())
		machine_note();
}

/* Where the search keeps what it knows of this state. */
static struct seen *search_state(int last)
{
	u64 hash = machine_hash();
	struct seen *seen;

	if (s->bound != BOUND_NONE)
		hash = hash * 31 + (s->bound - s->surprises) * NR_CPUS + last;
	hash |= !hash;
	seen = state_slot(hash);
	if (!seen->hash) {
		seen->hash = hash;
		set_executions(seen, NEW);
		if (++s->found->states == s->max_states)
			s->found->unfinished = true;
	}
	return seen;
}

/* All executions from here on; returns how many. */
static double search_from(int last)
{
	unsigned int i, n, cost, depth, surprises = s->surprises;
	struct snapshot *snapshot = NULL;
	struct move moves[MOVES_MAX];
	double executions = 0;
	struct seen *seen;
	u64 hash;

	while ((n = machine_moves(moves)) == 1) {
		last = moves[0].cpu;
		search_take(moves[0], true);
	}
	seen = search_state(last);
	if (executions_from(seen) == IN_PROGRESS)
		explore_failed("K3", "CPUs go round in circles", __FILE__, __LINE__);
	if (executions_from(seen) != NEW)
		return executions_from(seen);
	if (!n) {
		s->found->ends++;
		if (s->found->longest < s->depth)
			s->found->longest = s->depth;
		backend_check_end();
		set_executions(seen, 1);
		return 1;
	}

	set_executions(seen, IN_PROGRESS);
	hash = seen->hash;
	snapshot = machine_save();
	depth = s->depth;
	for (i = 0; i < n && !s->found->unfinished; i++) {
		cost = search_cost(moves, i, last);
		if (s->bound != BOUND_NONE && surprises + cost > s->bound)
			continue;
		if (i)
			machine_load(snapshot);
		s->depth = depth;
		s->surprises = surprises + cost;
		search_take(moves[i], !i);
		executions += search_from(moves[i].cpu);
	}
	free(snapshot);
	s->depth = depth;
	s->surprises = surprises;
	set_executions(state_slot(hash), executions);
	return executions;
}

/* Before the scene is set, so that what this changes does not count as a move. */
void search_init(const char *name)
{
	s = calloc(1, sizeof(*s));
	if (!s)
		abort();
	s->name = name;
	states_init();
	search_watch();
}

/* With no more surprises than the bound, and no further once so many states were seen. */
void search(unsigned int bound, u64 max_states, struct found *found)
{
	s->bound = bound;
	s->max_states = max_states;
	s->found = found;
	*found = (struct found){};
	backend_check();
	found->executions = search_from(-1);
}

static void replay_trace(struct move move)
{
	static const char * const kinds[MOVE_KINDS] = {
		[GO_ON] = "goes on", [INTERRUPT] = "takes an interrupt", [TAKE_NMI] = "takes an NMI",
		[TIME_IS_UP] = "has waited long enough", [FAULT] = "faults",
	};
	char command[200], line[200] = "?", name[100] = "?";
	FILE *f;

	/* The function and line that the CPU was in; those of shim.h are inlined there. */
	snprintf(command, sizeof(command), "addr2line -e /proc/%d/exe -f -i -s %p", getpid(),
		 (void *)((char *)machine_pc(move.cpu) - 1));
	f = popen(command, "r");
	while (f && fgets(name, sizeof(name), f) && fgets(line, sizeof(line), f)) {
		name[strcspn(name, "\n")] = line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "shim.h", 6))
			break;
	}
	if (f)
		pclose(f);
	printf("# %4u  cpu %u %s in %s(), %s\n", s->depth, move.cpu, kinds[move.kind], name, line);
}

/* Take the moves that the string says, and then what comes first. */
void replay(const char *string)
{
	struct move moves[MOVES_MAX];
	unsigned long firsts;
	unsigned int i, n;
	char *end;

	for (;;) {
		firsts = strtoul(string, &end, 10);
		string = end;
		if (!*string)
			firsts = LONGEST;
		for (;;) {
			n = machine_moves(moves);
			if (!n || !firsts--)
				break;
			replay_trace(moves[0]);
			search_take(moves[0], true);
		}
		if (!*string)
			break;
		for (i = 0; i < n; i++)
			if (letters[moves[i].kind] + moves[i].cpu == *string)
				break;
		if (i == n) {
			printf("# after %u moves there is no '%c'\n", s->depth, *string);
			exit(2);
		}
		string++;
		replay_trace(moves[i]);
		search_take(moves[i], !i);
	}
	backend_check_end();
	log_show();
}
