/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signals: what signals do to a thread that computes, and to one that waits, attached and detached. One line
 * of JSON for each case. Where a signal is to meet a detached thread that computes, the counters prove it.
 *
 *   --kill ROUNDS SEED   SIGKILL at random moments instead
 *   --core               two threads with known registers loop, for a core dump
 */
#include "signals.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <time.h>

static const char usage[] = "[--kill ROUNDS SEED | --core | CASE...]";

extern const struct signal_case __start_cases[], __stop_cases[];

static volatile uint64_t handled;
static pid_t sender;
static sigjmp_buf jump;

void install(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};

    CHECK(sigaction(number, &action, NULL) == 0);
}

static pid_t computing_tid;

void prove(void)
{
    const struct ord_stats *before = &both_shared->before.stats;
    struct ord_ioc_thread now;

    /* This call itself may be made detached, and counted: the handler may have been captured by then. */
    if (both_detached && (thread_stat(computing_tid, &now) || now.stats.syscalls > before->syscalls + 1 ||
                          now.stats.recalls == before->recalls))
        note("UNPROVED");
}

void compute(volatile uint64_t *word)
{
    computing_tid = gettid();
    __atomic_store_n(&both_shared->word[15], 1, __ATOMIC_RELEASE);
    while (!*word)
        ;
    both_shared->word[15] = 0;
}

void note_info(const siginfo_t *info)
{
    note("signal=%d code=%d errno=%d pid=%d uid=%u", info->si_signo, info->si_code, info->si_errno,
         info->si_pid == sender, info->si_uid);
}

static void plain(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    prove();
    note_info(info);
    handled = 1;
}

static void send_usr1(pid_t tid)
{
    CHECK(syscall(SYS_kill, tid, SIGUSR1) == 0);
}

static void compute_until_handled(void (*send)(pid_t))
{
    handled = 0;
    sender = both_when_computing(gettid(), send);
    compute(&handled);
    note("sender=%d", both_wait(sender));
}

CASE(handler)
{
    install(SIGUSR1, plain, 0);
    for (int i = 0; i < 5; i++)
        compute_until_handled(send_usr1);
}

static void send_tgkill(pid_t tid)
{
    CHECK(syscall(SYS_tgkill, tid, tid, SIGUSR1) == 0);
}

static void send_queued(pid_t tid)
{
    CHECK(sigqueue(tid, SIGUSR1, (union sigval){.sival_int = 4711}) == 0);
}

static void valued(int number, siginfo_t *info, void *context)
{
    plain(number, info, context);
    note("value=%d", info->si_value.sival_int);
}

CASE(siginfo)
{
    install(SIGUSR1, plain, 0);
    compute_until_handled(send_tgkill);
    install(SIGUSR1, valued, 0);
    compute_until_handled(send_queued);
}

static char *stack_bottom;

static void on_stack(int number, siginfo_t *info, void *context)
{
    char *here = __builtin_frame_address(0);
    stack_t stack;

    plain(number, info, context);
    CHECK(sigaltstack(NULL, &stack) == 0);
    note("inside=%d flags=%d", here > stack_bottom && here < stack_bottom + 65536, stack.ss_flags);
}

CASE(alternate_stack)
{
    stack_t stack = {.ss_sp = stack_bottom = malloc(65536), .ss_size = 65536};

    CHECK(sigaltstack(&stack, NULL) == 0);
    install(SIGUSR1, on_stack, SA_ONSTACK);
    compute_until_handled(send_usr1);
    compute_until_handled(send_usr1);
}

static volatile int depth;

static void inner(int number, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    note("inner=%d depth=%d", number, depth);
}

static void outer(int number, siginfo_t *info, void *context)
{
    plain(number, info, context);
    depth++;
    CHECK(raise(SIGUSR2) == 0);
    depth--;
}

CASE(nested)
{
    install(SIGUSR1, outer, 0);
    install(SIGUSR2, inner, 0);
    compute_until_handled(send_usr1);
}

static void again(int number, siginfo_t *info, void *context)
{
    static int total;

    (void)info;
    (void)context;
    if (!total)
        prove();
    note("in=%d", depth++);
    if (++total % 4)
        raise(number);
    note("out=%d", --depth);
    handled = total % 4 == 0;
}

CASE(nodefer)
{
    install(SIGUSR1, again, SA_NODEFER);
    compute_until_handled(send_usr1);
    /* Without it each waits for the one before to return. */
    install(SIGUSR1, again, 0);
    compute_until_handled(send_usr1);
}

CASE(resethand)
{
    install(SIGUSR1, plain, SA_RESETHAND);
    compute_until_handled(send_usr1);
    /* This one ends the process. */
    compute_until_handled(send_usr1);
}

static void jumping(int number, siginfo_t *info, void *context)
{
    plain(number, info, context);
    siglongjmp(jump, 1);
}

CASE(longjmp)
{
    volatile int jumps = 0;
    static volatile uint64_t never;
    static pid_t senders[5];

    install(SIGUSR1, jumping, 0);
    sigsetjmp(jump, 1);
    if (jumps < 5) {
        both_shared->word[15] = 0;
        sender = senders[jumps] = both_when_computing(gettid(), send_usr1);
        jumps++;
        compute(&never);
    }
    for (int i = 0; i < 5; i++)
        note("%d", both_wait(senders[i]));
}

/* The handler changes what the thread goes on with. */
extern char loop_landed[];

static struct fpsimd_context *fp_of(ucontext_t *user)
{
    struct _aarch64_ctx *head = (void *)user->uc_mcontext.__reserved;

    while (head->magic && head->magic != FPSIMD_MAGIC)
        head = (void *)((char *)head + head->size);
    CHECK(head->magic);
    return (void *)head;
}

static void changing(int number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    struct fpsimd_context *fp = fp_of(user);
    uint64_t sum = 0;

    plain(number, info, context);
    note("x19=%llx x28=%llx v8=%llx v31=%llx nzcv=%llx fpcr=%x", user->uc_mcontext.regs[19],
         user->uc_mcontext.regs[28], (unsigned long long)fp->vregs[8],
         (unsigned long long)(fp->vregs[31] >> 64), user->uc_mcontext.pstate >> 28, fp->fpcr);
    for (int i = 0; i < 32; i++)
        sum += (uint64_t)fp->vregs[i];
    user->uc_mcontext.regs[19] = 0x1111 + (sum & 0);
    user->uc_mcontext.regs[20] = 0x2222;
    user->uc_mcontext.pstate ^= 0xf0000000;
    fp->vregs[8] = ((__uint128_t)0x8888 << 64) | 0x9999;
    fp->vregs[31] = 0x3131;
    fp->fpcr = 1u << 24;
    fp->fpsr = 1u << 27;
    user->uc_mcontext.pc = (uint64_t)loop_landed;
}

static __attribute__((noinline)) void change_loop(uint64_t out[10], uint64_t *flag)
{
    register uint64_t *to __asm__("x21") = out;
    register uint64_t *tell __asm__("x22") = flag;
    const uint64_t zero = 0;

    __asm__ volatile("mov x19, #0x19\n\t"
                     "mov x20, #0x20\n\t"
                     "mov x28, #0x28\n\t"
                     "fmov d8, #1.5\n\t"
                     "movi v31.16b, #0x31\n\t"
                     "mov x23, #1\n\t"
                     "cmp x23, #1\n\t" /* Z and C */
                     "stlr x23, [x22]\n"
                     "1: b 1b\n\t"
                     ".globl loop_landed\n"
                     "loop_landed: mrs x24, nzcv\n\t"
                     "stp x19, x20, [x21]\n\t"
                     "stp x24, x28, [x21, #16]\n\t"
                     "str q8, [x21, #32]\n\t"
                     "str q31, [x21, #48]\n\t"
                     "mrs x24, fpcr\n\t"
                     "mrs x25, fpsr\n\t"
                     "stp x24, x25, [x21, #64]\n\t"
                     "msr fpcr, %2\n\t"
                     "msr fpsr, %2\n"
                     :
                     : "r"(to), "r"(tell), "r"(zero)
                     : "x19", "x20", "x23", "x24", "x25", "x28", "v8", "v31", "cc", "memory");
}

CASE(changed_context)
{
    uint64_t out[10] = {0};

    install(SIGUSR1, changing, 0);
    for (int i = 0; i < 3; i++) {
        computing_tid = gettid();
        sender = both_when_computing(computing_tid, send_usr1);
        change_loop(out, &both_shared->word[15]);
        for (int j = 0; j < 10; j++)
            note("%lx", (unsigned long)out[j]);
        both_shared->word[15] = 0;
        both_wait(sender);
    }
}

/* Queues */

static void listing(int number, siginfo_t *info, void *context)
{
    (void)context;
    note("%d:%d:%d", number, info->si_code, info->si_value.sival_int);
}

static void send_many(pid_t tid)
{
    for (int i = 0; i < 5; i++) {
        CHECK(sigqueue(tid, SIGRTMIN + 2, (union sigval){.sival_int = 100 + i}) == 0);
        CHECK(sigqueue(tid, SIGRTMIN + 1, (union sigval){.sival_int = 200 + i}) == 0);
        CHECK(kill(tid, SIGUSR1) == 0);
    }
    both_shared->word[0] = 1;
}

CASE(queue)
{
    sigset_t set;

    sigemptyset(&set);
    for (int number = SIGRTMIN + 1; number <= SIGRTMIN + 2; number++) {
        install(number, listing, 0);
        sigaddset(&set, number);
    }
    install(SIGUSR1, listing, 0);
    sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    sender = both_when_computing(gettid(), send_many);
    compute(&both_shared->word[0]);
    note("sender=%d", both_wait(sender));
    /* Blocked signals have not recalled it. */
    if (both_detached && !becomes_detached())
        note("ATTACHED");
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

/* Without being blocked: all arrive, in the order of their values. */
static volatile uint64_t queued_done;

static void in_order(int number, siginfo_t *info, void *context)
{
    static int last = -1;

    (void)number;
    (void)context;
    if (info->si_value.sival_int != last + 1)
        note("after %d: %d", last, info->si_value.sival_int);
    last = info->si_value.sival_int;
    if (last == 199)
        queued_done = 1;
}

static void send_in_order(pid_t tid)
{
    for (int i = 0; i < 200; i++)
        while (sigqueue(tid, SIGRTMIN + 3, (union sigval){.sival_int = i}))
            CHECK(errno == EAGAIN);
}

CASE(queue_unblocked)
{
    install(SIGRTMIN + 3, in_order, 0);
    sender = both_when_computing(gettid(), send_in_order);
    compute(&queued_done);
    note("sender=%d", both_wait(sender));
}

/* Timers meet a thread that computes. */

static volatile uint64_t ticks, unproved, ticked;
static uint64_t last_recalls;

static void ticking(int number, siginfo_t *info, void *context)
{
    struct ord_ioc_thread now;

    (void)context;
    if (ticked) /* more than are waited for */
        return;
    if (both_detached) {
        CHECK(thread_stat(gettid(), &now) == 0);
        unproved += now.stats.recalls == last_recalls;
        last_recalls = now.stats.recalls;
    }
    if (!ticks)
        note("signal=%d code=%d value=%d", number, info->si_code,
             info->si_code == SI_TIMER ? info->si_value.sival_int : 0);
    if (++ticks == 20)
        ticked = 1;
}

static void note_ticks(void)
{
    compute(&ticked);
    /* One that comes before the thread is captured again meets it in Linux; not most of them. */
    note("%lu proved=%d", (unsigned long)ticks, unproved < 10);
}

/* While no timer runs. */
static void begin_ticks(void)
{
    ticks = unproved = ticked = 0;
}

CASE(setitimer)
{
    const struct itimerval timer = {{0, 20000}, {0, 20000}}, off = {0};

    install(SIGALRM, ticking, 0);
    begin_ticks();
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    note_ticks();
    CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
}

CASE(timer_create)
{
    const struct itimerspec when = {{0, 20000000}, {0, 20000000}};
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL,
        .sigev_signo = SIGRTMIN + 4,
        .sigev_value.sival_int = 99,
    };
    timer_t timer;

    install(SIGRTMIN + 4, ticking, 0);
    for (int kind = 0; kind < 2; kind++) {
        begin_ticks();
        CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
        CHECK(timer_settime(timer, 0, &when, NULL) == 0);
        note_ticks();
        CHECK(timer_delete(timer) == 0);
        event.sigev_notify = SIGEV_THREAD_ID;
        event._sigev_un._tid = gettid();
    }
}

/* Stopped and continued while it computes, with the state that others see. */

static char state_of(pid_t tid)
{
    char path[64], state = '?';
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", tid);
    file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            state = '?';
        fclose(file);
    }
    return state;
}

static void stop_and_continue(pid_t tid)
{
    struct ord_ioc_thread now;

    for (int i = 0; i < 5; i++) {
        CHECK(kill(tid, SIGSTOP) == 0);
        while (state_of(tid) != 'T')
            usleep(1000);
        /* Not on its core either. */
        if (both_detached && (thread_stat(tid, &now) || now.state == ORD_THREAD_DETACHED))
            note("RUNS");
        CHECK(kill(tid, SIGCONT) == 0);
        while (both_detached && (thread_stat(tid, &now) || now.state != ORD_THREAD_DETACHED))
            usleep(1000);
    }
    kill(tid, SIGUSR1);
}

CASE(stop)
{
    install(SIGUSR1, plain, 0);
    compute_until_handled(stop_and_continue);
}

/* Default actions, on a thread that computes. */

#define DEFAULT(name, number)                                                                                \
    static void send_##name(pid_t tid)                                                                       \
    {                                                                                                        \
        kill(tid, number);                                                                                   \
    }                                                                                                        \
    CASE(default_##name)                                                                                     \
    {                                                                                                        \
        compute_until_handled(send_##name);                                                                  \
    }

DEFAULT(kill, SIGKILL)
DEFAULT(term, SIGTERM)
DEFAULT(quit, SIGQUIT)
DEFAULT(rt, SIGRTMIN + 5)
DEFAULT(alrm, SIGALRM)
DEFAULT(xcpu, SIGXCPU)

/* Ignored ones do not recall it. */
static void send_ignored(pid_t tid)
{
    for (int i = 0; i < 10; i++)
        CHECK(kill(tid, SIGWINCH) == 0 && kill(tid, SIGUSR2) == 0 && kill(tid, SIGCONT) == 0);
    kill(tid, SIGUSR1);
}

CASE(ignored)
{
    signal(SIGUSR2, SIG_IGN);
    install(SIGUSR1, plain, 0);
    compute_until_handled(send_ignored);
}

/* To the process, to a thread. */

static pthread_t other;
static volatile pid_t other_tid;
static volatile uint64_t other_ready, who;

static void tell_who(int number, siginfo_t *info, void *context)
{
    (void)context;
    (void)info;
    note("%d in %s", number, gettid() == getpid() ? "main" : "other");
    handled = 1;
}

static void *other_main(void *argument)
{
    other_tid = gettid();
    other_ready = 1;
    for (;;)
        pause();
    return argument;
}

static void send_other(pid_t tid)
{
    CHECK(syscall(SYS_tgkill, tid, other_tid, SIGUSR1) == 0);
}

CASE(directed)
{
    sigset_t set;

    install(SIGUSR1, tell_who, 0);
    CHECK(pthread_create(&other, NULL, other_main, NULL) == 0);
    while (!other_ready)
        ;
    compute_until_handled(send_usr1);
    compute_until_handled(send_other);
    /* Blocked in main, it is the other's. */
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    compute_until_handled(send_usr1);
    if (both_detached && !becomes_detached())
        note("ATTACHED");
}

/* For a core dump: registers that a debugger is to find. */

static __attribute__((noinline)) void core_loop(uint64_t base)
{
    register uint64_t start __asm__("x9") = base;

    __asm__ volatile("mov x19, x9\n\t"
                     "add x20, x9, #1\n\t"
                     "add x28, x9, #2\n\t"
                     "dup v8.2d, x9\n\t"
                     "dup v31.2d, x28\n\t"
                     ".globl core_loop_here\n"
                     "core_loop_here: b core_loop_here"
                     :
                     : "r"(start)
                     : "x19", "x20", "x28", "v8", "v31", "memory");
}

static void *core_thread(void *argument)
{
    (void)argument;
    other_ready = 1;
    for (;;)
        pause();
    return NULL;
}

static int core_main(void)
{
    CHECK(pthread_create(&other, NULL, core_thread, NULL) == 0);
    while (!other_ready)
        ;
    CHECK(becomes_detached());
    puts("looping");
    fflush(stdout);
    core_loop(0x1234567890);
    return 1;
}

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(name, argv[i]))
            return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    unsigned int different = 0, done = 0;

    if (argc == 4 && !strcmp(argv[1], "--kill"))
        return kill_main(arg_number(argv[2], usage), arg_number(argv[3], usage));
    if (argc == 2 && !strcmp(argv[1], "--core"))
        return core_main();
    if (argc == 3 && !strcmp(argv[1], "--executed"))
        return 40 + (argv[2][0] == '1' ? becomes_detached() : !is_detached());
    for (const struct signal_case *c = __start_cases; c < __stop_cases; c++)
        if (wanted(c->name, argc, argv)) {
            struct both_result result;
            char head[100];
            bool same = both_run(c->function, &result);

            snprintf(head, sizeof(head), "\"case\": \"%s\", ", c->name);
            both_print(head, &result, same);
            different += !same;
            done++;
        }
    if (!done)
        arg_number(NULL, usage);
    if (different)
        test_fail("%u of %u cases differ", different, done);
    return test_pass("%u cases", done);
}
