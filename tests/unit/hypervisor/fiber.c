/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber.h"

#include "../check.h"
#include <sanitizer/common_interface_defs.h>
#include <ucontext.h>

#define STACK       (256u << 10)
#define CHOICES_MAX 20000u
#define POINTS_MAX  20000u

static struct fiber {
    ucontext_t context;
    char *stack;
    void (*body)(void);
    bool (*ready)(void); /* waits for that, unless NULL */
    uint32_t core;
    bool needed, finished;
    void *fake_stack;
} fibers[FIBERS_MAX];

static uint32_t count, current;
static ucontext_t outside;
static void *outside_fake;
static const void *outside_stack;
static size_t outside_size;
static bool inside;

static struct {
    uint16_t n, pick;
} choices[CHOICES_MAX];
static uint32_t choice_count, choice_at, points;
static uint32_t limit, used; /* preemptions */
static uint64_t seed;        /* not 0: random */
static uint32_t odds;

void fiber_reset(void)
{
    count = 0;
    choice_at = 0;
    points = 0;
    used = 0;
}

void fiber_add(uint32_t core, void (*body)(void), bool needed)
{
    struct fiber *f = &fibers[count++];

    CHECK(count <= FIBERS_MAX);
    if (!f->stack)
        f->stack = malloc(STACK);
    f->body = body;
    f->ready = NULL;
    f->core = core;
    f->needed = needed;
    f->finished = false;
    f->fake_stack = NULL;
}

uint32_t fiber_choose(uint32_t n)
{
    if (n < 2)
        return 0;
    if (seed)
        return (uint32_t)(random_next(&seed) >> 20) % n;
    if (choice_at == choice_count) {
        if (choice_count == CHOICES_MAX)
            return 0; /* takes too long anyway */
        choices[choice_count].n = (uint16_t)n;
        choices[choice_count++].pick = 0;
    }
    CHECK(choices[choice_at].n == n); /* the same choices lead to the same place */
    return choices[choice_at++].pick;
}

static void entry(void)
{
    struct fiber *f = &fibers[current];

    __sanitizer_finish_switch_fiber(NULL, &outside_stack, &outside_size);
    f->body();
    f->finished = true;
    __sanitizer_start_switch_fiber(NULL, outside_stack, outside_size);
    swapcontext(&f->context, &outside);
}

/* Back to fiber_run(), which chooses. */
static void out(void)
{
    struct fiber *f = &fibers[current];

    __sanitizer_start_switch_fiber(&f->fake_stack, outside_stack, outside_size);
    swapcontext(&f->context, &outside);
    __sanitizer_finish_switch_fiber(f->fake_stack, &outside_stack, &outside_size);
}

static bool can_run(uint32_t i)
{
    return !fibers[i].finished && (!fibers[i].ready || fibers[i].ready());
}

/* How many others could run. */
static uint32_t others(void)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < count; i++)
        n += i != current && can_run(i);
    return n;
}

static uint32_t next; /* of the fibers that can run, other than the current one; FIBERS_MAX: choose */

static void point(void)
{
    if (!inside)
        return;
    if (++points > POINTS_MAX) {
        out(); /* for good */
        return;
    }
    if (seed) {
        if ((random_next(&seed) >> 20) % odds)
            return;
        next = FIBERS_MAX;
        out();
        return;
    }
    if (used >= limit)
        return;
    uint32_t pick = fiber_choose(1 + others());
    if (!pick)
        return;
    used++;
    next = pick - 1;
    out();
}

/* A spin loop: somebody else has to go on. */
static void relax(void)
{
    if (!inside)
        return;
    if (++points > POINTS_MAX) {
        out();
        return;
    }
    next = FIBERS_MAX;
    out();
}

void fiber_wait(bool (*ready)(void))
{
    if (ready())
        return;
    fibers[current].ready = ready;
    next = FIBERS_MAX;
    out();
    fibers[current].ready = NULL;
}

static void enter(uint32_t i)
{
    struct fiber *f = &fibers[i];

    current = i;
    fake_core = &cores[f->core];
    inside = true;
    __sanitizer_start_switch_fiber(&outside_fake, f->stack, STACK);
    swapcontext(&outside, &f->context);
    __sanitizer_finish_switch_fiber(outside_fake, NULL, NULL);
    inside = false;
}

static bool all_done(void)
{
    for (uint32_t i = 0; i < count; i++)
        if (fibers[i].needed && !fibers[i].finished)
            return false;
    return true;
}

/* Somebody else must go on: the next one, or another one at the price of a preemption. */
static uint32_t forced(uint32_t n)
{
    if (seed)
        return fiber_choose(n);
    uint32_t pick = used < limit ? fiber_choose(n) : 0;
    used += pick != 0;
    return pick;
}

static void prepare(struct fiber *f)
{
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK;
    f->context.uc_link = NULL;
    makecontext(&f->context, entry, 0);
}

bool fiber_run(void)
{
    fake.point = point;
    fake.relax = relax;
    for (uint32_t i = 0; i < count; i++)
        prepare(&fibers[i]);
    current = count; /* nobody: the first one is next */
    next = FIBERS_MAX;
    for (;;) {
        uint32_t n = others(), pick = next;
        if (points > POINTS_MAX)
            return false;
        if (!n) {
            /* Nobody else: the same one goes on, if it can. */
            if (current == count || !can_run(current))
                return all_done();
            enter(current);
            continue;
        }
        if (pick == FIBERS_MAX)
            pick = forced(n);
        uint32_t i = current;
        do {
            i = i + 1 < count ? i + 1 : 0;
        } while (i == current || !can_run(i) || pick-- != 0);
        enter(i);
    }
}

void fiber_explore(uint32_t preemptions)
{
    limit = preemptions;
    seed = 0;
    choice_count = 0;
}

bool fiber_next(void)
{
    choice_count = choice_at;
    while (choice_count && choices[choice_count - 1].pick + 1 >= choices[choice_count - 1].n)
        choice_count--;
    if (!choice_count)
        return false;
    choices[choice_count - 1].pick++;
    return true;
}

void fiber_random(uint64_t from, uint32_t one_in)
{
    seed = from;
    odds = one_in;
}

void fiber_report(void)
{
    fprintf(stderr, "%u points;", points);
    for (uint32_t i = 0; i < count; i++)
        fprintf(stderr, " core %u: %s%s", fibers[i].core, fibers[i].finished ? "done" : "not done",
                fibers[i].ready ? ", waits" : "");
    fprintf(stderr, "; choices not 0:");
    for (uint32_t i = 0; !seed && i < choice_at; i++)
        if (choices[i].pick)
            fprintf(stderr, " %u:%u", i, choices[i].pick);
    fprintf(stderr, "\n");
}
