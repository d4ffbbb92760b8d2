/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes and threads: life, identity, scheduling, limits. */
#include "syscalls.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/elf.h>
#include <linux/filter.h>
#include <linux/kcmp.h>
#include <linux/membarrier.h>
#include <linux/rseq.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

CASE(30, ioprio_set, "")
{
    R(SYS_ioprio_set, 1, 0, 2 << 13 | 5);
    R(SYS_ioprio_get, 1, 0);
    R(SYS_ioprio_set, 1, 0, 7 << 13);
}

CASE(31, ioprio_get, "")
{
    R(SYS_ioprio_get, 1, 0);
    R(SYS_ioprio_get, 99, 0);
}

CASE(89, acct, "")
{
    R(SYS_acct, NULL);
    R(SYS_acct, "none");
}

static struct __user_cap_header_struct caps_head = {_LINUX_CAPABILITY_VERSION_3, 0};
static struct __user_cap_data_struct caps[2];

CASE(90, capget, "")
{
    struct __user_cap_header_struct bad = {1, 0};

    R(SYS_capget, &caps_head, caps);
    note("%x %x", caps[0].effective, caps[1].effective);
    R(SYS_capget, &bad, caps);
}

CASE(91, capset, "")
{
    CHECK(syscall(SYS_capget, &caps_head, caps) == 0);
    caps[0].effective &= ~(1u << CAP_SYS_CHROOT);
    R(SYS_capset, &caps_head, caps);
    R(SYS_chroot, ".");
    caps[1].permitted = ~0u;
    R(SYS_capset, &caps_head, caps);
}

CASE(92, personality, "")
{
    R(SYS_personality, 0xffffffff);
    R(SYS_personality, ADDR_NO_RANDOMIZE);
    R(SYS_personality, 0xffffffff);
}

CASE(93, exit, "")
{
    R(SYS_exit, 7);
}

CASE(94, exit_group, "")
{
    R(SYS_exit_group, 8);
}

CASE(95, waitid, "")
{
    siginfo_t info = {0};
    pid_t child = both_fork();

    if (!child)
        _exit(9);
    R(SYS_waitid, P_PID, child, &info, WEXITED, NULL);
    note("self=%d code=%d status=%d", info.si_pid == child, info.si_code, info.si_status);
    R(SYS_waitid, P_PID, child, &info, WEXITED, NULL);
}

CASE(96, set_tid_address, "")
{
    static int word;

    note("%d", C(SYS_set_tid_address, &word) == gettid());
}

CASE(97, unshare, "")
{
    R(SYS_unshare, CLONE_FS | CLONE_FILES | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS);
    R(SYS_unshare, 1);
    R(SYS_unshare, CLONE_NEWUSER | CLONE_NEWPID);
    note("%d", getuid());
}

CASE(99, set_robust_list, "")
{
    static struct {
        void *list;
        long offset;
        void *pending;
    } head = {&head, 0, NULL};

    R(SYS_set_robust_list, &head, sizeof(head));
    R(SYS_set_robust_list, &head, 1);
}

CASE(100, get_robust_list, "")
{
    void *head = NULL;
    size_t size = 0;

    R(SYS_get_robust_list, 0, &head, &size);
    note("%d %lu", head != NULL, (unsigned long)size);
    R(SYS_get_robust_list, 99999999, &head, &size);
}

CASE(117, ptrace, "a thread that is single-stepped, or has breakpoints, runs in Linux for that time")
{
    struct user_pt_regs {
        uint64_t x[31], sp, pc, pstate;
    } regs = {0};
    struct iovec part = {&regs, sizeof(regs)};
    int status;
    pid_t child = both_fork();

    if (!child)
        for (;;)
            pause();
    R(SYS_ptrace, PTRACE_SEIZE, child, 0, 0);
    R(SYS_ptrace, PTRACE_SEIZE, child, 0, 0);
    R(SYS_ptrace, PTRACE_INTERRUPT, child, 0, 0);
    CHECK(waitpid(child, &status, 0) == child);
    note("%x", status);
    R(SYS_ptrace, PTRACE_GETREGSET, child, NT_PRSTATUS, &part);
    note("size=%lu pc=%d", (unsigned long)part.iov_len, regs.pc != 0);
    R(SYS_ptrace, PTRACE_DETACH, child, 0, 0);
    kill(child, SIGKILL);
    note("%d", both_wait(child));
}

CASE(118, sched_setparam, "of the thread's part in Linux; the priority on the host core is DETACH's")
{
    struct sched_param param = {0}, bad = {50};

    R(SYS_sched_setparam, 0, &param);
    R(SYS_sched_setparam, 0, &bad);
}

CASE(119, sched_setscheduler, "of the thread's part in Linux, which executes its calls")
{
    struct sched_param param = {10};

    R(SYS_sched_setscheduler, 0, SCHED_FIFO, &param);
    R(SYS_sched_getscheduler, 0);
    R(SYS_sched_setscheduler, 0, 99, &param);
}

CASE(120, sched_getscheduler, "")
{
    R(SYS_sched_getscheduler, 0);
    R(SYS_sched_getscheduler, -1);
}

CASE(121, sched_getparam, "")
{
    struct sched_param param = {77};

    R(SYS_sched_getparam, 0, &param);
    note("%d", param.sched_priority);
}

CASE(122, sched_setaffinity, "of the thread's part in Linux; its host core stays")
{
    cpu_set_t set, got;
    struct ord_ioc_thread thread;

    CPU_ZERO(&set);
    CPU_SET(1, &set);
    R(SYS_sched_setaffinity, 0, sizeof(set), &set);
    CHECK(sched_getaffinity(0, sizeof(got), &got) == 0);
    note("%d", CPU_EQUAL(&set, &got));
    CPU_ZERO(&set);
    R(SYS_sched_setaffinity, 0, sizeof(set), &set);
    /* It is where it has been. */
    if (both_detached && (!becomes_detached() || thread_stat(gettid(), &thread) || thread.core < 2))
        note("moved");
}

CASE(123, sched_getaffinity, "CPUs of Linux, never a host core")
{
    cpu_set_t set;

    CPU_ZERO(&set);
    R(SYS_sched_getaffinity, 0, 8, &set);
    note("%d", CPU_COUNT(&set));
    R(SYS_sched_getaffinity, 0, 1, &set);
}

CASE(124, sched_yield, "of the thread's part in Linux; does not give up the host core")
{
    R(SYS_sched_yield);
}

CASE(125, sched_get_priority_max, "")
{
    R(SYS_sched_get_priority_max, SCHED_FIFO);
    R(SYS_sched_get_priority_max, 99);
}

CASE(126, sched_get_priority_min, "")
{
    R(SYS_sched_get_priority_min, SCHED_FIFO);
    R(SYS_sched_get_priority_min, 99);
}

CASE(127, sched_rr_get_interval, "")
{
    struct timespec interval = {-1, -1};

    R(SYS_sched_rr_get_interval, 0, &interval);
    note("%d", interval.tv_sec >= 0);
    R(SYS_sched_rr_get_interval, 99999999, &interval);
}

CASE(140, setpriority, "")
{
    R(SYS_setpriority, PRIO_PROCESS, 0, 7);
    R(SYS_getpriority, PRIO_PROCESS, 0);
    R(SYS_setpriority, 99, 0, 7);
}

CASE(141, getpriority, "")
{
    R(SYS_getpriority, PRIO_PROCESS, 0);
    R(SYS_getpriority, PRIO_PROCESS, 99999999);
}

static void note_ids(void)
{
    uid_t r, e, s, gr, ge, gs;

    CHECK(getresuid(&r, &e, &s) == 0 && getresgid(&gr, &ge, &gs) == 0);
    note("%u/%u/%u %u/%u/%u", r, e, s, gr, ge, gs);
}

CASE(143, setregid, "")
{
    R(SYS_setregid, 12, 34);
    note_ids();
}

CASE(144, setgid, "")
{
    R(SYS_setgid, 34);
    note_ids();
}

CASE(145, setreuid, "")
{
    R(SYS_setreuid, 12, 34);
    note_ids();
    R(SYS_setreuid, 0, 0);
}

CASE(146, setuid, "")
{
    R(SYS_setuid, 34);
    note_ids();
    R(SYS_setuid, 0);
}

CASE(147, setresuid, "")
{
    R(SYS_setresuid, 1, 2, 3);
    note_ids();
    R(SYS_setresuid, 9, 9, 9);
}

CASE(148, getresuid, "")
{
    uid_t r, e, s;

    R(SYS_getresuid, &r, &e, &s);
    note("%u %u %u", r, e, s);
    R(SYS_getresuid, 8, 8, 8);
}

CASE(149, setresgid, "")
{
    R(SYS_setresgid, 1, 2, 3);
    note_ids();
}

CASE(150, getresgid, "")
{
    gid_t r, e, s;

    R(SYS_getresgid, &r, &e, &s);
    note("%u %u %u", r, e, s);
}

CASE(151, setfsuid, "")
{
    R(SYS_setfsuid, 55);
    R(SYS_setfsuid, -1);
}

CASE(152, setfsgid, "")
{
    R(SYS_setfsgid, 55);
    R(SYS_setfsgid, -1);
}

CASE(153, times, "")
{
    struct tms times;

    P(SYS_times, &times);
    R(SYS_times, 8);
}

CASE(154, setpgid, "")
{
    pid_t child = both_fork();

    if (!child)
        for (;;)
            pause();
    R(SYS_setpgid, child, child);
    note("%d", getpgid(child) == child);
    R(SYS_setpgid, 0, 0); /* a session leader */
    R(SYS_setpgid, 99999999, 0);
    kill(child, SIGKILL);
}

CASE(155, getpgid, "")
{
    note("%d", C(SYS_getpgid, 0) == getpid());
    R(SYS_getpgid, 99999999);
}

CASE(156, getsid, "")
{
    note("%d", C(SYS_getsid, 0) == getpid());
    R(SYS_getsid, 99999999);
}

CASE(157, setsid, "")
{
    R(SYS_setsid); /* a leader already */
}

CASE(158, getgroups, "")
{
    gid_t groups[3] = {5, 6, 7};

    CHECK(setgroups(3, groups) == 0);
    R(SYS_getgroups, 3, groups);
    R(SYS_getgroups, 1, groups);
}

CASE(159, setgroups, "")
{
    gid_t groups[3] = {5, 6, 7};

    R(SYS_setgroups, 3, groups);
    note("%d", getgroups(0, NULL));
    R(SYS_setgroups, 3, 8);
}

CASE(160, uname, "")
{
    struct utsname name;

    R(SYS_uname, &name);
    note("%s %s", name.sysname, name.machine);
    R(SYS_uname, 8);
}

CASE(161, sethostname, "")
{
    char name[32] = "";

    R(SYS_sethostname, "other", 5);
    CHECK(gethostname(name, sizeof(name)) == 0);
    note("%s", name);
    R(SYS_sethostname, "other", 5000);
}

CASE(162, setdomainname, "")
{
    char name[32] = "";

    R(SYS_setdomainname, "domain", 6);
    CHECK(getdomainname(name, sizeof(name)) == 0);
    note("%s", name);
    R(SYS_setdomainname, 8, 6);
}

CASE(163, getrlimit, "")
{
    struct rlimit limit;

    R(SYS_getrlimit, RLIMIT_STACK, &limit);
    note("%lu", (unsigned long)limit.rlim_cur);
    R(SYS_getrlimit, 99, &limit);
}

CASE(164, setrlimit, "")
{
    struct rlimit limit = {10, 20}, low = {20, 10};

    R(SYS_setrlimit, RLIMIT_NOFILE, &limit);
    R(SYS_dup3, 1, 15, 0);
    R(SYS_setrlimit, RLIMIT_NOFILE, &low);
}

CASE(165, getrusage, "")
{
    struct rusage usage;

    R(SYS_getrusage, RUSAGE_SELF, &usage);
    R(SYS_getrusage, 99, &usage);
}

CASE(167, prctl, "")
{
    char name[16] = "";

    R(SYS_prctl, PR_SET_NAME, "renamed");
    R(SYS_prctl, PR_GET_NAME, name);
    note("%s", name);
    R(SYS_prctl, PR_SET_DUMPABLE, 0);
    R(SYS_prctl, PR_GET_DUMPABLE);
    R(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    R(SYS_prctl, PR_SET_TIMERSLACK, 12345);
    R(SYS_prctl, PR_GET_TIMERSLACK);
    R(SYS_prctl, PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE, 0, 0, 0);
    R(SYS_prctl, PR_GET_TAGGED_ADDR_CTRL, 0, 0, 0, 0);
    R(SYS_prctl, PR_SVE_GET_VL);
    R(SYS_prctl, PR_PAC_RESET_KEYS, 0, 0, 0, 0);
    R(SYS_prctl, PR_SET_SPECULATION_CTRL, 99, 0, 0, 0);
    R(SYS_prctl, 0x7777);
}

CASE(168, getcpu, "a CPU of Linux, the one that executes the call")
{
    unsigned int cpu = ~0u, node = ~0u;

    R(SYS_getcpu, &cpu, &node, NULL);
    note("guest=%d node=%u", cpu < (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), node);
    R(SYS_getcpu, 8, NULL, NULL);
}

CASE(172, getpid, "")
{
    note("%d", C(SYS_getpid) == getpid());
}

CASE(173, getppid, "")
{
    note("%d", C(SYS_getppid) == getppid());
}

CASE(174, getuid, "")
{
    R(SYS_getuid);
}

CASE(175, geteuid, "")
{
    R(SYS_geteuid);
}

CASE(176, getgid, "")
{
    R(SYS_getgid);
}

CASE(177, getegid, "")
{
    R(SYS_getegid);
}

CASE(178, gettid, "")
{
    note("%d", C(SYS_gettid) == getpid());
}

CASE(220, clone, "the child starts attached")
{
    pid_t child;

    /* As fork(): with a copy of the memory. */
    child = (pid_t)C(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (!child)
        syscall(SYS_exit, is_detached() ? 3 : 4);
    note("%d", both_wait(child));
    R(SYS_clone, CLONE_THREAD, 0, 0, 0, 0);
    R(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0);
}

CASE(221, execve, "the new program is detached")
{
    char *const wrong[] = {(char *)"none", NULL};
    char *const argv[] = {(char *)"syscalls", (char *)"--executed", (char *)(both_detached ? "1" : "0"),
                          NULL};

    R(SYS_execve, "none", wrong, NULL);
    R(SYS_execve, "/", wrong, NULL);
    R(SYS_execve, "/proc/self/exe", argv, NULL);
}

CASE(260, wait4, "")
{
    int status = 0;
    pid_t child = both_fork();

    if (!child)
        _exit(9);
    note("%d", C(SYS_wait4, child, &status, 0, NULL) == child);
    note("%x", status);
    R(SYS_wait4, -1, &status, 0, NULL);
}

CASE(261, prlimit64, "")
{
    struct rlimit limit = {10, 20}, old;

    R(SYS_prlimit64, 0, RLIMIT_CORE, &limit, &old);
    R(SYS_prlimit64, 0, RLIMIT_CORE, NULL, &old);
    note("%lu %lu", (unsigned long)old.rlim_cur, (unsigned long)old.rlim_max);
    R(SYS_prlimit64, 99999999, RLIMIT_CORE, NULL, &old);
}

CASE(268, setns, "")
{
    int fd = open("/proc/1/ns/uts", O_RDONLY);
    char name[32] = "";

    CHECK(sethostname("other", 5) == 0);
    R(SYS_setns, fd, CLONE_NEWUTS);
    CHECK(gethostname(name, sizeof(name)) == 0);
    note("%s", name);
    R(SYS_setns, fd, CLONE_NEWNET);
    R(SYS_setns, 1, 0);
}

CASE(272, kcmp, "")
{
    R(SYS_kcmp, getpid(), getpid(), KCMP_VM, 0, 0);
    R(SYS_kcmp, getpid(), getpid(), KCMP_FILE, 1, 99);
    R(SYS_kcmp, getpid(), 99999999, KCMP_VM, 0, 0);
}

struct attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t prio;
    uint64_t runtime, deadline, period;
};

CASE(274, sched_setattr, "of the thread's part in Linux, which executes its calls")
{
    struct attr attr = {.size = sizeof(attr), .policy = SCHED_RR, .prio = 3}, bad = {.size = 3};

    R(SYS_sched_setattr, 0, &attr, 0);
    R(SYS_sched_getscheduler, 0);
    R(SYS_sched_setattr, 0, &bad, 0);
}

CASE(275, sched_getattr, "")
{
    struct attr attr = {0};

    R(SYS_sched_getattr, 0, &attr, sizeof(attr), 0);
    note("%u %u %d", attr.size, attr.policy, attr.nice);
    R(SYS_sched_getattr, 0, &attr, 1, 0);
}

CASE(277, seccomp, "filters see a detached thread's calls as any other's; host calls are the hypervisor's")
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 77),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {4, code};
    uint32_t action = SECCOMP_RET_TRAP;

    R(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
    R(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
    R(SYS_getppid);
    R(SYS_seccomp, 99, 0, NULL);
}

CASE(281, execveat, "the new program is detached")
{
    char *const argv[] = {(char *)"syscalls", (char *)"--executed", (char *)(both_detached ? "1" : "0"),
                          NULL};

    R(SYS_execveat, AT_FDCWD, "none", argv, NULL, 0);
    R(SYS_execveat, open("/proc/self/exe", O_PATH), "", argv, NULL, AT_EMPTY_PATH);
}

CASE(283, membarrier, "reaches threads on host cores: tests membarrier, threads")
{
    R(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    R(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    R(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    R(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    R(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
    R(SYS_membarrier, 0x7777, 0, 0);
}

CASE(293, rseq, "the thread reads 'no CPU' while it is detached: test rseq")
{
    static struct rseq area;

    /* glibc has registered the thread. */
    R(SYS_rseq, &area, sizeof(area), 0, 0x1234);
    R(SYS_rseq, &area, 1, 0, 0x1234);
    R(SYS_rseq, &area, sizeof(area), RSEQ_FLAG_UNREGISTER, 0x1234);
}

CASE(424, pidfd_send_signal, "")
{
    pid_t child = both_fork();
    int fd;

    if (!child)
        for (;;)
            pause();
    fd = (int)syscall(SYS_pidfd_open, child, 0);
    R(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0);
    note("%d", both_wait(child));
    R(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0);
    R(SYS_pidfd_send_signal, 1, SIGTERM, NULL, 0);
}

CASE(434, pidfd_open, "")
{
    P(SYS_pidfd_open, getpid(), 0);
    R(SYS_pidfd_open, 99999999, 0);
    R(SYS_pidfd_open, getpid(), 0x7777);
}

struct clone_args_3 {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

CASE(435, clone3, "the child starts attached")
{
    struct clone_args_3 args = {.exit_signal = SIGCHLD}, bad = {.flags = CLONE_SIGHAND};
    pid_t child = (pid_t)C(SYS_clone3, &args, sizeof(args));

    if (!child)
        syscall(SYS_exit, is_detached() ? 3 : 4);
    note("%d", both_wait(child));
    R(SYS_clone3, &bad, sizeof(bad));
    R(SYS_clone3, &args, 1);
}

CASE(438, pidfd_getfd, "")
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    P(SYS_pidfd_getfd, fd, 1, 0);
    R(SYS_pidfd_getfd, fd, 999, 0);
    R(SYS_pidfd_getfd, -1, 1, 0);
}

CASE(448, process_mrelease, "")
{
    R(SYS_process_mrelease, syscall(SYS_pidfd_open, getpid(), 0), 0);
    R(SYS_process_mrelease, -1, 0);
}
