/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscalls: every system call of arm64, made by an attached and by a detached thread, with results and main
 * effects compared. One line of JSON for each call; --list only says which. Needs root.
 */
#include "syscalls.h"

#include <stdio.h>

static const char usage[] = "[--list | CALL...]";

/* The linker's bounds of the section. */
extern const struct syscall_case __start_cases[], __stop_cases[];

#define NUMBER_MAX 500

static void run(const struct syscall_case *c, unsigned int *different)
{
    struct both_result result;
    char head[300];
    bool same = both_run(c->function, &result);

    snprintf(head, sizeof(head), "\"call\": \"%s\", \"number\": %lu, \"remark\": \"%s\", ", c->name,
             (unsigned long)c->number, c->remark);
    both_print(head, &result, same);
    *different += !same;
}

static bool has_case(uint64_t number)
{
    for (const struct syscall_case *c = __start_cases; c < __stop_cases; c++)
        if (c->number == number)
            return true;
    return false;
}

/* Numbers that no call has. */
static void case_unknown(void)
{
    static const long odd[] = {500, 0x1000, 0x0f51ffff, 0x0f520100, 0x7fffffff, 0x80000000, -1};

    for (long number = 0; number < NUMBER_MAX; number++)
        if (!has_case((uint64_t)number) && C(number, 0) != -ENOSYS)
            note("%ld", number);
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
        R(odd[i], 1, 2, 3);
}

static const struct syscall_case unknown = {
    ~0ull, "unknown", "numbers that no call has, up to 500 and some others", case_unknown};

static int compare(const void *a, const void *b)
{
    const struct syscall_case *const *x = a, *const *y = b;

    return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(name, argv[i]))
            return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    const size_t count = (size_t)(__stop_cases - __start_cases);
    const struct syscall_case *sorted[count + 1];
    unsigned int different = 0, done = 0;

    /* The program that cases of execve() execute. */
    if (argc == 3 && !strcmp(argv[1], "--executed"))
        return 40 + ((argv[2][0] == '1' ? becomes_detached() : !is_detached()) ? 1 : 0);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &__start_cases[i];
    qsort(sorted, count, sizeof(*sorted), compare);
    sorted[count] = &unknown;
    if (argc == 2 && !strcmp(argv[1], "--list")) {
        for (size_t i = 0; i < count; i++)
            printf("%lu %s\n", (unsigned long)sorted[i]->number, sorted[i]->name);
        return 0;
    }
    for (size_t i = 0; i <= count; i++)
        if (wanted(sorted[i]->name, argc, argv)) {
            run(sorted[i], &different);
            done++;
        }
    if (!done)
        arg_number(NULL, usage);
    if (different)
        test_fail("%u of %u calls differ", different, done);
    return test_pass("%u calls", done);
}
