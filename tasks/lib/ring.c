/* SPDX-License-Identifier: BSD-2-Clause */
#include <outrider/ring.h>

#define RING_MAGIC   0x676e697264726fu /* "ordring" */
#define RING_VERSION 1u
#define DATA_MIN     64u
#define SKIP         (~0ull) /* a length: the rest of the data up to its end is not used */

struct ring_memory {
    uint64_t magic;
    uint64_t version;
    uint64_t capacity;
    uint64_t reserved0[5];
    uint64_t head;
    uint64_t reserved1[7];
    uint64_t tail;
    uint64_t reserved2[7];
    uint8_t data[];
};
_Static_assert(sizeof(struct ring_memory) == 192, "layout");

static uint64_t load(const uint64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store(uint64_t *p, uint64_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELEASE);
}

/* Bytes that may change while they are copied, in whole words where both sides allow. */
static void copy(void *to, const void *from, size_t size)
{
    volatile uint8_t *t = to;
    const volatile uint8_t *f = from;

    if ((((uintptr_t)t | (uintptr_t)f) & 7) == 0)
        for (; size >= 8; size -= 8, t += 8, f += 8)
            *(volatile uint64_t *)t = *(const volatile uint64_t *)f;
    while (size--)
        *t++ = *f++;
}

static int check_memory(const void *memory, size_t size)
{
    return (uintptr_t)memory % 8 || size < sizeof(struct ring_memory) + DATA_MIN ? RING_BAD_SIZE : RING_OK;
}

int ring_create(struct ring *r, enum ring_role role, void *memory, size_t size)
{
    struct ring_memory *m = memory;
    uint64_t capacity = DATA_MIN;

    (void)role; /* both begin at 0 */
    if (check_memory(memory, size) != RING_OK)
        return RING_BAD_SIZE;
    while (capacity * 2 <= size - sizeof(*m))
        capacity *= 2;
    store(&m->magic, 0);
    m->version = RING_VERSION;
    m->capacity = capacity;
    m->head = m->tail = 0;
    store(&m->magic, RING_MAGIC);
    *r = (struct ring){.memory = m, .data = m->data, .capacity = capacity};
    return RING_OK;
}

/* Both are counts of bytes, at record boundaries; there is no more than the capacity between them. */
static int check_positions(const struct ring *r, uint64_t head, uint64_t tail)
{
    return (head | tail) % 8 || head - tail > r->capacity ? RING_CORRUPT : RING_OK;
}

int ring_open(struct ring *r, enum ring_role role, void *memory, size_t size)
{
    struct ring_memory *m = memory;

    if (check_memory(memory, size) != RING_OK)
        return RING_BAD_SIZE;
    uint64_t magic = load(&m->magic);
    if (!magic)
        return RING_EMPTY;
    uint64_t capacity = load(&m->capacity);
    if (magic != RING_MAGIC || load(&m->version) != RING_VERSION || capacity < DATA_MIN ||
        (capacity & (capacity - 1)) || capacity > size - sizeof(*m))
        return RING_CORRUPT;
    uint64_t tail = load(&m->tail), head = load(&m->head);
    *r = (struct ring){.memory = m, .data = m->data, .capacity = capacity};
    r->position = role == RING_PRODUCER ? head : tail;
    r->seen = role == RING_PRODUCER ? tail : head;
    return check_positions(r, head, tail);
}

size_t ring_record_max(const struct ring *r)
{
    /* Up to half of it fits wherever the position is: a skip and the record. */
    return r->capacity / 2 - 8;
}

static uint64_t space_of(uint64_t length)
{
    return 8 + ((length + 7) & ~7ull);
}

int ring_write(struct ring *r, const void *record, size_t length)
{
    uint64_t at = r->position & (r->capacity - 1), rest = r->capacity - at;

    if (length > ring_record_max(r))
        return RING_TOO_LARGE;
    uint64_t space = space_of(length), skip = space > rest ? rest : 0;
    if (skip + space > r->capacity - (r->position - r->seen)) {
        uint64_t tail = load(&r->memory->tail);
        if (check_positions(r, r->position, tail) != RING_OK)
            return RING_CORRUPT;
        r->seen = tail;
        if (skip + space > r->capacity - (r->position - tail))
            return RING_FULL;
    }
    if (skip) {
        store((uint64_t *)(void *)(r->data + at), SKIP);
        at = 0;
    }
    store((uint64_t *)(void *)(r->data + at), length);
    copy(r->data + at + 8, record, length);
    r->position += skip + space;
    store(&r->memory->head, r->position);
    return RING_OK;
}

int ring_read(struct ring *r, void *buffer, size_t size, size_t *length)
{
    *length = 0;
    for (;;) {
        if (r->seen == r->position) {
            uint64_t head = load(&r->memory->head);
            if (check_positions(r, head, r->position) != RING_OK)
                return RING_CORRUPT;
            r->seen = head;
            if (head == r->position)
                return RING_EMPTY;
        }
        uint64_t at = r->position & (r->capacity - 1), rest = r->capacity - at;
        uint64_t ready = r->seen - r->position;
        uint64_t n = load((const uint64_t *)(const void *)(r->data + at));
        if (n == SKIP && at) {
            if (rest > ready)
                return RING_CORRUPT;
            r->position += rest;
            continue;
        }
        if (n > ring_record_max(r) || space_of(n) > rest || space_of(n) > ready)
            return RING_CORRUPT;
        *length = n;
        if (n > size)
            return RING_TOO_LARGE;
        copy(buffer, r->data + at + 8, n);
        r->position += space_of(n);
        store(&r->memory->tail, r->position);
        return RING_OK;
    }
}
