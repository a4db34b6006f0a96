/* The AppImage's own file, and the packed application as a window into it. */
#ifndef IMAGE_H
#define IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "record.h"

struct image {
    int file;
    uint64_t offset;
    uint64_t length;
    char *path;       /* where the file is, or NULL where it has no name any more */
    struct stat seen; /* the file as it was when its size was checked */
};

/* Open the file that this process was started from; its size must be what the record says. */
int image_open(struct image *image, const struct record *record);

void image_close(struct image *image);

/* Read exactly count bytes at a position in the window. */
int image_read(const struct image *image, uint64_t position, void *to, size_t count);

/* Whether the window has this SHA-256. */
int image_verify(const struct image *image, const uint8_t sha256[32]);

/* Whether the file is the same as when it was opened, and was not written to since. */
int image_unchanged(const struct image *image);

#endif
