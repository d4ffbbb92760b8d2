/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on files and folders by name or descriptor. */
#include "syscalls.h"

#include <dirent.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#define ATTR "trusted.test"

static char text[256];

static void note_text(const char *what, long size)
{
    note("%s='%.*s'", what, size > 0 ? (int)size : 0, text);
}

static void note_stat(const struct stat *status)
{
    note("mode=%o size=%ld links=%u uid=%u", status->st_mode, (long)status->st_size,
         (unsigned int)status->st_nlink, status->st_uid);
}

/* Extended attributes; tmpfs has trusted.* */
CASE(5, setxattr, "")
{
    make_file("f", "x");
    R(SYS_setxattr, "f", ATTR, "value", 5, XATTR_CREATE);
    R(SYS_setxattr, "f", ATTR, "value", 5, XATTR_CREATE);
    R(SYS_setxattr, "none", ATTR, "value", 5, 0);
    note_text("value", getxattr("f", ATTR, text, sizeof(text)));
}

CASE(6, lsetxattr, "")
{
    CHECK(symlink("none", "l") == 0);
    R(SYS_lsetxattr, "l", ATTR, "value", 5, 0);
    note_text("value", lgetxattr("l", ATTR, text, sizeof(text)));
    R(SYS_lsetxattr, "none", ATTR, "value", 5, 0);
}

CASE(7, fsetxattr, "")
{
    int fd = make_file("f", "x");

    R(SYS_fsetxattr, fd, ATTR, "value", 5, 0);
    R(SYS_fsetxattr, -1, ATTR, "value", 5, 0);
    note_text("value", getxattr("f", ATTR, text, sizeof(text)));
}

static int attributed(void)
{
    int fd = make_file("f", "x");

    CHECK(setxattr("f", ATTR, "abc", 3, 0) == 0 && setxattr("f", ATTR "2", "defg", 4, 0) == 0);
    return fd;
}

CASE(8, getxattr, "")
{
    attributed();
    note_text("value", R(SYS_getxattr, "f", ATTR, text, sizeof(text)));
    R(SYS_getxattr, "f", ATTR, text, 1);
    R(SYS_getxattr, "f", "trusted.none", text, sizeof(text));
}

CASE(9, lgetxattr, "")
{
    attributed();
    note_text("value", R(SYS_lgetxattr, "f", ATTR, text, sizeof(text)));
    R(SYS_lgetxattr, "none", ATTR, text, sizeof(text));
}

CASE(10, fgetxattr, "")
{
    note_text("value", R(SYS_fgetxattr, attributed(), ATTR, text, sizeof(text)));
    R(SYS_fgetxattr, -1, ATTR, text, sizeof(text));
}

CASE(11, listxattr, "")
{
    attributed();
    R(SYS_listxattr, "f", text, sizeof(text));
    note("%s", text);
    R(SYS_listxattr, "f", text, 3);
}

CASE(12, llistxattr, "")
{
    attributed();
    R(SYS_llistxattr, "f", text, sizeof(text));
    R(SYS_llistxattr, "none", text, sizeof(text));
}

CASE(13, flistxattr, "")
{
    R(SYS_flistxattr, attributed(), text, sizeof(text));
    R(SYS_flistxattr, -1, text, sizeof(text));
}

CASE(14, removexattr, "")
{
    attributed();
    R(SYS_removexattr, "f", ATTR);
    R(SYS_removexattr, "f", ATTR);
    note("left=%ld", (long)listxattr("f", text, sizeof(text)));
}

CASE(15, lremovexattr, "")
{
    attributed();
    R(SYS_lremovexattr, "f", ATTR);
    R(SYS_lremovexattr, "none", ATTR);
}

CASE(16, fremovexattr, "")
{
    int fd = attributed();

    R(SYS_fremovexattr, fd, ATTR);
    R(SYS_fremovexattr, fd, ATTR);
}

CASE(17, getcwd, "")
{
    R(SYS_getcwd, text, sizeof(text));
    note("%s", text);
    R(SYS_getcwd, text, 2);
}

CASE(18, lookup_dcookie, "")
{
    R(18, 0x1234, text, sizeof(text));
}

CASE(23, dup, "")
{
    int fd = make_file("f", "abc"), copy = (int)P(SYS_dup, fd);

    R(SYS_dup, -1);
    CHECK(read(copy, text, 1) == 1);
    note("offset=%ld", (long)lseek(fd, 0, SEEK_CUR));
}

CASE(24, dup3, "")
{
    int fd = make_file("f", "abc");

    R(SYS_dup3, fd, 77, O_CLOEXEC);
    R(SYS_dup3, fd, fd, 0);
    R(SYS_dup3, fd, 77, 0x1234567);
    note("flags=%d", fcntl(77, F_GETFD));
}

CASE(25, fcntl, "")
{
    struct flock lock = {.l_type = F_WRLCK, .l_start = 5, .l_len = 10}, ofd = lock;
    int fd = make_file("f", "abc"), other = open("f", O_RDWR);
    struct f_owner_ex owner = {F_OWNER_PID, getpid()};

    R(SYS_fcntl, fd, F_DUPFD, 60);
    R(SYS_fcntl, fd, F_GETFL);
    R(SYS_fcntl, fd, F_SETFL, O_APPEND);
    R(SYS_fcntl, fd, F_GETFL);
    R(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
    R(SYS_fcntl, fd, F_GETFD);
    R(SYS_fcntl, fd, F_SETLK, &lock);
    R(SYS_fcntl, other, F_OFD_SETLK, &ofd);
    R(SYS_fcntl, fd, F_SETOWN_EX, &owner);
    R(SYS_fcntl, fd, 9999);
    R(SYS_fcntl, -1, F_GETFD);
}

CASE(26, inotify_init1, "")
{
    P(SYS_inotify_init1, IN_NONBLOCK);
    R(SYS_inotify_init1, 0x7fffffff);
}

CASE(27, inotify_add_watch, "")
{
    struct inotify_event *event = (void *)text;
    int fd = inotify_init1(IN_NONBLOCK);

    R(SYS_inotify_add_watch, fd, ".", IN_CREATE | IN_DELETE);
    R(SYS_inotify_add_watch, fd, "none", IN_CREATE);
    close(make_file("file", ""));
    unlink("file");
    for (ssize_t got = read(fd, text, sizeof(text)), at = 0; at < got;) {
        event = (void *)(text + at);
        note("mask=%x name=%s", event->mask, event->name);
        at += (ssize_t)(sizeof(*event) + event->len);
    }
}

CASE(28, inotify_rm_watch, "")
{
    int fd = inotify_init1(IN_NONBLOCK), watch = inotify_add_watch(fd, ".", IN_CREATE);

    R(SYS_inotify_rm_watch, fd, watch);
    R(SYS_inotify_rm_watch, fd, watch);
}

CASE(29, ioctl, "")
{
    int ends[2], count = -1;

    CHECK(pipe(ends) == 0 && write(ends[1], "abc", 3) == 3);
    R(SYS_ioctl, ends[0], FIONREAD, &count);
    note("count=%d", count);
    R(SYS_ioctl, ends[0], TIOCGWINSZ, text);
    R(SYS_ioctl, -1, FIONREAD, &count);
    R(SYS_ioctl, ends[0], FIONREAD, 8);
}

CASE(32, flock, "")
{
    int fd = make_file("f", ""), other = open("f", O_RDWR);

    R(SYS_flock, fd, LOCK_EX);
    R(SYS_flock, other, LOCK_EX | LOCK_NB);
    R(SYS_flock, fd, LOCK_UN);
    R(SYS_flock, other, LOCK_EX | LOCK_NB);
    R(SYS_flock, fd, 64);
}

CASE(33, mknodat, "")
{
    struct stat status;

    R(SYS_mknodat, AT_FDCWD, "fifo", S_IFIFO | 0600, 0);
    R(SYS_mknodat, AT_FDCWD, "null", S_IFCHR | 0600, 0x103);
    R(SYS_mknodat, AT_FDCWD, "fifo", S_IFIFO | 0600, 0);
    CHECK(stat("fifo", &status) == 0);
    note_stat(&status);
}

CASE(34, mkdirat, "")
{
    struct stat status;

    R(SYS_mkdirat, AT_FDCWD, "d", 0751);
    R(SYS_mkdirat, AT_FDCWD, "d", 0751);
    CHECK(stat("d", &status) == 0);
    note("mode=%o", status.st_mode);
}

CASE(35, unlinkat, "")
{
    make_file("f", "");
    CHECK(mkdir("d", 0700) == 0);
    R(SYS_unlinkat, AT_FDCWD, "d", 0);
    R(SYS_unlinkat, AT_FDCWD, "d", AT_REMOVEDIR);
    R(SYS_unlinkat, AT_FDCWD, "f", 0);
    R(SYS_unlinkat, AT_FDCWD, "f", 0);
}

CASE(36, symlinkat, "")
{
    R(SYS_symlinkat, "target", AT_FDCWD, "link");
    R(SYS_symlinkat, "target", AT_FDCWD, "link");
    note_text("to", readlink("link", text, sizeof(text)));
}

CASE(37, linkat, "")
{
    struct stat status;

    make_file("f", "abc");
    R(SYS_linkat, AT_FDCWD, "f", AT_FDCWD, "g", 0);
    R(SYS_linkat, AT_FDCWD, "none", AT_FDCWD, "h", 0);
    CHECK(stat("g", &status) == 0);
    note_stat(&status);
}

CASE(38, renameat, "")
{
    make_file("f", "abc");
    R(SYS_renameat, AT_FDCWD, "f", AT_FDCWD, "g");
    R(SYS_renameat, AT_FDCWD, "f", AT_FDCWD, "g");
    note("%d", access("g", F_OK));
}

CASE(39, umount2, "")
{
    CHECK(mkdir("m", 0700) == 0 && mount("x", "m", "tmpfs", 0, NULL) == 0);
    R(SYS_umount2, "m", MNT_DETACH);
    R(SYS_umount2, "m", 0);
}

CASE(40, mount, "")
{
    struct statfs status;

    CHECK(mkdir("m", 0700) == 0);
    R(SYS_mount, "x", "m", "tmpfs", MS_NOEXEC, "size=1m");
    R(SYS_mount, "x", "m", "nosuchfs", 0, NULL);
    R(SYS_mount, "x", "none", "tmpfs", 0, NULL);
    CHECK(statfs("m", &status) == 0);
    note("blocks=%lu", (unsigned long)status.f_blocks);
}

CASE(41, pivot_root, "")
{
    CHECK(mkdir("m", 0700) == 0 && mount("x", "m", "tmpfs", 0, NULL) == 0 && mkdir("m/old", 0700) == 0);
    R(SYS_pivot_root, "m", "m/old");
    R(SYS_pivot_root, "none", "m/old");
    note("%d", access("/old", F_OK));
}

CASE(42, nfsservctl, "")
{
    R(42, 0, 0, 0);
}

CASE(43, statfs, "")
{
    struct statfs status;

    R(SYS_statfs, ".", &status);
    note("type=%lx", (unsigned long)status.f_type);
    R(SYS_statfs, "none", &status);
    R(SYS_statfs, ".", 8);
}

CASE(44, fstatfs, "")
{
    struct statfs status;

    R(SYS_fstatfs, make_file("f", ""), &status);
    note("type=%lx", (unsigned long)status.f_type);
    R(SYS_fstatfs, -1, &status);
}

CASE(45, truncate, "")
{
    struct stat status;

    make_file("f", "abcdef");
    R(SYS_truncate, "f", 3);
    R(SYS_truncate, "none", 3);
    R(SYS_truncate, "f", -1);
    CHECK(stat("f", &status) == 0);
    note_stat(&status);
}

CASE(46, ftruncate, "")
{
    struct stat status;

    R(SYS_ftruncate, make_file("f", "abcdef"), 30000);
    R(SYS_ftruncate, -1, 3);
    CHECK(stat("f", &status) == 0);
    note_stat(&status);
}

CASE(47, fallocate, "")
{
    struct stat status;
    int fd = make_file("f", "abcdef");

    R(SYS_fallocate, fd, 0, 0, 10000);
    R(SYS_fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
    R(SYS_fallocate, fd, 0, -1, 10);
    CHECK(fstat(fd, &status) == 0);
    note_stat(&status);
}

CASE(48, faccessat, "")
{
    make_file("f", "");
    R(SYS_faccessat, AT_FDCWD, "f", R_OK | W_OK);
    R(SYS_faccessat, AT_FDCWD, "f", X_OK);
    R(SYS_faccessat, AT_FDCWD, "none", F_OK);
}

CASE(49, chdir, "")
{
    CHECK(mkdir("d", 0700) == 0);
    R(SYS_chdir, "d");
    R(SYS_chdir, "d");
    note("%s", getcwd(text, sizeof(text)));
}

CASE(50, fchdir, "")
{
    CHECK(mkdir("d", 0700) == 0);
    R(SYS_fchdir, open("d", O_RDONLY | O_DIRECTORY));
    R(SYS_fchdir, -1);
    note("%s", getcwd(text, sizeof(text)));
}

CASE(51, chroot, "")
{
    CHECK(mkdir("d", 0700) == 0);
    R(SYS_chroot, "d");
    R(SYS_chroot, "/d");
    note("%d", access("/proc", F_OK));
}

CASE(52, fchmod, "")
{
    struct stat status;
    int fd = make_file("f", "");

    R(SYS_fchmod, fd, 04711);
    R(SYS_fchmod, -1, 0);
    CHECK(fstat(fd, &status) == 0);
    note_stat(&status);
}

CASE(53, fchmodat, "")
{
    struct stat status;

    make_file("f", "");
    R(SYS_fchmodat, AT_FDCWD, "f", 0404);
    R(SYS_fchmodat, AT_FDCWD, "none", 0404);
    CHECK(stat("f", &status) == 0);
    note_stat(&status);
}

CASE(54, fchownat, "")
{
    struct stat status;

    make_file("f", "");
    R(SYS_fchownat, AT_FDCWD, "f", 12, 34, 0);
    R(SYS_fchownat, AT_FDCWD, "none", 12, 34, 0);
    CHECK(stat("f", &status) == 0);
    note_stat(&status);
}

CASE(55, fchown, "")
{
    struct stat status;
    int fd = make_file("f", "");

    R(SYS_fchown, fd, 12, 34);
    R(SYS_fchown, -1, 12, 34);
    CHECK(fstat(fd, &status) == 0);
    note_stat(&status);
}

CASE(56, openat, "")
{
    int fd = (int)P(SYS_openat, AT_FDCWD, "f", O_CREAT | O_EXCL | O_RDWR, 0640);

    R(SYS_openat, AT_FDCWD, "f", O_CREAT | O_EXCL | O_RDWR, 0640);
    R(SYS_openat, AT_FDCWD, "none", O_RDONLY);
    R(SYS_openat, AT_FDCWD, 8, O_RDONLY);
    P(SYS_openat, AT_FDCWD, ".", O_TMPFILE | O_RDWR, 0600);
    note("flags=%x", (unsigned int)fcntl(fd, F_GETFL));
}

CASE(57, close, "")
{
    int fd = make_file("f", "");

    R(SYS_close, fd);
    R(SYS_close, fd);
}

CASE(58, vhangup, "")
{
    /* Without a terminal it has nothing to do; without rights it may not. */
    R(SYS_vhangup);
    CHECK(setresuid(1000, 1000, 1000) == 0);
    R(SYS_vhangup);
}

CASE(59, pipe2, "")
{
    int ends[2];

    R(SYS_pipe2, ends, O_NONBLOCK);
    R(SYS_pipe2, ends, 0x7fffffff);
    R(SYS_pipe2, 8, 0);
    note("wrote=%ld read=%ld '%c'", (long)write(ends[1], "z", 1), (long)read(ends[0], text, 1), text[0]);
}

CASE(60, quotactl, "")
{
    R(SYS_quotactl, 0x800002 << 8, "/dev/none", 0, text);
    R(SYS_quotactl, 0x800001 << 8, NULL, 0, NULL);
}

CASE(61, getdents64, "")
{
    static _Alignas(8) char entries[4096];
    unsigned int count = 0;
    int fd;

    make_file("a", "");
    make_file("b", "");
    fd = open(".", O_RDONLY | O_DIRECTORY);
    for (long at = 0, got = R(SYS_getdents64, fd, entries, sizeof(entries)); at < got; count++)
        at += ((struct dirent64 *)(entries + at))->d_reclen;
    note("entries=%u", count);
    R(SYS_getdents64, fd, entries, sizeof(entries));
    R(SYS_getdents64, make_file("a", ""), entries, sizeof(entries));
}

CASE(62, lseek, "")
{
    int fd = make_file("f", "abcdef");

    R(SYS_lseek, fd, -2, SEEK_END);
    R(SYS_lseek, fd, 1, SEEK_CUR);
    R(SYS_lseek, fd, -9, SEEK_SET);
    R(SYS_lseek, fd, 0, SEEK_HOLE);
    R(SYS_lseek, fd, 0, 99);
}

CASE(63, read, "")
{
    int fd = make_file("f", "abcdef");

    note_text("data", R(SYS_read, fd, text, 4));
    note_text("data", R(SYS_read, fd, text, 4));
    R(SYS_read, fd, text, 4);
    R(SYS_read, -1, text, 4);
    lseek(fd, 0, SEEK_SET);
    R(SYS_read, fd, 8, 4);
}

CASE(64, write, "")
{
    int fd = make_file("f", "abcdef");

    R(SYS_write, fd, "XY", 2);
    R(SYS_write, fd, 8, 2);
    R(SYS_write, -1, "XY", 2);
    note_text("data", pread(fd, text, 9, 0));
}

static struct iovec parts[2] = {{text, 2}, {text + 2, 5}};

CASE(65, readv, "")
{
    int fd = make_file("f", "abcdef");

    note_text("data", R(SYS_readv, fd, parts, 2));
    R(SYS_readv, fd, parts, 9999);
}

CASE(66, writev, "")
{
    int fd = make_file("f", "abcdef");

    memcpy(text, "QRSTUVW", 7);
    R(SYS_writev, fd, parts, 2);
    R(SYS_writev, -1, parts, 2);
    note_text("data", pread(fd, text, 9, 0));
}

CASE(67, pread64, "")
{
    int fd = make_file("f", "abcdef");

    note_text("data", R(SYS_pread64, fd, text, 3, 2));
    R(SYS_pread64, fd, text, 3, -1);
}

CASE(68, pwrite64, "")
{
    int fd = make_file("f", "abcdef");

    R(SYS_pwrite64, fd, "XY", 2, 3);
    R(SYS_pwrite64, fd, "XY", 2, -1);
    note_text("data", pread(fd, text, 9, 0));
}

CASE(69, preadv, "")
{
    note_text("data", R(SYS_preadv, make_file("f", "abcdef"), parts, 2, 1, 0));
    R(SYS_preadv, -1, parts, 2, 1, 0);
}

CASE(70, pwritev, "")
{
    int fd = make_file("f", "abcdef");

    memcpy(text, "QRSTUVW", 7);
    R(SYS_pwritev, fd, parts, 2, 3, 0);
    R(SYS_pwritev, -1, parts, 2, 3, 0);
    note_text("data", pread(fd, text, 20, 0));
}

CASE(71, sendfile, "")
{
    int in = make_file("f", "abcdef"), out = make_file("g", "");
    off_t at = 2;

    R(SYS_sendfile, out, in, &at, 3);
    R(SYS_sendfile, out, -1, NULL, 3);
    note("at=%ld", (long)at);
    note_text("data", pread(out, text, 9, 0));
}

CASE(75, vmsplice, "")
{
    struct iovec part = {(char *)"hello", 5};
    int ends[2];

    CHECK(pipe(ends) == 0);
    R(SYS_vmsplice, ends[1], &part, 1, 0);
    R(SYS_vmsplice, -1, &part, 1, 0);
    note_text("data", read(ends[0], text, 9));
}

CASE(76, splice, "")
{
    int ends[2], fd = make_file("f", "abcdef");
    off_t at = 1;

    CHECK(pipe(ends) == 0);
    R(SYS_splice, fd, &at, ends[1], NULL, 4, 0);
    R(SYS_splice, fd, NULL, fd, NULL, 4, 0);
    note_text("data", read(ends[0], text, 9));
}

CASE(77, tee, "")
{
    int a[2], b[2];

    CHECK(pipe(a) == 0 && pipe(b) == 0 && write(a[1], "abc", 3) == 3);
    R(SYS_tee, a[0], b[1], 9, 0);
    R(SYS_tee, a[0], a[1], 9, 0);
    note_text("data", read(b[0], text, 9));
    note_text("data", read(a[0], text, 9));
}

CASE(78, readlinkat, "")
{
    CHECK(symlink("target", "l") == 0);
    note_text("to", R(SYS_readlinkat, AT_FDCWD, "l", text, sizeof(text)));
    R(SYS_readlinkat, AT_FDCWD, "none", text, sizeof(text));
    R(SYS_readlinkat, AT_FDCWD, ".", text, sizeof(text));
}

CASE(79, newfstatat, "")
{
    struct stat status;

    make_file("f", "abc");
    R(SYS_newfstatat, AT_FDCWD, "f", &status, 0);
    note_stat(&status);
    R(SYS_newfstatat, AT_FDCWD, "none", &status, 0);
    R(SYS_newfstatat, AT_FDCWD, "f", 8, 0);
}

CASE(80, fstat, "")
{
    struct stat status;

    R(SYS_fstat, make_file("f", "abc"), &status);
    note_stat(&status);
    R(SYS_fstat, -1, &status);
}

CASE(81, sync, "")
{
    R(SYS_sync);
}

CASE(82, fsync, "")
{
    R(SYS_fsync, make_file("f", "abc"));
    R(SYS_fsync, -1);
}

CASE(83, fdatasync, "")
{
    R(SYS_fdatasync, make_file("f", "abc"));
    R(SYS_fdatasync, -1);
}

CASE(84, sync_file_range, "")
{
    R(SYS_sync_file_range, make_file("f", "abc"), 0, 3, 2);
    R(SYS_sync_file_range, make_file("f", "abc"), -1, 3, 2);
}

CASE(88, utimensat, "")
{
    const struct timespec times[2] = {{1000, 5}, {2000, 7}};
    struct stat status;

    make_file("f", "");
    R(SYS_utimensat, AT_FDCWD, "f", times, 0);
    R(SYS_utimensat, AT_FDCWD, "none", times, 0);
    CHECK(stat("f", &status) == 0);
    note("%ld.%ld %ld.%ld", status.st_atim.tv_sec, status.st_atim.tv_nsec, status.st_mtim.tv_sec,
         status.st_mtim.tv_nsec);
}

CASE(166, umask, "")
{
    R(SYS_umask, 027);
    R(SYS_umask, 0);
}

CASE(213, readahead, "")
{
    R(SYS_readahead, make_file("f", "abc"), 0, 3);
    R(SYS_readahead, -1, 0, 3);
}

CASE(223, fadvise64, "")
{
    R(SYS_fadvise64, make_file("f", "abc"), 0, 0, POSIX_FADV_WILLNEED);
    R(SYS_fadvise64, -1, 0, 0, POSIX_FADV_WILLNEED);
    R(SYS_fadvise64, 0, 0, 0, 99);
}

CASE(262, fanotify_init, "")
{
    P(SYS_fanotify_init, FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY);
    R(SYS_fanotify_init, ~0u, O_RDONLY);
}

CASE(263, fanotify_mark, "")
{
    int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY);
    struct fanotify_event_metadata event = {0};

    close(make_file("f", "abc"));
    R(SYS_fanotify_mark, fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "f");
    R(SYS_fanotify_mark, fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "none");
    close(open("f", O_RDONLY));
    note("read=%ld", (long)read(fd, &event, sizeof(event)));
    note("mask=%lx self=%d", (unsigned long)event.mask, event.pid == getpid());
}

CASE(264, name_to_handle_at, "")
{
    struct file_handle *handle = (void *)text;
    int mount_id;

    make_file("f", "");
    handle->handle_bytes = 100;
    R(SYS_name_to_handle_at, AT_FDCWD, "f", handle, &mount_id, 0);
    note("bytes=%u", handle->handle_bytes);
    handle->handle_bytes = 0;
    R(SYS_name_to_handle_at, AT_FDCWD, "f", handle, &mount_id, 0);
}

CASE(265, open_by_handle_at, "")
{
    struct file_handle *handle = (void *)text;
    int mount_id, fd = make_file("f", "abc");

    handle->handle_bytes = 100;
    CHECK(name_to_handle_at(AT_FDCWD, "f", handle, &mount_id, 0) == 0);
    fd = (int)P(SYS_open_by_handle_at, fd, handle, O_RDONLY);
    note_text("data", read(fd, text, 9));
    handle->handle_bytes = 9999;
    R(SYS_open_by_handle_at, fd, handle, O_RDONLY);
}

CASE(267, syncfs, "")
{
    R(SYS_syncfs, make_file("f", ""));
    R(SYS_syncfs, -1);
}

CASE(276, renameat2, "")
{
    make_file("f", "abc");
    make_file("g", "defgh");
    R(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", RENAME_NOREPLACE);
    R(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", RENAME_EXCHANGE);
    note_text("data", read(open("f", O_RDONLY), text, 9));
}

CASE(279, memfd_create, "")
{
    int fd = (int)P(SYS_memfd_create, "name", MFD_ALLOW_SEALING);

    R(SYS_memfd_create, "name", 0x7fff);
    CHECK(ftruncate(fd, 4096) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);
    note("%ld %d", (long)write(fd, "x", 1), errno);
}

CASE(285, copy_file_range, "")
{
    int in = make_file("f", "abcdef"), out = make_file("g", "");

    R(SYS_copy_file_range, in, NULL, out, NULL, 4, 0);
    R(SYS_copy_file_range, -1, NULL, out, NULL, 4, 0);
    note_text("data", pread(out, text, 9, 0));
}

CASE(286, preadv2, "")
{
    int fd = make_file("f", "abcdef");

    note_text("data", R(SYS_preadv2, fd, parts, 2, -1, 0, 0));
    R(SYS_preadv2, fd, parts, 2, 0, 0, 0x7fff);
}

CASE(287, pwritev2, "")
{
    int fd = make_file("f", "abcdef");

    memcpy(text, "QRSTUVW", 7);
    R(SYS_pwritev2, fd, parts, 2, 0, 0, RWF_APPEND);
    note_text("data", pread(fd, text, 20, 0));
}

CASE(291, statx, "")
{
    struct statx status = {0};

    make_file("f", "abc");
    R(SYS_statx, AT_FDCWD, "f", 0, STATX_BASIC_STATS, &status);
    note("mode=%o size=%lu", status.stx_mode, (unsigned long)status.stx_size);
    R(SYS_statx, AT_FDCWD, "none", 0, STATX_BASIC_STATS, &status);
}

CASE(436, close_range, "")
{
    for (int fd = 100; fd < 110; fd++)
        CHECK(dup2(1, fd) == fd);
    R(SYS_close_range, 100, 109, CLOSE_RANGE_CLOEXEC);
    note("%d", fcntl(105, F_GETFD));
    R(SYS_close_range, 100, 109, 0);
    note("%d", fcntl(105, F_GETFD));
    R(SYS_close_range, 9, 8, 0);
}

CASE(437, openat2, "")
{
    struct open_how how = {.flags = O_CREAT | O_RDWR, .mode = 0600, .resolve = RESOLVE_BENEATH};

    P(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how));
    R(SYS_openat2, AT_FDCWD, "/f", &how, sizeof(how));
    R(SYS_openat2, AT_FDCWD, "f", &how, 1);
}

CASE(439, faccessat2, "")
{
    make_file("f", "");
    R(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS);
    R(SYS_faccessat2, AT_FDCWD, "f", X_OK, AT_EACCESS);
    R(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0x7fffff);
}

CASE(443, quotactl_fd, "")
{
    R(SYS_quotactl_fd, make_file("f", ""), 0x800007 << 8, 0, text);
    R(SYS_quotactl_fd, -1, 0x800007 << 8, 0, text);
}

CASE(451, cachestat, "")
{
    uint64_t range[2] = {0, 4096}, counts[5] = {0};
    int fd = make_file("f", "abc");

    R(NEW(451), fd, range, counts, 0);
    note("cached=%lu", (unsigned long)counts[0]);
    R(NEW(451), -1, range, counts, 0);
}

CASE(452, fchmodat2, "")
{
    struct stat status;

    make_file("f", "");
    R(NEW(452), AT_FDCWD, "f", 0404, AT_SYMLINK_NOFOLLOW);
    R(NEW(452), AT_FDCWD, "f", 0404, 0x7fffff);
    CHECK(stat("f", &status) == 0);
    note_stat(&status);
}
