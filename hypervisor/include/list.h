/* SPDX-License-Identifier: BSD-2-Clause */
/* Intrusive doubly linked list. */
#ifndef HV_LIST_H
#define HV_LIST_H

#include "types.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

/* Inserts n before l: at the tail when l is the head. */
static inline void list_insert(struct list *l, struct list *n)
{
    n->next = l;
    n->prev = l->prev;
    l->prev->next = n;
    l->prev = n;
}

static inline void list_remove(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

#endif
