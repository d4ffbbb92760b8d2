/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: what is read is what was written, in order, and what is lost is counted. The queue of the UART:
 * nobody who writes waits for it. And the last words.
 */
#include "fixture.h"

#include "atomic.h"
#include "console.h"
#include "panic.h"
#include "platform.h"
#include "string.h"
#include <arch/irqchip.h>
#include <arch/thread.h>
#include <arch/timer.h>
#include <outrider/task.h>
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
        console_write(&count, true, &c, 1);
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

/* ---- the UART ---- */

static void no_kick(const struct core *c UNUSED) {}

static void kick(void)
{
    arch_console_kick(&cores[0]);
}

static void start_sent_by_others(void)
{
    fixture_start(3, 1024);
    fake.console_kick = no_kick;
    console_init(&uart_table[0], pa(0));
    console_start(kick);
}

static uint64_t waited; /* calls of cpu_relax() */

static void relax(void)
{
    waited++;
    fake.counter += arch_counter_hz() / 1000;
}

static uint64_t lines_shown(const char *of)
{
    uint64_t n = 0;

    for (const char *at = fake_console(); (at = strstr(at, of)); at++)
        n++;
    return n;
}

static void test_nobody_waits(void)
{
    start_sent_by_others();
    fake.uart_room = 0;
    fake.relax = relax;
    /* The first one tells who sends, and nobody touches the device. */
    print("first");
    CHECK(fake.console_kicks == 1 && !fake.console_len && waited == 0);
    for (int i = 0; i < 100; i++)
        print("line %d", i);
    CHECK(fake.console_kicks == 1 && !fake.console_len && waited == 0);
    /* It takes nothing: who sends does not wait either, and is told when it does. */
    CHECK(console_send() && !fake.console_len && waited == 0);
    /* It takes seven bytes, then all; a piece at a time. */
    fake.uart_room = 7;
    CHECK(console_send() && fake.console_len == 7);
    fake.uart_room = -1;
    uint32_t before = fake.console_len, sends = 0;
    for (bool more = true; more; sends++) {
        more = console_send();
        CHECK(fake.console_len - before <= CONSOLE_SEND + 1);
        before = fake.console_len;
    }
    CHECK(sends > 20 && lines_shown("outrider: line ") == 100 &&
          strstr(fake_console(), "first\r\noutrider: line 0\r\n"));
    CHECK(!lines_shown("not shown") && !console_send());
    print("next");
    CHECK(fake.console_kicks == 2 && console_room() < QUEUE_SIZE);
}

/* An interrupt of the UART is wanted while there is something to send, and it is the hypervisor's. */
static void test_interrupt_wanted(void)
{
    start_sent_by_others();
    fake.uart_room = 3;
    print("abc");
    CHECK(console_send() && !fake.wants_room);
    CHECK(console_listen() && fake.listening);
    fake.uart_room = 3;
    CHECK(!fake.wants_room && console_send() && fake.wants_room);
    fake.uart_room = -1;
    CHECK(!console_send() && !fake.wants_room);
}

static void test_dropped(void)
{
    char text[ORD_CONSOLE_MAX];
    static int vmm;
    unsigned long gone;

    start_sent_by_others();
    fake.uart_room = 0;
    memset(text, 'v', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\n';
    /* A storm of a task leaves room for the hypervisor; and is in the log. */
    for (int i = 0; i < 1000; i++)
        console_write(&vmm, true, text, sizeof(text));
    CHECK(console_room() >= QUEUE_RESERVE && console_room() < QUEUE_RESERVE + 2 * sizeof(text));
    for (int i = 0; i < 20; i++)
        print("of the hypervisor %d", i);
    CHECK(read_at(1000 * sizeof(text)) > 1000 * sizeof(text) && strstr(page, "of the hypervisor 19\n"));
    fake.uart_room = -1;
    while (console_send())
        ;
    CHECK(lines_shown("of the hypervisor") == 20 && lines_shown("vvv\r\n") > 90);
    CHECK(lines_shown("bytes are not shown") == 1);
    CHECK(sscanf(strstr(fake_console(), "outrider: "), "outrider: %lu bytes", &gone) == 1);
    CHECK_EQUAL(gone + lines_shown("v\r\n") * sizeof(text), 1000 * sizeof(text));
    CHECK(strstr(fake_console(), "here\r\noutrider: of the hypervisor 0"));
    /* It is said also if nobody writes any more. */
    fake_console_clear();
    fake.uart_room = 0;
    for (int i = 0; i < 200; i++)
        console_write(&vmm, true, text, sizeof(text));
    fake.uart_room = -1;
    while (console_send())
        ;
    const char *shown = strstr(fake_console(), "outrider: ");
    CHECK(shown && strstr(shown, "bytes are not shown here\r\n") && lines_shown("bytes are not shown") == 1);
}

static void test_lines_apart(void)
{
    static int a, b;
    char begin[] = "begin ", middle[] = "middle\n", end[] = "end\n", secret[] = "secret";

    start_sent_by_others();
    console_write(&a, true, begin, strlen(begin));
    print("of the hypervisor");
    console_write(&a, true, begin, strlen(begin));
    console_write(&b, true, middle, strlen(middle));
    console_write(&a, true, end, strlen(end));
    console_write(&a, true, begin, strlen(begin));
    console_write(&b, false, secret, strlen(secret));
    console_write(&a, true, end, strlen(end));
    static const char log[] = "begin \noutrider: of the hypervisor\nbegin \nmiddle\nend\nbegin end\n";
    CHECK(read_at(0) == strlen(log) && !memcmp(page, log, strlen(log)));
    while (console_send())
        ;
    CHECK(!strcmp(fake_console(), "begin \r\noutrider: of the hypervisor\r\nbegin \r\nmiddle\r\nend\r\n"
                                  "begin \r\nsecret\r\nend\r\n"));
}

/* Before others send: who writes waits, but once only for a UART that takes nothing. */
static void test_early(void)
{
    fixture_start(1, 1024);
    fake.relax = relax;
    fake.uart_room = 5;
    console_init(&uart_table[0], pa(0));
    print("one");
    CHECK(fake.console_len == 5 && waited >= CONSOLE_PATIENCE_MS && waited < 2 * CONSOLE_PATIENCE_MS);
    waited = 0;
    print("two");
    CHECK(fake.console_len == 5 && waited == 0);
    fake.uart_room = -1;
    print("three");
    CHECK(!strcmp(fake_console(), "outrider: one\r\noutrider: two\r\noutrider: three\r\n"));
}

static void test_panic(void)
{
    start_sent_by_others();
    fake.relax = relax;
    for (uint32_t i = 1; i < 3; i++)
        cores[i].mode = CORE_SLEEP;
    on_core(1);
    print("before");
    CHECK(!fake.console_len);
    CHECK_EQUAL(FAKE_RUN(panic("it is %d", 1)), FAKE_HALT);
    CHECK(!strcmp(fake_console(),
                  "outrider: before\r\noutrider: PANIC: it is 1\r\noutrider: halted: panic=SECONDS on "
                  "the hypervisor's command line would reset the machine\r\n"));
    CHECK(cores[0].arch.kicks == 1 && cores[2].arch.kicks == 1 && cores[0].asked);
    /* Another one says nothing more; the same one ends. */
    on_core(2);
    CHECK_EQUAL(FAKE_RUN(panic("again")), FAKE_HALT);
    on_core(1);
    platform.args = "panic=-1";
    CHECK_EQUAL(FAKE_RUN(panic("again")), FAKE_RESET);
    CHECK_EQUAL(FAKE_RUN(panic("again")), FAKE_HALT);
    CHECK(!lines_shown("again"));
}

static void test_panic_resets(void)
{
    start_sent_by_others();
    fake.relax = relax;
    platform.args = "console=x panic=7";
    CHECK_EQUAL(FAKE_RUN(panic("broken")), FAKE_RESET);
    CHECK(strstr(fake_console(), "PANIC: broken\r\noutrider: reset in 7 s\r\n"));
    CHECK(fake.counter >= 7 * arch_counter_hz() && fake.counter < 8 * arch_counter_hz());
}

/* Flow control is stopped, and much waits to be sent. */
static void test_panic_stopped(void)
{
    start_sent_by_others();
    fake.relax = relax;
    fake.uart_room = 0;
    for (int i = 0; i < 2000; i++)
        print("line %d", i);
    platform.args = "panic=1";
    CHECK_EQUAL(FAKE_RUN(panic("nobody sees it")), FAKE_RESET);
    CHECK(fake.counter < 2 * arch_counter_hz());
}

/* What was said before the machine goes off is sent. */
static void test_power(void)
{
    start_sent_by_others();
    print("the end");
    CHECK_EQUAL(FAKE_RUN(arch_power(false)), FAKE_OFF);
    CHECK(!strcmp(fake_console(), "outrider: the end\r\n"));
}

int main(void)
{
    test_case("log from the first line on", test_start);
    test_case("a ring", test_ring);
    test_case("overtaken by a writer", test_overtaken);
    test_case("several writers", test_writers);
    test_case("nobody waits for the UART", test_nobody_waits);
    test_case("its interrupt", test_interrupt_wanted);
    test_case("what does not fit", test_dropped);
    test_case("lines of several", test_lines_apart);
    test_case("at start", test_early);
    test_case("panic", test_panic);
    test_case("panic, then reset", test_panic_resets);
    test_case("panic, flow control stopped", test_panic_stopped);
    test_case("power-off", test_power);
    return 0;
}
