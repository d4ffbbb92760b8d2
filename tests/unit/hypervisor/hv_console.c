/* SPDX-License-Identifier: BSD-2-Clause */
/* The log of the console: what is read is what was written, in order, and what is lost is counted. */
#include "fixture.h"

#include "atomic.h"
#include "console.h"
#include "string.h"
#include <pthread.h>
#include <sched.h>

static char page[PAGE_SIZE];
static uint64_t count, lost;

static uint64_t read_at(uint64_t position)
{
    return console_log(position, page, sizeof(page), &count, &lost);
}

/* Byte n of a text that repeats only after a prime number of bytes. */
static char byte_of(uint64_t n)
{
    return (char)('!' + n % 89);
}

static void write_bytes(uint64_t from, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        char c = byte_of(from + i);
        console_write(&c, 1);
    }
}

static void check_page(uint64_t from)
{
    for (uint64_t i = 0; i < count; i++)
        CHECK_EQUAL(page[i], byte_of(from + i));
}

static void test_start(void)
{
    fixture_start(1, 1024);
    CHECK(read_at(0) == 0 && count == 0 && lost == 0);
    print("%s %d", "before the UART is known", 1);
    CHECK_EQUAL(strlen(fake_console()), 0);
    console_init(&uart_table[0], pa(0));
    print("after");
    static const char all[] = "outrider: before the UART is known 1\noutrider: after\n";
    CHECK(read_at(0) == strlen(all) && count == strlen(all) && lost == 0 && !memcmp(page, all, count));
    CHECK(strstr(fake_console(), "known 1\r\noutrider: after\r\n"));
    /* From the middle; from the end; from nowhere. */
    CHECK(read_at(10) == strlen(all) && count == strlen(all) - 10 && !memcmp(page, all + 10, count));
    CHECK(read_at(strlen(all)) == strlen(all) && count == 0 && lost == 0);
    CHECK(read_at(strlen(all) + 1) == strlen(all) && count == 0 && lost == 0);
    CHECK(read_at(~0ull) == strlen(all) && count == 0 && lost == 0);
}

static void test_ring(void)
{
    uint64_t end = 0, seen = 0;

    fixture_start(1, 1024);
    for (int round = 0; round < 7; round++) {
        write_bytes(end, 20011);
        end += 20011;
        for (;;) {
            uint64_t next = read_at(seen);
            CHECK(lost == 0 && next == seen + count);
            check_page(seen);
            if (!count)
                break;
            CHECK(count == PAGE_SIZE || next == end);
            seen = next;
        }
        CHECK_EQUAL(seen, end);
    }
    /* From the start: the oldest that is there. */
    uint64_t next = read_at(0);
    CHECK(lost == end + 1 - LOG_SIZE && count == PAGE_SIZE && next == lost + PAGE_SIZE);
    check_page(lost);
    CHECK(read_at(end - LOG_SIZE) == end + 1 - LOG_SIZE + PAGE_SIZE && lost == 1);
    CHECK(read_at(end + 1 - LOG_SIZE) == end + 1 - LOG_SIZE + PAGE_SIZE && lost == 0);
}

/* Another core writes while this one copies. */
static uint64_t written, more;
static int steps;

static void overtaken(void)
{
    if (--steps)
        return;
    fake.point = NULL;
    write_bytes(written, more);
    written += more;
}

static void test_overtaken(void)
{
    fixture_start(1, 1024);
    write_bytes(0, LOG_SIZE);
    written = LOG_SIZE;
    /* Before and behind each barrier; a little, a part of the page, all of it, more than the log. */
    static const uint64_t amounts[] = {1, 100, PAGE_SIZE, LOG_SIZE + 5};
    for (size_t a = 0; a < ARRAY_SIZE(amounts); a++)
        for (int at = 1; at <= 4; at++) {
            uint64_t position = written + 1 - LOG_SIZE;
            steps = at;
            more = amounts[a];
            fake.point = overtaken;
            uint64_t next = read_at(position);
            CHECK(!fake.point && next == position + lost + count && next <= written);
            CHECK_EQUAL(lost, MIN(more, PAGE_SIZE));
            check_page(position + lost);
        }
}

/* Several cores write lines, one reads: each line is whole. */
#define LINES 6000u

static bool finished[3];

static void *writer(void *arg)
{
    uint64_t self = (uint64_t)arg;

    on_core((uint32_t)self);
    for (uint32_t i = 0; i < LINES; i++) {
        print("%lu %u.", self, i);
        if (i % 8 == 0)
            sched_yield();
    }
    atomic_store(&finished[self], true);
    return NULL;
}

static void test_writers(void)
{
    pthread_t id[3];
    uint64_t at = 0, next_line[3] = {0}, skipped = 0;
    char line[64];
    size_t fill = 0;
    bool whole = true;

    fixture_start(3, 1024);
    for (uint64_t i = 1; i < 3; i++)
        CHECK(!pthread_create(&id[i], NULL, writer, (void *)i));
    for (;;) {
        bool last = atomic_load(&finished[1]) && atomic_load(&finished[2]);
        uint64_t next = read_at(at);
        CHECK_EQUAL(next, at + lost + count);
        skipped += lost;
        if (lost)
            whole = false;
        for (uint64_t i = 0; i < count; i++) {
            if (page[i] != '\n') {
                CHECK(fill < sizeof(line) - 1 || !whole);
                if (fill < sizeof(line) - 1)
                    line[fill++] = page[i];
                continue;
            }
            line[fill] = '\0';
            unsigned long self, number;
            if (whole) {
                CHECK(sscanf(line, "outrider: %lu %lu.", &self, &number) == 2 && self >= 1 && self < 3);
                CHECK(skipped ? number >= next_line[self] : number == next_line[self]);
                next_line[self] = number + 1;
            }
            fill = 0;
            whole = true;
        }
        at = next;
        if (last && !count)
            break;
    }
    for (int i = 1; i < 3; i++)
        pthread_join(id[i], NULL);
    CHECK(next_line[1] && next_line[2] && (skipped || (next_line[1] == LINES && next_line[2] == LINES)));
}

int main(void)
{
    test_case("log from the first line on", test_start);
    test_case("a ring", test_ring);
    test_case("overtaken by a writer", test_overtaken);
    test_case("several writers", test_writers);
    return 0;
}
