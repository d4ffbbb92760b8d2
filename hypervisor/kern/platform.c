/* SPDX-License-Identifier: BSD-2-Clause */
#include "platform.h"

#include "string.h"

struct platform platform;

bool range_overlaps(uint64_t base, uint64_t size, const struct range *r)
{
    return size && r->size && base < r->base + r->size && r->base < base + size;
}

bool range_merge(struct range *list, uint32_t *count, uint32_t max, uint64_t base, uint64_t size)
{
    uint64_t start = ALIGN_DOWN(base, PAGE_SIZE);
    uint64_t end =
        size < PLATFORM_ADDRESS_LIMIT - base ? ALIGN_UP(base + size, PAGE_SIZE) : PLATFORM_ADDRESS_LIMIT;

    if (!size || base >= PLATFORM_ADDRESS_LIMIT)
        return true;
    for (uint32_t i = 0; i < *count;) {
        const struct range *r = &list[i];
        if (r->base > end || start > r->base + r->size) {
            i++;
            continue;
        }
        start = MIN(start, r->base);
        end = MAX(end, r->base + r->size);
        list[i] = list[--*count];
        i = 0; /* it may touch others now */
    }
    if (*count == max)
        return false;
    list[(*count)++] = (struct range){start, end - start};
    return true;
}

bool range_cut(struct range *list, uint32_t *count, uint32_t max, uint64_t base, uint64_t size)
{
    uint64_t start = ALIGN_DOWN(base, PAGE_SIZE), end = ALIGN_UP(base + size, PAGE_SIZE);

    for (uint32_t i = *count; size && i-- > 0;) {
        struct range r = list[i];
        if (!range_overlaps(start, end - start, &r))
            continue;
        struct range before = {r.base, MAX(start, r.base) - r.base};
        struct range after = {end, MAX(r.base + r.size, end) - end};
        if (before.size && after.size && *count == max)
            return false;
        uint32_t now = !!before.size + !!after.size;
        /* in place, so that the list stays as it is sorted */
        memmove(&list[i + now], &list[i + 1], (*count - i - 1) * sizeof(*list));
        if (before.size)
            list[i] = before;
        if (after.size)
            list[i + now - 1] = after;
        *count = *count - 1 + now;
    }
    return true;
}

size_t platform_option(const char *key, const char **value)
{
    size_t len = strlen(key);

    for (const char *s = platform.args; s && *s;) {
        size_t word = 0;
        while (s[word] && s[word] != ' ')
            word++;
        if (word > len && !strncmp(s, key, len) && s[len] == '=') {
            *value = s + len + 1;
            return word - len - 1;
        }
        s += word;
        while (*s == ' ')
            s++;
    }
    return 0;
}

uint32_t platform_console_irq(void)
{
    return platform.uart_owned ? platform.uart_irq : 0;
}
