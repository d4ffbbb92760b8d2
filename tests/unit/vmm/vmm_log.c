/* SPDX-License-Identifier: BSD-2-Clause */
/* The formatter against the C library's; lines on the console; the limit for what guests provoke. */
#include <string.h>
#include "check.h"
#include "fake.h"
#include "log.h"

#define SAME(...)                                                                                            \
    do {                                                                                                     \
        char ours[64], theirs[64];                                                                           \
        size_t length = text_format(ours, sizeof(ours), __VA_ARGS__);                                        \
        snprintf(theirs, sizeof(theirs), __VA_ARGS__);                                                       \
        CHECK(length == strlen(ours));                                                                       \
        CHECK(strcmp(ours, theirs) == 0);                                                                    \
    } while (0)

static void test_format(void)
{
    char small[8];

    SAME("plain %% text");
    SAME("%s|%c|%d|%u|%x", "word", 'c', -5, 7u, 0xabcu);
    SAME("%d %d %d", 0, INT32_MIN, INT32_MAX);
    SAME("%ld %lu %lx", INT64_MIN, UINT64_MAX, UINT64_MAX);
    SAME("%08x %8x %2u %02u", 0x1234u, 0x1234u, 123u, 5u);
    SAME("%016lx", 0x123456789aUL);
    SAME("%zu", sizeof(small));
    CHECK(text_format(small, sizeof(small), "0123456789") == 7 && strcmp(small, "0123456") == 0);
    CHECK(text_format(small, 1, "x") == 0 && small[0] == 0);
    CHECK(text_format(NULL, 0, "x%u", 1u) == 0);
}

int main(void)
{
    char longer[3000];

    fake_reset();
    test_format();
    log_line("hello %u", 1u);
    CHECK(strcmp(fake.log, "vmm: hello 1\n") == 0);
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = 0;
    fake_reset();
    log_line("%s", longer); /* cut, in pieces the console takes */
    CHECK(fake.log_length > 900 && fake.log[fake.log_length - 1] == '\n');
    fake_reset();
    for (int i = 0; i < 10000; i++)
        log_guest("again");
    CHECK(fake.log_length == LOG_GUEST_MAX * strlen("vmm: again\n"));
    return 0;
}
