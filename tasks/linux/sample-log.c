/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sample-log COUNT FILE: the Linux side of the example tasks/sampler. Waits for samples in the channel
 * "samples" and writes COUNT of them to a file: sequence number, time due, time taken, in ticks of the
 * counter.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <outrider/ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../sampler/sample.h"

#define DEVICE "/dev/outrider/samples"

static void die(const char *what)
{
    fprintf(stderr, "sample-log: %s: %s\n", what, strerror(errno));
    exit(1);
}

int main(int argc, char **argv)
{
    struct ring ring = {0};
    struct sample sample;
    size_t length;
    uint64_t signals, last = 0;
    long count = argc == 3 ? strtol(argv[1], NULL, 10) : 0;

    if (count <= 0) {
        fprintf(stderr, "usage: sample-log COUNT FILE\n");
        return 2;
    }
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        die(DEVICE);
    off_t size = lseek(fd, 0, SEEK_END); /* of the channel's memory */
    void *memory =
        size < 0 ? MAP_FAILED : mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        die("mmap");
    FILE *out = fopen(argv[2], "w");
    if (!out)
        die(argv[2]);
    int result = ring_open(&ring, RING_CONSUMER, memory, (size_t)size);
    for (long i = 0; i < count;) {
        if (result == RING_OK)
            result = ring_read(&ring, &sample, sizeof(sample), &length);
        if (result == RING_EMPTY) { /* also if the task has not made the ring yet */
            if (read(fd, &signals, sizeof(signals)) < 0 && errno != EINTR)
                die("read");
            result = ring.memory ? RING_OK : ring_open(&ring, RING_CONSUMER, memory, (size_t)size);
            continue;
        }
        if (result != RING_OK || length != sizeof(sample)) {
            fprintf(stderr, "sample-log: the ring is corrupt (%d)\n", result);
            return 1;
        }
        if (i && sample.sequence != last + 1)
            fprintf(stderr, "sample-log: %" PRIu64 " samples are lost\n", sample.sequence - last - 1);
        last = sample.sequence;
        fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", sample.sequence, sample.due, sample.taken);
        i++;
    }
    if (fclose(out))
        die(argv[2]);
    return 0;
}
