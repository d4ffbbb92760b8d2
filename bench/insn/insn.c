/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin of QEMU's emulator that counts instructions: per core and level, exactly, and per address.
 *
 *   -plugin insn.so,out=FILE[,hv=START-END][,hist=on][,verify=on][,mark=ID@ADDRESS…][,count=ADDRESS…]
 *       [,entry=ADDRESS…]
 *
 * Who executes is told by address, which is the same for all executions of a translation:
 *
 *   hypervisor  physical address inside of its image; virtual address the same (EL2), or the stub (EL1)
 *   vmm         0x70_0000_0000 to 0x74_0000_0000, where no Linux program is
 *   kernel      upper half, and what runs one to one elsewhere (boot loader, Linux before its MMU is on)
 *   user        all else
 *
 * verify=on compares that with PSTATE at each block and writes how often it was wrong.
 *
 * Counting: a block may be left in its middle by an instruction that faults. So each instruction that can
 * fault ends a group, and a group is counted when its last instruction starts: attempts are counted, and what
 * is behind a fault is not.
 *
 * Markers are the unallocated hints 96 to 127, no-ops on hardware; they are not counted. `mark=ID@ADDRESS`
 * makes the arrival at an address a marker, too. Each writes a line to FILE (records.py describes them), with
 * what its core has executed since its last WFI, and since it last came to one of entry=ADDRESS, the
 * hypervisor's entries: a core that also runs a CPU of Linux may be woken without a WFI. An entry right
 * behind another one, with no instruction below EL2 in between, is a part of the former.
 *
 *   -plugin insn.so,out=FILE,hv=START-END,stay=KIND@ADDRESS…[,cores=KINDS]
 *
 * finds the longest stays in the hypervisor, of each core and reason, and writes them at the end. stay= names
 * the vectors from lower levels; a stay lasts to the next one, or to a WFI or WFE of the hypervisor's, behind
 * which another one begins, of the kind `idle`. The reason of a synchronous exception (KIND sync) is what
 * ESR_EL2 has, and which call it is. It begins when Linux runs its first program: what was before is booting.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qemu-plugin.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

#define CORES_MAX   32
#define MARKS_MAX   32
#define ENTRIES_MAX 4
#define SLOTS_MAX   (1u << 19) /* groups of instructions that a histogram can tell apart */
#define LABEL_BYTES 64

#define HINT_FIRST 96 /* of 32 */
#define HINT_COUNT 32
/* The first of them have a meaning here; the rest is the programs' own. */
#define MARK_LABEL      2 /* x0: address of a string */
#define MARK_HIST_START 3
#define MARK_HIST_STOP  4

#define VMM_START 0x7000000000ull
#define VMM_END   0x7400000000ull

enum level { USER, KERNEL, HYPERVISOR, VMM, LEVEL_COUNT };

enum counter {
    COUNT_LEVEL,             /* instructions, by level */
    COUNT_WFI = LEVEL_COUNT, /* waits for an interrupt */
    COUNT_SPIN,              /* WFE and YIELD: somebody polls */
    COUNT_ADDRESS,           /* arrivals at count=ADDRESS, in their order */
    COUNTERS = COUNT_ADDRESS + 10,
};

struct score {
    uint64_t count[COUNTERS];
    uint64_t at_wfi[LEVEL_COUNT];   /* count, when the core last began to wait */
    uint64_t at_entry[LEVEL_COUNT]; /* count, when it last came to entry= */
    uint64_t slot[];
};

static struct qemu_plugin_scoreboard *scores;
static size_t score_bytes = sizeof(struct score);
static FILE *out;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* out, slots, histogram */
static unsigned core_count;
static uint64_t sequence;

static uint64_t hv_start, hv_end;
static uint64_t ram_offset; /* host address - physical address */
static bool ram_known;

static uint64_t mark_address[MARKS_MAX], count_address[COUNTERS - COUNT_ADDRESS];
static unsigned mark_id[MARKS_MAX], mark_count, address_count;
static uint64_t entry_address[ENTRIES_MAX];
static unsigned entry_count;

/* ---- stays ---- */
#define STAYS_MAX 1024 /* reasons per core */
#define KIND_MAX  16

struct stay {
    uint64_t kind, detail; /* kind: index of stay=, IDLE; + 1, so that 0 is a free place */
    uint64_t count, max, x1;
};

struct stays {
    struct stay table[STAYS_MAX];
    struct stay *now;
    uint64_t began; /* hypervisor's instructions */
    uint64_t arg;
};

static struct stays *stays; /* by core; NULL: not wanted */
static char stay_kind[ENTRIES_MAX * 2][KIND_MAX];
static uint64_t stay_address[ENTRIES_MAX * 2];
static unsigned stay_count;
#define STAY_IDLE (ENTRIES_MAX * 2)
static const char *core_kinds = "";
static bool linux_seen, booted;
static struct qemu_plugin_register *reg_x1, *reg_x8, *reg_esr_el1, *reg_esr_el2;

static bool hist, verify;
static struct qemu_plugin_register *reg_cpsr, *reg_x0;
static uint64_t verified[LEVEL_COUNT], verify_wrong[LEVEL_COUNT], verify_example[LEVEL_COUNT];

/* ---- histogram: a slot per group, found by its first address; slot 0 is all of user mode ---- */

static uint64_t *slot_address; /* by slot */
static uint32_t slot_count = 1;
static uint32_t *slot_table; /* open addressing, by hash of the address */
static uint64_t *slot_base[CORES_MAX];
static bool hist_running;
#define TABLE_SIZE (SLOTS_MAX * 2)

static uint32_t slot_find(uint64_t address)
{
    uint64_t hash = (address >> 2) * 0x9e3779b97f4a7c15ull;
    uint32_t slot = 0;

    pthread_mutex_lock(&lock);
    for (uint32_t i = (uint32_t)(hash >> 32) % TABLE_SIZE;; i = (i + 1) % TABLE_SIZE) {
        if (!slot_table[i]) {
            if (slot_count < SLOTS_MAX) {
                slot_address[slot_count] = address;
                slot_table[i] = slot_count++;
            }
            slot = slot_table[i];
            break;
        }
        slot = slot_table[i];
        if (slot_address[slot] == address)
            break;
    }
    pthread_mutex_unlock(&lock);
    return slot;
}

static struct score *score_of(unsigned core)
{
    return qemu_plugin_scoreboard_find(scores, core);
}

/* With the lock. Other cores run on meanwhile: their counts are those of about now. */
static void hist_start(void)
{
    for (unsigned core = 0; core < core_count; core++)
        memcpy(slot_base[core], score_of(core)->slot, slot_count * sizeof(uint64_t));
    hist_running = true;
}

static void hist_stop(void)
{
    if (!hist_running)
        return;
    hist_running = false;
    for (unsigned core = 0; core < core_count; core++) {
        const struct score *s = score_of(core);
        for (uint32_t i = 0; i < slot_count; i++)
            if (s->slot[i] != slot_base[core][i])
                fprintf(out, "H %u %lx %lu\n", core, i ? slot_address[i] : 0,
                        s->slot[i] - slot_base[core][i]);
    }
}

/* ---- markers ---- */

static uint64_t reg_read(struct qemu_plugin_register *reg)
{
    GByteArray *bytes = g_byte_array_new();
    uint64_t value = 0;
    int size = reg ? qemu_plugin_read_register(reg, bytes) : 0;

    if (size > 0)
        memcpy(&value, bytes->data, size < 8 ? (size_t)size : 8);
    g_byte_array_free(bytes, true);
    return value;
}

static void label_write(uint64_t address)
{
    GByteArray *bytes = g_byte_array_new();

    if (qemu_plugin_read_memory_vaddr(address, bytes, LABEL_BYTES) && memchr(bytes->data, 0, LABEL_BYTES))
        fprintf(out, "L %s\n", (const char *)bytes->data);
    else
        fprintf(out, "L ?\n");
    g_byte_array_free(bytes, true);
}

static void on_mark(unsigned int core, void *data)
{
    unsigned id = (unsigned)(uintptr_t)data;
    uint64_t x0 = reg_read(reg_x0);

    pthread_mutex_lock(&lock);
    if (id == MARK_LABEL)
        label_write(x0);
    if (id == MARK_HIST_STOP)
        hist_stop();
    fprintf(out, "M %lu %u %u %lx", sequence++, core, id, x0);
    for (unsigned i = 0; i < core_count; i++) {
        const struct score *s = score_of(i);
        for (unsigned j = 0; j < COUNT_ADDRESS + address_count; j++)
            fprintf(out, " %lu", s->count[j]);
    }
    for (unsigned j = 0; j < LEVEL_COUNT; j++)
        fprintf(out, " %lu", score_of(core)->count[j] - score_of(core)->at_wfi[j]);
    for (unsigned j = 0; j < LEVEL_COUNT; j++)
        fprintf(out, " %lu", score_of(core)->count[j] - score_of(core)->at_entry[j]);
    fputc('\n', out);
    if (id == MARK_HIST_START && hist)
        hist_start();
    pthread_mutex_unlock(&lock);
}

static void on_wfi(unsigned int core, void *data)
{
    struct score *s = score_of(core);

    (void)data;
    memcpy(s->at_wfi, s->count, sizeof(s->at_wfi));
}

static void on_entry(unsigned int core, void *data)
{
    struct score *s = score_of(core);

    (void)data;
    if (s->count[USER] != s->at_entry[USER] || s->count[KERNEL] != s->at_entry[KERNEL] ||
        s->count[VMM] != s->at_entry[VMM])
        memcpy(s->at_entry, s->count, sizeof(s->at_entry));
}

/* ---- stays ---- */

static void stay_end(unsigned core)
{
    struct stays *s = &stays[core];
    uint64_t length = score_of(core)->count[HYPERVISOR] - s->began;

    if (!s->now)
        return;
    s->now->count++;
    if (length > s->now->max) {
        s->now->max = length;
        s->now->x1 = s->arg;
    }
    s->now = NULL;
}

static void stay_begin(unsigned core, uint64_t kind, uint64_t detail)
{
    struct stays *s = &stays[core];
    uint64_t hash = (kind * 31 + detail + 1) * 0x9e3779b97f4a7c15ull;

    s->began = score_of(core)->count[HYPERVISOR];
    if (!booted)
        return;
    for (unsigned i = 0; i < STAYS_MAX; i++) {
        struct stay *t = &s->table[((hash >> 32) + i) % STAYS_MAX];
        if (t->kind == kind + 1 && t->detail == detail) {
            s->now = t;
            return;
        }
        if (!t->kind) {
            *t = (struct stay){.kind = kind + 1, .detail = detail};
            s->now = t;
            return;
        }
    }
}

#define EC(esr)   ((esr) >> 26 & 0x3f)
#define EC_SVC    0x15
#define EC_HVC    0x16
#define EC_SMC    0x17
#define EC_SYSREG 0x18

/*
 * class << 56 | of class << 32 | number:
 *   SVC of a host task: its call; HVC, SMC: function; HVC of the stub: class at EL1, and the call if that is
 * an SVC; trapped register: its encoding; others: nothing
 */
static uint64_t sync_detail(void)
{
    uint64_t esr = reg_read(reg_esr_el2), class = EC(esr), of = 0, number = 0;

    if (class == EC_SVC) {
        number = reg_read(reg_x8);
    } else if (class == EC_HVC && (esr & 0xffff)) {
        of = EC(reg_read(reg_esr_el1)) | 0x80;
        if (of == (EC_SVC | 0x80)) /* calls of Linux are one */
            number = reg_read(reg_x8) >= 0x10000 ? reg_read(reg_x8) : 0;
    } else if (class == EC_HVC || class == EC_SMC) {
        number = reg_read(reg_x0);
    } else if (class == EC_SYSREG) {
        number = esr & 0x3ffc1e;
    }
    if (class != EC_SYSREG && (number & 0xffff) > 0xff) /* made up: all are one */
        number |= 0xffff;
    return class << 56 | of << 32 | (number & 0xffffffff);
}

static void on_stay(unsigned int core, void *data)
{
    uint64_t kind = (uintptr_t)data;

    stay_end(core);
    stay_begin(core, kind, booted && !strcmp(stay_kind[kind], "sync") ? sync_detail() : 0);
    stays[core].arg = booted ? reg_read(reg_x1) : 0;
}

static void on_stay_idle(unsigned int core, void *data)
{
    (void)data;
    stay_end(core);
    stay_begin(core, STAY_IDLE, 0);
}

static void stays_write(void)
{
    for (unsigned core = 0; core < core_count; core++) {
        stay_end(core);
        for (unsigned i = 0; i < STAYS_MAX; i++) {
            const struct stay *t = &stays[core].table[i];
            if (t->kind)
                fprintf(out, "S %u %s %lx %lu %lu %lx\n", core,
                        t->kind - 1 == STAY_IDLE ? "idle" : stay_kind[t->kind - 1], t->detail, t->count,
                        t->max, t->x1);
        }
    }
}

/* ---- check of the classification ---- */

static void on_verify(unsigned int core, void *data)
{
    enum level level = (uintptr_t)data & 7;
    unsigned el = (unsigned)(reg_read(reg_cpsr) >> 2) & 3, expect = level == HYPERVISOR ? 2
                                                                    : level == KERNEL   ? 1
                                                                                        : 0;

    (void)core;
    /* The stub of detached threads is the hypervisor's and runs at EL1. Before Linux drops to EL1, or if it
     * is alone and stays at EL2, its code is at EL2. */
    bool ok = el == expect || (level == HYPERVISOR && el == 1 && ((uintptr_t)data & 8)) ||
              (level == KERNEL && el == 2 && ((uintptr_t)data & 16));
    __atomic_fetch_add(&verified[level], 1, __ATOMIC_RELAXED);
    if (!ok) {
        __atomic_fetch_add(&verify_wrong[level], 1, __ATOMIC_RELAXED);
        verify_example[level] = ((uint64_t)(uintptr_t)data & ~31ull) | el;
    }
}

/* ---- translation ---- */

static enum level level_of(const struct qemu_plugin_insn *insn, uint64_t va)
{
    uint64_t pa = (uint64_t)(uintptr_t)qemu_plugin_insn_haddr(insn) - ram_offset;

    if (pa >= hv_start && pa < hv_end && (va == pa || va >> 63))
        return HYPERVISOR;
    if (va >> 63 || va == pa)
        return KERNEL;
    return va >= VMM_START && va < VMM_END ? VMM : USER;
}

/* Encodings: ARM ARM DDI0487, C4.1. Data processing and branches do not fault, but for system instructions.
 */
static bool may_fault(uint32_t code)
{
    unsigned op = (code >> 25) & 0xf;

    if (op == 8 || op == 9 || (op & 7) == 5)
        return false;
    return !((op & 0xe) == 0xa && code >> 24 != 0xd4 && code >> 24 != 0xd5);
}

static bool is_hint(uint32_t code, unsigned *number)
{
    *number = (code >> 5) & 0x7f;
    return (code & 0xfffff01f) == 0xd503201f;
}

static void add(struct qemu_plugin_insn *insn, size_t offset, uint64_t value)
{
    qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64,
                                                        (qemu_plugin_u64){scores, offset}, value);
}

struct group {
    enum level level;
    uint64_t address;
    uint64_t size;
};

/* Counts the group when `insn` is reached. */
static void group_end(struct group *g, struct qemu_plugin_insn *insn)
{
    if (!g->size)
        return;
    add(insn, offsetof(struct score, count) + g->level * sizeof(uint64_t), g->size);
    if (hist) {
        uint32_t slot = g->level == USER ? 0 : slot_find(g->address);
        add(insn, offsetof(struct score, slot) + slot * sizeof(uint64_t), g->size);
    }
    g->size = 0;
}

static void call(struct qemu_plugin_insn *insn, unsigned id)
{
    qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, QEMU_PLUGIN_CB_R_REGS, (void *)(uintptr_t)id);
}

static void addresses(struct group *g, struct qemu_plugin_insn *insn, uint64_t va)
{
    for (unsigned i = 0; i < address_count; i++)
        if (va == count_address[i])
            add(insn, offsetof(struct score, count) + (COUNT_ADDRESS + i) * sizeof(uint64_t), 1);
    for (unsigned i = 0; i < mark_count; i++)
        if (va == mark_address[i]) {
            group_end(g, insn);
            call(insn, mark_id[i]);
        }
    for (unsigned i = 0; i < stay_count; i++)
        if (va == stay_address[i]) {
            group_end(g, insn);
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_stay, QEMU_PLUGIN_CB_R_REGS,
                                                   (void *)(uintptr_t)i);
        }
    for (unsigned i = 0; i < entry_count; i++)
        if (va == entry_address[i]) {
            group_end(g, insn);
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_entry, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);
    struct group g = {0};

    (void)id;
    if (!ram_known) { /* the first instruction of all, in RAM, one to one */
        struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
        ram_offset = (uint64_t)(uintptr_t)qemu_plugin_insn_haddr(first) - qemu_plugin_insn_vaddr(first);
        ram_known = true;
    }
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t va = qemu_plugin_insn_vaddr(insn);
        unsigned hint;
        uint32_t code = 0;

        qemu_plugin_insn_data(insn, &code, sizeof(code));
        if (!g.size) {
            g.level = level_of(insn, va);
            g.address = va;
        }
        linux_seen |= va >> 63 && g.level == KERNEL;
        booted |= linux_seen && g.level == USER;
        if (verify && i == 0) {
            uint64_t low = (va & ~31ull) | g.level | (va >> 63 && g.level == HYPERVISOR ? 8 : 0) |
                           (!hv_end || !(va >> 63) ? 16 : 0);
            qemu_plugin_register_vcpu_tb_exec_cb(tb, on_verify, QEMU_PLUGIN_CB_R_REGS,
                                                 (void *)(uintptr_t)low);
        }
        addresses(&g, insn, va);
        if (!g.size) {
            g.level = level_of(insn, va);
            g.address = va;
        }
        if (is_hint(code, &hint)) {
            if (hint >= HINT_FIRST && hint < HINT_FIRST + HINT_COUNT) {
                group_end(&g, insn);
                call(insn, hint - HINT_FIRST);
                continue;
            }
            if (hint == 1 || hint == 2)
                add(insn, offsetof(struct score, count) + COUNT_SPIN * sizeof(uint64_t), 1);
            if (stays && (hint == 2 || hint == 3) && g.level == HYPERVISOR) {
                group_end(&g, insn);
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_stay_idle, QEMU_PLUGIN_CB_NO_REGS, NULL);
                g.level = level_of(insn, va);
                g.address = va;
            }
            if (hint == 3) {
                group_end(&g, insn);
                add(insn, offsetof(struct score, count) + COUNT_WFI * sizeof(uint64_t), 1);
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_wfi, QEMU_PLUGIN_CB_NO_REGS, NULL);
                g.level = level_of(insn, va);
                g.address = va;
            }
        }
        g.size++;
        if (may_fault(code) || i == count - 1)
            group_end(&g, insn);
    }
}

/* ---- start and end ---- */

static void on_core(qemu_plugin_id_t id, unsigned int core)
{
    (void)id;
    pthread_mutex_lock(&lock);
    if (core + 1 > core_count)
        core_count = core + 1;
    if (!reg_x0) {
        GArray *list = qemu_plugin_get_registers();
        for (unsigned i = 0; i < list->len; i++) {
            const qemu_plugin_reg_descriptor *d = &g_array_index(list, qemu_plugin_reg_descriptor, i);
            if (!strcmp(d->name, "x0"))
                reg_x0 = d->handle;
            if (!strcmp(d->name, "x1"))
                reg_x1 = d->handle;
            if (!strcmp(d->name, "x8"))
                reg_x8 = d->handle;
            if (!strcmp(d->name, "cpsr"))
                reg_cpsr = d->handle;
            if (!strcmp(d->name, "ESR_EL1"))
                reg_esr_el1 = d->handle;
            if (!strcmp(d->name, "ESR_EL2"))
                reg_esr_el2 = d->handle;
        }
        g_array_free(list, true);
    }
    pthread_mutex_unlock(&lock);
}

static void on_exit_all(qemu_plugin_id_t id, void *data)
{
    static const char *const name[] = {"user", "kernel", "hypervisor", "vmm"};

    (void)id;
    (void)data;
    pthread_mutex_lock(&lock);
    for (unsigned core = 0; core < core_count; core++) {
        fprintf(out, "T %u", core);
        for (unsigned j = 0; j < COUNT_ADDRESS + address_count; j++)
            fprintf(out, " %lu", score_of(core)->count[j]);
        fputc('\n', out);
    }
    for (unsigned i = 0; verify && i < LEVEL_COUNT; i++)
        fprintf(out, "V %s %lu %lu %lx\n", name[i], verified[i], verify_wrong[i], verify_example[i]);
    if (stays)
        stays_write();
    if (slot_count == SLOTS_MAX)
        fprintf(out, "E the histogram is full\n");
    fprintf(out, "E end\n");
    fflush(out);
    pthread_mutex_unlock(&lock);
}

static bool option(char *text)
{
    char *value = strchr(text, '='), *end;

    if (!value)
        return false;
    *value++ = 0;
    if (!strcmp(text, "out")) {
        out = fopen(value, "w");
        return out != NULL;
    }
    if (!strcmp(text, "hist"))
        return qemu_plugin_bool_parse(text, value, &hist);
    if (!strcmp(text, "verify"))
        return qemu_plugin_bool_parse(text, value, &verify);
    if (!strcmp(text, "hv")) {
        hv_start = strtoull(value, &end, 0);
        hv_end = *end == '-' ? strtoull(end + 1, &end, 0) : 0;
        return hv_end > hv_start && !*end;
    }
    if (!strcmp(text, "entry") && entry_count < ENTRIES_MAX) {
        entry_address[entry_count++] = strtoull(value, &end, 0);
        return !*end;
    }
    if (!strcmp(text, "cores")) {
        core_kinds = strdup(value);
        return core_kinds != NULL;
    }
    if (!strcmp(text, "stay") && stay_count < ENTRIES_MAX * 2 && (end = strchr(value, '@')) &&
        end - value < KIND_MAX) {
        memcpy(stay_kind[stay_count], value, (size_t)(end - value));
        stay_address[stay_count++] = strtoull(end + 1, &end, 0);
        return !*end;
    }
    if (!strcmp(text, "mark") && mark_count < MARKS_MAX) {
        mark_id[mark_count] = (unsigned)strtoul(value, &end, 0);
        if (*end != '@')
            return false;
        mark_address[mark_count++] = strtoull(end + 1, &end, 0);
        return !*end;
    }
    if (!strcmp(text, "count") && address_count < COUNTERS - COUNT_ADDRESS) {
        count_address[address_count++] = strtoull(value, &end, 0);
        return !*end;
    }
    return false;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    if (strcmp(info->target_name, "aarch64") || !info->system_emulation ||
        info->system.max_vcpus > CORES_MAX) {
        fprintf(stderr, "insn: only for an emulated aarch64 machine with up to %d cores\n", CORES_MAX);
        return -1;
    }
    for (int i = 0; i < argc; i++)
        if (!option(argv[i])) {
            fprintf(stderr, "insn: wrong option '%s'\n", argv[i]);
            return -1;
        }
    if (!out) {
        fprintf(stderr, "insn: out=FILE is missing\n");
        return -1;
    }
    setvbuf(out, NULL, _IOFBF, 1 << 20);
    if (hist) {
        score_bytes += SLOTS_MAX * sizeof(uint64_t);
        slot_address = calloc(SLOTS_MAX, sizeof(*slot_address));
        slot_table = calloc(TABLE_SIZE, sizeof(*slot_table));
        for (int i = 0; i < info->system.max_vcpus; i++)
            slot_base[i] = calloc(SLOTS_MAX, sizeof(uint64_t));
    }
    if (stay_count)
        stays = calloc((size_t)info->system.max_vcpus, sizeof(*stays));
    scores = qemu_plugin_scoreboard_new(score_bytes);
    fprintf(out, "I cores=%d counters=%u addresses=%u%s%s\n", info->system.max_vcpus, (unsigned)COUNT_ADDRESS,
            address_count, *core_kinds ? " kinds=" : "", core_kinds);
    qemu_plugin_register_vcpu_init_cb(id, on_core);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit_all, NULL);
    return 0;
}
