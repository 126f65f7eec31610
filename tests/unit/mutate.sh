#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Are the unit tests worth something? Each line of the table below breaks the
# core in one way, by sed on a copy of one file, and the tests must find it out:
# in order, or with seeds. A line that changes nothing is an error, and so are a
# name without a line and a core that fails the tests unbroken.
#
#	mutate.sh BUILD-DIR [NAME...]
#
# SHARD=K/N does the K-th of N parts, from 1. CORE, API, SAN and SEEDS as for the
# Makefile. A file is one of the core; a header, the core's own or the API, with its
# ending. With TESTS=../explore the explorer has to find it out: what
# ../explore/mutants names or adds, with the scenario that is tried first.
# With PROVEN=1 the core has just passed unbroken.

set -u
cd "$(dirname "$0")" || exit 2
O=$(realpath -m "${1:-build}")/mutant
[ $# -gt 0 ] && shift
only=" $* "
core=$(realpath "${CORE:-../../kernel}")
api=$(realpath "${API:-../../include}")
seeds=${SEEDS:-25}
tests=${TESTS:-.}
shard=${SHARD:-1/1}
unset SHARD	# that of the unit tests is another
export SAN="${SAN-}"

# name|the test that has found it out, and is tried first|file|sed expression, which may hold bars
mutants()
{
	cat <<-'END'
	acknowledges_before_it_captures|healthy_stop_is_one_line|crash_stop_cpu|s/^\t\tme->how = how;/&\n\t\tatomic_set(\&me->state, CRASH_CPU_STOPPED);/
	acknowledges_before_it_quiesces|healthy_stop_is_one_line|crash_stop_cpu|s/CRASH_CPU_QUIESCING/CRASH_CPU_STOPPED/
	releases_at_once|parked_cpus_are_released|crash_stop_cpu|s/ && atomic_read_acquire(&crash_released)//
	releases_twice|parked_cpus_are_released|crash_stop_cpu|s/released = true/released = false/
	never_releases|parked_cpus_are_released|crash_stop_dump|s/^\tcrash_stop_release();//
	forgets_to_quiesce|healthy_stop_is_one_line|crash_stop_cpu|s/if (backend->quiesce)/if (0)/
	quiesces_again_after_a_fault|healthy_stop_is_one_line|crash_stop_cpu|s/CRASH_CPU_QUIESCING/CRASH_CPU_CAPTURING/
	forgets_to_capture|healthy_stop_is_one_line|crash_stop_cpu|s/^\t\tcrash_stop_capture(regs);//
	captures_for_ever|capture_that_faults|crash_stop_cpu|s/CRASH_CPU_RECAPTURING);/CRASH_CPU_CAPTURING);/
	stops_the_owner|reboot_signals_are_pending_on_the_owner|crash_stop_cpu|s/!panic_mutex_is_mine()/true/
	stops_without_a_stop|signal_without_a_stop|crash_stop_cpu|s/stopper != PANIC_CPU_INVALID/true/
	stops_on_top_of_a_capture|signal_twice|crash_stop_cpu|s/ || atomic_read(&me->state) != CRASH_CPU_RUNNING//
	late_cpu_runs_on|late_cpu_is_captured_and_parked|crash_stop_cpu|s/if (!crash_stop_wanted() ||/if (crash_stop_result() ||/
	gentle_signal_kills_in_kmsg_dump|cpu_inside_kmsg_dump_gets_patience|crash_stop_cpu|s/if (atomic_read(&me->dumping)/if (0/
	hard_signal_spares_kmsg_dump|cpu_inside_kmsg_dump_for_too_long|crash_stop_cpu|s/ && !arch_crash_stop_backend.*reaches_masked/ \&\& rung >= 0/
	loser_forgets_its_registers|loser_in_nmi_context|crash_stop_cpu|s/crash_stop_here(regs, CRASH_BY_ITSELF)/crash_stop_here(NULL, CRASH_BY_ITSELF)/
	loser_counts_for_a_rung|loser_on_top_of_its_capture|crash_stop_cpu|s/crash_stop_here(regs, CRASH_BY_ITSELF)/crash_stop_here(regs, 0)/
	online_cpu_runs_on|cpu_that_comes_online_parks|crash_stop_cpu|/^void crash_stop_cpu_online/,$s/if (crash_stop_wanted())/if (0)/
	poll_does_not_park|cpu_inside_kmsg_dump_gets_patience|crash_stop_cpu|s/if (panic_mutex_is_lost() || crash_stop_wanted())/if (0)/
	no_placeholder|wedged_cpu_is_named_and_has_a_placeholder|crash_stop_report|s/crash_stop_placeholder(cpu);/;/
	placeholder_only_for_the_running|remote_stop_leaves_a_placeholder|crash_stop_report|s/^\t\tfor_each_cpu(cpu, &l->seen)$/\t\tfor_each_cpu(cpu, \&l->left)/
	placeholder_by_a_reboot|panic_behind_the_ladder_of_a_reboot|crash_stop_report|s/if (why == CRASH_STOP_PANIC && /if (/
	budget_not_restarted|only_usable_rung_has_100_ms|crash_stop|s/crash_collect(l, rung) || patient ?/(crash_collect(l, rung), patient) ?/
	rung_without_an_end|no_rung_takes_more_than_1_s|crash_stop|s/ && rung_ns < max_ns)/)/
	no_patience_for_kmsg_dump|cpu_inside_kmsg_dump_gets_patience|crash_stop|s/next && next->reaches_masked &&/0 \&\&/
	patience_for_ever|cpu_inside_kmsg_dump_for_too_long|crash_stop|s/ && rung_ns < max_ns)/ \&\& (rung_ns < max_ns || crash_left_dumping(l)))/
	targets_not_read_anew|cpu_that_comes_online_wedged_is_signalled|crash_stop|s/^\t\tcrash_targets(l);/\t\tif (rung == l->first)\n\t\t\tcrash_targets(l);/
	targets_not_read_at_the_end|no_usable_rung|crash_stop|s/^\tcrash_targets(l);//
	nobody_is_collected_before_a_rung|cpu_that_would_begin_a_dump_parks|crash_stop|s/^\t\tcrash_collect(l, rung);//
	offline_cpu_is_waited_for|cpu_that_goes_offline_is_not_waited_for|crash_stop|s/} else if (!cpu_online(cpu) \&\& .*/} else if (0) {/
	offline_cpu_is_counted|cpu_that_goes_offline_is_not_waited_for|crash_stop|s/cpumask_clear_cpu(cpu, &l->seen);/;/
	remote_stop_ignored|remote_stop_counts|crash_stop|s/rung && rung->stopped &&/0 \&\&/
	reboot_not_inherited|panic_after_a_reboot|crash_stop|s/why == CRASH_STOP_PANIC \&\& !l->next_rung/0/
	inherits_itself|panic_during_a_reboot|crash_stop|s/cpumask_of(this_cpu)/\&(struct cpumask){}/
	reboot_goes_on_in_a_panic|panic_during_a_reboot|crash_stop|/^\t\tif (panic_mutex_is_lost())/,+1d
	held_up_reboot_speaks_for_the_panic|reboot_that_comes_back_behind_the_panic|crash_stop|/^\tcrash_climb(l, why);/,/crash_stop_sum_up/s/if (panic_mutex_is_lost())/if (0)/
	second_reboot_goes_on|two_reboots_at_once|crash_stop|s/&& old != this_cpu)/\&\& old == this_cpu)/
	second_reboot_gets_the_result|reboot_on_a_cpu_that_a_reboot_left|crash_stop|s/if (why == CRASH_STOP_REBOOT &&$/if (why == CRASH_STOP_REBOOT \&\& !l->done \&\&/
	reboot_is_not_claimed_atomically|two_reboots_at_once|crash_stop|s/!atomic_try_cmpxchg(&crash_stopper, &old, this_cpu) &&/(old = atomic_read(\&crash_stopper), atomic_set(\&crash_stopper, this_cpu), old != PANIC_CPU_INVALID) \&\&/
	ladder_climbed_again|healthy_stop_is_one_line|crash_stop|s/if (READ_ONCE(l->done))/if (0)/
	reboot_not_patient|reboot_is_patient|crash_stop|s/why == CRASH_STOP_REBOOT && (first || !next)/0/
	grace_ms_ignored|no_rung_takes_more_than_1_s|crash_stop|s/first ? READ_ONCE(grace_ms) :/first ? CRASH_GRACE_MS :/
	grace_ms_for_each_rung|grace_ms_is_the_first_budget|crash_stop|s/first ? READ_ONCE(grace_ms) : CRASH_GRACE_MS/READ_ONCE(grace_ms)/
	unusable_rung_raised|unusable_rung_is_skipped|crash_stop|s/crash_rung_usable(&backend->rungs\[i\])/1/
	unusable_rung_said_usable|what_is_not_usable_is_named|crash_stop_internal.h|s/usable = crash_rung_usable(rung)/usable = true/
	usable_asked_with_interrupts_on|all_rungs_are_usable|crash_stop_internal.h|s/local_irq_save(flags);/flags = 0;/
	rung_that_reaches_masked_counts_unusable|masked_cpus_that_nothing_reaches|crash_stop_rungs|s/usable && rung->reaches_masked/rung->reaches_masked/
	faulty_raise_not_waited_for|last_raise_that_faults_behind_its_signals|crash_stop|s/^\tif (l->next_rung)$/\tif (0)/
	interrupts_stay_off|reboot_stops_the_others|crash_stop|s/local_irq_restore(flags);//
	stopper_not_set|healthy_stop_is_one_line|crash_stop|s/^\t\tatomic_set(&crash_stopper, raw_smp_processor_id());/\t\t;/
	still_clock_never_ends|clock_that_stands_still|crash_clock|s/ns = CRASH_POLL_US \* NSEC_PER_USEC;/ns = 0;/
	slow_clock_never_ends|clock_that_creeps|crash_clock|s/ns = max_t(s64, ns, CRASH_POLL_MIN_NS);//
	long_delay_counts_more|watch_whose_delay_is_short|crash_clock|s/max_t(s64, ns, CRASH_POLL_MIN_NS)/max_t(s64, ns, gap_ms * CRASH_POLL_MIN_NS)/
	jump_of_the_clock_counts|clock_that_jumps|crash_clock|s/gap_ms \* NSEC_PER_MSEC/INT64_MAX/
	gap_in_the_watch_is_cut|watch_that_has_gaps|crash_clock|s/gap_ms \* NSEC_PER_MSEC/NSEC_PER_MSEC/
	ticks_count_twice|clock_that_ticks|crash_clock|s/clock->still_ns += ns;//
	step_stored_after_entry|healthy_stop_is_one_line|crash_step|s/{ step, part, what,$/{ crash_now()->step, part, what,/
	part_not_advanced|nested_panic_in_every_step|crash_step|s/crash_part_begins(now->step, cursor, what);/crash_part_begins(now->step, now->part, what);/
	part_kept_for_the_next_walk|late_cpu_is_captured_and_parked|crash_step|s/crash_part_begins(step, 0, NULL);/crash_part_begins(step, crash_now()->part, NULL);/
	cursor_not_reset|nested_panic_in_every_step|crash_step|s/^\tthis_cpu_ptr(&crash_pass)->cursor = 0;//
	stop_is_no_walk|nested_panic_in_every_step|crash_step|s/BIT(CRASH_STOP) | //
	nested_without_an_end|too_many_nested_panics_boot_the_crash_kernel|crash_step|s/if (crash_nested > CRASH_NESTED_MAX)/if (0)/
	bail_out_forgets_the_crash_kernel|too_many_nested_panics_boot_the_crash_kernel|crash_step|s/if (beyond == 1 &&/if (0 \&\&/
	bail_out_runs_dumpers|too_many_nested_panics_boot_the_crash_kernel|crash_step|s/crash_part_begins(CRASH_DUMP, UINT_MAX, now->what);/crash_part_begins(CRASH_DUMP, 0, now->what);/
	oops_runs_dumpers_on_the_owner|dumps_on_the_owner_run_no_dumper|crash_notify|s/reason != KMSG_DUMP_PANIC ||//
	dump_outside_its_step|dumps_on_the_owner_run_no_dumper|crash_step|s/if (crash_now()->step != step)/if (0)/
	leaves_kmsg_dump_and_runs_on|cpu_inside_kmsg_dump_gets_patience|crash_notify|/^void crash_dump_end/,$s/crash_stop_poll(NULL);/;/
	looks_before_it_has_left_kmsg_dump|dump_inside_a_dump|crash_notify|s/^\tif (atomic_dec_and_test(&per_cpu(crash_stop_cpu, cpu).dumping))/\tcrash_stop_poll(NULL);\n\tif (atomic_dec_and_test(\&per_cpu(crash_stop_cpu, cpu).dumping) \&\& cpu < 0)/
	takes_a_lock_after_the_stop|cpu_that_would_begin_a_dump_parks|crash_notify|/^int crash_dump_begin/,/^}/s/crash_stop_poll(NULL);//
	last_notifiers_come_early|nested_panic_in_every_step|crash_notify|s/last == (nb->priority == INT_MIN)/true/
	consoles_forgotten_before_the_crash_kernel|nested_panic_in_every_step|crash_stop_dump|s/crash_show(CRASH_KEXEC);//
	consoles_on_the_shortest_way|too_many_nested_panics_boot_the_crash_kernel|crash_step|s/if (READ_ONCE(crash_nested) <= CRASH_NESTED_MAX)/if (1)/
	shortest_way_forgets_the_crash_kernel|one_fault_too_many_before_the_crash_kernel|crash_step|s/^\tpass->cursor = max.*/\t(void)pass;/
	fault_before_the_crash_kernel_is_the_last|one_fault_too_many_before_the_crash_kernel|crash_step|s/now->step <= CRASH_KEXEC/now->step < CRASH_KEXEC/
	crash_kernel_begun_twice_on_the_shortest_way|one_fault_too_many_in_the_crash_kernel|crash_step|s/now->what != (void \*)crash_stop_before_crash_kernel)/1)/
	crash_kernel_walked_anew|one_fault_too_many_before_the_crash_kernel|crash_step|s/if (now->step < CRASH_KEXEC)/if (1)/
	nested_message_names_the_way_out|lock_of_a_stopped_cpu_is_not_waited_for|crash_step|s/\\n", name/\\n", crash_step_names[crash_now()->step]/
	nested_message_has_no_time|part_that_is_late_costs_itself|crash_step|s/^\tcrash_part_begins(at.step, at.part, at.what);//
	part_has_the_time_of_the_last|part_behind_one_that_was_late|crash_step|/^bool crash_substep/,/^}/s/crash_part_begins(.*/*crash_stage_of(atomic_read(\&crash_turn)) = (struct crash_stage){ now->step, cursor, what };/
	step_has_the_time_of_the_last|part_behind_one_that_was_late|crash_step|/^bool crash_step(/,/^}/s/crash_part_begins(.*/*crash_stage_of(atomic_read(\&crash_turn)) = (struct crash_stage){ step, 0, NULL };/
	step_keeps_the_name_of_the_last_part|nested_panic_in_every_step|crash_step|s/crash_part_begins(step, 0, NULL);/crash_part_begins(step, 0, crash_now()->what);/
	part_is_never_late|part_that_waits|crash_step|s/return clock->ns >.*/return false;/
	part_is_late_for_everybody|part_that_waits|crash_step|/^bool crash_part_late/,/^}/s/if (!panic_mutex_is_mine())/if (0)/
	part_waits_for_a_still_clock|part_that_waits|crash_step|s/^\tcrash_clock_poll(clock);/\tclock->ns = sched_clock() - clock->last_ns;/
	console_walk_is_a_step|nested_panic_in_every_step|crash_step|s/BIT(CRASH_SHOW) | //
	rest_of_consoles_is_a_step|console_that_faults_the_second_time|crash_step|s/BIT(CRASH_SHOW_REST) | //
	crash_kernel_is_a_step|nested_panic_in_every_step|crash_step|s/BIT(CRASH_KEXEC) | //
	last_notifiers_are_a_step|nested_panic_in_every_step|crash_step|s/ | BIT(CRASH_NOTIFY_LAST)//
	last_notifiers_never_come|nested_panic_in_every_step|crash_notify|s/step == CRASH_NOTIFY_LAST, msg/false, msg/
	lock_waited_for_until_the_ladder_ends|lock_of_a_stopped_cpu_is_not_waited_for|crash_stop.h|/^static inline bool crash_alone/,/^}/s/crash_stop_begun()/crash_stop_result()/
	lock_stuck_for_everybody|lock_of_a_stopped_cpu_is_not_waited_for|crash_stop.h|/^static inline bool crash_alone/,/^}/s/panic_mutex_is_mine() && //
	lock_stuck_before_the_stop|lock_of_a_stopped_cpu_is_not_waited_for|crash_stop.h|/^static inline bool crash_alone/,/^}/s/ && crash_stop_begun()//
	released_again_after_a_fault|release_that_faults|crash_stop_cpu|s/bool \*released = .*/bool first = false, *released = \&first;/
	refusal_repeated|nested_panic_in_every_step|crash_stop_dump|s/say = crash_substep(crash_stop_may_kexec)/say = true/
	vmcoreinfo_begun_twice|nested_panic_in_every_step|crash_stop_dump|s/if (crash_substep(crash_save_vmcoreinfo))/if (1)/
	vmcoreinfo_forgotten|nested_panic_in_every_step|crash_stop_dump|s/^\t\tcrash_save_vmcoreinfo();/\t\t;/
	crash_kernel_begun_twice|nested_panic_in_every_step|crash_stop_dump|s/return crash_substep(crash_stop_before_crash_kernel)/return true/
	firmware_dump_begun_twice|firmware_dump_that_comes_back|crash_stop_dump|s/ && crash_substep(backend->firmware_dump)//
	image_never_verified|image_that_fails_its_check|crash_stop_dump|s/backend->verifies_image/0/
	image_always_verified|kexec_gate|crash_stop_dump|s/backend->verifies_image/1/
	kept_lock_forgotten|fault_with_the_kexec_lock_held|crash_stop_dump|s/WRITE_ONCE(kept, locked);//
	sys_info_with_an_image|nested_panic_in_every_step|crash_notify|s/!post_notifiers && crash_stop_have_image()/0/
	claim_is_taken_away|loser_on_top_of_its_capture|panic_mutex|s/if (atomic_try_cmpxchg(&panic_cpu, &old, this_cpu))/old = atomic_xchg(\&panic_cpu, this_cpu);\n\tif (old == PANIC_CPU_INVALID)/
	loser_forgets_its_message|loser_on_top_of_its_capture|panic_mutex|/^void __noreturn panic_mutex_park(/,/^}/s/panic_mutex_keep(fmt, args);//
	nmi_claim_looks_nested|panic_inside_an_oops_dump|panic_mutex|s/if (entered)/if (1)/
	nested_entry_unnoticed|part_that_is_late_costs_itself|panic_mutex|s/entered = true;//
	await_saves_nothing|redirected_panic_is_not_claimed|panic_mutex|s/^\tcrash_stop_capture(regs);//
	await_for_ever|redirected_panic_is_not_claimed|panic_mutex|s/while (clock.ns <.*/while (1) {/
	await_ignores_the_claim|redirected_panic_is_claimed|panic_mutex|/^void panic_mutex_await/,/^}/s/if (panic_mutex_is_lost())/if (0)/
	crash_kexec_claims_without_an_image|crash_kexec_without_an_image_returns|crash_stop_dump|s/crash_stop_have_image() && !panic_mutex_is_mine()/!panic_mutex_is_mine()/
	crash_kexec_nests_on_the_owner|crash_kexec_on_the_owner_returns|crash_stop_dump|s/crash_stop_have_image() && !panic_mutex_is_mine()/crash_stop_have_image()/
	crash_kexec_forgets_its_registers|crash_kexec_with_an_image_is_a_panic|crash_stop_dump|s/crash_regs = regs;//
	held_lock_costs_the_dump|kexec_gate|crash_stop_dump|s/!locked && !crash_standby_all_came()/!locked/
	lost_owner_costs_the_dump|old_owner_is_unreachable|crash_stop_dump|s/crash_standby_all_came()/crash_stop_complete()/
	held_lock_ignored|refusal_that_faults|crash_stop_dump|s/!locked && !crash_standby_all_came()/0/
	placeholder_stays|late_cpu_is_captured_and_parked|crash_stop_dump|s/CRASH_NOTE_REGS)$/CRASH_NOTE_REGS || atomic_read(\&p->note) == CRASH_NOTE_PLACEHOLDER)/
	placeholder_not_waited_for|late_cpu_comes_while_its_placeholder_is_written|crash_stop_dump|s/while (old == CRASH_NOTE_PLACING/while (0/
	placeholder_over_registers|healthy_stop_is_one_line|crash_stop_dump|s/!atomic_try_cmpxchg(&p->note, &old,/!atomic_xchg(\&p->note,/
	placeholder_has_a_pid|wedged_cpu_is_named_and_has_a_placeholder|crash_stop_dump|s/CRASH_PLACEHOLDER_PID;/0;/
	vmcoreinfo_line_too_long|vmcoreinfo_lines_fit|crash_stop_dump|s/NUMBER(crash_stop_us)=%u/NUMBER(crash_stop_us)=%080u/
	line_forgets_by_itself|loser_on_top_of_its_capture|crash_stop_report|/"by itself"/d
	line_forgets_who|wedged_cpu_is_named_and_has_a_placeholder|crash_stop_report|s/"; not stopped: "/""/
	mask_loses_running_cpus|online_mask_is_kept_until_then|crash_stop_report|s/ && crash_stop_cpu_stopped(cpu))$/)/
	mask_keeps_stopped_cpus|online_mask_is_kept_until_then|crash_stop_report|s/set_cpu_online(cpu, false)//
	backtrace_asks_the_stopped|backtraces_leave_out_who_has_stopped|crash_stop_report|s/if (crash_stop_begun() ||/if (/
	backtrace_asks_losers|backtraces_leave_out_who_has_stopped|crash_stop_report|s/ || crash_stop_cpu_stopped(cpu))/)/
	dumper_of_a_lost_owner_runs|unreachable_owner_comes_back|crash_notify|/^bool crash_dump_part/,/^}/s/crash_stop_poll(NULL);/;/
	old_owner_is_waited_for_in_kmsg_dump|hang_in_every_step|crash_stop|/^bool crash_stop_succeed/,/^}/s/^\tatomic_set(&per_cpu.*//
	old_owner_is_not_counted|owner_that_is_not_online_hangs|crash_stop|s/^\tcpumask_set_cpu(old_cpu, &l->seen);//
	late_owner_is_left|late_cpu_takes_over|crash_stop|s/^\t\tcpumask_and(&l->left, &l->left, &l->seen);//
	new_owner_is_counted|hang_in_every_step|crash_stop|s/cpumask_andnot(&l->seen, &l->last->seen, .*/cpumask_copy(\&l->seen, \&l->last->seen);/
	unreachable_owner_counts_as_stopped|old_owner_is_unreachable|crash_stop|s/^\tcpumask_set_cpu(old_cpu, &l->left);//
	everybody_is_stopped_again|unreachable_cpu_is_left_alone|crash_stop|s/^\t\tcpumask_andnot(&l->seen, &l->last->seen, .*//
	passes_share_a_cursor|owner_that_is_held_up_at_its_own|crash_step|s/this_cpu_ptr(&crash_pass)/(this_cpu_ptr(\&crash_pass), \&crash_pass[0])/
	old_owner_goes_on|owner_that_is_held_up|crash_step|/^static int crash_my_turn/,/^}/s/crash_stop_self(NULL);/;/
	old_owner_wins_its_next_stage|owner_that_is_held_up|crash_step|s/} while (!atomic_try_cmpxchg(&crash_turn, &old, new));/} while (0);\n\tatomic_set(\&crash_turn, new);/
	extension_is_no_move|stage_that_is_extended|crash_step|/^void crash_step_extend/,/^}/s/if (panic_mutex_is_mine())/if (0)/
	takeover_without_a_claim|hang_in_every_step|crash_standby|/^\t\t\*stands_by = true;/{n;s/.*/\t\tatomic_set(\&crash_turn, mine);/}
	takeover_without_its_stage|hang_in_every_step|crash_standby|s,^\t\*crash_stage_of(mine) = .*,,
	takeover_keeps_the_owner|hang_in_every_step|crash_standby|/^static bool crash_inherit/,/^}/s/} while (.*/} while (0);/
	takes_back_what_its_heir_has_not_yet|heir_of_an_owner_that_moves_again|crash_standby|s/ \&\& panic_mutex_is_lost())$/)/
	owner_that_looks_still|heir_that_is_held_up|crash_standby|s/^\tatomic_set(&me->state, CRASH_CPU_TAKING_OVER);//
	result_of_who_was_held_up|heir_of_an_owner_that_moves_again|crash_stop_report|s/if (old > mine)/if (0)/
	heir_raises_too_late|heir_of_an_owner_that_moves_again|crash_stop|/^static void crash_climb/,/^}/s/if (panic_mutex_is_lost())/if (0)/
	old_owner_waits_to_be_told|heir_of_an_owner_that_moves_again|crash_stop_internal.h|s/return mine->slots.*/return atomic_read(\&per_cpu(crash_stop_cpu, raw_smp_processor_id()).dumping) < 0;/
	heir_forgets_who_was_left|unreachable_cpu_is_left_alone|crash_stop|s/^\t\tcpumask_or(&l->left, &l->left, &l->last->left);//
	loser_of_the_turn_never_stands_still|heir_that_is_held_up|crash_standby|/^lost:/,/^}/s/^\tatomic_set_release.*//
	heir_does_not_look_back|heir_that_is_held_up|crash_standby|/^static bool crash_inherit/,/^}/s/if (crash_turn_cpu(.*/if (0)/
	takeover_stays_stopped|new_owner_hangs|crash_standby|s/^\tatomic_set(&me->state, CRASH_CPU_RUNNING);//
	takeover_looks_nested|hang_in_every_step|crash_standby|s/^\tcrash_taken_over = true;//
	takeover_hides_the_next_fault|fault_after_a_takeover|crash_step|s/^\t\tcrash_taken_over = false;.*/\t\t;/
	half_a_placeholder_left|owner_hangs_in_a_placeholder|crash_stop_dump|s/READ_ONCE(per_cpu(crash_placer, cpu)) != me/0/
	placeholder_begun_again|owner_faults_in_a_placeholder|crash_stop_dump|s/READ_ONCE(per_cpu(crash_placer, cpu)) != me/1/
	old_registers_of_the_new_owner|new_owner_hangs|crash_standby|s/^\tatomic_set(&me->note, CRASH_NOTE_NONE);//
	old_note_of_a_new_owner_that_hangs|new_owner_is_unreachable|crash_standby|s/CRASH_NOTE_NONE/CRASH_NOTE_PLACEHOLDER/
	report_on_the_time_of_the_hang|report_that_takes_long|crash_standby|s/if (at->reports)/if (0)/
	grace_for_the_old_owner|grace_is_not_for_an_owner_that_hangs|crash_stop|s/ \&\& l == \&crash_ladders\[why\];/;/
	old_owner_moves_on|old_owner_that_moves_again|crash_step|s/} else if (crash_had_the_crash()) {/} else if (0) {/
	stop_of_a_reboot_is_watched|stop_behind_that_of_a_reboot|crash_stop_report|s/> CRASH_STOP_PANIC;/!= 0;/
	old_owner_that_is_not_online_is_left|owner_that_is_not_online_hangs|crash_stop|s/ \&\& !cpumask_test_cpu(cpu, \&crash_old_owners)//
	registers_of_the_hung_cpu_are_not_shown|hang_in_every_step|crash_standby|s/^\t\tshow_regs(regs);/\t\t;/
	registers_are_not_asked_for|old_owner_is_asked_for_its_registers|crash_standby|s/ \&\& backend->registers)/ \&\& 0)/
	hang_without_an_end|hang_in_every_step|crash_standby|s/^\t\t\tcrash_take_over(turn, &at, ms);/\t\t\t;/
	deadline_of_nothing|unreachable_cpu_is_left_alone|crash_standby|s/if (ms && clock.ns/if (clock.ns/
	deadline_not_begun_anew|hang_in_every_step|crash_standby|s/if (!ms || turn != seen)/if (!ms)/
	stop_counts_for_what_follows|hang_right_behind_the_stop|crash_standby|s/if (!ms || turn != seen)/if (turn != seen)/
	end_of_the_stop_is_not_watched|hang_right_behind_the_stop|crash_standby|s/ \&\& !crash_stop_ended())/)/
	watch_for_ever|no_hang|crash_standby|s/if (crash_standby_over(&at))/if (0)/
	way_into_the_crash_kernel_is_watched|end_is_not_watched|crash_standby|s/^\t       (at->step == CRASH_KEXEC && at->what == (void \*)crash_stop_before_crash_kernel);/\t       0;/
	nmi_ends_the_watch|nmi_on_top_of_the_watch|crash_stop_cpu|s/^\tcrash_standby_watch();/\tif (old < CRASH_CPU_STOPPED)\n\t\tcrash_standby_watch();/
	parked_cpu_stands_by|nmi_on_top_of_the_watch|crash_stop_cpu|s/old < CRASH_CPU_STOPPED && //
	owner_stands_by_again|new_owner_hangs|crash_standby|s/^\t\*stands_by = false;//
	one_standby|hang_in_every_step|crash_standby|s/if (old == CRASH_STANDBYS)/if (old == CRASH_STANDBYS - 1)/
	three_standbys|new_owner_hangs|crash_standby|s/if (old == CRASH_STANDBYS)/if (old == CRASH_STANDBYS + 1)/
	takeover_stays_offline|new_owner_hangs_in_a_notifier|crash_standby|s/^\tset_cpu_online(this_cpu, true);//
	standby_that_the_backend_refuses|nobody_can_stand_by|crash_standby|s/^\t    !backend->can_stand_by(how))/\t    0)/
	short_deadline_counts|short_deadline|crash_standby|s/max_t(unsigned int, ms, CRASH_DEADLINE_MIN_MS)/ms/
	firmware_dump_is_watched|firmware_dump_is_not_watched|crash_standby|s/^\t    (firmware && at->what == firmware))/\t    0)/
	no_standby_is_not_said|nobody_can_stand_by|crash_stop_report|s/"; no standby"/""/
	no_standby_though_switched_off|healthy_stop_is_one_line|crash_standby|s/return !crash_standby_off() && !/return !/
	registers_of_an_oops_for_the_new_owner|owner_of_an_oops_hangs|crash_stop_dump|s/!regs && crash_regs_cpu == raw_smp_processor_id()/!regs/
	END
}

build()
{
	make -s -C "$tests" O="$O" CORE="$O/kernel" API="$O/api" > "$O/log" 2>&1
}

# Does the core pass the tests, or the one that is named?
unit()
{
	case $tests in
	*explore) "$O/explore" -1 ${1:+"$1"} > "$O/log" 2>&1 ;;
	*) TEST=${1:-} SEEDS=0 FIRST=1 "$O/unit" > "$O/log" 2>&1 &&
		TEST=${1:-} SEEDS=$seeds FIRST=1 "$O/unit" > "$O/log" 2>&1 ;;
	esac
}

# Has a test failed? The one that is named may be none any more.
is_found()
{
	{ [ "$1" ] && ! unit "$1" && grep -q '^not ok' "$O/log"; } ||
		{ ! unit && grep -q '^not ok' "$O/log"; }
}

fails()
{
	echo "not ok $n - $1 # $2"
	alive=$((alive + 1))
}

n=0 alive=0 seen=0
rm -rf "$O"
mkdir -p "$O/kernel" "$O/api/linux"
cp "$core"/*.[ch] "$O/kernel" && cp "$api/linux/crash_stop.h" "$O/api/linux" || exit 2

mutants > "$O/table"
if [ -f "$tests/mutants" ]; then
	[ "$only" = "  " ] && only=" $(sed '/^#/d; s/|.*//' "$tests/mutants" | tr '\n' ' ') "
	grep '^[^#].*|.*|' "$tests/mutants" >> "$O/table"
fi
for name in $only; do
	grep -q "^$name|" "$O/table" || { echo "$name: no such mutant"; exit 2; }
done

build || { cat "$O/log"; exit 2; }
[ "${PROVEN:-}" ] || unit || { grep '^not ok\|^# ' "$O/log"; echo "the core fails unbroken"; exit 1; }

while IFS='|' read -r name found_by file sed; do
	[ "$only" = "  " ] || case $only in *" $name "*) ;; *) continue ;; esac
	seen=$((seen + 1))
	[ $((seen % ${shard#*/})) -eq $((${shard%/*} - 1)) ] || continue
	n=$((n + 1))
	[ ! -f "$tests/mutants" ] || found_by=$(sed -n "s/^$name|\([^|]*\).*/\1/p" "$tests/mutants")
	case $file in
	*_internal.h) whole=$core/$file broken=$O/kernel/$file ;;
	*.h) whole=$api/linux/$file broken=$O/api/linux/$file ;;
	*) whole=$core/$file.c broken=$O/kernel/$file.c ;;
	esac
	sed "$sed" "$whole" > "$broken"
	if cmp -s "$whole" "$broken"; then
		fails "$name" "sed changes nothing"
	elif ! build; then
		fails "$name" "does not build: $(grep -m 1 error: "$O/log")"
	elif is_found "$found_by"; then
		echo "ok $n - $name # $(sed -n 's/^not ok [0-9]* - //p' "$O/log")"
	else
		fails "$name" "survives"
	fi
	cp "$whole" "$broken"
done < "$O/table"
echo "1..$n"
echo "$((n - alive)) killed, $alive not killed"
[ $seen -gt 0 ] && [ $alive -eq 0 ]	# a part may be empty
