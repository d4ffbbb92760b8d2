/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One detached thread while it lives: park() and its way back, the hypervisor's half of run and recall, the
 * virtual exception, the re-capture timer, signals, a CPU that goes offline, the stop of the machine.
 *
 * Names are those of the code: guest-driver/module (park.c, recapture.c, event.c, thread_*.c) and
 * hypervisor/kern (context.c, detach.c, scheduler.c). A step is one access to what others see; what a lock or a
 * disabled interrupt makes indivisible is atomic. Memory is sequentially consistent here; where the code has a
 * barrier, removing it means that the later access may go first.
 *
 * check.py sets `without`, a cure of CURES to be left out, and `config`, who takes part. What must hold are the
 * assertions, and that nothing stands still but as monitor() says.
 */
#include "cures.h"

#define WITH_SIGNALS 1 /* bits of config */
#define WITH_OFFLINE 2
#define WITH_STOP    4
#define WITH_LEAVE   8  /* hvd_thread_attach() from outside */
#define WITH_NAP     16 /* calls that sleep */
#define WITH_TIMER   32 /* re-capture; without it nothing may happen that needs it */

#define WITH_PATIENCE 64 /* the timer leaves the task alone on its way through the kernel: does not starve it of the lock */

#define CURE(name)   (without != name)

mtype = { NONE, RUNNING, SYSCALL, FAULT, RECALLED };           /* ord_frame.event */
mtype = { T_RUNNING, T_INTERRUPTIBLE, T_UNINTERRUPTIBLE };     /* task_struct.__state */
mtype = { CODE, SVC, BEHIND_SVC, FAULTING };                   /* the program's pc */

local byte without, config; /* constant: no reason to look at other orders */

/* The program: one copy of its registers is valid, or equal ones in Linux and in the frame. */
bool in_linux = true, in_frame, in_core;
mtype pc = CODE;
byte program; /* events that it still causes, then it computes for good */
byte naps = 1, signals, refusals;

/* struct ord_frame, event page, virtual exception. */
mtype event = NONE;
bool wait, wait_cpu;
bool pending, virq[2];

/* struct context and its thread on the host core. */
bool context_running, recall_asked, op_run, op_recall, ready, handling, closed;

/* struct hvd_thread and its task. */
bool detached;                 /* hvd_thread.state */
bool queued, dropped, leave, parking, ended;
bool lock, armed, timer_queued;
mtype task_state = T_RUNNING;
bool signal, notify_resume, syscall;   /* TIF_SIGPENDING, TIF_NOTIFY_RESUME, syscallno != NO_SYSCALL */

bool user, in_irq;             /* Linux executes the program; an interrupt stops it there */
bool stopping, stopped;        /* hvd_stopping; hvd_thread_stop_all() has returned */
bool cpu1_active = true, cpu1_dead, preempt_off;
bool parked_in_signal;

/* hvd_thread.lock. Sections in which nothing is read by those who do not hold it are atomic: { !lock -> … }. */
inline wake_up_process() { task_state = T_RUNNING }

/* thread.c: with the lock held. thread_finish() then destroys the context. */
inline thread_claim()
{
	assert(!ended && !context_running && !ready && in_linux);
	ended = true
}

/* ---- recapture.c ---- */

#define RECAPTURE_IS_VOID (ended || queued || detached || stopping)

/* hvd_recapture_arm(), soon */
inline recapture_arm_soon()
{
	atomic {
		!lock ->
		if
		:: !ended && (config & WITH_TIMER) -> armed = true; timer_queued = true
		:: else
		fi
	}
}

/* ---- event.c ---- */

inline event_wake()
{
	if
	:: wait -> wake_up_process()
	:: else
	fi
}

inline event_drain()
{
	if
	:: atomic { pending -> pending = false }; event_wake()
	:: else
	fi
}

/* The thread may be on either CPU. */
inline hvd_event_wait_prepare()
{
	if
	:: !(config & WITH_OFFLINE) -> wait = true
	:: else ->
		preempt_off = CURE(OFFLINE_WAITS);
		if
		:: chosen = 0
		:: !cpu1_dead -> chosen = cpu1_active
		fi;
		wait_cpu = chosen;
		wait = true;
		preempt_off = false
	fi
}

/* ---- hypercalls, executed by the thread's vCPU ---- */

inline context_run()
{
	atomic {
		if
		:: !closed && !context_running -> context_running = true; accepted = true
		:: else -> accepted = false
		fi
	};
	if
	:: accepted -> recall_asked = false; event = RUNNING; op_run = true
	:: else
	fi
}

/* Under the VM's lock, which is also the stop's. */
inline context_recall()
{
	atomic {
		if
		:: context_running -> recall_asked = true; op_recall = true
		:: else
		fi
	}
}

/* ---- park.c ---- */

#define PARK_PERMITTED (!notify_resume && !signal && !stopping)
#define PARK_WANTED    (signal || stopping || (leave && CURE(LEAVE_WANTED)))

inline park_drop()
{
	dropped = true;
	if
	:: !CURE(DROP_IS_NO_QUEUE) -> atomic { queued = true; notify_resume = true }
	:: CURE(DROP_ARMS) && CURE(DROP_IS_NO_QUEUE) -> recapture_arm_soon()
	:: else
	fi
}

inline park_recall()
{
	context_recall();
	do
	:: event != RUNNING -> break /* spinning */
	:: true ->
		task_state = T_UNINTERRUPTIBLE;
		hvd_event_wait_prepare();
		if
		:: event != RUNNING -> break
		:: else
		fi;
		task_state == T_RUNNING; /* schedule_timeout(): that its time may end is left out, it must not be needed */
		context_recall()
	od;
	task_state = T_RUNNING;
	wait = false
}

inline park_wait()
{
	recall = false;
	do
	:: event != RUNNING -> break
	:: PARK_WANTED -> recall = true; break
	:: event == RUNNING -> /* need_resched(), or it takes too long */
		do
		:: true ->
			if
			:: CURE(WAIT_BEFORE_EVENT) && CURE(STATE_BEFORE_EVENT) && CURE(WAIT_BEFORE_FLAGS) && CURE(STATE_BEFORE_WAIT) ->
				task_state = T_INTERRUPTIBLE;
				hvd_event_wait_prepare();
				seen = event;
				wanted = PARK_WANTED
			:: !CURE(STATE_BEFORE_WAIT) ->
				hvd_event_wait_prepare();
				task_state = T_INTERRUPTIBLE;
				seen = event;
				wanted = PARK_WANTED
			:: !CURE(WAIT_BEFORE_EVENT) ->
				task_state = T_INTERRUPTIBLE;
				seen = event;
				hvd_event_wait_prepare();
				wanted = PARK_WANTED
			:: !CURE(STATE_BEFORE_EVENT) ->
				hvd_event_wait_prepare();
				seen = event;
				wanted = PARK_WANTED;
				task_state = T_INTERRUPTIBLE
			:: !CURE(WAIT_BEFORE_FLAGS) ->
				task_state = T_INTERRUPTIBLE;
				wanted = PARK_WANTED;
				hvd_event_wait_prepare();
				seen = event
			fi;
			if
			:: seen != RUNNING -> break
			:: seen == RUNNING && wanted -> recall = true; break
			:: else
			fi;
			/* schedule(): does not sleep if a signal is pending. */
			atomic {
				if
				:: signal -> task_state = T_RUNNING
				:: else
				fi
			};
			task_state == T_RUNNING
		od;
		task_state = T_RUNNING;
		wait = false;
		break
	od;
	if
	:: recall && CURE(RECALL_IS_AWAITED) -> park_recall()
	:: recall && !CURE(RECALL_IS_AWAITED) -> context_recall()
	:: else
	fi
}

/* hvd_capture_load() and what follows. */
inline park_return()
{
	assert(in_frame && !in_core && !ready); /* the frame is ours, and complete */
	atomic {
		in_linux = true;
		in_frame = false;
		syscall = false;
		if
		:: seen == SYSCALL -> assert(pc == BEHIND_SVC); pc = SVC
		:: else -> assert(pc != BEHIND_SVC)
		fi
	};
	dropped = false;
	if
	:: seen == SYSCALL && !signal -> /* hvd_recapture_arm(), not soon */
		if
		:: CURE(ARM_BARRIER) -> early = armed
		:: else
		fi;
		if
		:: early || !CURE(ARM_AFTER_SYSCALL)
		:: else -> recapture_arm_soon()
		fi
	:: else -> recapture_arm_soon()
	fi;
	early = false
}

inline park_run()
{
	accepted = false;
	if
	:: CURE(STOP_BARRIER) -> detached = true; wanted = PARK_WANTED
	:: else -> wanted = PARK_WANTED; detached = true
	fi;
	if
	:: wanted
	:: else ->
		event = RUNNING;
		context_run();
		if
		:: accepted
		:: else -> event = NONE; assert(stopping) /* nothing else refuses */
		fi
	fi
}

inline park()
{
	assert(!parked_in_signal);
	if
	:: refusals > 0 -> refusals--; park_drop() /* 32-bit, stepped, in a restartable sequence, … */
	:: true ->
		assert(in_linux && !in_core);
		in_frame = true;
		ran = false;
		seen = NONE;
		do
		:: true ->
			park_run();
			if
			:: !accepted -> break
			:: else
			fi;
			ran = true;
			park_wait();
			seen = event;
			if
			:: seen == FAULT -> atomic { assert(pc == FAULTING); pc = CODE }
			:: else -> break
			:: seen == FAULT && (config & WITH_TIMER) -> break /* Linux has to see it */
			fi
		od;
		if
		:: CURE(ARM_BARRIER) -> detached = false
		:: else -> early = armed; detached = false
		fi;
		if
		:: ran -> park_return()
		:: else -> assert(in_linux); in_frame = false; park_drop()
		fi
	fi
}

/* A work runs, in get_signal() or in resume_user_mode_work(). */
inline park_work()
{
	atomic {
		!lock -> queued = false; /* park_step() */
		if
		:: ended -> go = 0
		:: else ->
			parking = true;
			go = ((PARK_PERMITTED || !CURE(PARK_PERMITTED_ASKED)) -> 1 : 2)
		fi
	};
	if
	:: go == 0
	:: go == 1 -> park()
	:: go == 2 -> park_drop()
	fi;
	if
	:: go != 0 ->
		atomic {
			!lock -> parking = false; /* hvd_thread_park_end() */
			if
			:: leave && CURE(LEAVE_AT_END) -> thread_claim()
			:: else -> assert(!leave) /* it would go on like this for ever */
			fi
		}
	:: else
	fi;
	atomic { go = 0; ran = false; recall = false; wanted = false; accepted = false; seen = 0 }
}

/* The task: user mode, a call, the way back to user mode. */
proctype task()
{
	bool chosen, accepted, recall, ran, early, wanted;
	byte go;
	mtype seen;

	do
	:: true ->
		atomic {
			assert(in_linux && !ready && pc != BEHIND_SVC); /* the only one who executes it, and where it was */
			user = true;
			in_frame = false
		};
		if
		/* Native execution of what needed Linux. */
		:: atomic { !in_irq && pc == SVC -> user = false; pc = CODE; syscall = true }
		:: atomic { !in_irq && pc == FAULTING -> user = false; pc = CODE }; goto to_user
		:: atomic { !in_irq && pc == CODE && program > 0 -> program--; user = false; syscall = true }
		:: atomic { !in_irq && (notify_resume || signal) -> user = false }; goto to_user
		fi;
		/* A call; it may sleep. */
		if
		:: (config & WITH_NAP) && naps > 0 -> atomic { naps--; task_state = T_INTERRUPTIBLE }; task_state = T_RUNNING
		:: true
		fi;
		/* probe_sys_exit() */
		atomic {
			!lock ->
			if
			:: !ended -> queued = true; notify_resume = true
			:: else
			fi
		};
to_user:
		do
		:: signal ->
			/* get_signal() runs works first, until there is none. */
			do
			:: queued -> parked_in_signal = true; park_work(); parked_in_signal = false
			:: else -> break
			od;
			/* SIGSTOP and the freezer: sleeps here, at the end of a call whose sys_exit is over. */
			if
			:: (config & WITH_NAP) && naps > 0 -> atomic { naps--; task_state = T_INTERRUPTIBLE }; task_state = T_RUNNING
			:: true
			fi;
			/* The handler: it computes for good, or returns to where the program was. */
			atomic {
				signal = false;
				syscall = false;
				if
				:: pc = CODE
				:: true
				fi
			}
		:: !signal && notify_resume ->
			notify_resume = false;
			if
			:: queued -> park_work()
			:: else
			fi
		:: !signal && !notify_resume -> break
		od
	od
}

/* The host core: scheduler_drain() and the program. */
proctype core()
{
	mtype what;
	bool starts, recalls;

	do
	:: atomic { (op_run || op_recall) -> handling = true; starts = op_run; recalls = op_recall; op_run = false; op_recall = false };
		if
		:: starts -> atomic {
				starts = false;
				assert(in_frame && !in_core && !user); /* the frame is the hypervisor's alone */
				assert(!stopped);
				in_linux = false;
				in_frame = false;
				in_core = true;
				ready = true
			}
		:: else
		fi;
		if
		:: atomic { recalls && ready && recall_asked -> recall_asked = false; recalls = false; what = RECALLED }; goto context_event
		:: atomic { else -> recalls = false; handling = false }
		fi
	:: atomic { ready && !op_run && !op_recall && pc == SVC -> handling = true; pc = BEHIND_SVC; what = SYSCALL };
		goto context_event
	:: atomic { ready && !op_run && !op_recall && pc == FAULTING -> handling = true; what = FAULT }; goto context_event
	:: atomic { ready && !op_run && !op_recall && pc == CODE && program > 0 ->
			program--;
			if
			:: pc = SVC
			:: pc = FAULTING
			fi
		};
		goto again;
context_event:
		atomic {
			ready = false;
			if
			:: CURE(REGISTERS_BEFORE_EVENT) -> in_core = false; in_frame = true
			:: else
			fi
		};
		if
		:: CURE(IDLE_BEFORE_EVENT) -> context_running = false
		:: else
		fi;
		if
		:: !CURE(EVENT_BEFORE_WAIT) && !wait -> event = what; goto no_wait /* the load goes before the store */
		:: true -> event = what
		fi;
		if
		:: wait -> atomic { pending = true; virq[wait_cpu] = true }
		:: else
		fi;
no_wait:
		if
		:: !CURE(IDLE_BEFORE_EVENT) -> context_running = false
		:: else
		fi;
		if
		:: !CURE(REGISTERS_BEFORE_EVENT) -> atomic { in_core = false; in_frame = true }
		:: else
		fi;
		atomic { handling = false; what = 0 };
again:		skip
	od
}

/* The virtual exception on one CPU. */
proctype event_interrupt(bool cpu)
{
	do
	:: atomic { virq[cpu] && !(cpu && cpu1_dead) -> virq[cpu] = false };
		event_drain()
	od
}

/* hrtimer, wherever it expires; and recapture_chase(), which finds the thread on its CPU. */
proctype recapture_timer()
{
	bool here;

	do
	/* It may interrupt the program, which then stands still. */
	:: atomic { timer_queued && (!(config & WITH_PATIENCE) || user || task_state != T_RUNNING) ->
			timer_queued = false; here = user; in_irq = user };
		atomic {
			!lock ->
			if
			:: timer_queued -> goto out /* armed again meanwhile */
			:: else -> lock = true
			fi
		};
		/* recapture_is_over() */
		if
		:: RECAPTURE_IS_VOID ->
			armed = false;
			if
			:: !CURE(OVER_LOOKS_AGAIN) -> goto unlock
			:: RECAPTURE_IS_VOID -> goto unlock
			:: else -> armed = true
			fi
		:: else
		fi;
		if
		:: atomic { here -> queued = true; notify_resume = true; armed = false } /* recapture_here(): in user mode alone */
		:: atomic { !here && task_state != T_RUNNING && syscall && (!dropped || !CURE(NAP_ASKS_DROPPED)) -> armed = false }
		:: atomic { else -> timer_queued = true } /* recapture_goes_on() */
		fi;
unlock:		lock = false;
out:		atomic { in_irq = false; here = false }
	od
}

proctype signaller()
{
	do
	:: signals > 0 ->
		signals--;
		atomic {
			signal = true;
			if
			:: task_state == T_INTERRUPTIBLE -> wake_up_process()
			:: else
			fi
		}
	:: else -> break
	od
}

/* cpuhp: no longer active, all sections with preemption off are over, event_cpu_offline(). */
proctype offline()
{
	cpu1_active = false;
	!preempt_off;
	cpu1_dead = true; /* disable_percpu_irq() */
	if
	:: CURE(OFFLINE_WAKES) ->
		if
		:: wait && wait_cpu -> wake_up_process()
		:: else
		fi
	:: else
	fi;
	event_drain()
}

/* hvd_thread_stop_all() */
proctype stop_all()
{
	stopping = true;
	if
	:: detached ->
		if
		:: context_recall() /* its thread does not get to run */
		:: true
		fi;
		event_wake();
		!detached /* once must be enough, though the code tries again */
	:: else
	fi;
	/* context_destroy(): BUSY while it runs */
	atomic {
		if
		:: !context_running -> closed = true
		:: else
		fi
	};
	if
	:: closed -> !(op_run || op_recall || handling)
	:: else
	fi;
	stopped = true;
	assert(!ready && !op_run)
}

/* hvd_thread_attach() of somebody else. */
proctype attacher()
{
	atomic {
		!lock -> leave = true;
		if
		:: !parking || !CURE(ATTACH_ASKS_PARKING) -> thread_claim()
		:: else
		fi
	};
	event_wake(); /* hvd_thread_wake() */
	ended
}

/* When nothing moves any more: it computes on its core, and its kernel side sleeps for it. */
proctype monitor()
{
	do
	:: timeout ->
		assert(!signal && (ended || stopped || (ready && event == RUNNING && detached)));
		assert(!(config & WITH_LEAVE) || ended);
		assert(!(config & WITH_STOP) || stopped);
		assert(event == NONE || event == RUNNING || ended || stopped);
		break
	od
}

init {
	atomic {
		c_code {
			now.without = atoi(getenv("WITHOUT"));
			now.config = atoi(getenv("CONFIG"));
			now.program = atoi(getenv("EVENTS"));
			now.refusals = (now.config & 47) == 32; /* WITH_TIMER without signals: a few steps more are affordable */
		};
		/* DETACH has just returned. */
		if
		:: config & WITH_TIMER -> armed = true; timer_queued = true; run recapture_timer()
		:: else -> queued = true; notify_resume = true
		fi;
		run task();
		run core();
		run event_interrupt(0);
		run monitor();
		if
		:: config & WITH_SIGNALS -> signals = 1; run signaller()
		:: else
		fi;
		if
		:: config & WITH_OFFLINE -> run event_interrupt(1); run offline()
		:: else
		fi;
		if
		:: config & WITH_STOP -> run stop_all()
		:: else
		fi;
		if
		:: config & WITH_LEAVE -> run attacher()
		:: else
		fi
	}
}

/* No path leaves it in Linux for good: nor one that goes round in circles, as long as all get their turn. */
ltl detached_again { []<> (ready || ended || stopped) }
