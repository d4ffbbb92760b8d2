/* SPDX-License-Identifier: BSD-2-Clause */
/* sysmix: system calls of many kinds, each with a check of its result; N times. */
#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] = "[ROUNDS]";

#define SIZE 20000

static char buffer[SIZE], copy[SIZE];
static char folder[] = "/tmp/sysmix.XXXXXX";
static uint64_t seed = 99;

static void fill(void)
{
    for (size_t i = 0; i < SIZE; i++)
        buffer[i] = (char)(random_next(&seed) >> 56);
    memset(copy, 0, SIZE);
}

static void test_file(void)
{
    struct iovec parts[3] = {{buffer, 100}, {buffer + 100, 5000}, {buffer + 5100, SIZE - 5100}};
    struct stat status;
    char *map;
    int fd;

    fill();
    CHECK((fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640)) >= 0);
    CHECK(writev(fd, parts, 3) == SIZE);
    CHECK(pread(fd, copy, SIZE, 0) == SIZE && !memcmp(buffer, copy, SIZE));
    CHECK(lseek(fd, -100, SEEK_END) == SIZE - 100);
    CHECK(read(fd, copy, SIZE) == 100 && !memcmp(buffer + SIZE - 100, copy, 100));
    CHECK(read(fd, copy, SIZE) == 0);
    CHECK(fstat(fd, &status) == 0 && status.st_size == SIZE && (status.st_mode & 0777) == 0640);
    map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED && !memcmp(map, buffer, SIZE));
    map[7] ^= 1;
    CHECK(pread(fd, copy, 8, 0) == 8 && copy[7] == (buffer[7] ^ 1));
    CHECK(munmap(map, SIZE) == 0);
    CHECK(ftruncate(fd, 10) == 0 && fstat(fd, &status) == 0 && status.st_size == 10);
    CHECK(rename("file", "renamed") == 0 && access("file", F_OK) < 0 && errno == ENOENT);
    CHECK(close(fd) == 0 && close(fd) < 0 && errno == EBADF);
    CHECK(unlink("renamed") == 0);
}

static void test_folder(void)
{
    struct dirent *entry;
    unsigned int count = 0;
    DIR *handle;
    char name[16];

    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        CHECK(mkdir(name, 0700) == 0);
    }
    CHECK((handle = opendir(".")) != NULL);
    while ((entry = readdir(handle)))
        count += entry->d_name[0] == 'd';
    CHECK(closedir(handle) == 0 && count == 20);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        CHECK(rmdir(name) == 0);
    }
}

/* The child sends more than a pipe holds. */
static void test_pipe(void)
{
    size_t done = 0;
    int ends[2], status;
    pid_t child;

    fill();
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    CHECK((child = fork()) >= 0);
    if (!child) {
        for (int i = 0; i < 5; i++)
            CHECK(write(ends[1], buffer, SIZE) == SIZE);
        _exit(43);
    }
    close(ends[1]);
    for (;;) {
        ssize_t got = read(ends[0], copy, 777);

        CHECK(got >= 0);
        if (!got)
            break;
        for (ssize_t i = 0; i < got; i++, done++)
            if (copy[i] != buffer[done % SIZE])
                test_fail("byte %zu of the pipe is wrong", done);
    }
    close(ends[0]);
    CHECK(done == 5 * SIZE);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 43);
}

static void test_socket(void)
{
    int ends[2];
    struct pollfd poll_fd;

    fill();
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0);
    poll_fd = (struct pollfd){.fd = ends[1], .events = POLLIN};
    CHECK(poll(&poll_fd, 1, 0) == 0);
    CHECK(send(ends[0], buffer, 5000, 0) == 5000);
    CHECK(poll(&poll_fd, 1, -1) == 1 && poll_fd.revents == POLLIN);
    CHECK(recv(ends[1], copy, SIZE, 0) == 5000 && !memcmp(buffer, copy, 5000));
    CHECK(recv(ends[1], copy, SIZE, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    close(ends[0]);
    close(ends[1]);
}

static void test_events(void)
{
    const int event = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC), epoll = epoll_create1(EPOLL_CLOEXEC);
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec when = {.it_value.tv_nsec = 2000000};
    struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = 0x1122334455667788}, got;
    uint64_t value;

    CHECK(event >= 0 && epoll >= 0 && timer >= 0);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &wanted) == 0);
    CHECK(epoll_wait(epoll, &got, 1, -1) == 1 && got.data.u64 == wanted.data.u64);
    CHECK(read(event, &value, sizeof(value)) == sizeof(value) && value == 3);
    CHECK(epoll_wait(epoll, &got, 1, 0) == 0);
    CHECK(timerfd_settime(timer, 0, &when, NULL) == 0);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &wanted) == 0);
    CHECK(epoll_wait(epoll, &got, 1, -1) == 1);
    CHECK(read(timer, &value, sizeof(value)) == sizeof(value) && value >= 1);
    close(event);
    close(epoll);
    close(timer);
}

static int64_t nanoseconds(struct timespec time)
{
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

/* The vDSO's clock agrees with the system call's, never runs backwards, and no sleep is too short. */
static void test_time(void)
{
    struct timespec before, call, after, request = {.tv_nsec = 1500000};
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};

    for (size_t i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
        CHECK(clock_gettime(clocks[i], &before) == 0);
        CHECK(syscall(SYS_clock_gettime, clocks[i], &call) == 0);
        CHECK(clock_gettime(clocks[i], &after) == 0);
        if (nanoseconds(before) > nanoseconds(call) || nanoseconds(call) > nanoseconds(after))
            test_fail("clock %d: %ld, %ld, %ld", clocks[i], (long)nanoseconds(before),
                      (long)nanoseconds(call), (long)nanoseconds(after));
    }
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &request, NULL) == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    CHECK(nanoseconds(after) - nanoseconds(before) >= nanoseconds(request));
    request = after;
    request.tv_nsec += 1000000;
    if (request.tv_nsec >= 1000000000) {
        request.tv_sec++;
        request.tv_nsec -= 1000000000;
    }
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &request, NULL) == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    CHECK(nanoseconds(after) >= nanoseconds(request));
}

static void test_memory(void)
{
    const size_t size = 64 * 4096;
    char *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *moved;
    char *end = sbrk(0);
    unsigned char resident[128];

    CHECK(data != MAP_FAILED);
    for (size_t i = 0; i < size; i += 4096)
        data[i] = (char)(i >> 12);
    CHECK(mincore(data, size, resident) == 0 && resident[0] & 1);
    moved = mremap(data, size, 2 * size, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED);
    for (size_t i = 0; i < size; i += 4096)
        CHECK(moved[i] == (char)(i >> 12));
    CHECK(moved[2 * size - 1] == 0);
    CHECK(mprotect(moved, 4096, PROT_READ) == 0);
    CHECK(read(open("/dev/zero", O_RDONLY | O_CLOEXEC), moved, 1) < 0 && errno == EFAULT);
    CHECK(madvise(moved + 4096, 4096, MADV_DONTNEED) == 0 && moved[4096] == 0);
    CHECK(munmap(moved, 2 * size) == 0);
    CHECK(sbrk(100000) == end && (end[99999] = 1) == 1 && sbrk(-100000) != (void *)-1);
    /* The kernel reads and writes user memory that has never been touched. */
    data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(data != MAP_FAILED && getrandom(data, 256, 0) == 256);
    CHECK(write(1, data + 8192, 0) == 0);
    CHECK(syscall(SYS_getrandom, (void *)16, 256, 0) < 0 && errno == EFAULT);
    munmap(data, size);
}

static void test_process(void)
{
    struct utsname name;
    struct rlimit limit;
    char text[32] = "";
    int status;
    pid_t child;

    CHECK(getpid() == syscall(SYS_getpid) && gettid() == getpid());
    CHECK(prctl(PR_SET_NAME, "sysmix-name") == 0 && prctl(PR_GET_NAME, text) == 0 &&
          !strcmp(text, "sysmix-name"));
    CHECK(uname(&name) == 0 && !strcmp(name.machine, "aarch64"));
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur > 0);
    CHECK(sched_yield() == 0);
    CHECK(getcwd(text, sizeof(text)) && !strcmp(text, folder));
    CHECK(sched_getcpu() >= 0);
    CHECK(syscall(0x7fffffff) < 0 && errno == ENOSYS);
    /* vfork + exec; a child's child that becomes an orphan; a wait for a status that is not there. */
    CHECK((child = vfork()) >= 0);
    if (!child) {
        execl("/bin/sh", "sh", "-c", "exit 7", NULL);
        _exit(1);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK(waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD);
    CHECK(system("test \"$(echo a b | wc -w)\" = 2") == 0);
}

static void test_futex(void)
{
    static uint32_t word = 5;
    const struct timespec wait = {.tv_nsec = 1000000};

    CHECK(syscall(SYS_futex, &word, FUTEX_WAIT, 4, NULL, NULL, 0) < 0 && errno == EAGAIN);
    CHECK(syscall(SYS_futex, &word, FUTEX_WAIT, 5, &wait, NULL, 0) < 0 && errno == ETIMEDOUT);
    CHECK(syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
}

static void close_spare(void)
{
    for (int fd = 3; fd < 64; fd++)
        close(fd);
}

int main(int argc, char **argv)
{
    const uint64_t rounds = argc > 1 ? arg_number(argv[1], usage) : 50;

    CHECK(mkdtemp(folder) && chdir(folder) == 0);
    for (uint64_t round = 0; round < rounds; round++) {
        test_file();
        test_folder();
        test_pipe();
        test_socket();
        test_events();
        test_time();
        test_memory();
        test_process();
        test_futex();
        close_spare();
    }
    CHECK(chdir("/") == 0 && rmdir(folder) == 0);
    return test_pass("%lu rounds", (unsigned long)rounds);
}
