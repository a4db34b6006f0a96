/*
 * Reads squashfs 4.0, the container of every type-2 AppImage, and of it only what the build writes:
 * zstd, folders, files and symbolic links. Everything else is refused: devices, sockets, setuid
 * bits, names that lead elsewhere. A reader of our own, because this much of the format is small
 * enough to be proved by mutated input, and every number in it is checked before it is used.
 * Format: https://www.kernel.org/doc/html/latest/filesystems/squashfs.html
 */
#ifndef SQUASH_H
#define SQUASH_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "image.h"

enum { METADATA = 8192, DEEPEST = 32, KEPT_BLOCKS = 16 };

/* A place in a run of compressed metadata blocks, read on from there. */
struct cursor {
    uint64_t next; /* where the block after the one held begins */
    uint32_t used, held;
    uint8_t block[METADATA];
};

/* An unpacked metadata block. Neighbours in a list share one, so it is kept for the next. */
struct kept_block {
    uint64_t position, next;
    uint32_t held; /* 0: none is kept here */
    uint8_t block[METADATA];
};

struct squash_file {
    uint64_t size;
    int executable;
    uint64_t blocks; /* where its data begins */
    uint32_t fragment, fragment_offset;
    struct cursor sizes; /* stands at the list of its blocks' sizes */
};

struct squash {
    const struct image *image;
    void *context; /* zstd's */
    uint64_t used; /* bytes of the container that are its own */
    uint32_t block_size, inodes, fragments;
    uint64_t inode_table, directory_table, fragment_table;
    uint64_t root;
    uint64_t met; /* entries so far: a container that loops ends here */
    uint8_t *packed, *plain, *fragment;
    uint64_t fragment_at; /* which fragment block is held */
    uint32_t fragment_held;
    struct kept_block kept[KEPT_BLOCKS];
    char path[PATH_MAX]; /* of the entry that is visited, from the root, without a slash before */
};

/* Who is told of every entry. Each returns FINE or a code that ends the walk. */
struct visitor {
    void *state;
    /* A folder in the folder parent; child becomes its descriptor, which the walk closes. */
    int (*enter)(void *state, struct squash *squash, int parent, const char *name, int *child);
    int (*leave)(void *state, struct squash *squash, int parent, const char *name, int child);
    int (*file)(void *state, struct squash *squash, int folder, const char *name,
                struct squash_file *file);
    int (*link)(void *state, struct squash *squash, int folder, const char *name,
                const char *target);
};

int squash_open(struct squash *squash, const struct image *image);
void squash_close(struct squash *squash);

/* Visit everything below the root, whose descriptor is folder. */
int squash_walk(struct squash *squash, const struct visitor *visitor, int folder);

/* Hand a file's bytes to sink, in pieces. */
int squash_read(struct squash *squash, struct squash_file *file,
                int (*sink)(void *state, const uint8_t *bytes, size_t count), void *state);

#endif
