/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on the address space. */
#include "syscalls.h"

#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define PAGE 4096

static char *pages(unsigned int count)
{
    char *data = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(data != MAP_FAILED);
    return data;
}

CASE(214, brk, "")
{
    char *end = (char *)C(SYS_brk, 0), *next = end + 100 * PAGE;

    note("grown=%d", (char *)C(SYS_brk, next) == next);
    next[-1] = 1;
    note("refused=%d", (char *)C(SYS_brk, 8) == next);
    note("back=%d", (char *)C(SYS_brk, end) == end);
}

CASE(215, munmap, "")
{
    char *data = pages(3);
    unsigned char resident;

    data[PAGE] = 1;
    R(SYS_munmap, data + PAGE, PAGE);
    R(SYS_munmap, data + 1, PAGE);
    note("%d", mincore(data + PAGE, PAGE, &resident) ? errno : 0);
}

CASE(216, mremap, "")
{
    char *data = pages(2), *moved;

    data[PAGE] = 7;
    moved = (char *)C(SYS_mremap, data, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    note("data=%d %d", moved[PAGE], moved[63 * PAGE]);
    R(SYS_mremap, moved, 64 * PAGE, 0, 0);
    R(SYS_mremap, moved + 1, PAGE, PAGE, 0);
}

CASE(222, mmap, "")
{
    int fd = make_file("f", "abcdef");
    char *data = (char *)C(SYS_mmap, NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), byte;

    data[1] = 'X';
    CHECK(pread(fd, &byte, 1, 1) == 1);
    note("%c", byte);
    R(SYS_mmap, NULL, PAGE, PROT_READ, MAP_SHARED, -1, 0);
    R(SYS_mmap, NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    R(SYS_mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1);
}

CASE(226, mprotect, "")
{
    char *data = pages(2);

    data[0] = data[PAGE] = 5;
    R(SYS_mprotect, data, PAGE, PROT_READ);
    R(SYS_read, make_file("f", "x"), data, 1);
    note("%d", data[0]);
    R(SYS_mprotect, data, PAGE, PROT_READ | PROT_WRITE);
    data[0]++;
    note("%d", data[0]);
    R(SYS_mprotect, data + 1, PAGE, PROT_READ);
}

CASE(227, msync, "")
{
    int fd = make_file("f", "abcdef");
    char *data = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    CHECK(data != MAP_FAILED);
    R(SYS_msync, data, PAGE, MS_SYNC);
    R(SYS_msync, data + 1, PAGE, MS_SYNC);
    R(SYS_msync, data, PAGE, MS_SYNC | MS_ASYNC);
}

static unsigned long locked(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    unsigned long size = 0;
    char line[128];

    CHECK(status);
    while (fgets(line, sizeof(line), status))
        sscanf(line, "VmLck: %lu", &size);
    fclose(status);
    return size;
}

CASE(228, mlock, "")
{
    char *data = pages(4);

    R(SYS_mlock, data, 4 * PAGE);
    note("locked=%lu", locked());
    R(SYS_mlock, 8, PAGE);
}

CASE(229, munlock, "")
{
    char *data = pages(4);

    CHECK(mlock(data, 4 * PAGE) == 0);
    R(SYS_munlock, data, 2 * PAGE);
    note("locked=%lu", locked());
    R(SYS_munlock, 8, PAGE);
}

CASE(230, mlockall, "")
{
    R(SYS_mlockall, MCL_CURRENT | MCL_FUTURE);
    note("locked=%d", locked() > 0);
    R(SYS_mlockall, 99);
}

CASE(231, munlockall, "")
{
    CHECK(mlockall(MCL_CURRENT) == 0);
    R(SYS_munlockall);
    note("locked=%lu", locked());
}

CASE(232, mincore, "")
{
    char *data = pages(2);
    unsigned char resident[2] = {0};

    data[PAGE] = 1;
    R(SYS_mincore, data, 2 * PAGE, resident);
    note("%d %d", resident[0] & 1, resident[1] & 1);
    R(SYS_mincore, data + 1, PAGE, resident);
}

CASE(233, madvise, "")
{
    char *data = pages(2);

    data[0] = data[PAGE] = 9;
    R(SYS_madvise, data, PAGE, MADV_DONTNEED);
    note("%d %d", data[0], data[PAGE]);
    R(SYS_madvise, data, PAGE, MADV_POPULATE_WRITE);
    R(SYS_madvise, data + 1, PAGE, MADV_DONTNEED);
    R(SYS_madvise, data, PAGE, 9999);
}

CASE(234, remap_file_pages, "")
{
    int fd = make_file("f", "");
    char *data;

    CHECK(ftruncate(fd, 2 * PAGE) == 0 && pwrite(fd, "B", 1, PAGE) == 1);
    data = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(data != MAP_FAILED);
    R(SYS_remap_file_pages, data, PAGE, 0, 1, 0);
    note("%d", data[0]);
    R(SYS_remap_file_pages, data, PAGE, 1, 1, 0);
}

CASE(235, mbind, "")
{
    unsigned long nodes = 1;
    char *data = pages(2);

    R(SYS_mbind, data, 2 * PAGE, MPOL_BIND, &nodes, 64, MPOL_MF_MOVE);
    R(SYS_mbind, data + 1, PAGE, MPOL_BIND, &nodes, 64, 0);
    data[0] = 1;
}

CASE(236, get_mempolicy, "")
{
    unsigned long nodes[16] = {0};
    int mode = -1;

    R(SYS_get_mempolicy, &mode, nodes, 1024, NULL, 0);
    note("mode=%d", mode);
    R(SYS_get_mempolicy, &mode, NULL, 0, NULL, MPOL_F_MEMS_ALLOWED | MPOL_F_ADDR);
}

CASE(237, set_mempolicy, "")
{
    unsigned long nodes = 1;

    R(SYS_set_mempolicy, MPOL_BIND, &nodes, 64);
    pages(1)[0] = 1;
    R(SYS_set_mempolicy, 99, &nodes, 64);
    R(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0);
}

CASE(238, migrate_pages, "")
{
    unsigned long nodes = 1;

    R(SYS_migrate_pages, 0, 64, &nodes, &nodes);
    R(SYS_migrate_pages, 99999999, 64, &nodes, &nodes);
}

CASE(239, move_pages, "")
{
    char *data = pages(1);
    void *address = data;
    int node = 0, status = -1;

    data[0] = 1;
    R(SYS_move_pages, 0, 1, &address, NULL, &status, 0);
    note("status=%d", status);
    R(SYS_move_pages, 0, 1, &address, &node, &status, MPOL_MF_MOVE);
    R(SYS_move_pages, 0, 1, &address, &node, &status, 0x7777);
}

static const char other_text[] = "text of the other";

CASE(270, process_vm_readv, "")
{
    char text[32] = "";
    struct iovec to = {text, 8}, from = {(void *)other_text, 8}, bad = {(void *)8, 8};
    pid_t child = both_fork();

    if (!child)
        for (;;)
            pause();
    R(SYS_process_vm_readv, child, &to, 1, &from, 1, 0);
    R(SYS_process_vm_readv, child, &to, 1, &bad, 1, 0);
    R(SYS_process_vm_readv, 99999999, &to, 1, &from, 1, 0);
    note("%s", text);
    kill(child, SIGKILL);
}

CASE(271, process_vm_writev, "")
{
    static char target[9] = "abcdefgh";
    struct iovec from = {(char *)"ABC", 3}, to = {target, 3};
    pid_t child = both_fork();

    if (!child) {
        while (*(volatile char *)target != 'A')
            usleep(1000);
        _exit(target[2]);
    }
    R(SYS_process_vm_writev, child, &from, 1, &to, 1, 0);
    R(SYS_process_vm_writev, 99999999, &from, 1, &to, 1, 0);
    note("%d %c", both_wait(child), target[0]);
}

/* Main touches memory that another thread has to fill. */
static char *faulting;

static void *fault_main(void *argument)
{
    const int fd = *(int *)argument;
    struct uffdio_copy copy = {.dst = (unsigned long)faulting, .len = PAGE};
    struct uffd_msg message;
    static char source[PAGE] __attribute__((aligned(PAGE)));

    source[5] = 42;
    copy.src = (unsigned long)source;
    CHECK(read(fd, &message, sizeof(message)) == sizeof(message));
    both_shared->word[0] = message.event;
    both_shared->word[1] = message.arg.pagefault.address - (unsigned long)faulting;
    CHECK(ioctl(fd, UFFDIO_COPY, &copy) == 0);
    return NULL;
}

CASE(282, userfaultfd, "faults on registered memory are executed natively")
{
    int fd = (int)P(SYS_userfaultfd, O_CLOEXEC);
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register range;
    pthread_t thread;

    R(SYS_userfaultfd, 0x7777);
    CHECK(ioctl(fd, UFFDIO_API, &api) == 0);
    faulting = pages(1);
    range = (struct uffdio_register){
        .range = {(unsigned long)faulting, PAGE},
        .mode = UFFDIO_REGISTER_MODE_MISSING,
    };
    CHECK(ioctl(fd, UFFDIO_REGISTER, &range) == 0);
    CHECK(pthread_create(&thread, NULL, fault_main, &fd) == 0);
    note("data=%d", ((volatile char *)faulting)[5]);
    pthread_join(thread, NULL);
    note("event=%lx at=%lx", (unsigned long)both_shared->word[0],
         (unsigned long)both_shared->word[1] & ~0xffful);
}

CASE(284, mlock2, "")
{
    char *data = pages(4);

    R(SYS_mlock2, data, 4 * PAGE, MLOCK_ONFAULT);
    note("locked=%lu", locked());
    R(SYS_mlock2, data, PAGE, 99);
}

CASE(288, pkey_mprotect, "")
{
    char *data = pages(1);

    R(SYS_pkey_mprotect, data, PAGE, PROT_READ, -1);
    R(SYS_pkey_mprotect, data, PAGE, PROT_READ, 5);
}

CASE(289, pkey_alloc, "")
{
    R(SYS_pkey_alloc, 0, 0);
}

CASE(290, pkey_free, "")
{
    R(SYS_pkey_free, 1);
}

CASE(440, process_madvise, "")
{
    char *data = pages(1);
    struct iovec range = {data, PAGE};
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    data[0] = 3;
    R(SYS_process_madvise, fd, &range, 1, MADV_COLD, 0);
    R(SYS_process_madvise, -1, &range, 1, MADV_COLD, 0);
    R(SYS_process_madvise, fd, &range, 1, 9999, 0);
    note("%d", data[0]);
}

CASE(447, memfd_secret, "")
{
    int fd = (int)P(SYS_memfd_secret, 0);
    char *data;

    R(SYS_memfd_secret, 0x7777);
    if (fd < 0 || ftruncate(fd, PAGE))
        return;
    data = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(data != MAP_FAILED);
    data[9] = 9;
    note("%d", data[9]);
}

CASE(450, set_mempolicy_home_node, "")
{
    unsigned long nodes = 1;
    char *data = pages(1);

    CHECK(syscall(SYS_mbind, data, PAGE, MPOL_BIND, &nodes, 64, 0) == 0);
    R(SYS_set_mempolicy_home_node, data, PAGE, 0, 0);
    R(SYS_set_mempolicy_home_node, data, PAGE, 9999, 0);
}

CASE(453, map_shadow_stack, "")
{
    R(NEW(453), 0, PAGE, 0);
}

CASE(462, mseal, "")
{
    char *data = pages(1);

    R(NEW(462), data, PAGE, 0);
    R(NEW(462), data + 1, PAGE, 0);
    R(SYS_mprotect, data, PAGE, PROT_NONE);
}
