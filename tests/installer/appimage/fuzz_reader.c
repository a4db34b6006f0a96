/*
 * Unpacks mutated containers, thousands in one process, built with the sanitizers.
 *
 *     fuzz_reader CONTAINER FOLDER ROUNDS SEED
 *
 * Every round changes some bytes of the container, with a preference for numbers at the edges, and
 * unpacks it into FOLDER/out, which is removed again. Prints how many were unpacked and refused.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "squash.h"
#include "tree.h"
#include "trouble.h"

static uint64_t state;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % below;
}

static void mutate(uint8_t *bytes, size_t *length)
{
    static const uint64_t edges[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
                                     0x7fffffff, 0x80000000, 0xffffffff, INT64_MAX, UINT64_MAX};
    size_t changes = 1 + (size_t)draw(6);
    for (size_t i = 0; i < changes; i++) {
        /* The head and the lists at the end are small: half of all changes go there. */
        size_t at = draw(4) == 0   ? (size_t)draw(96)
                    : draw(2) == 0 ? *length - 1 - (size_t)draw(*length < 3000 ? *length : 3000)
                                   : (size_t)draw(*length);
        size_t room = *length - at;
        uint64_t edge = edges[draw(sizeof edges / sizeof *edges)];
        size_t width = (size_t)1 << draw(4);
        switch (draw(5)) {
        case 0:
            bytes[at] ^= (uint8_t)(1 << draw(8));
            break;
        case 1:
            bytes[at] = (uint8_t)draw(256);
            break;
        case 2:
            memcpy(bytes + at, &edge, width < room ? width : room);
            break;
        case 3: {
            size_t from = (size_t)draw(*length), most = *length - from;
            most = most < room ? most : room;
            memmove(bytes + at, bytes + from, most < 64 ? most : 64);
            break;
        }
        default:
            if (draw(20) == 0 && at > 0) {
                *length = at;
            } else {
                bytes[at] = (uint8_t)(bytes[at] + 1);
            }
        }
        if (*length < 2) {
            return;
        }
    }
}

static uint8_t *load(const char *name, size_t *length)
{
    FILE *file = fopen(name, "rb");
    struct stat there;
    if (file == NULL || fstat(fileno(file), &there) != 0) {
        exit(2);
    }
    *length = (size_t)there.st_size;
    uint8_t *bytes = malloc(*length);
    if (bytes == NULL || fread(bytes, 1, *length, file) != *length) {
        exit(2);
    }
    fclose(file);
    return bytes;
}

static int unpack(const uint8_t *bytes, size_t length, int folder)
{
    int memory = memfd_create("container", MFD_CLOEXEC);
    if (memory < 0 || write(memory, bytes, length) != (ssize_t)length
        || mkdirat(folder, "out", 0700) != 0) {
        exit(2);
    }
    struct image image = {.file = memory, .length = length};
    struct writing writing = {.left = 4 << 20};
    struct squash *squash = malloc(sizeof *squash);
    int out = openat(folder, "out", O_RDONLY | O_DIRECTORY);
    int code = squash_open(squash, &image);
    if (code == FINE) {
        code = tree_write(squash, &writing, out);
    }
    if (code == FINE && tree_check(squash, out) != FINE) {
        fprintf(stderr, "What was unpacked is not what is checked: %s\n", trouble_text());
        abort();
    }
    trouble_forget();
    squash_close(squash);
    free(squash);
    close(out);
    close(memory);
    if (tree_remove(folder, "out") != 0) {
        exit(2);
    }
    return code;
}

int main(int count, char **arguments)
{
    if (count != 5) {
        return 2;
    }
    size_t length;
    uint8_t *original = load(arguments[1], &length), *bytes = malloc(length);
    int folder = open(arguments[2], O_RDONLY | O_DIRECTORY);
    long rounds = atol(arguments[3]), unpacked = 0;
    state = strtoull(arguments[4], NULL, 10) * 2654435761u + 1;
    if (unpack(original, length, folder) != FINE) {
        return 2;
    }
    for (long i = 0; i < rounds; i++) {
        size_t left = length;
        memcpy(bytes, original, length);
        mutate(bytes, &left);
        unpacked += unpack(bytes, left, folder) == FINE;
    }
    printf("%ld unpacked, %ld refused\n", unpacked, rounds - unpacked);
    free(original);
    free(bytes);
    close(folder);
    return 0;
}
