/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Detached contexts between two vCPUs and their host cores, in every order.
 *
 *   cores 0, 1: vCPUs; each follows a script of calls, a letter each
 *   cores 2, 3: host cores; a thread that runs there makes system calls, as many as the scenario lets it
 *
 *   c create on core 2   R run       r recall          w wait for an event
 *   d destroy            s set to the other host core  S stop the VM         u wait until it runs
 *   . the event page is given back: nobody may write to it any more
 *
 * A pair of contexts: each vCPU's script is about one of them, and they share core 2. What runs there may
 * come to the end of its turn, a few times in all.
 *
 * Frames and event pages that were given back are poisoned: a late access is found.
 */
#include "fixture.h"

#include "atomic.h"
#include "call.h"
#include "fiber.h"
#include "grant.h"
#include "irq.h"
#include "string.h"
#include <arch/thread.h>
#include <outrider/hostcall.h>
#include <outrider/task.h>
#include <sanitizer/asan_interface.h>
#include <signal.h>
#include <unistd.h>

#define FRAME 2u /* and the next */
#define EVENT 5u

static struct vm *vm;
static struct ord_frame *frame[2]; /* of contexts 0 and 1 */

static struct scenario {
    const char *name;
    const char *script[2];
    uint32_t syscalls;    /* that threads make in all */
    bool created;         /* a context exists at the start */
    bool rejected;        /* its frame is not valid */
    bool waits;           /* the guest wants the virtual exception */
    uint32_t preemptions; /* of the exhaustive search */
    uint32_t random;      /* random runs */
    uint32_t pair;        /* two contexts share core 2: priority of the second, the first has 10 */
    uint32_t turns;       /* that end, in all */
} const *scenario;

/* ---- state between runs ---- */

static struct {
    char *memory, *guest;
    struct core *core;
    struct pool pool[ORD_POOL_COUNT];
} saved;

#define SAVED_POOL  (pools[ORD_POOL_PAGE].used * PAGE_SIZE)
#define SAVED_GUEST (6 * PAGE_SIZE)

static void save(void)
{
    saved.memory = malloc(SAVED_POOL);
    saved.guest = malloc(SAVED_GUEST);
    saved.core = malloc(core_count * sizeof(struct core));
    CHECK(!pools[ORD_POOL_PAGE].free); /* in one piece */
    memcpy(saved.memory, machine_ram, SAVED_POOL);
    memcpy(saved.guest, GUEST_RAM, SAVED_GUEST);
    memcpy(saved.core, cores, core_count * sizeof(struct core));
    memcpy(saved.pool, pools, sizeof(pools));
}

static void restore(void)
{
    memcpy(pools, saved.pool, sizeof(pools));
    ASAN_UNPOISON_MEMORY_REGION(machine_ram, SAVED_POOL);
    ASAN_UNPOISON_MEMORY_REGION(GUEST_RAM, SAVED_GUEST);
    memcpy(machine_ram, saved.memory, SAVED_POOL);
    memcpy(GUEST_RAM, saved.guest, SAVED_GUEST);
    memcpy(cores, saved.core, core_count * sizeof(struct core));
}

/* ---- vCPUs ---- */

static uint32_t runs, destroys, creates; /* that succeeded in this run */
static bool stopped;

static bool event_there(void)
{
    return __asan_address_is_poisoned(frame[0]) ||
           *(volatile uint32_t *)&frame[0]->event != ORD_EVENT_RUNNING;
}

static bool event_there_1(void)
{
    return __asan_address_is_poisoned(frame[1]) ||
           *(volatile uint32_t *)&frame[1]->event != ORD_EVENT_RUNNING;
}

static bool runs_now(void)
{
    return (*(volatile uint32_t *)&vm->context[0]->state & CONTEXT_STATE) == CONTEXT_RUNNING;
}

static status_t create(uint32_t k)
{
    uint32_t id;
    status_t s = detach_create(vm, frame_address(FRAME + k), 2, k ? scenario->pair : 10,
                               scenario->pair ? ORD_CREATE_SHARED : 0, &id);

    CHECK(s != ORD_OK || id == k);
    creates += s == ORD_OK;
    return s;
}

static void allow(status_t s, uint32_t mask)
{
    CHECK(s <= 0 && s >= ORD_STATUS_MIN && (mask & BIT(-s)));
}

#define MAY(s) BIT(-(s))

static bool other_script_destroys(uint32_t self)
{
    return !scenario->pair && strstr(scenario->script[!self], "d") != NULL;
}

static void guest(uint32_t self)
{
    uint32_t gone = other_script_destroys(self) || strstr(scenario->script[self], "d") ? MAY(ORD_BAD_CAP) : 0;
    uint32_t k = scenario->pair ? self : 0;

    for (const char *s = scenario->script[self]; *s; s++)
        switch (*s) {
        case 'c':
            /* There still is one if destroy() came too early. */
            if (vm->context[k] && vm->context[k]->taken)
                break;
            ASAN_UNPOISON_MEMORY_REGION(frame[k], PAGE_SIZE);
            frame[k]->magic = ORD_FRAME_MAGIC;
            allow(create(k), MAY(ORD_OK) | (stopped ? MAY(ORD_BAD_STATE) : 0));
            break;
        case 'R': {
            status_t ran = context_run(vm, k);
            allow(ran, MAY(ORD_OK) | MAY(ORD_BAD_STATE) | gone);
            runs += ran == ORD_OK;
            break;
        }
        case 'r':
            allow(context_recall(vm, k), MAY(ORD_OK) | gone);
            break;
        case 'w':
            fiber_wait(k ? event_there_1 : event_there);
            break;
        case 'u':
            fiber_wait(runs_now);
            break;
        case 'd': {
            status_t destroyed = detach_destroy(vm, k);
            allow(destroyed, MAY(ORD_OK) | MAY(ORD_BUSY) | gone);
            if (destroyed != ORD_OK)
                break;
            destroys++;
            /* The frame is Linux's again. */
            ASAN_POISON_MEMORY_REGION(frame[k], PAGE_SIZE);
            break;
        }
        case 's':
            allow(detach_set(vm, k, 3, 20), MAY(ORD_OK) | MAY(ORD_BUSY) | gone);
            break;
        case 'S':
            vm_stop(vm);
            stopped = true;
            break;
        case '.':
            if (!vm->context_count)
                ASAN_POISON_MEMORY_REGION(GUEST_RAM + EVENT * PAGE_SIZE, PAGE_SIZE);
            break;
        }
}

static void guest_0(void)
{
    guest(0);
}

static void guest_1(void)
{
    guest(1);
}

/* ---- host cores ---- */

static uint32_t syscalls, turns;
static uint64_t entered[2]; /* syscalls, recalls, … seen by the invariants below */

static bool interrupted(void)
{
    return core_self()->arch.interrupted;
}

static bool interrupted_2(void)
{
    return cores[2].arch.interrupted;
}

static bool interrupted_3(void)
{
    return cores[3].arch.interrupted;
}

static bool woken_2(void)
{
    return cores[2].arch.interrupted || cores[2].arch.event;
}

static bool woken_3(void)
{
    return cores[3].arch.interrupted || cores[3].arch.event;
}

static void poll(struct core *c)
{
    fiber_wait(c->index == 2 ? woken_2 : woken_3);
    c->arch.event = false;
}

static void sleep_until(struct core *c)
{
    fiber_wait(c->index == 2 ? interrupted_2 : interrupted_3);
}

static bool never(void)
{
    return false;
}

static void host(void)
{
    struct core *c = core_self();

    for (;;) {
        struct thread *t = scheduler_leave(c);
        CHECK(t->context && t->context->frame == frame[t->context->id] && t->core == c);
        /* A timer while others of the highest priority wait, and only then. */
        bool peers = t->ready.next != t->ready.prev;
        CHECK(c->slice_armed == peers && c->arch.timer_on == peers && core_pick(c) == t);
        /* In user mode. */
        entered[c->index - 2]++;
        if (peers && turns && fiber_choose(2)) {
            turns--;
            fake.counter = c->arch.timer;
            c->mode = CORE_HYP;
        } else if (syscalls && (!interrupted() || fiber_choose(2))) {
            fake_point();
            syscalls--;
            c->mode = CORE_HYP;
            fake_point();
            t->context->frame->x[1]++;
            arch_context_save(t->context);
            context_event(t->context, ORD_EVENT_SYSCALL, 1, 2, 3);
        } else {
            fiber_wait(c->index == 2 ? interrupted_2 : interrupted_3);
            c->mode = CORE_HYP;
            fake_point();
        }
        arch_core_irqs(c);
    }
    fiber_wait(never);
}

/* ---- one run ---- */

static const char *failure;

static bool run(void)
{
    restore();
    fiber_reset();
    runs = creates = destroys = 0;
    stopped = false;
    syscalls = scenario->syscalls;
    turns = scenario->turns;
    fake.counter = 0;
    memset(entered, 0, sizeof(entered));
    if (scenario->rejected)
        frame[0]->magic = 0;
    if (scenario->waits) {
        frame[0]->wait = 1;
        frame[0]->wait_cpu = 1;
        vm->event_page = (struct ord_event_page *)(GUEST_RAM + EVENT * PAGE_SIZE);
    }
    if (scenario->created) {
        frame[0]->magic = ORD_FRAME_MAGIC;
        CHECK(create(0) == ORD_OK && (!scenario->pair || create(1) == ORD_OK));
        if (scenario->rejected)
            frame[0]->magic = 0;
    }
    fiber_add(0, guest_0, true);
    fiber_add(1, guest_1, true);
    fiber_add(2, host, false);
    if (strstr(scenario->script[0], "s") || strstr(scenario->script[1], "s"))
        fiber_add(3, host, false);
    failure = "nobody goes on";
    if (!fiber_run())
        return false;
    /* At rest: nothing is left in the mailboxes, and what was destroyed holds nothing. */
    failure = "a mailbox is not empty";
    for (uint32_t i = 2; i < 4; i++)
        if (cores[i].mail)
            return false;
    failure = "contexts are not counted right";
    if (vm->context_count != creates - destroys)
        return false;
    uint32_t taken = 0, on[4] = {0};
    uint64_t events = 0;
    for (uint32_t i = 0; i < ORD_CONTEXT_MAX && vm->context[i]; i++) {
        struct context *c = vm->context[i];
        const struct ord_stats *s = &c->stats;
        if (!c->taken)
            continue;
        taken++;
        on[c->thread.core->index]++;
        failure = "a request is pending";
        if (c->thread.ops)
            return false;
        failure = "frame and state do not fit";
        if ((context_state(c) == CONTEXT_RUNNING) != (frame[i]->event == ORD_EVENT_RUNNING) ||
            context_state(c) == CONTEXT_CLOSED)
            return false;
        events +=
            s->syscalls + s->recalls + s->exceptions + s->faults + (context_state(c) == CONTEXT_RUNNING);
    }
    failure = "contexts are not on the cores that they are counted on";
    if (taken != creates - destroys || cores[2].contexts != on[2] || cores[3].contexts != on[3])
        return false;
    failure = "not one event for each run";
    if (!stopped && destroys == 0 && events != runs)
        return false;
    return true;
}

static void report(const char *why)
{
    fprintf(stderr, "%s: %s / %s: %s: ", scenario->name, scenario->script[0], scenario->script[1], why);
    for (uint32_t i = 0; i < 2 && vm->context[i]; i++) {
        struct context *c = vm->context[i];
        fprintf(stderr, "context %u: state %u, thread %u, requests 0x%x; event %u; ", i, context_state(c),
                c->thread.state, c->thread.ops, frame[i]->event);
    }
    for (uint32_t i = 2; i < 4; i++)
        fprintf(stderr, "core %u: mode %u, mailbox %s; ", i, cores[i].mode, cores[i].mail ? "full" : "empty");
    fiber_report();
}

static void aborted(int signal)
{
    report("broken contract or memory error");
    _exit(128 + signal);
}

static void on_asan(void)
{
    report("memory error");
}

/* Every wait has an event to come: a recall of its own before it, or a system call left. */
static const struct scenario scenarios[] = {
    {"recall against event", {"RwRrw", "rr"}, 1, true, false, false, 2, 3000, 0, 0},
    {"recall, and it comes", {"RrwRrw", "r"}, 0, true, false, false, 2, 3000, 0, 0},
    {"recall of a run that has just begun", {"R", "urw"}, 0, true, false, false, 2, 3000, 0, 0},
    {"recall against destroy", {"RwdcRrw", "rr"}, 1, true, false, false, 2, 5000, 0, 0},
    {"all at once", {"cRrwdcRrwd", "rrr"}, 1, false, false, false, 2, 5000, 0, 0},
    {"two run it", {"RwRw", "RwRw"}, 4, true, false, false, 2, 5000, 0, 0},
    {"run against destroy", {"Rwd", "Rdd"}, 2, true, false, false, 2, 5000, 0, 0},
    {"destroyed and made again under a run", {"dcd", "RwR"}, 2, true, false, false, 2, 5000, 0, 0},
    {"moved to another core", {"RwsRrw", "rr"}, 1, true, false, false, 2, 5000, 0, 0},
    {"moved and destroyed", {"RwsdcRrw", "rrs"}, 1, true, false, false, 2, 5000, 0, 0},
    {"frame not valid", {"Rwdc", "rr"}, 0, true, true, false, 2, 3000, 0, 0},
    {"frame not valid, again and again", {"RwRwRw", "rrr"}, 0, true, true, false, 2, 3000, 0, 0},
    {"event page given back", {"Rwd.", "r"}, 1, true, false, true, 2, 3000, 0, 0},
    {"VM stopped", {"Rrd", "Sd"}, 1, true, false, false, 2, 3000, 0, 0},
    {"VM stopped, and nobody waits", {"R", "rSR"}, 1, true, false, false, 2, 3000, 0, 0},
    {"VM stopped, nothing runs", {"drd", "S"}, 1, true, false, false, 2, 3000, 0, 0},
    {"two share a core", {"RrwRrw", "RrwRrw"}, 1, true, false, false, 2, 5000, 10, 2},
    {"two share a core, one comes and goes", {"RrwRrw", "cRrwdc"}, 1, true, false, false, 2, 5000, 10, 2},
    {"preempted by a higher one", {"RrwRrw", "RrwdcRrw"}, 2, true, false, false, 2, 5000, 20, 2},
    {"one is moved away", {"RrwRrw", "RrwsRrw"}, 1, true, false, false, 2, 5000, 10, 2},
    {"VM of two stopped", {"Rrd", "RSd"}, 1, true, false, false, 2, 3000, 10, 2},
};

static void explore(void)
{
    uint64_t count = 0;

    fixture_start(5, 1024);
    struct task *task = fixture_task();
    vm = fixture_vm();
    frame[0] = fixture_frame(FRAME);
    frame[1] = fixture_frame(FRAME + 1);
    fixture_vcpu(vm, task, 0);
    fixture_vcpu(vm, task, 1);
    CHECK(vm_add_core(vm, 2, 100) == ORD_OK && vm_add_core(vm, 3, 100) == ORD_OK);
    save();
    fake.poll = poll;
    fake.sleep = sleep_until;
    signal(SIGABRT, aborted);
    __sanitizer_set_death_callback(on_asan);
    fiber_explore(scenario->preemptions);
    do {
        if (!run()) {
            report(failure);
            exit(1);
        }
        count++;
    } while (fiber_next());
    for (uint32_t i = 1; i <= scenario->random; i++) {
        fiber_random(i * 0x9e3779b97f4a7c15ull, 2 + i % 20);
        if (!run()) {
            report(failure);
            exit(1);
        }
    }
    printf("%lu orders; ", (unsigned long)count);
}

/* ---- a core that a vCPU shares with a context: interrupts for the vCPU while it gets and loses its core
 * ---- */

#define PENDS 2u

static uint32_t delivered, laps;

static bool interrupted_1(void)
{
    return cores[1].arch.interrupted;
}

static bool woken_1(void)
{
    return cores[1].arch.interrupted || cores[1].arch.event;
}

static void shared_poll(struct core *c)
{
    fiber_wait(woken_1);
    c->arch.event = false;
}

static void shared_sleep(struct core *c UNUSED)
{
    fiber_wait(interrupted_1);
}

static bool delivered_1(void)
{
    return delivered >= 1;
}

static bool delivered_2(void)
{
    return delivered >= 2;
}

static void pender(void)
{
    for (uint32_t i = 0; i < PENDS; i++) {
        vcpu_pend(vm->vcpu[1], 5);
        fiber_wait(i ? delivered_2 : delivered_1);
    }
}

/* As list registers are filled. */
static void shared_loaded(struct vcpu *v)
{
    if (!READ_ONCE(v->pending_any))
        return;
    atomic_store(&v->pending_any, 0u);
    delivered += !!atomic_exchange(&v->arch.pending[0], 0ull);
}

static void shared_core(void)
{
    struct core *c = core_self();

    for (;;) {
        struct thread *t = scheduler_leave(c);
        fake_point();
        if (t->context) {
            c->mode = CORE_HYP;
            fake_point();
            arch_context_save(t->context);
            context_event(t->context, ORD_EVENT_SYSCALL, 1, 2, 3);
        } else if (laps && fiber_choose(2)) {
            laps--;
            c->mode = CORE_HYP;
            CHECK(context_run(vm, 0) == ORD_OK);
        } else if (fiber_choose(2)) {
            c->mode = CORE_HYP;
            vcpu_wait(t->vcpu);
        } else {
            fiber_wait(interrupted_1);
            c->mode = CORE_HYP;
        }
        arch_core_irqs(c);
    }
}

static bool run_shared(void)
{
    restore();
    fiber_reset();
    delivered = 0;
    laps = 2;
    fiber_add(0, pender, true);
    fiber_add(1, shared_core, false);
    return fiber_run() && delivered == PENDS;
}

static void explore_shared(void)
{
    uint64_t count = 0;

    fixture_start(2, 1024);
    struct task *task = fixture_task();
    vm = fixture_vm();
    frame[0] = fixture_frame(FRAME);
    CHECK(vm_share_core(vm, 1, 100, 1000, 1000) == ORD_OK);
    fixture_vcpu(vm, task, 0);
    struct vcpu *v = fixture_vcpu(vm, task, 1);
    uint32_t id;
    CHECK(detach_create(vm, frame_address(FRAME), 1, 10, 0, &id) == ORD_OK && id == 0);
    on_core(1);
    thread_wake(v->thread);
    CHECK(scheduler_leave(&cores[1]) == v->thread && vcpu_run(v) == ORD_OK);
    cores[1].mode = CORE_HYP;
    save();
    fake.poll = shared_poll;
    fake.sleep = shared_sleep;
    fake.vcpu_loaded = shared_loaded;
    fiber_explore(2);
    do {
        if (!run_shared()) {
            fprintf(stderr, "an interrupt is lost: %u of %u; ", delivered, PENDS);
            fiber_report();
            exit(1);
        }
        count++;
    } while (fiber_next());
    printf("%lu orders; ", (unsigned long)count);
}

/* ---- an interrupt that context 0 has ---- */

#define INTID  40 /* physical */
#define VINTID 50
#define RAISES 3u

static const struct grant_scenario {
    const char *name;
    const char *script; /* v revoke  g give to context 1  r, w, s, d as above, of context 0 */
} grant_scenarios[] = {
    {"interrupt revoked", "v"},
    {"interrupt given to another", "vg"},
    {"interrupt of one that is moved", "rws"},
    {"interrupt of one that is destroyed", "rwd"},
};
static const char *grant_script;
static struct irq *grant_irq;
static uint32_t calls[2]; /* that each makes yet */
static bool asked[2];     /* it waits for its result */

static bool is_active(void)
{
    return fake.irq_state[INTID] & ORD_IRQ_STATE_ACTIVE;
}

static bool is_inactive(void)
{
    return !is_active();
}

/* The device, on a core that is the one for the interrupt or was just now. */
static void device(void)
{
    for (uint32_t i = 0; i < RAISES; i++) {
        fiber_wait(is_inactive);
        fake.irq_state[INTID] |= ORD_IRQ_STATE_ACTIVE;
        CHECK(irq_deliver(INTID));
    }
}

static void grant_guest(void)
{
    for (const char *s = grant_script; *s; s++)
        switch (*s) {
        case 'v':
            CHECK(grant_revoke(vm, VINTID) == ORD_OK);
            break;
        case 'g':
            CHECK(detach_grant(vm, 1, VINTID) == ORD_OK);
            break;
        case 'r':
            CHECK(context_recall(vm, 0) == ORD_OK);
            break;
        case 'w':
            fiber_wait(event_there);
            break;
        case 's':
            CHECK(detach_set(vm, 0, 3, 20) == ORD_OK);
            break;
        case 'd':
            CHECK(detach_destroy(vm, 0) == ORD_OK);
            break;
        }
}

static uint64_t hostcall(struct context *c, uint64_t number)
{
    uint64_t arg[6] = {VINTID}, result[4] = {VINTID};

    CHECK(hostcall_dispatch(c, number, arg, result));
    return result[0];
}

/* Its thread waits for the interrupt, acknowledges it, and again. */
static void grant_host(void)
{
    struct core *c = core_self();

    for (;;) {
        struct context *x = scheduler_leave(c)->context;
        uint64_t result = 0;
        fake_point();
        if (!asked[x->id] && !calls[x->id]) {
            fiber_wait(c->index == 2 ? interrupted_2 : interrupted_3);
            c->mode = CORE_HYP;
        } else {
            c->mode = CORE_HYP;
            fake_point();
            if (asked[x->id]) {
                result = x->thread.arch.value;
            } else {
                calls[x->id]--;
                result = hostcall(x, ORD_HOSTCALL_IRQ_WAIT);
            }
            asked[x->id] = x->wait;
            if (!x->wait && result == 1)
                hostcall(x, ORD_HOSTCALL_IRQ_ACK);
        }
        arch_core_irqs(c);
    }
}

static bool run_grant(void)
{
    restore();
    fiber_reset();
    asked[0] = asked[1] = false;
    calls[0] = calls[1] = 2;
    fake.irq_state[INTID] = 0;
    fiber_add(0, grant_guest, true);
    fiber_add(1, device, false);
    fiber_add(2, grant_host, false);
    fiber_add(3, grant_host, false);
    failure = "nobody goes on";
    if (!fiber_run())
        return false;
    failure = "a mailbox is not empty";
    if (cores[2].mail || cores[3].mail)
        return false;
    uintptr_t word = grant_irq->grant;
    const struct context *owner = grant_owner(grant_irq);
    uint32_t hands = (owner && word != (uintptr_t)owner) + !!(vm->vcpu[0]->arch.pending[0] & BIT(VINTID));
    failure = "the interrupt is active, and nobody will end it; or the other way round";
    if (hands != is_active())
        return false;
    failure = "one sleeps for an interrupt that has come, or is not its own";
    for (uint32_t i = 0; i < 2; i++) {
        const struct context *x = vm->context[i];
        if (x->wait == WAIT_IRQ && (owner != x || (word & GRANT_RAISED)))
            return false;
    }
    failure = "interrupts are not counted right";
    return vm->context[0]->irqs + vm->context[1]->irqs == !!owner;
}

static void explore_grant(void)
{
    uint64_t count = 0;
    uint32_t id;

    fixture_start(4, 1024);
    struct task *task = fixture_task();
    vm = fixture_vm();
    frame[0] = fixture_frame(FRAME);
    frame[1] = fixture_frame(FRAME + 1);
    struct vcpu *v = fixture_vcpu(vm, task, 0);
    CHECK(vm_add_core(vm, 2, 100) == ORD_OK && vm_add_core(vm, 3, 100) == ORD_OK);
    CHECK(irq_create(INTID, &grant_irq) == ORD_OK && irq_bind(grant_irq, v, VINTID, 0) == ORD_OK);
    for (uint32_t i = 0; i < 2; i++)
        CHECK(detach_create(vm, frame_address(FRAME + i), 2 + i, 10, ORD_CREATE_SHARED, &id) == ORD_OK &&
              context_run(vm, i) == ORD_OK);
    CHECK(detach_grant(vm, 0, VINTID) == ORD_OK);
    save();
    fake.poll = poll;
    fake.sleep = sleep_until;
    fiber_explore(2);
    do {
        if (!run_grant()) {
            fprintf(stderr, "%s; word %lx, %s; ", failure, (unsigned long)grant_irq->grant,
                    is_active() ? "active" : "not active");
            fiber_report();
            exit(1);
        }
        count++;
    } while (fiber_next());
    for (uint32_t i = 1; i <= 3000; i++) {
        fiber_random(i * 0x9e3779b97f4a7c15ull, 2 + i % 20);
        CHECK(run_grant());
    }
    printf("%lu orders; ", (unsigned long)count);
}

/* ---- the guest changes the words of the event page all the time ---- */

static bool marked;

static void hammer(void)
{
    struct ord_event_page *page = vm->event_page;

    for (uint64_t i = 0; !marked; i++) {
        page->pending[0] = i << 32; /* never the bit of context 0 */
        fake_point();
    }
}

static void marker(void)
{
    struct context *c = vm->context[0];

    CHECK(scheduler_leave(core_self()) == &c->thread);
    core_self()->mode = CORE_HYP;
    arch_context_save(c);
    context_event(c, ORD_EVENT_SYSCALL, 1, 2, 3);
    marked = true;
}

static void explore_hammer(void)
{
    uint32_t id, fallen_back = 0;

    fixture_start(4, 1024);
    vm = fixture_vm();
    frame[0] = fixture_frame(FRAME);
    fixture_vcpu(vm, fixture_task(), 0);
    CHECK(vm_add_core(vm, 2, 100) == ORD_OK);
    CHECK(detach_create(vm, frame_address(FRAME), 2, 10, 0, &id) == ORD_OK && context_run(vm, 0) == ORD_OK);
    frame[0]->wait = 1;
    vm->event_page = (struct ord_event_page *)(GUEST_RAM + EVENT * PAGE_SIZE);
    save();
    for (uint32_t i = 1; i <= 300; i++) {
        restore();
        fiber_reset();
        marked = false;
        fiber_add(0, hammer, true);
        fiber_add(2, marker, true);
        fiber_random(i * 0x9e3779b97f4a7c15ull, 1); /* the other one is next, at each access */
        CHECK(fiber_run() && frame[0]->event == ORD_EVENT_SYSCALL);
        fallen_back += !!vm->event_page->all;
    }
    CHECK(fallen_back);
}

int main(int argc, char **argv)
{
    if (argc < 2 || !strcmp(argv[1], "event page"))
        test_case("event page under attack", explore_hammer);
    for (size_t i = 0; i < ARRAY_SIZE(grant_scenarios); i++) {
        grant_script = grant_scenarios[i].script;
        if (argc < 2 || !strcmp(argv[1], grant_scenarios[i].name))
            test_case(grant_scenarios[i].name, explore_grant);
    }
    if (argc < 2 || !strcmp(argv[1], "shared core"))
        test_case("shared core", explore_shared);
    for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
        scenario = &scenarios[i];
        if (argc < 2 || !strcmp(argv[1], scenario->name))
            test_case(scenario->name, explore);
    }
    return 0;
}
