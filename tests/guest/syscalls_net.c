/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets, System V IPC, message queues. */
#include "syscalls.h"

#include <arpa/inet.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

static char text[256];

static struct sockaddr_in loopback(void)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A listening TCP socket and its address. */
static int listener(struct sockaddr_in *address)
{
    socklen_t size = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    *address = loopback();
    CHECK(fd >= 0 && bind(fd, (void *)address, sizeof(*address)) == 0 && listen(fd, 5) == 0);
    CHECK(getsockname(fd, (void *)address, &size) == 0);
    return fd;
}

static int connected(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(fd >= 0 && connect(fd, (const void *)address, sizeof(*address)) == 0);
    return fd;
}

CASE(198, socket, "")
{
    P(SYS_socket, AF_INET, SOCK_STREAM, 0);
    P(SYS_socket, AF_UNIX, SOCK_DGRAM, 0);
    R(SYS_socket, 9999, SOCK_STREAM, 0);
    R(SYS_socket, AF_INET, 99, 0);
}

CASE(199, socketpair, "")
{
    int ends[2];

    R(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, ends);
    R(SYS_socketpair, AF_INET, SOCK_STREAM, 0, ends);
    note("%ld %ld", (long)write(ends[0], "abc", 3), (long)read(ends[1], text, 9));
}

CASE(200, bind, "")
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "s"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    R(SYS_bind, fd, &address, sizeof(address));
    R(SYS_bind, fd, &address, sizeof(address));
    R(SYS_bind, -1, &address, sizeof(address));
    note("%d", access("s", F_OK));
}

CASE(201, listen, "")
{
    struct sockaddr_in address = loopback();
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(bind(fd, (void *)&address, sizeof(address)) == 0);
    R(SYS_listen, fd, 3);
    R(SYS_listen, socket(AF_INET, SOCK_DGRAM, 0), 3);
}

CASE(202, accept, "")
{
    struct sockaddr_in address, peer = {0};
    socklen_t size = sizeof(peer);
    int fd = listener(&address), client = connected(&address), got;

    got = (int)P(SYS_accept, fd, &peer, &size);
    note("family=%d size=%u", peer.sin_family, size);
    R(SYS_accept, client, NULL, NULL);
    note("%ld %ld", (long)write(client, "abc", 3), (long)read(got, text, 9));
}

CASE(203, connect, "")
{
    struct sockaddr_in address;
    int fd = listener(&address), client = socket(AF_INET, SOCK_STREAM, 0);

    R(SYS_connect, client, &address, sizeof(address));
    R(SYS_connect, client, &address, sizeof(address));
    close(fd);
    R(SYS_connect, socket(AF_INET, SOCK_STREAM, 0), &address, sizeof(address));
}

CASE(204, getsockname, "")
{
    struct sockaddr_in address, own = {0};
    socklen_t size = sizeof(own);

    R(SYS_getsockname, listener(&address), &own, &size);
    note("same=%d", own.sin_port == address.sin_port);
    R(SYS_getsockname, -1, &own, &size);
}

CASE(205, getpeername, "")
{
    struct sockaddr_in address, peer = {0};
    socklen_t size = sizeof(peer);
    int fd = listener(&address);

    R(SYS_getpeername, connected(&address), &peer, &size);
    note("same=%d", peer.sin_port == address.sin_port);
    R(SYS_getpeername, fd, &peer, &size);
}

CASE(206, sendto, "")
{
    struct sockaddr_in address = loopback();
    socklen_t size = sizeof(address);
    int to = socket(AF_INET, SOCK_DGRAM, 0), from = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK(bind(to, (void *)&address, size) == 0 && getsockname(to, (void *)&address, &size) == 0);
    R(SYS_sendto, from, "hello", 5, 0, &address, sizeof(address));
    R(SYS_sendto, from, "hello", 5, 0, NULL, 0);
    note("%ld", (long)recv(to, text, 9, 0));
}

CASE(207, recvfrom, "")
{
    struct sockaddr_un from;
    socklen_t size = sizeof(from);
    int ends[2];

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0 && send(ends[0], "hello", 5, 0) == 5);
    R(SYS_recvfrom, ends[1], text, 3, MSG_TRUNC, &from, &size);
    R(SYS_recvfrom, ends[1], text, 3, MSG_DONTWAIT, NULL, NULL);
}

CASE(208, setsockopt, "")
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    R(SYS_setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    R(SYS_setsockopt, fd, IPPROTO_TCP, 9999, &on, sizeof(on));
    R(SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, 8, sizeof(on));
}

CASE(209, getsockopt, "")
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), value = 0;
    socklen_t size = sizeof(value);

    R(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &value, &size);
    note("%d", value);
    R(SYS_getsockopt, fd, SOL_SOCKET, 9999, &value, &size);
}

CASE(210, shutdown, "")
{
    int ends[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    R(SYS_shutdown, ends[0], SHUT_WR);
    R(SYS_shutdown, ends[0], 99);
    note("%ld", (long)read(ends[1], text, 9));
}

/* A descriptor travels with the message. */
static union {
    char space[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
} control;

static struct msghdr message(struct iovec *part)
{
    struct msghdr head = {
        .msg_iov = part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control.space),
    };

    return head;
}

static struct msghdr message_with(struct iovec *part, int fd)
{
    struct msghdr head = message(part);
    struct cmsghdr *first = CMSG_FIRSTHDR(&head);

    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(first), &fd, sizeof(fd));
    return head;
}

CASE(211, sendmsg, "")
{
    struct iovec part = {(char *)"hello", 5};
    struct msghdr head = message_with(&part, make_file("f", "abc"));
    int ends[2];

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
    R(SYS_sendmsg, ends[0], &head, 0);
    R(SYS_sendmsg, ends[0], 8, 0);
    note("%ld", (long)recv(ends[1], text, 9, 0));
}

CASE(212, recvmsg, "")
{
    struct iovec part = {(char *)"hello", 5}, to = {text, 9};
    struct msghdr head = message_with(&part, make_file("f", "abc"));
    int ends[2], fd;

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0 && sendmsg(ends[0], &head, 0) == 5);
    memset(&control, 0, sizeof(control));
    head = message(&to);
    R(SYS_recvmsg, ends[1], &head, 0);
    memcpy(&fd, CMSG_DATA(&control.align), sizeof(fd));
    note("%ld", (long)pread(fd, text, 9, 0));
    R(SYS_recvmsg, ends[1], &head, MSG_DONTWAIT);
}

CASE(242, accept4, "")
{
    struct sockaddr_in address;
    int fd = listener(&address), client = connected(&address);

    note("%x", (unsigned int)fcntl((int)P(SYS_accept4, fd, NULL, NULL, SOCK_NONBLOCK), F_GETFL));
    R(SYS_accept4, fd, NULL, NULL, 0x7777);
    close(client);
}

CASE(243, recvmmsg, "")
{
    struct iovec parts[2] = {{text, 9}, {text + 9, 9}};
    struct mmsghdr heads[2] = {{.msg_hdr = {.msg_iov = parts, .msg_iovlen = 1}},
                               {.msg_hdr = {.msg_iov = parts + 1, .msg_iovlen = 1}}};
    int ends[2];

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
    CHECK(send(ends[0], "ab", 2, 0) == 2 && send(ends[0], "cde", 3, 0) == 3);
    R(SYS_recvmmsg, ends[1], heads, 2, 0, NULL);
    note("%u %u", heads[0].msg_len, heads[1].msg_len);
    R(SYS_recvmmsg, ends[1], heads, 2, MSG_DONTWAIT, NULL);
}

CASE(269, sendmmsg, "")
{
    struct iovec parts[2] = {{(char *)"ab", 2}, {(char *)"cde", 3}};
    struct mmsghdr heads[2] = {{.msg_hdr = {.msg_iov = parts, .msg_iovlen = 1}},
                               {.msg_hdr = {.msg_iov = parts + 1, .msg_iovlen = 1}}};
    int ends[2];

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
    R(SYS_sendmmsg, ends[0], heads, 2, 0);
    note("%ld %ld", (long)recv(ends[1], text, 9, 0), (long)recv(ends[1], text, 9, 0));
    R(SYS_sendmmsg, -1, heads, 2, 0);
}

/* POSIX message queues */
static struct mq_attr queue_attr = {.mq_maxmsg = 4, .mq_msgsize = 16};

static int queue(int flags)
{
    int fd = (int)syscall(SYS_mq_open, "both", O_CREAT | O_RDWR | flags, 0600, &queue_attr);

    CHECK(fd >= 0);
    return fd;
}

CASE(180, mq_open, "")
{
    P(SYS_mq_open, "both", O_CREAT | O_EXCL | O_RDWR, 0600, &queue_attr);
    R(SYS_mq_open, "both", O_CREAT | O_EXCL | O_RDWR, 0600, &queue_attr);
    R(SYS_mq_open, "none", O_RDWR, 0, NULL);
}

CASE(181, mq_unlink, "")
{
    queue(0);
    R(SYS_mq_unlink, "both");
    R(SYS_mq_unlink, "both");
}

CASE(182, mq_timedsend, "")
{
    const struct timespec past = {1, 0};
    int fd = queue(O_NONBLOCK);

    for (int i = 0; i < 5; i++)
        R(SYS_mq_timedsend, fd, "hello", 5, i, &past);
    R(SYS_mq_timedsend, queue(0), "hello", 5, 0, &past);
    R(SYS_mq_timedsend, -1, "hello", 5, 0, NULL);
}

CASE(183, mq_timedreceive, "")
{
    unsigned int prio = 99;
    const struct timespec past = {1, 0};
    int fd = queue(0);

    CHECK(syscall(SYS_mq_timedsend, fd, "low", 3, 1, NULL) == 0);
    CHECK(syscall(SYS_mq_timedsend, fd, "high!", 5, 7, NULL) == 0);
    R(SYS_mq_timedreceive, fd, text, 16, &prio, NULL);
    note("%u %s", prio, text);
    R(SYS_mq_timedreceive, fd, text, 1, &prio, NULL);
    R(SYS_mq_timedreceive, fd, text, 16, &prio, NULL);
    R(SYS_mq_timedreceive, fd, text, 16, &prio, &past);
}

CASE(184, mq_notify, "")
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    int fd = queue(0);

    R(SYS_mq_notify, fd, &event);
    R(SYS_mq_notify, fd, &event);
    R(SYS_mq_notify, fd, NULL);
    R(SYS_mq_notify, -1, NULL);
}

CASE(185, mq_getsetattr, "")
{
    struct mq_attr attr = {.mq_flags = O_NONBLOCK}, old;

    R(SYS_mq_getsetattr, queue(0), &attr, &old);
    note("%ld %ld %ld", old.mq_flags, old.mq_maxmsg, old.mq_msgsize);
    R(SYS_mq_getsetattr, -1, NULL, &old);
}

/* System V */
static struct {
    long type;
    char text[16];
} sysv = {3, "hello"};

CASE(186, msgget, "")
{
    R(SYS_msgget, 0x1234, 0600);
    note("%d", R(SYS_msgget, 0x1234, IPC_CREAT | IPC_EXCL | 0600) >= 0);
    R(SYS_msgget, 0x1234, IPC_CREAT | IPC_EXCL | 0600);
}

CASE(187, msgctl, "")
{
    struct msqid_ds status;
    int id = msgget(IPC_PRIVATE, 0600);

    R(SYS_msgctl, id, IPC_STAT, &status);
    note("%lu", (unsigned long)status.msg_qnum);
    R(SYS_msgctl, id, IPC_RMID, NULL);
    R(SYS_msgctl, id, IPC_RMID, NULL);
}

CASE(188, msgrcv, "")
{
    int id = msgget(IPC_PRIVATE, 0600);

    CHECK(msgsnd(id, &sysv, 5, 0) == 0);
    R(SYS_msgrcv, id, &sysv, 16, 4, IPC_NOWAIT);
    R(SYS_msgrcv, id, &sysv, 16, 3, 0);
    R(SYS_msgrcv, -1, &sysv, 16, 3, 0);
}

CASE(189, msgsnd, "")
{
    int id = msgget(IPC_PRIVATE, 0600);

    R(SYS_msgsnd, id, &sysv, 5, 0);
    R(SYS_msgsnd, id, &sysv, -1, 0);
    note("%ld", (long)msgrcv(id, &sysv, 16, 0, 0));
}

CASE(190, semget, "")
{
    note("%d", R(SYS_semget, 0x1234, 3, IPC_CREAT | IPC_EXCL | 0600) >= 0);
    R(SYS_semget, 0x1234, 3, IPC_CREAT | IPC_EXCL | 0600);
    R(SYS_semget, 0x1235, 3, 0600);
}

CASE(191, semctl, "")
{
    int id = semget(IPC_PRIVATE, 3, 0600);

    R(SYS_semctl, id, 1, SETVAL, 5);
    R(SYS_semctl, id, 1, GETVAL, 0);
    R(SYS_semctl, id, 9, GETVAL, 0);
    R(SYS_semctl, id, 0, IPC_RMID, 0);
}

static struct sembuf up = {0, 2, 0}, down = {0, -3, IPC_NOWAIT}, wait_down = {0, -3, 0};

CASE(192, semtimedop, "")
{
    const struct timespec soon = {0, 1000000};
    int id = semget(IPC_PRIVATE, 1, 0600);

    R(SYS_semtimedop, id, &up, 1, &soon);
    R(SYS_semtimedop, id, &down, 1, &soon);
    R(SYS_semtimedop, id, &wait_down, 1, &soon);
    R(SYS_semctl, id, 0, GETVAL, 0);
}

CASE(193, semop, "")
{
    int id = semget(IPC_PRIVATE, 1, 0600);

    R(SYS_semop, id, &up, 1);
    R(SYS_semop, id, &down, 1);
    R(SYS_semctl, id, 0, GETVAL, 0);
    R(SYS_semop, -1, &up, 1);
}

CASE(194, shmget, "")
{
    note("%d", R(SYS_shmget, 0x1234, 8192, IPC_CREAT | IPC_EXCL | 0600) >= 0);
    R(SYS_shmget, 0x1234, 8192, IPC_CREAT | IPC_EXCL | 0600);
    R(SYS_shmget, 0x1234, 99999999, 0600);
}

CASE(195, shmctl, "")
{
    struct shmid_ds status;
    int id = shmget(IPC_PRIVATE, 5000, 0600);

    R(SYS_shmctl, id, IPC_STAT, &status);
    note("%lu", (unsigned long)status.shm_segsz);
    R(SYS_shmctl, id, IPC_RMID, NULL);
    R(SYS_shmctl, id, IPC_STAT, &status);
}

CASE(196, shmat, "")
{
    int id = shmget(IPC_PRIVATE, 8192, 0600);
    char *a = (char *)C(SYS_shmat, id, NULL, 0), *b = (char *)C(SYS_shmat, id, NULL, SHM_RDONLY);

    a[5000] = 77;
    note("%d", b[5000]);
    R(SYS_shmat, id, 1, 0);
    R(SYS_shmat, -1, NULL, 0);
}

CASE(197, shmdt, "")
{
    char *data = shmat(shmget(IPC_PRIVATE, 8192, 0600), NULL, 0);

    data[0] = 1;
    R(SYS_shmdt, data);
    R(SYS_shmdt, data);
}
