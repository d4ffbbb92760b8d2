// SPDX-License-Identifier: BSD-2-Clause
/*
 * Arguments of system calls, each by its type. What they point to is not shown: the trace is read later, when
 * something else may be there.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tracer.h"

/*
 * A letter per argument:
 *
 *   d  int            u  unsigned long   j  long           o  mode, octal     x  flags and others,
 * hexadecimal f  file           p  pointer         s  signal         c  clock           T  TIMER_ABSTIME or 0
 *   O  flags of open  P  PROT_*          M  MAP_*          m  MADV_*          F  operation on a futex
 *   w  whence         h  SIG_BLOCK …     e  EPOLL_CTL_*    l  CLONE_*         D  address family
 *
 * Calls that are not here are shown with all six registers.
 */
static const struct call {
    const char *name, *types;
} calls[] = {
    /* files */
    {"read", "fpu"},
    {"write", "fpu"},
    {"readv", "fpd"},
    {"writev", "fpd"},
    {"pread64", "fpuj"},
    {"pwrite64", "fpuj"},
    {"openat", "fpOo"},
    {"close", "f"},
    {"close_range", "uux"},
    {"fstat", "fp"},
    {"newfstatat", "fppx"},
    {"statx", "fpxxp"},
    {"faccessat", "fpx"},
    {"lseek", "fjw"},
    {"ioctl", "fxx"},
    {"fcntl", "fdx"},
    {"dup", "f"},
    {"dup3", "ffO"},
    {"pipe2", "pO"},
    {"readlinkat", "fppu"},
    {"unlinkat", "fpx"},
    {"mkdirat", "fpo"},
    {"renameat2", "fpfpx"},
    {"getdents64", "fpu"},
    {"ftruncate", "fj"},
    {"fallocate", "fxjj"},
    {"fsync", "f"},
    {"fdatasync", "f"},
    {"getcwd", "pu"},
    {"chdir", "p"},
    {"umask", "o"},
    {"sendfile", "ffpu"},
    {"splice", "fpfpux"},
    {"io_uring_setup", "up"},
    {"io_uring_enter", "fuuxpu"},
    /* memory */
    {"mmap", "puPMfx"},
    {"munmap", "pu"},
    {"mprotect", "puP"},
    {"mremap", "puuxp"},
    {"madvise", "pum"},
    {"brk", "p"},
    {"mlock", "pu"},
    {"munlock", "pu"},
    {"mlockall", "x"},
    {"munlockall", ""},
    /* time */
    {"nanosleep", "pp"},
    {"clock_nanosleep", "cTpp"},
    {"clock_gettime", "cp"},
    {"clock_getres", "cp"},
    {"gettimeofday", "pp"},
    {"setitimer", "dpp"},
    {"timer_create", "cpp"},
    {"timer_settime", "dTpp"},
    {"timerfd_create", "cO"},
    {"timerfd_settime", "fTpp"},
    {"timerfd_gettime", "fp"},
    /* waiting */
    {"futex", "pFdppd"},
    {"ppoll", "pdppu"},
    {"pselect6", "dppppp"},
    {"epoll_create1", "O"},
    {"epoll_ctl", "fefp"},
    {"epoll_pwait", "fpddpu"},
    {"eventfd2", "ux"},
    {"wait4", "dpxp"},
    {"waitid", "ddpxp"},
    {"sched_yield", ""},
    /* signals */
    {"kill", "ds"},
    {"tkill", "ds"},
    {"tgkill", "dds"},
    {"rt_sigaction", "sppu"},
    {"rt_sigprocmask", "hppu"},
    {"rt_sigtimedwait", "pppu"},
    {"rt_sigsuspend", "pu"},
    {"rt_sigreturn", ""},
    {"sigaltstack", "pp"},
    /* processes */
    {"clone", "lpppp"},
    {"clone3", "pu"},
    {"execve", "ppp"},
    {"exit", "d"},
    {"exit_group", "d"},
    {"getpid", ""},
    {"gettid", ""},
    {"getppid", ""},
    {"getuid", ""},
    {"geteuid", ""},
    {"getgid", ""},
    {"getegid", ""},
    {"set_tid_address", "p"},
    {"set_robust_list", "pu"},
    {"rseq", "puxx"},
    {"membarrier", "xxd"},
    {"prctl", "dxxxx"},
    {"prlimit64", "ddpp"},
    {"getrandom", "pux"},
    {"getrusage", "dp"},
    {"times", "p"},
    {"uname", "p"},
    {"sysinfo", "p"},
    {"getcpu", "ppp"},
    {"sched_setaffinity", "dup"},
    {"sched_getaffinity", "dup"},
    {"sched_setscheduler", "ddp"},
    /* sockets */
    {"socket", "Dxd"},
    {"bind", "fpu"},
    {"connect", "fpu"},
    {"listen", "fd"},
    {"accept", "fpp"},
    {"accept4", "fppx"},
    {"sendto", "fpuxpu"},
    {"recvfrom", "fpuxpp"},
    {"sendmsg", "fpx"},
    {"recvmsg", "fpx"},
    {"setsockopt", "fddpu"},
    {"getsockopt", "fddpp"},
    {"shutdown", "fd"},
};

struct name {
    uint64_t value;
    const char *text;
};

#define NAME(value)                                                                                          \
    {                                                                                                        \
        value, #value                                                                                        \
    }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct name clocks[] = {
    NAME(CLOCK_REALTIME),          NAME(CLOCK_MONOTONIC),        NAME(CLOCK_MONOTONIC_RAW),
    NAME(CLOCK_REALTIME_COARSE),   NAME(CLOCK_MONOTONIC_COARSE), NAME(CLOCK_PROCESS_CPUTIME_ID),
    NAME(CLOCK_THREAD_CPUTIME_ID), NAME(CLOCK_BOOTTIME),         NAME(CLOCK_TAI)};
static const struct name advices[] = {NAME(MADV_NORMAL),   NAME(MADV_RANDOM),     NAME(MADV_SEQUENTIAL),
                                      NAME(MADV_WILLNEED), NAME(MADV_DONTNEED),   NAME(MADV_FREE),
                                      NAME(MADV_HUGEPAGE), NAME(MADV_NOHUGEPAGE), NAME(MADV_DONTFORK)};
static const struct name whences[] = {NAME(SEEK_SET), NAME(SEEK_CUR), NAME(SEEK_END)};
static const struct name hows[] = {NAME(SIG_BLOCK), NAME(SIG_UNBLOCK), NAME(SIG_SETMASK)};
static const struct name epolls[] = {NAME(EPOLL_CTL_ADD), NAME(EPOLL_CTL_DEL), NAME(EPOLL_CTL_MOD)};
static const struct name families[] = {NAME(AF_UNIX), NAME(AF_INET), NAME(AF_INET6), NAME(AF_NETLINK),
                                       NAME(AF_PACKET)};
static const struct name futexes[] = {
    NAME(FUTEX_WAIT),        NAME(FUTEX_WAKE),        NAME(FUTEX_REQUEUE),
    NAME(FUTEX_CMP_REQUEUE), NAME(FUTEX_WAKE_OP),     NAME(FUTEX_LOCK_PI),
    NAME(FUTEX_UNLOCK_PI),   NAME(FUTEX_WAIT_BITSET), NAME(FUTEX_WAKE_BITSET)};
/* Sets: what has several bits before what has some of them. */
static const struct name absolute[] = {NAME(TIMER_ABSTIME)};
static const struct name protections[] = {NAME(PROT_READ), NAME(PROT_WRITE), NAME(PROT_EXEC)};
static const struct name mappings[] = {NAME(MAP_SHARED_VALIDATE), NAME(MAP_SHARED),    NAME(MAP_PRIVATE),
                                       NAME(MAP_FIXED),           NAME(MAP_ANONYMOUS), NAME(MAP_NORESERVE),
                                       NAME(MAP_LOCKED),          NAME(MAP_POPULATE),  NAME(MAP_STACK),
                                       NAME(MAP_HUGETLB),         NAME(MAP_GROWSDOWN), NAME(MAP_DENYWRITE),
                                       NAME(MAP_FIXED_NOREPLACE)};
static const struct name opens[] = {NAME(O_WRONLY),   NAME(O_RDWR),    NAME(O_CREAT),   NAME(O_EXCL),
                                    NAME(O_NOCTTY),   NAME(O_TRUNC),   NAME(O_APPEND),  NAME(O_NONBLOCK),
                                    NAME(O_SYNC),     NAME(O_DSYNC),   NAME(O_TMPFILE), NAME(O_DIRECTORY),
                                    NAME(O_NOFOLLOW), NAME(O_CLOEXEC), NAME(O_PATH),    NAME(O_DIRECT)};
static const struct name futex_flags[] = {NAME(FUTEX_PRIVATE_FLAG), NAME(FUTEX_CLOCK_REALTIME)};
static const struct name clones[] = {NAME(CLONE_VM),
                                     NAME(CLONE_FS),
                                     NAME(CLONE_FILES),
                                     NAME(CLONE_SIGHAND),
                                     NAME(CLONE_VFORK),
                                     NAME(CLONE_THREAD),
                                     NAME(CLONE_SYSVSEM),
                                     NAME(CLONE_SETTLS),
                                     NAME(CLONE_PARENT_SETTID),
                                     NAME(CLONE_CHILD_CLEARTID),
                                     NAME(CLONE_CHILD_SETTID)};

struct text {
    char *at;
    size_t size;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *text, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text->at, text->size, format, args);
    va_end(args);
    if (length < 0)
        return;
    if ((size_t)length >= text->size)
        length = text->size ? (int)text->size - 1 : 0;
    text->at += length;
    text->size -= (size_t)length;
}

static void add_name(struct text *text, const struct name *names, size_t count, uint64_t value)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].value == value) {
            add(text, "%s", names[i].text);
            return;
        }
    add(text, "%" PRIu64, value);
}

/* `first`: the name of no bit at all. */
static void add_set(struct text *text, const struct name *names, size_t count, uint64_t value,
                    const char *first)
{
    const char *between = "";

    for (size_t i = 0; i < count; i++)
        if ((value & names[i].value) == names[i].value) {
            add(text, "%s%s", between, names[i].text);
            value &= ~names[i].value;
            between = "|";
        }
    if (value)
        add(text, "%s0x%" PRIx64, between, value);
    else if (!*between)
        add(text, "%s", first);
}

static void add_open(struct text *text, uint64_t value)
{
    if (!(value & O_ACCMODE)) {
        add(text, "O_RDONLY");
        if (value)
            add(text, "|");
        else
            return;
    }
    add_set(text, opens, COUNT(opens), value, "0");
}

static void add_futex(struct text *text, uint64_t value)
{
    const uint64_t flags = value & (FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);

    add_name(text, futexes, COUNT(futexes), value & ~flags);
    if (flags)
        add(text, "|");
    if (flags)
        add_set(text, futex_flags, COUNT(futex_flags), flags, "0");
}

static void add_argument(struct text *text, char type, uint64_t value)
{
    char signal[80];

    switch (type) {
    case 'd':
        add(text, "%" PRId32, (int32_t)value);
        break;
    case 'u':
        add(text, "%" PRIu64, value);
        break;
    case 'j':
        add(text, "%" PRId64, (int64_t)value);
        break;
    case 'o':
        add(text, "%s%" PRIo32, (uint32_t)value ? "0" : "", (uint32_t)value);
        break;
    case 'f':
        if ((int32_t)value == AT_FDCWD)
            add(text, "AT_FDCWD");
        else
            add(text, "%" PRId32, (int32_t)value);
        break;
    case 'p':
        if (value)
            add(text, "0x%" PRIx64, value);
        else
            add(text, "NULL");
        break;
    case 's':
        if ((uint32_t)value)
            event_signal((uint32_t)value, signal, sizeof(signal));
        add(text, "%s", (uint32_t)value ? signal : "0");
        break;
    case 'c':
        add_name(text, clocks, COUNT(clocks), (uint32_t)value);
        break;
    case 'T':
        add_set(text, absolute, COUNT(absolute), (uint32_t)value, "0");
        break;
    case 'O':
        add_open(text, (uint32_t)value);
        break;
    case 'P':
        add_set(text, protections, COUNT(protections), value, "PROT_NONE");
        break;
    case 'M':
        add_set(text, mappings, COUNT(mappings), value, "0");
        break;
    case 'm':
        add_name(text, advices, COUNT(advices), (uint32_t)value);
        break;
    case 'F':
        add_futex(text, (uint32_t)value);
        break;
    case 'w':
        add_name(text, whences, COUNT(whences), (uint32_t)value);
        break;
    case 'h':
        add_name(text, hows, COUNT(hows), (uint32_t)value);
        break;
    case 'e':
        add_name(text, epolls, COUNT(epolls), (uint32_t)value);
        break;
    case 'D':
        add_name(text, families, COUNT(families), (uint32_t)value);
        break;
    case 'l':
        add_set(text, clones, COUNT(clones), value & ~(uint64_t)CSIGNAL, "0");
        if (value & CSIGNAL) {
            event_signal(value & CSIGNAL, signal, sizeof(signal));
            add(text, "|%s", signal);
        }
        break;
    default:
        add(text, value ? "0x%" PRIx64 : "%" PRIu64, value);
    }
}

static const char *call_types(const char *name)
{
    for (size_t i = 0; name && i < COUNT(calls); i++)
        if (!strcmp(calls[i].name, name))
            return calls[i].types;
    return "xxxxxx";
}

int args_count(const struct ord_trace_entry *entry)
{
    const char *name = syscall_name(entry->number);

    /* The mode is for a file that is made. */
    if (name && !strcmp(name, "openat") && !(entry->argument[1] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))))
        return 3;
    return (int)strlen(call_types(name));
}

void args_text(const struct ord_trace_entry *entry, int i, char *text, size_t size)
{
    const char *types = call_types(syscall_name(entry->number));
    struct text out = {text, size};

    add_argument(&out, types[i], i ? entry->argument[i - 1] : entry->address);
}
