/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From DETACH to the release of memory: who may detach and attach a task, who ends an hvd_thread, who still has
 * a pointer to it. The task, detachers and attachers from outside, the tracepoints of fork and exit, the timer and
 * its chase, readers under RCU. What goes on inside of park() is run.pml's.
 *
 * Names are those of guest-driver/module (thread*.c, park*.c, recapture.c, group.c). A step is one access to what
 * others see; sections under hvd_thread.lock or hash_lock are atomic. See run.pml for the rest.
 */
#include "cures.h"

#define WITH_SELF      1 /* the task has detached itself; else it is an ordinary one at first */
#define WITH_DETACHER  2 /* hvd_thread_start() from outside */
#define WITH_DETACHERS 4 /* and a second one */
#define WITH_ATTACHER  8
#define WITH_ATTACHERS 16
#define WITH_TIMER     32
#define WITH_READER    64  /* event_wake() and others that go through hvd_contexts[] */
#define WITH_GROUP     128 /* hvd_thread_start_new() in the fork tracepoint; the task has not run yet */

#define CURE(name)     (without != name)
#define NOBODY         2

local byte without, config; /* constant: no reason to look at other orders */

/* struct hvd_thread: one per detacher. */
byte refs[2];
bool begun[2], freed[2];
bool ended[2], queued[2], parking[2], leave[2];
bool context[2], runs[2];       /* the hypervisor has it; it runs on its core */
bool timer[2], timer_runs[2], csd[2];
bool completed[2];              /* .ended */
byte finished[2];

byte hash = NOBODY;             /* what hvd_thread_find() has for the task */
bool contexts[2];               /* hvd_contexts[] */
bool rcu[5];                    /* read-side sections of those below */
#define RCU_ATTACHER 0
#define RCU_READER   2
#define RCU_FORK     3
#define RCU_TASK     4

byte waiting;
bool started, user, exiting, works_closed, dead; /* the task; PF_EXITING; exit_task_work() is over */

#define USE(t) assert(!freed[t])

/* ---- thread.c ---- */

inline hvd_thread_put(t)
{
	atomic { USE(t); assert(refs[t] > 0); refs[t]-- }
}

/* With the lock held. */
inline thread_claim(t, mine, was_queued)
{
	mine = !ended[t] || !CURE(CLAIM_ONCE);
	ended[t] = true;
	was_queued = queued[t]
}

inline thread_finish(t, was_queued)
{
	atomic {
		USE(t);
		finished[t]++;
		assert(finished[t] == 1);
		if
		:: hash == t -> hash = NOBODY
		:: else
		fi
	};
	atomic { USE(t); contexts[t] = false }; /* thread_destroy_context() */
	atomic { USE(t); assert(context[t] && !runs[t]); context[t] = false };
	atomic { USE(t); completed[t] = true };
	if
	:: !CURE(QUEUED_UNDER_LOCK) -> was_queued = queued[t]
	:: else
	fi;
	if
	:: !was_queued || !CURE(QUEUED_HOLDS_REF) -> hvd_thread_put(t)
	:: else
	fi
}

inline hvd_thread_end(t, mine, was_queued)
{
	atomic { USE(t); thread_claim(t, mine, was_queued) };
	if
	:: mine -> thread_finish(t, was_queued)
	:: else
	fi
}

/* thread_alloc(), thread_create_context(), thread_begin(). `other` is who was faster. */
inline thread_begin(t, other)
{
	atomic {
		refs[t] = 1;
		context[t] = true;
		if
		:: CURE(START_HOLDS_REF) -> refs[t]++
		:: else
		fi
	};
	/* hvd_thread_publish() */
	atomic {
		other = hash;
		if
		:: other == NOBODY || !CURE(PUBLISH_ASKS_HASH) ->
			assert(hash == NOBODY);
			hash = t;
			begun[t] = true;
			if
			:: CURE(CONTEXTS_WITH_HASH) -> contexts[t] = true
			:: else
			fi
		:: else -> context[t] = false; freed[t] = true
		fi
	};
	if
	:: !CURE(CONTEXTS_WITH_HASH) && other == NOBODY -> atomic { USE(t); contexts[t] = true }
	:: else
	fi
}

inline start_put(t)
{
	if
	:: CURE(START_HOLDS_REF) -> hvd_thread_put(t)
	:: else
	fi
}

/* hvd_thread_start() of somebody else's task. */
proctype detacher(byte t)
{
	byte other;
	bool mine, was_queued, exits;

	if
	:: hash != NOBODY -> goto out /* thread_check() */
	:: else
	fi;
	exits = exiting;
	thread_begin(t, other);
	if
	:: other != NOBODY -> goto out
	:: else
	fi;
	/* hvd_recapture_arm() */
	atomic {
		USE(t);
		if
		:: !ended[t] && (config & WITH_TIMER) -> timer[t] = true
		:: else
		fi
	};
	if
	:: CURE(EXITING_AFTER_PUBLISH) -> exits = exiting
	:: else
	fi;
	if
	:: exits && CURE(START_ASKS_EXITING) -> hvd_thread_end(t, mine, was_queued)
	:: else
	fi;
	start_put(t);
out:	skip
}

/* hvd_thread_attach() */
proctype attacher(byte me)
{
	byte t;
	bool mine, was_queued;

	/* hvd_thread_get() */
	rcu[RCU_ATTACHER + me] = true;
	t = hash;
	if
	:: t == NOBODY -> rcu[RCU_ATTACHER + me] = false; goto out
	:: else
	fi;
	atomic {
		USE(t);
		if
		:: refs[t] > 0 || !CURE(GET_UNLESS_ZERO) ->
			if
			:: CURE(ATTACH_HOLDS_REF) -> assert(refs[t] > 0); refs[t]++
			:: else
			fi
		:: else -> t = NOBODY
		fi
	};
	rcu[RCU_ATTACHER + me] = false;
	if
	:: t == NOBODY -> goto out
	:: else
	fi;
	atomic {
		USE(t);
		leave[t] = true;
		mine = false;
		if
		:: !parking[t] -> thread_claim(t, mine, was_queued)
		:: else
		fi
	};
	if
	:: mine -> thread_finish(t, was_queued)
	:: else -> atomic { USE(t); waiting++ }; atomic { completed[t] -> waiting-- }; USE(t)
	fi;
	if
	:: CURE(ATTACH_HOLDS_REF) -> hvd_thread_put(t)
	:: else
	fi;
out:	skip
}

/* thread_release(), after a grace period: a moment outside of a section for each reader. */
proctype release(byte t)
{
	begun[t] && refs[t] == 0;
	if
	:: CURE(RELEASE_AFTER_RCU) -> !rcu[0]; !rcu[1]; !rcu[2]; !rcu[3]; !rcu[4]
	:: else
	fi;
	if
	:: CURE(RELEASE_CANCELS_TIMER) -> timer[t] = false; !timer_runs[t]
	:: else
	fi;
	atomic { assert(!context[t] && finished[t] == 1 && refs[t] == 0); freed[t] = true }
}

/* ---- recapture.c: with the lock held, in an interrupt that came out of the program or not ---- */

inline recapture_here(t)
{
	queued[t] = true; /* hvd_park_queue_locked(): not ended, which was asked above */
	user = false
}

proctype recapture_timer(byte t)
{
	do
	:: atomic { timer[t] -> timer[t] = false; timer_runs[t] = true };
		atomic {
			USE(t);
			if
			:: ended[t] && CURE(TIMER_ASKS_ENDED)
			:: queued[t] || parking[t]
			:: else ->
				if
				:: user -> recapture_here(t)
				:: timer[t] = true /* hrtimer_forward() */
				:: !csd[t] -> /* recapture_send() */
					csd[t] = true;
					if
					:: CURE(CHASE_HOLDS_REF) -> refs[t]++
					:: else
					fi
				fi
			fi
		};
		USE(t);
		timer_runs[t] = false
	od
}

proctype recapture_chase(byte t)
{
	do
	:: csd[t] ->
		atomic {
			USE(t);
			if
			:: ended[t] || queued[t] || parking[t]
			:: else ->
				if
				:: user -> recapture_here(t)
				:: timer[t] = true
				fi
			fi
		};
		USE(t);
		csd[t] = false;
		if
		:: CURE(CHASE_HOLDS_REF) -> hvd_thread_put(t)
		:: else
		fi
	od
}

/* event_wake(), hvd_thread_record() */
proctype reader()
{
	byte t = 0;

	do
	:: rcu[RCU_READER] = true;
		if
		:: contexts[0] -> t = 0
		:: contexts[1] -> t = 1
		:: else -> goto none
		fi;
		USE(t);
none:		rcu[RCU_READER] = false
	:: dead -> break
	od
}

/* The fork tracepoint: hvd_thread_start_new(), in one RCU section; then the child is woken up. */
proctype fork()
{
	byte other;

	rcu[RCU_FORK] = true;
	thread_begin(0, other);
	if
	:: other == NOBODY ->
		/* hvd_park_queue() */
		atomic {
			USE(0);
			if
			:: !ended[0] || !CURE(QUEUE_ASKS_ENDED) -> queued[0] = true
			:: else
			fi
		};
		start_put(0)
	:: else
	fi;
	rcu[RCU_FORK] = false;
	started = true
}

/* park_work() */
inline park_work(t)
{
	atomic {
		USE(t);
		queued[t] = false;
		if
		:: ended[t] && CURE(WORK_ASKS_ENDED) -> go = false
		:: else -> parking[t] = true; go = true
		fi
	};
	if
	:: !go -> hvd_thread_put(t)
	:: else ->
		if
		:: !exiting && !leave[t] ->
			atomic { assert(context[t]); runs[t] = true };
			/* park_wait(): any event; LEAVE recalls, which is one more */
			runs[t] = false
		:: true /* dropped */
		fi;
		/* hvd_thread_park_end() */
		atomic {
			USE(t);
			parking[t] = false;
			mine = false;
			if
			:: leave[t] -> thread_claim(t, mine, was_queued)
			:: else
			fi
		};
		if
		:: mine -> thread_finish(t, was_queued)
		:: else
		fi
	fi
}

proctype task()
{
	byte t;
	bool go, mine, was_queued;

	started;
	do
	:: user = true;
		if
		:: atomic { user -> user = false }
		:: !user
		fi;
		/* probe_sys_exit(), with preemption off: an RCU section. Somebody else may end the thread at any time. */
		rcu[RCU_TASK] = CURE(PROBES_IN_RCU);
		t = hash;
		if
		:: t != NOBODY ->
			atomic {
				USE(t);
				if
				:: !ended[t] || !CURE(QUEUE_ASKS_ENDED) -> queued[t] = true
				:: else
				fi
			}
		:: else
		fi;
		rcu[RCU_TASK] = false;
		if
		:: true
		:: goto exit
		fi;
		/* Those of both: a task may be detached again while an old work is still queued. */
		if
		:: queued[0] -> park_work(0)
		:: else
		fi;
		if
		:: queued[1] -> park_work(1)
		:: else
		fi
	od;
exit:
	/* do_exit(); probe_exit() is called behind the store to PF_EXITING and a barrier */
	rcu[RCU_TASK] = CURE(PROBES_IN_RCU);
	if
	:: CURE(EXIT_BARRIER) -> exiting = true; t = hash
	:: else -> t = hash; exiting = true
	fi;
	if
	:: t != NOBODY -> hvd_thread_end(t, mine, was_queued)
	:: else
	fi;
	rcu[RCU_TASK] = false;
	/* exit_task_work() */
	if
	:: queued[0] -> park_work(0)
	:: else
	fi;
	if
	:: queued[1] -> park_work(1)
	:: else
	fi;
	dead = true
}

/* When nothing moves any more, the task is dead and nothing of it is left. */
proctype monitor()
{
	do
	:: timeout ->
		assert(dead && hash == NOBODY && !contexts[0] && !contexts[1] && !context[0] && !context[1]);
		assert(!queued[0] && !queued[1]);
		assert((!begun[0] || freed[0]) && (!begun[1] || freed[1]));
		assert(!waiting); /* attachers */
		break
	od
}

init {
	atomic {
		c_code {
			now.without = atoi(getenv("WITHOUT"));
			now.config = atoi(getenv("CONFIG"));
		};
		started = !(config & WITH_GROUP);
		if
		:: config & WITH_SELF -> refs[0] = 1; begun[0] = true; context[0] = true; contexts[0] = true; hash = 0;
			timer[0] = (config & WITH_TIMER) != 0
		:: else
		fi;
		run task();
		run release(0);
		run monitor();
		if
		:: config & WITH_DETACHER -> run detacher((config & WITH_SELF) != 0)
		:: else
		fi;
		if
		:: config & WITH_DETACHERS -> run detacher(1)
		:: else
		fi;
		if
		:: config & (WITH_SELF | WITH_DETACHERS) -> run release(1)
		:: else
		fi;
		if
		:: config & WITH_ATTACHER -> run attacher(0)
		:: else
		fi;
		if
		:: config & WITH_ATTACHERS -> run attacher(1)
		:: else
		fi;
		if
		:: config & WITH_TIMER -> run recapture_timer(0); run recapture_chase(0)
		:: else
		fi;
		if
		:: config & WITH_READER -> run reader()
		:: else
		fi;
		if
		:: config & WITH_GROUP -> run fork()
		:: else
		fi
	}
}
