/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables of spaces: a VM's memory and a host task's address space have the same form. One generic
 * walk over tables of 4 KiB; the architecture says how an entry looks, and the root (arch/ptab.h).
 *
 *   root (1 << root_order pages) -> level n -> ... -> level 3: 4 KiB pages
 *   blocks: 1 GiB at level 1, 2 MiB at level 2
 */
#ifndef HV_PTAB_H
#define HV_PTAB_H

#include "atomic.h"
#include "types.h"

#define PTAB_READ   BIT(0)
#define PTAB_WRITE  BIT(1)
#define PTAB_EXEC   BIT(2)
#define PTAB_DEVICE BIT(3)

enum ptab_kind {
    PTAB_OWN,  /* the hypervisor's own */
    PTAB_TASK, /* a host task's space */
    PTAB_VM,   /* a VM's: its guest has tables of its own, which say how memory is accessed */
};

struct ptab {
    uint64_t *root;
    struct spinlock lock;
    uint8_t root_level, root_order;
    uint8_t bits;    /* size of the address space */
    uint8_t kind;    /* enum ptab_kind */
    uint16_t space;  /* space_id(): may be what the hardware tells translations apart by */
    uint32_t splits; /* of blocks, twice: odd while one is out of the table */
};

/* An empty table for `bits` of address. NO_MEMORY. */
status_t ptab_init(struct ptab *p, enum ptab_kind kind, unsigned bits, uint16_t space) MUST_CHECK;

/* Gives all tables back. Nobody may use them any more. */
void ptab_free(struct ptab *p);

/*
 * Maps [at, at + size) to [to, ...) with the largest blocks that alignment allows. All are multiples of the
 * page size. BAD_ADDRESS beyond the address space, EXISTS over a mapping (nothing is changed then),
 * NO_MEMORY for tables (what was mapped before stays).
 */
status_t ptab_map(struct ptab *p, uint64_t at, paddr_t to, uint64_t size, unsigned rights) MUST_CHECK;

/* Unmaps; ranges that are not mapped are skipped, blocks are split. The caller flushes. */
status_t ptab_unmap(struct ptab *p, uint64_t at, uint64_t size) MUST_CHECK;

/*
 * The same for a range that somebody else has chosen: they do a part of it, so much that PTAB_PART entries
 * are looked at or written, and *done is its size: all of it, if it is `size`, and never 0. EXISTS may be
 * about what lies a little behind that part: as many entries are looked at.
 */
#define PTAB_PART 512
status_t ptab_map_part(struct ptab *p, uint64_t at, paddr_t to, uint64_t size, unsigned rights,
                       uint64_t *done) MUST_CHECK;
status_t ptab_unmap_part(struct ptab *p, uint64_t at, uint64_t size, uint64_t *done) MUST_CHECK;

/* Translates; false if not mapped. */
bool ptab_lookup(const struct ptab *p, uint64_t at, paddr_t *to, unsigned *rights);

/*
 * Whether a translation fault at `at` was none: a block was out of the table while it was split (break before
 * make), and the access is to be done again. *seen: the caller's, one for each that may
 * fault, 0 at first; so the same is not done again for ever.
 */
bool ptab_was_split(const struct ptab *p, uint32_t *seen, uint64_t at);

/* Number of leaf entries by level, for reports: count[1] = 1 GiB blocks, [2] = 2 MiB, [3] = pages. */
void ptab_count(const struct ptab *p, uint64_t count[4]);

#endif
