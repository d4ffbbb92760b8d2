/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring of records in shared memory, for one producer and one consumer that do not trust each other. The
 * same code on both sides: host tasks, Linux programs, detached threads. No locks, no waiting: who needs to
 * wait uses the channel's notification.
 *
 *   0     magic, version, capacity of the data
 *   64    head: bytes ever written; the producer's
 *   128   tail: bytes ever read; the consumer's
 *   192   data: records of a length (8 bytes), contents and padding to 8 bytes; each in one piece
 *
 * Each side keeps its own position and the capacity to itself, reads the other's once, and checks it.
 * Whatever the other side writes, nothing outside of the memory is touched; at worst the answer is
 * RING_CORRUPT, or records are not what a decent producer would have written.
 */
#ifndef OUTRIDER_RING_H
#define OUTRIDER_RING_H

#include <stddef.h>
#include <stdint.h>

enum ring_result {
    RING_OK = 0,
    RING_EMPTY = -1,     /* no record, or (ring_open) nobody has made a ring there yet */
    RING_FULL = -2,      /* no room for it now */
    RING_TOO_LARGE = -3, /* the record is larger than the ring can hold, or than the buffer */
    RING_CORRUPT = -4,   /* the other side, or who made the ring, has written nonsense */
    RING_BAD_SIZE = -5,  /* the memory is too small for a ring, or not aligned to 8 bytes */
};

enum ring_role { RING_PRODUCER, RING_CONSUMER };

struct ring_memory;

struct ring {
    struct ring_memory *memory;
    uint8_t *data;
    uint64_t capacity; /* a power of two */
    uint64_t position; /* own: head or tail */
    uint64_t seen;     /* the other side's, when last looked at */
};

/* Makes an empty ring in the memory, as large as fits, and opens it. BAD_SIZE. */
int ring_create(struct ring *r, enum ring_role role, void *memory, size_t size);

/* Opens one that the other side made, and goes on where this role's last user stopped. EMPTY, CORRUPT,
 * BAD_SIZE. */
int ring_open(struct ring *r, enum ring_role role, void *memory, size_t size);

/* The largest record that fits into the empty ring. */
size_t ring_record_max(const struct ring *r);

/* Appends a record. FULL, TOO_LARGE, CORRUPT. The consumer sees all of it or nothing. */
int ring_write(struct ring *r, const void *record, size_t length);

/* Takes the oldest record: its length goes to *length. EMPTY; TOO_LARGE: it stays, *length is what it needs;
 * CORRUPT. */
int ring_read(struct ring *r, void *buffer, size_t size, size_t *length);

#endif
