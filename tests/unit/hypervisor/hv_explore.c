/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Detached contexts between two vCPUs and their host cores, in every order.
 *
 *   cores 0, 1: vCPUs; each follows a script of calls, a letter each
 *   cores 2, 3: host cores; a thread that runs there makes system calls, as many as the scenario lets it
 *
 *   c create on core 2   R run       r recall          w wait for an event
 *   d destroy            s set to the other host core  S stop the VM
 *   . the event page is given back: nobody may write to it any more
 *
 * Frames and event pages that were given back are poisoned: a late access is found.
 */
#include "fixture.h"

#include "atomic.h"
#include "fiber.h"
#include "string.h"
#include <arch/thread.h>
#include <sanitizer/asan_interface.h>
#include <signal.h>
#include <unistd.h>

#define FRAME 3u
#define EVENT 5u

static struct vm *vm;
static struct ord_frame *frame;

static struct scenario {
    const char *name;
    const char *script[2];
    uint32_t syscalls;    /* that threads make in all */
    bool created;         /* a context exists at the start */
    bool rejected;        /* its frame is not valid */
    bool waits;           /* the guest wants the virtual exception */
    uint32_t preemptions; /* of the exhaustive search */
    uint32_t random;      /* random runs */
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
    memcpy(saved.memory, machine, SAVED_POOL);
    memcpy(saved.guest, GUEST_RAM, SAVED_GUEST);
    memcpy(saved.core, cores, core_count * sizeof(struct core));
    memcpy(saved.pool, pools, sizeof(pools));
}

static void restore(void)
{
    memcpy(pools, saved.pool, sizeof(pools));
    ASAN_UNPOISON_MEMORY_REGION(machine, SAVED_POOL);
    ASAN_UNPOISON_MEMORY_REGION(GUEST_RAM, SAVED_GUEST);
    memcpy(machine, saved.memory, SAVED_POOL);
    memcpy(GUEST_RAM, saved.guest, SAVED_GUEST);
    memcpy(cores, saved.core, core_count * sizeof(struct core));
}

/* ---- vCPUs ---- */

static uint32_t runs, destroys, creates; /* that succeeded in this run */
static bool stopped;

static bool event_there(void)
{
    return __asan_address_is_poisoned(frame) || *(volatile uint32_t *)&frame->event != ORD_EVENT_RUNNING;
}

static void allow(status_t s, uint32_t mask)
{
    CHECK(s <= 0 && s >= ORD_STATUS_MIN && (mask & BIT(-s)));
}

#define MAY(s) BIT(-(s))

static bool other_script_destroys(uint32_t self)
{
    return strstr(scenario->script[!self], "d") != NULL;
}

static void guest(uint32_t self)
{
    uint32_t gone = other_script_destroys(self) || strstr(scenario->script[self], "d") ? MAY(ORD_BAD_CAP) : 0;
    uint32_t id;

    for (const char *s = scenario->script[self]; *s; s++)
        switch (*s) {
        case 'c':
            /* There still is one if destroy() came too early. */
            if (vm->context[0] && vm->context[0]->taken)
                break;
            ASAN_UNPOISON_MEMORY_REGION(frame, PAGE_SIZE);
            frame->magic = ORD_FRAME_MAGIC;
            status_t created = context_create(vm, frame_address(FRAME), 2, 10, &id);
            allow(created, MAY(ORD_OK) | (stopped ? MAY(ORD_BAD_STATE) : 0));
            creates += created == ORD_OK;
            CHECK(created != ORD_OK || id == 0);
            break;
        case 'R': {
            status_t ran = context_run(vm, 0);
            allow(ran, MAY(ORD_OK) | MAY(ORD_BAD_STATE) | gone);
            runs += ran == ORD_OK;
            break;
        }
        case 'r':
            allow(context_recall(vm, 0), MAY(ORD_OK) | gone);
            break;
        case 'w':
            fiber_wait(event_there);
            break;
        case 'd': {
            status_t destroyed = context_destroy(vm, 0);
            allow(destroyed, MAY(ORD_OK) | MAY(ORD_BUSY) | gone);
            if (destroyed != ORD_OK)
                break;
            destroys++;
            /* The frame is Linux's again. */
            ASAN_POISON_MEMORY_REGION(frame, PAGE_SIZE);
            break;
        }
        case 's':
            allow(context_set(vm, 0, 3, 20), MAY(ORD_OK) | MAY(ORD_BUSY) | gone);
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

static uint32_t syscalls;
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
        struct thread *t = core_leave(c);
        CHECK(t->context && t->context->frame == frame && t->core == c);
        /* In user mode. */
        entered[c->index - 2]++;
        if (syscalls && (!interrupted() || fiber_choose(2))) {
            fake_point();
            syscalls--;
            c->mode = CORE_HYP;
            fake_point();
            frame->x[1]++;
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
    memset(entered, 0, sizeof(entered));
    if (scenario->rejected)
        frame->magic = 0;
    if (scenario->waits) {
        frame->wait = 1;
        frame->wait_cpu = 1;
        vm->event_page = (struct ord_event_page *)(GUEST_RAM + EVENT * PAGE_SIZE);
    }
    if (scenario->created) {
        uint32_t id;
        frame->magic = ORD_FRAME_MAGIC;
        CHECK(context_create(vm, frame_address(FRAME), 2, 10, &id) == ORD_OK && id == 0);
        creates = 1;
        if (scenario->rejected)
            frame->magic = 0;
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
    failure = "a core is bound wrongly";
    struct context *c = vm->context[0];
    if (c && !c->taken)
        c = NULL;
    if (!c != !(creates - destroys))
        return false;
    for (uint32_t i = 2; i < 4; i++)
        if (cores[i].bound != (c && c->thread.core == &cores[i] ? c : NULL))
            return false;
    if (c) {
        const struct ord_stats *s = &c->stats;
        failure = "a request is pending";
        if (c->thread.ops)
            return false;
        failure = "frame and state do not fit";
        if ((c->state == CONTEXT_RUNNING) != (frame->event == ORD_EVENT_RUNNING) ||
            c->state == CONTEXT_CLOSED)
            return false;
        failure = "not one event for each run";
        uint64_t events = s->syscalls + s->recalls + s->exceptions + s->faults;
        if (!stopped && destroys == 0 && events + (c->state == CONTEXT_RUNNING) != runs)
            return false;
    }
    return true;
}

static void report(const char *why)
{
    fprintf(stderr, "%s: %s / %s: %s: ", scenario->name, scenario->script[0], scenario->script[1], why);
    struct context *c = vm->context[0];
    if (c)
        fprintf(stderr, "context: state %u, thread %u, requests 0x%x; event %u; ", c->state, c->thread.state,
                c->thread.ops, frame->event);
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
    {"recall against event", {"RwRrw", "rr"}, 1, true, false, false, 2, 3000},
    {"recall, and it comes", {"RrwRrw", "r"}, 0, true, false, false, 2, 3000},
    {"recall against destroy", {"RwdcRrw", "rr"}, 1, true, false, false, 2, 5000},
    {"all at once", {"cRrwdcRrwd", "rrr"}, 1, false, false, false, 2, 5000},
    {"two run it", {"RwRw", "RwRw"}, 4, true, false, false, 2, 5000},
    {"run against destroy", {"Rwd", "Rdd"}, 2, true, false, false, 2, 5000},
    {"destroyed and made again under a run", {"dcd", "RwR"}, 2, true, false, false, 2, 5000},
    {"moved to another core", {"RwsRrw", "rr"}, 1, true, false, false, 2, 5000},
    {"moved and destroyed", {"RwsdcRrw", "rrs"}, 1, true, false, false, 2, 5000},
    {"frame not valid", {"Rwdc", "rr"}, 0, true, true, false, 2, 3000},
    {"frame not valid, again and again", {"RwRwRw", "rrr"}, 0, true, true, false, 2, 3000},
    {"event page given back", {"Rwd.", "r"}, 1, true, false, true, 2, 3000},
    {"VM stopped", {"Rrd", "Sd"}, 1, true, false, false, 2, 3000},
    {"VM stopped, and nobody waits", {"R", "rSR"}, 1, true, false, false, 2, 3000},
    {"VM stopped, nothing runs", {"drd", "S"}, 1, true, false, false, 2, 3000},
};

static void explore(void)
{
    uint64_t count = 0;

    fixture_start(5, 1024);
    struct task *task = fixture_task();
    vm = fixture_vm();
    frame = fixture_frame(FRAME);
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

int main(int argc, char **argv)
{
    for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
        scenario = &scenarios[i];
        if (argc < 2 || !strcmp(argv[1], scenario->name))
            test_case(scenario->name, explore);
    }
    return 0;
}
