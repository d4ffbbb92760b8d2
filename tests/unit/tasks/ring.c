/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring: order and contents, sizes, restarts, two threads at once, and another side that writes nonsense.
 */
#include "../check.h"
#include <outrider/ring.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

#define HEADER 192u
#define HEAD   8  /* word */
#define TAIL   16 /* word */

/* Exactly as large as it is: what is touched outside is found. */
static uint64_t *memory_of(size_t size)
{
    uint64_t *memory = calloc(1, size);

    CHECK(memory);
    return memory;
}

static void fill(uint8_t *record, size_t length, uint64_t seed)
{
    for (size_t i = 0; i < length; i++)
        record[i] = (uint8_t)(seed * 31 + i * 7 + (seed >> 8));
}

static void test_sizes(void)
{
    static const size_t small[] = {0, 8, HEADER, HEADER + 63};
    uint64_t *memory = memory_of(4096);
    struct ring r;

    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        CHECK(ring_create(&r, RING_PRODUCER, memory, small[i]) == RING_BAD_SIZE &&
              ring_open(&r, RING_PRODUCER, memory, small[i]) == RING_BAD_SIZE);
    CHECK(ring_create(&r, RING_PRODUCER, (char *)memory + 4, 2048) == RING_BAD_SIZE);
    CHECK(ring_open(&r, RING_CONSUMER, memory, 4096) == RING_EMPTY);
    CHECK(ring_create(&r, RING_PRODUCER, memory, HEADER + 64) == RING_OK);
    CHECK_EQUAL(ring_record_max(&r), 24);
    CHECK(ring_create(&r, RING_PRODUCER, memory, 4096) == RING_OK);
    CHECK_EQUAL(ring_record_max(&r), 1024 - 8);
    CHECK(ring_write(&r, memory, 1024 - 7) == RING_TOO_LARGE);
    CHECK(ring_write(&r, memory, SIZE_MAX) == RING_TOO_LARGE);
    free(memory);
}

/* All lengths at all positions, full and empty again; each side also leaves and comes back in between. */
static void test_order(void)
{
    uint64_t *memory = memory_of(HEADER + 1024);
    struct ring p, c;
    uint8_t in[1024], out[1024];
    uint64_t written = 0, read = 0, seed = 42, full = 0;
    size_t length, lengths[1024];

    CHECK(ring_create(&p, RING_PRODUCER, memory, HEADER + 1024) == RING_OK);
    CHECK(ring_open(&c, RING_CONSUMER, memory, HEADER + 1024) == RING_OK);
    CHECK(ring_read(&c, out, sizeof(out), &length) == RING_EMPTY);
    while (read < 200000) {
        for (uint64_t n = random_next(&seed) % 20; n; n--) {
            size_t want = random_next(&seed) % (ring_record_max(&p) + 1);
            if (random_next(&seed) % 2)
                want %= 40;
            fill(in, want, written);
            int result = ring_write(&p, in, want);
            CHECK(result == RING_OK || result == RING_FULL);
            if (result == RING_FULL) {
                full++;
                break;
            }
            lengths[written++ % 1024] = want;
        }
        for (uint64_t n = random_next(&seed) % 20; n && read < written; n--, read++) {
            size_t want = lengths[read % 1024];
            if (want) {
                CHECK(ring_read(&c, out, want - 1, &length) == RING_TOO_LARGE && length == want);
            }
            CHECK(ring_read(&c, out, want, &length) == RING_OK && length == want);
            fill(in, want, read);
            CHECK(memcmp(in, out, want) == 0);
        }
        if (read == written)
            CHECK(ring_read(&c, out, sizeof(out), &length) == RING_EMPTY && length == 0);
        if (random_next(&seed) % 50 == 0)
            CHECK(ring_open(&p, RING_PRODUCER, memory, HEADER + 1024) == RING_OK);
        if (random_next(&seed) % 50 == 0)
            CHECK(ring_open(&c, RING_CONSUMER, memory, HEADER + 1024) == RING_OK);
    }
    CHECK(full > 100);
    /* The largest one fits into the empty ring, wherever that stands. */
    while (ring_read(&c, out, sizeof(out), &length) == RING_OK)
        ;
    for (int i = 0; i < 1000; i++) {
        CHECK(ring_write(&p, in, ring_record_max(&p)) == RING_OK);
        CHECK(ring_read(&c, out, sizeof(out), &length) == RING_OK && length == ring_record_max(&p));
        CHECK(ring_write(&p, in, (size_t)(i % 16)) == RING_OK);
        CHECK(ring_read(&c, out, sizeof(out), &length) == RING_OK && length == (size_t)(i % 16));
    }
    free(memory);
}

/* ---- two threads ---- */

#define RECORDS 300000u

static void *produce(void *memory)
{
    struct ring r;
    uint8_t record[64];

    CHECK(ring_open(&r, RING_PRODUCER, memory, HEADER + 512) == RING_OK);
    for (uint64_t i = 0; i < RECORDS; i++) {
        size_t length = 8 + i % 57;
        fill(record, length, i);
        memcpy(record, &i, 8);
        int result;
        while ((result = ring_write(&r, record, length)) == RING_FULL)
            sched_yield();
        CHECK(result == RING_OK);
    }
    return NULL;
}

static void test_threads(void)
{
    uint64_t *memory = memory_of(HEADER + 512);
    struct ring r;
    uint8_t out[64], want[64];
    size_t length;
    pthread_t id;

    CHECK(ring_create(&r, RING_CONSUMER, memory, HEADER + 512) == RING_OK);
    CHECK(!pthread_create(&id, NULL, produce, memory));
    for (uint64_t i = 0; i < RECORDS; i++) {
        int result;
        while ((result = ring_read(&r, out, sizeof(out), &length)) == RING_EMPTY)
            sched_yield();
        CHECK(result == RING_OK && length == 8 + i % 57);
        fill(want, length, i);
        memcpy(want, &i, 8);
        CHECK(memcmp(want, out, length) == 0);
    }
    CHECK(ring_read(&r, out, sizeof(out), &length) == RING_EMPTY);
    pthread_join(id, NULL);
    free(memory);
}

/* ---- the other side is hostile ---- */

static void test_positions(void)
{
    uint64_t *memory = memory_of(HEADER + 256);
    struct ring p, c;
    uint8_t out[256] = {0};
    size_t length;
    static const uint64_t bad[] = {1, 4, 256 + 8, 264, 1ull << 32, ~0ull, ~0ull << 3, 1ull << 63};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(ring_create(&p, RING_PRODUCER, memory, HEADER + 256) == RING_OK);
        CHECK(ring_open(&c, RING_CONSUMER, memory, HEADER + 256) == RING_OK);
        memory[HEAD] = bad[i];
        CHECK(ring_read(&c, out, sizeof(out), &length) == RING_CORRUPT && length == 0);
        CHECK(ring_open(&c, RING_CONSUMER, memory, HEADER + 256) == RING_CORRUPT);
        memory[HEAD] = 0;
        for (int n = 0; n < 4; n++) /* full, so that it looks */
            CHECK(ring_write(&p, out, 56) == RING_OK);
        memory[TAIL] = bad[i];
        CHECK(ring_write(&p, out, 56) == RING_CORRUPT);
    }
    /* A tail that goes back gives no room. */
    CHECK(ring_create(&p, RING_PRODUCER, memory, HEADER + 256) == RING_OK);
    CHECK(ring_open(&c, RING_CONSUMER, memory, HEADER + 256) == RING_OK);
    for (int n = 0; n < 8; n++)
        CHECK(ring_write(&p, out, 56) == RING_OK && ring_read(&c, out, sizeof(out), &length) == RING_OK);
    for (int n = 0; n < 4; n++)
        CHECK(ring_write(&p, out, 56) == RING_OK);
    memory[TAIL] = 7 * 64;
    CHECK(ring_write(&p, out, 56) == RING_CORRUPT);
    memory[TAIL] = 8 * 64;
    CHECK(ring_write(&p, out, 56) == RING_FULL);
    memory[TAIL] = 9 * 64;
    CHECK(ring_write(&p, out, 56) == RING_OK);
    free(memory);
}

static void test_lengths(void)
{
    uint64_t *memory = memory_of(HEADER + 256), *data = memory + HEADER / 8;
    struct ring p, c;
    uint8_t out[256] = {0};
    size_t length;
    static const uint64_t bad[] = {57,        121,       128,       1ull << 32, ~0ull,
                                   ~0ull - 1, ~0ull - 7, ~0ull - 8, 1ull << 63};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(ring_create(&p, RING_PRODUCER, memory, HEADER + 256) == RING_OK);
        CHECK(ring_open(&c, RING_CONSUMER, memory, HEADER + 256) == RING_OK);
        CHECK(ring_write(&p, out, 56) == RING_OK);
        data[0] = bad[i];
        CHECK(ring_read(&c, out, sizeof(out), &length) == RING_CORRUPT && length == 0);
    }
    /* A skip that leads beyond what was written; a record beyond the end of the data. */
    CHECK(ring_create(&p, RING_PRODUCER, memory, HEADER + 256) == RING_OK);
    CHECK(ring_open(&c, RING_CONSUMER, memory, HEADER + 256) == RING_OK);
    CHECK(ring_write(&p, out, 8) == RING_OK && ring_read(&c, out, sizeof(out), &length) == RING_OK);
    CHECK(ring_write(&p, out, 8) == RING_OK);
    data[2] = ~0ull;
    CHECK(ring_read(&c, out, sizeof(out), &length) == RING_CORRUPT);
    memory[HEAD] = memory[TAIL] = 240;
    CHECK(ring_open(&c, RING_CONSUMER, memory, HEADER + 256) == RING_OK);
    memory[HEAD] = 240 + 128;
    data[30] = 100;
    CHECK(ring_read(&c, out, sizeof(out), &length) == RING_CORRUPT);
    free(memory);
}

/* Random words at random places of the memory, between random calls: an answer, and nothing touched outside.
 */
static void test_fuzz(void)
{
    uint64_t seed = 4711, ok = 0, corrupt = 0;
    size_t length;
    uint8_t buffer[512];

    for (int round = 0; round < 20000; round++) {
        size_t size = HEADER + (64u << random_next(&seed) % 4);
        uint64_t *memory = memory_of(size);
        struct ring p, c;
        CHECK(ring_create(&p, RING_PRODUCER, memory, size) == RING_OK);
        CHECK(ring_open(&c, RING_CONSUMER, memory, size) == RING_OK);
        for (int step = 0; step < 60; step++) {
            uint64_t what = random_next(&seed) >> 8;
            int result = RING_OK;
            switch (what % 8) {
            case 0: {
                static const uint64_t values[] = {0, 8, 64, 128, 256, ~0ull, ~0ull - 7, 1ull << 32};
                uint64_t at = what >> 8 & 3 ? (what >> 10) % (size / 8) : (what >> 10 & 1 ? HEAD : TAIL);
                memory[at] = what >> 20 & 1 ? values[what >> 21 & 7] : memory[at] + (what >> 24) % 300 - 150;
                break;
            }
            case 1:
                result = ring_open(&p, RING_PRODUCER, memory, size);
                if (result != RING_OK)
                    CHECK(ring_create(&p, RING_PRODUCER, memory, size) == RING_OK);
                break;
            case 2:
                result = ring_open(&c, RING_CONSUMER, memory, size);
                if (result != RING_OK)
                    CHECK(ring_create(&c, RING_CONSUMER, memory, size) == RING_OK);
                break;
            case 3:
            case 4:
                result = ring_write(&p, buffer, (what >> 8) % 300);
                break;
            default:
                length = 0;
                result = ring_read(&c, buffer, (what >> 8) % sizeof(buffer), &length);
                CHECK(result != RING_OK || length <= sizeof(buffer));
            }
            CHECK(result <= RING_OK && result >= RING_BAD_SIZE);
            ok += result == RING_OK;
            corrupt += result == RING_CORRUPT;
        }
        free(memory);
    }
    CHECK(ok > 10000 && corrupt > 10000);
}

int main(void)
{
    test_sizes();
    test_order();
    test_threads();
    test_positions();
    test_lengths();
    test_fuzz();
    printf("ok\n");
    return 0;
}
