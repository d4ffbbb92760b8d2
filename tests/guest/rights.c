/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a detached thread was granted goes to nobody else, and not to the next program.
 *
 *   rights race /dev/uioN   a thread is attached while it asks for an interrupt, and another one takes its
 * place rights exec /dev/uioN   execve() takes the interrupt away, from whoever executes what rights line
 * /dev/uioN   the line of another controller is not one of the distributor's rights gain PROGRAM     a
 * set-user-id program, this one, is not detached and not in its user's group rights rename           a thread
 * that does not lead its process executes a program that sleeps rights lose             root's program
 * becomes another user's: nothing of what root did is told
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534
#define MARK   0x5ec2e7 /* argument of a call that is to be found in a trace, or not */

#define HEAD(arg)                                                                                            \
    {                                                                                                        \
        .size = sizeof(arg), .version = ORD_ABI_VERSION                                                      \
    }

static int detach(uint32_t flags)
{
    struct ord_ioc_detach arg = {
        .head = HEAD(arg), .core = ORD_CORE_ANY, .prio = ORD_PRIO_DEFAULT, .flags = flags};

    return ioctl(thread_device(), ORD_IOC_DETACH, &arg) ? -errno : 0;
}

static int attach(int tid)
{
    struct ord_ioc_attach arg = {.head = HEAD(arg), .tid = tid};

    return ioctl(thread_device(), ORD_IOC_ATTACH, &arg) ? -errno : 0;
}

static int group(uint32_t flags)
{
    static struct ord_ioc_info info = {.head = HEAD(info)};
    struct ord_ioc_group arg = {
        .head = HEAD(arg), .prio = ORD_PRIO_DEFAULT, .flags = flags | ORD_DETACH_SHARED, .core_count = 1};

    CHECK(!ioctl(thread_device(), ORD_IOC_INFO, &info));
    while (arg.core[0] < info.core_count && !(info.core[arg.core[0]].flags & ORD_CORE_HOST))
        arg.core[0]++;
    return ioctl(thread_device(), ORD_IOC_GROUP, &arg) ? -errno : 0;
}

static int grant(int uio, uint32_t *intid)
{
    struct ord_ioc_irq arg = {.head = HEAD(arg), .fd = uio};
    int err = ioctl(thread_device(), ORD_IOC_IRQ, &arg) ? -errno : 0;

    *intid = arg.intid;
    return err;
}

/* -EPERM: it has not got this interrupt. Any other answer: it has. */
static int64_t acknowledge(uint32_t intid)
{
    uint64_t x[8] = {intid};

    CHECK(becomes_detached());
    raw_call(ORD_HOSTCALL_IRQ_ACK, x);
    return (int64_t)x[0];
}

/* ---- an interrupt for a thread that has gone ---- */

static struct race {
    int uio;
    uint32_t intid;
    struct ord_ioc_irq *arg; /* ends in a page that is not there yet */
    volatile int tid, err;
} race;

static void *race_ask(void *unused)
{
    (void)unused;
    CHECK(!detach(0) && becomes_detached());
    race.tid = (int)gettid();
    race.err = ioctl(thread_device(), ORD_IOC_IRQ, race.arg) ? errno : 0;
    return NULL;
}

/* The next one on the core, and most likely with the same context. */
static void *race_other(void *unused)
{
    (void)unused;
    CHECK(!detach(0));
    CHECK(acknowledge(race.intid) == -EPERM);
    race.tid = 0;
    while (!race.tid)
        ;
    if (acknowledge(race.intid) != -EPERM)
        test_fail("a thread that has never asked for it has the interrupt");
    CHECK(!attach(0));
    return NULL;
}

static int race_uffd(void)
{
    struct uffdio_api api = {.api = UFFD_API};
    int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

    CHECK(uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api));
    return uffd;
}

static int test_race(const char *path)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), offset = page - offsetof(struct ord_ioc_irq, fd);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int uffd = race_uffd();
    struct uffdio_register area = {.range = {(uintptr_t)pages + page, page},
                                   .mode = UFFDIO_REGISTER_MODE_MISSING};
    char *content = calloc(1, page);
    struct uffdio_copy copy = {.dst = (uintptr_t)pages + page, .src = (uintptr_t)content, .len = page};
    struct uffd_msg message;
    pthread_t ask, other;

    CHECK(pages != MAP_FAILED && content && !ioctl(uffd, UFFDIO_REGISTER, &area));
    race.uio = open(path, O_RDWR | O_CLOEXEC);
    CHECK(race.uio >= 0);
    /* its number */
    CHECK(!detach(0) && !grant(race.uio, &race.intid) && acknowledge(race.intid) != -EPERM && !attach(0));

    race.arg = (struct ord_ioc_irq *)(pages + offset);
    race.arg->head = (struct ord_ioc_head)HEAD(struct ord_ioc_irq);
    memcpy(content, &race.uio, sizeof(race.uio));
    CHECK(!pthread_create(&ask, NULL, race_ask, NULL));
    /* It has been found to be detached, and waits for the rest of its argument. */
    CHECK(read(uffd, &message, sizeof(message)) == sizeof(message) && race.tid);
    CHECK(!attach(race.tid));
    CHECK(!pthread_create(&other, NULL, race_other, NULL));
    while (race.tid)
        usleep(1000);
    CHECK(!ioctl(uffd, UFFDIO_COPY, &copy));
    CHECK(!pthread_join(ask, NULL));
    if (race.err != EINVAL)
        test_fail("granted to a thread that was attached: '%s'", strerror(race.err));
    race.tid = 1;
    CHECK(!pthread_join(other, NULL));
    return test_pass("nobody has it");
}

/* ---- execve() ---- */

static int test_exec(const char *path)
{
    uint32_t intid;
    char number[16];
    int uio = open(path, O_RDWR | O_CLOEXEC);

    CHECK(uio >= 0 && !detach(0));
    CHECK(!grant(uio, &intid) && acknowledge(intid) != -EPERM);
    snprintf(number, sizeof(number), "%u", intid);
    execl("/proc/self/exe", "rights", "executed", number, NULL);
    test_fail("execve: %s", strerror(errno));
}

static int test_executed(const char *number)
{
    if (acknowledge((uint32_t)atoi(number)) != -EPERM)
        test_fail("the interrupt has survived execve()");
    return test_pass("the interrupt is Linux's again");
}

static int test_line(const char *path)
{
    int uio = open(path, O_RDWR | O_CLOEXEC), err;
    uint32_t intid;

    CHECK(uio >= 0 && !detach(0));
    err = grant(uio, &intid);
    if (err != -EINVAL)
        test_fail("line of another controller: '%s', and number %u", strerror(-err), intid);
    return test_pass("refused");
}

static void *thread_exists(void *detached)
{
    struct ord_ioc_thread thread;

    *(volatile bool *)detached = !thread_stat((int)gettid(), &thread);
    return NULL;
}

static bool new_thread_is_detached(void)
{
    volatile bool detached = false;
    pthread_t thread;

    CHECK(!pthread_create(&thread, NULL, thread_exists, (void *)&detached) && !pthread_join(thread, NULL));
    return detached;
}

/* How many entries the caller's trace has of the call that root has made; -errno if it cannot be read. */
static int marks(void)
{
    static struct ord_ioc_trace trace;
    int found = 0;

    do {
        trace.head = (struct ord_ioc_head)HEAD(trace);
        if (ioctl(thread_device(), ORD_IOC_TRACE, &trace))
            return -errno;
        for (uint32_t i = 0; i < trace.count; i++)
            found += trace.entry[i].cause == ORD_CAUSE_SYSCALL && trace.entry[i].address == MARK;
    } while (trace.count == ORD_TRACE_BATCH);
    return found;
}

static int test_gain(const char *program)
{
    CHECK(getuid() && geteuid() == getuid());
    CHECK(!detach(ORD_DETACH_TRACE | ORD_DETACH_SIGDEBUG | ORD_DETACH_SHARED) && becomes_detached());
    CHECK(!group(0) && new_thread_is_detached());
    execl(program, "rights", "gained", NULL);
    test_fail("%s: %s", program, strerror(errno));
}

static int test_gained(void)
{
    struct ord_ioc_thread thread;

    CHECK(!geteuid() && getuid());
    if (thread_stat((int)gettid(), &thread) != -ESRCH || is_detached())
        test_fail("a set-user-id program is detached by who has started it");
    if (new_thread_is_detached())
        test_fail("a set-user-id program is in the group of who has started it");
    (void)lseek(MARK, 0, SEEK_SET);
    CHECK(!setresuid(getuid(), getuid(), getuid()));
    execlp("rights", "rights", "regained", NULL); /* not this file */
    test_fail("execve: %s", strerror(errno));
}

static int test_regained(void)
{
    CHECK(getuid() && geteuid() == getuid());
    if (marks() != -ESRCH)
        test_fail("what a set-user-id program did can be read");
    return test_pass("a set-user-id program is an ordinary one");
}

static int test_lose(void)
{
    CHECK(!getuid());
    CHECK(!detach(ORD_DETACH_TRACE | ORD_DETACH_SIGDEBUG | ORD_DETACH_SHARED) && becomes_detached());
    CHECK(!group(ORD_DETACH_SIGDEBUG));
    (void)lseek(MARK, 0, SEEK_SET);
    CHECK(becomes_detached() && marks() == 1);
    CHECK(!setresgid(NOBODY, NOBODY, NOBODY) && !setresuid(NOBODY, NOBODY, NOBODY));
    execl("/proc/self/exe", "rights", "lost", NULL);
    test_fail("execve: %s", strerror(errno));
}

static int test_lost(void)
{
    CHECK(getuid() == NOBODY && becomes_detached());
    if (marks())
        test_fail("what root's program did can be read: %d", marks());
    if (stat_self().flags & ORD_DETACH_SIGDEBUG)
        test_fail("SIGDEBUG has survived a change of the user");
    (void)lseek(MARK, 0, SEEK_SET);
    CHECK(becomes_detached() && marks() == 1); /* its own */
    CHECK(new_thread_is_detached());
    return test_pass("cores stay, records go");
}

static void *rename_main(void *unused)
{
    (void)unused;
    CHECK(!detach(0) && becomes_detached());
    execl("/bin/sleep", "sleep", "100", NULL);
    test_fail("execve: %s", strerror(errno));
}

static int test_rename(void)
{
    pthread_t thread;

    CHECK(!pthread_create(&thread, NULL, rename_main, NULL));
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "", *with = argc > 2 ? argv[2] : "";

    if (!strcmp(what, "race"))
        return test_race(with);
    if (!strcmp(what, "exec"))
        return test_exec(with);
    if (!strcmp(what, "executed"))
        return test_executed(with);
    if (!strcmp(what, "line"))
        return test_line(with);
    if (!strcmp(what, "gain"))
        return test_gain(with);
    if (!strcmp(what, "gained"))
        return test_gained();
    if (!strcmp(what, "regained"))
        return test_regained();
    if (!strcmp(what, "rename"))
        return test_rename();
    if (!strcmp(what, "lose"))
        return test_lose();
    if (!strcmp(what, "lost"))
        return test_lost();
    fprintf(stderr, "usage: rights race|exec|line /dev/uioN | gain PROGRAM | rename | lose\n");
    return 2;
}
