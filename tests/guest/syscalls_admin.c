/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Administration, keys, security, tracing, asynchronous input and output. What would stop or damage the
 * machine is called with arguments that are refused.
 */
#include "syscalls.h"

#include <linux/aio_abi.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

static char text[256];

CASE(0, io_setup, "")
{
    aio_context_t context = 0;

    R(SYS_io_setup, 4, &context);
    note("%d", context != 0);
    R(SYS_io_setup, 4, &context);
    R(SYS_io_setup, 0, &context);
}

static aio_context_t aio_context(void)
{
    aio_context_t context = 0;

    CHECK(syscall(SYS_io_setup, 4, &context) == 0);
    return context;
}

CASE(1, io_destroy, "")
{
    aio_context_t context = aio_context();

    R(SYS_io_destroy, context);
    R(SYS_io_destroy, context);
}

static struct iocb block = {.aio_lio_opcode = IOCB_CMD_PREAD, .aio_nbytes = 4, .aio_offset = 1},
                   *blocks[1] = {&block};

static aio_context_t aio_submitted(void)
{
    aio_context_t context = aio_context();

    block.aio_fildes = (uint32_t)make_file("f", "abcdef");
    block.aio_buf = (uint64_t)(unsigned long)text;
    R(SYS_io_submit, context, 1, blocks);
    return context;
}

CASE(2, io_submit, "")
{
    aio_context_t context = aio_submitted();

    block.aio_fildes = 999;
    R(SYS_io_submit, context, 1, blocks);
    R(SYS_io_submit, 8, 1, blocks);
}

CASE(3, io_cancel, "")
{
    struct io_event event;

    R(SYS_io_cancel, aio_context(), &block, &event);
    R(SYS_io_cancel, 8, &block, &event);
}

CASE(4, io_getevents, "")
{
    struct io_event event = {0};
    aio_context_t context = aio_submitted();

    R(SYS_io_getevents, context, 1, 1, &event, NULL);
    note("%ld %s", (long)event.res, text);
    R(SYS_io_getevents, 8, 1, 1, &event, NULL);
}

CASE(292, io_pgetevents, "")
{
    struct io_event event = {0};

    R(SYS_io_pgetevents, aio_submitted(), 1, 1, &event, NULL, NULL);
    note("%ld", (long)event.res);
    R(SYS_io_pgetevents, 8, 1, 1, &event, NULL, NULL);
}

CASE(104, kexec_load, "refused arguments only")
{
    R(SYS_kexec_load, 0, 9999, NULL, 0);
    R(SYS_kexec_load, 0, 0, NULL, 0xffff);
}

CASE(105, init_module, "refused arguments only")
{
    R(SYS_init_module, "no module", 9, "");
    R(SYS_init_module, 8, 9, "");
}

CASE(106, delete_module, "refused arguments only; hvdetach itself is in use")
{
    R(SYS_delete_module, "nosuchmodule", O_NONBLOCK);
}

CASE(116, syslog, "")
{
    P(SYS_syslog, 10, NULL, 0);
    R(SYS_syslog, 99, NULL, 0);
    R(SYS_syslog, 3, NULL, 9);
}

CASE(142, reboot, "refused arguments only; test_power.py reboots")
{
    R(SYS_reboot, 1, 2, 3, NULL);
    R(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, 0x7777, NULL);
}

CASE(217, add_key, "")
{
    P(SYS_add_key, "user", "both:test", "payload", 7, KEY_SPEC_PROCESS_KEYRING);
    R(SYS_add_key, "nosuchtype", "both:test", "payload", 7, KEY_SPEC_PROCESS_KEYRING);
}

CASE(218, request_key, "")
{
    CHECK(syscall(SYS_add_key, "user", "both:test", "payload", 7, KEY_SPEC_PROCESS_KEYRING) > 0);
    P(SYS_request_key, "user", "both:test", NULL, 0);
    R(SYS_request_key, "user", "both:none", NULL, 0);
}

CASE(219, keyctl, "")
{
    long key = syscall(SYS_add_key, "user", "both:test", "payload", 7, KEY_SPEC_PROCESS_KEYRING);

    R(SYS_keyctl, KEYCTL_READ, key, text, sizeof(text));
    note("%s", text);
    R(SYS_keyctl, KEYCTL_REVOKE, key);
    R(SYS_keyctl, KEYCTL_READ, key, text, sizeof(text));
    R(SYS_keyctl, 9999);
}

CASE(224, swapon, "refused arguments only")
{
    R(SYS_swapon, "none", 0);
    make_file("f", "x");
    R(SYS_swapon, "f", 0);
}

CASE(225, swapoff, "refused arguments only")
{
    R(SYS_swapoff, "none");
    make_file("f", "x");
    R(SYS_swapoff, "f");
}

CASE(241, perf_event_open,
     "a thread with hardware breakpoints runs in Linux as long as they are set; no hardware counters")
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_SW_PAGE_FAULTS,
    };
    uint64_t count = 0;
    int fd = (int)P(SYS_perf_event_open, &attr, 0, -1, -1, 0);

    for (int i = 0; i < 5; i++)
        ((volatile char *)mmap(NULL, 4096, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))[0] = 1;
    note("%ld", (long)read(fd, &count, 8));
    attr.type = 9999;
    R(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    attr.size = 1;
    R(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

CASE(273, finit_module, "refused arguments only")
{
    close(make_file("f", "no module"));
    R(SYS_finit_module, open("f", O_RDONLY), "", 0);
    R(SYS_finit_module, -1, "", 0);
}

CASE(278, getrandom, "")
{
    char *data = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    R(SYS_getrandom, data + 4000, 256, 0);
    R(SYS_getrandom, 8, 256, 0);
    R(SYS_getrandom, data, 256, 0x7777);
}

CASE(280, bpf, "")
{
    union bpf_attr attr = {
        .map_type = BPF_MAP_TYPE_ARRAY,
        .key_size = 4,
        .value_size = 8,
        .max_entries = 4,
    };
    const struct bpf_insn code[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1},
        {.code = BPF_JMP | BPF_EXIT},
    };
    uint32_t key = 2;
    uint64_t value = 4711, got = 0;
    int map = (int)P(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

    memset(&attr, 0, sizeof(attr));
    attr.map_fd = (uint32_t)map;
    attr.key = (unsigned long)&key;
    attr.value = (unsigned long)&value;
    R(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
    attr.value = (unsigned long)&got;
    R(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr));
    note("%lu", (unsigned long)got);
    memset(&attr, 0, sizeof(attr));
    attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    attr.insns = (unsigned long)code;
    attr.insn_cnt = 2;
    attr.license = (unsigned long)"GPL";
    P(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
    R(SYS_bpf, 9999, &attr, sizeof(attr));
}

CASE(294, kexec_file_load, "refused arguments only")
{
    R(SYS_kexec_file_load, -1, -1, 0, NULL, 0x7777);
    R(SYS_kexec_file_load, -1, -1, 0, NULL, 0);
}

static struct io_uring_params ring_params;

static int ring(void)
{
    int fd = (int)syscall(SYS_io_uring_setup, 4, &ring_params);

    CHECK(fd >= 0);
    return fd;
}

CASE(425, io_uring_setup, "")
{
    P(SYS_io_uring_setup, 4, &ring_params);
    note("%u", ring_params.sq_entries);
    R(SYS_io_uring_setup, 0, &ring_params);
    R(SYS_io_uring_setup, 4, 8);
}

CASE(426, io_uring_enter, "its work for the thread recalls it, as a signal does")
{
    int fd = ring();
    char *queues = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entries = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
    struct io_uring_cqe *done;

    CHECK(queues != MAP_FAILED && entries != MAP_FAILED);
    memset(entries, 0, sizeof(*entries));
    entries->opcode = IORING_OP_READ;
    entries->fd = make_file("f", "abcdef");
    entries->addr = (unsigned long)text;
    entries->len = 9;
    entries->user_data = 4711;
    ((uint32_t *)(queues + ring_params.sq_off.array))[0] = 0;
    __atomic_store_n((uint32_t *)(queues + ring_params.sq_off.tail), 1, __ATOMIC_RELEASE);
    R(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
    done = (struct io_uring_cqe *)(queues + ring_params.cq_off.cqes);
    note("%d %lu %s", done->res, (unsigned long)done->user_data, text);
    R(SYS_io_uring_enter, 1, 1, 1, 0, NULL, 0);
}

CASE(427, io_uring_register, "")
{
    int fd = ring(), file = make_file("f", "");

    R(SYS_io_uring_register, fd, IORING_REGISTER_FILES, &file, 1);
    R(SYS_io_uring_register, fd, IORING_UNREGISTER_FILES, NULL, 0);
    R(SYS_io_uring_register, fd, 0x7777, NULL, 0);
}

CASE(428, open_tree, "")
{
    P(SYS_open_tree, AT_FDCWD, ".", 1 /* OPEN_TREE_CLONE */);
    R(SYS_open_tree, AT_FDCWD, "none", 0);
    R(SYS_open_tree, AT_FDCWD, ".", 0x7777);
}

CASE(429, move_mount, "")
{
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, ".", 1);

    CHECK(mkdir("m", 0700) == 0);
    make_file("f", "");
    R(SYS_move_mount, tree, "", AT_FDCWD, "m", 4 /* MOVE_MOUNT_F_EMPTY_PATH */);
    R(SYS_move_mount, -1, "", AT_FDCWD, "m", 4);
    note("%d", access("m/f", F_OK));
}

static int new_fs(void)
{
    int fd = (int)syscall(SYS_fsopen, "tmpfs", 0);

    CHECK(fd >= 0);
    return fd;
}

CASE(430, fsopen, "")
{
    P(SYS_fsopen, "tmpfs", 0);
    R(SYS_fsopen, "nosuchfs", 0);
    R(SYS_fsopen, "tmpfs", 0x7777);
}

CASE(431, fsconfig, "")
{
    int fd = new_fs();

    R(SYS_fsconfig, fd, 1 /* SET_STRING */, "size", "1m", 0);
    R(SYS_fsconfig, fd, 1, "nosuchoption", "1m", 0);
    R(SYS_fsconfig, fd, 6 /* CREATE */, NULL, NULL, 0);
    R(SYS_fsconfig, -1, 6, NULL, NULL, 0);
}

CASE(432, fsmount, "")
{
    struct statfs status;
    int fd = new_fs(), tree;

    R(SYS_fsmount, fd, 0, 0);
    CHECK(syscall(SYS_fsconfig, fd, 6, NULL, NULL, 0) == 0);
    tree = (int)P(SYS_fsmount, fd, 0, 0);
    CHECK(fstatfs(tree, &status) == 0);
    note("%lx", (unsigned long)status.f_type);
}

CASE(433, fspick, "")
{
    P(SYS_fspick, AT_FDCWD, BOTH_WORK, 0);
    R(SYS_fspick, AT_FDCWD, "none", 0);
}

CASE(442, mount_setattr, "")
{
    struct {
        uint64_t set, clear, propagation, userns;
    } attr = {.set = 1 /* RDONLY */};

    R(SYS_mount_setattr, AT_FDCWD, BOTH_WORK, 0, &attr, sizeof(attr));
    note("%d %d", open("f", O_CREAT | O_RDWR, 0600), errno);
    R(SYS_mount_setattr, AT_FDCWD, "none", 0, &attr, sizeof(attr));
}

static struct landlock_ruleset_attr rules = {.handled_access_fs = LANDLOCK_ACCESS_FS_WRITE_FILE};

CASE(444, landlock_create_ruleset, "")
{
    P(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
    P(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    R(SYS_landlock_create_ruleset, NULL, 0, 0);
}

CASE(445, landlock_add_rule, "")
{
    struct landlock_path_beneath_attr beneath = {.allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE};
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

    beneath.parent_fd = open(".", O_PATH);
    R(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    R(SYS_landlock_add_rule, fd, 99, &beneath, 0);
    R(SYS_landlock_add_rule, -1, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
}

CASE(446, landlock_restrict_self, "")
{
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

    make_file("f", "");
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    R(SYS_landlock_restrict_self, fd, 0);
    R(SYS_landlock_restrict_self, -1, 0);
    R(SYS_openat, AT_FDCWD, "f", O_RDWR, 0);
}

CASE(457, statmount, "")
{
    uint64_t request[4] = {24, 0, 2, 0}, got[64] = {0};

    R(NEW(457), request, got, sizeof(got), 0);
    R(NEW(457), 8, got, sizeof(got), 0);
}

CASE(458, listmount, "")
{
    uint64_t request[4] = {24, ~0ull, 0, 0}, ids[64] = {0};

    P(NEW(458), request, ids, 64, 0);
    R(NEW(458), 8, ids, 64, 0);
}

CASE(459, lsm_get_self_attr, "")
{
    uint32_t size = sizeof(text);

    R(NEW(459), 100, text, &size, 0);
    R(NEW(459), 9999, text, &size, 0);
}

CASE(460, lsm_set_self_attr, "")
{
    memset(text, 0, sizeof(text));
    R(NEW(460), 100, text, 4, 0);
}

CASE(461, lsm_list_modules, "")
{
    uint64_t ids[16] = {0};
    uint32_t size = sizeof(ids);

    P(NEW(461), ids, &size, 0);
    note("%u", size);
    R(NEW(461), 8, &size, 0);
}
