#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "sha256.h"
#include "trouble.h"

#define DAMAGED "The file is damaged: it was altered, or not downloaded completely. Download it again."

static int is_same(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* The link is the kernel's word on which file runs; without /proc there is only the name. */
static int open_self(void)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        const char *name = (const char *)getauxval(AT_EXECFN);
        if (name != NULL) {
            file = open(name, O_RDONLY | O_CLOEXEC);
        }
    }
    return file;
}

/* The file's absolute path, links resolved; NULL where no name leads to it (a memory file). */
static char *path_of(const struct stat *opened)
{
    const char *execfn = (const char *)getauxval(AT_EXECFN);
    const char *const names[] = {"/proc/self/exe", execfn};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = names[i] == NULL ? NULL : realpath(names[i], NULL);
        struct stat there;
        if (path != NULL && stat(path, &there) == 0 && is_same(&there, opened)) {
            return path;
        }
        free(path);
    }
    return NULL;
}

int image_open(struct image *image, const struct record *record)
{
    image->file = open_self();
    if (image->file < 0) {
        return trouble(NO_INPUT_OUTPUT, "This program cannot read its own file: %s.",
                       strerror(errno));
    }
    if (fstat(image->file, &image->seen) != 0 || !S_ISREG(image->seen.st_mode)
        || lseek(image->file, 0, SEEK_END) < 0) {
        return trouble(NO_INPUT_OUTPUT, "This program's own file is no file on a disk. Copy it to "
                                        "one and start it there.");
    }
    image->offset = record->offset;
    image->length = record->length;
    uint64_t wanted = record->offset + record->length, there = (uint64_t)image->seen.st_size;
    if (there < wanted) {
        return trouble(WRONG_DATA,
                       "The file is not complete: it has %llu of %llu bytes. Download it again.",
                       (unsigned long long)there, (unsigned long long)wanted);
    }
    if (there > wanted) {
        return trouble(WRONG_DATA, DAMAGED);
    }
    image->path = path_of(&image->seen);
    return FINE;
}

void image_close(struct image *image)
{
    if (image->file >= 0) {
        close(image->file);
    }
    free(image->path);
}

int image_read(const struct image *image, uint64_t position, void *to, size_t count)
{
    if (position > image->length || count > image->length - position) {
        return trouble(WRONG_DATA, DAMAGED);
    }
    uint8_t *bytes = to;
    while (count > 0) {
        ssize_t got = pread(image->file, bytes, count, (off_t)(image->offset + position));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return trouble(NO_INPUT_OUTPUT, "This program cannot read its own file: %s.",
                           strerror(errno));
        }
        if (got == 0) {
            return trouble(WRONG_DATA, "The file became shorter while it was read.");
        }
        bytes += got, position += (uint64_t)got, count -= (size_t)got;
    }
    return FINE;
}

int image_verify(const struct image *image, const uint8_t sha256[32])
{
    enum { PIECE = 1 << 20 };
    uint8_t *piece = malloc(PIECE);
    if (piece == NULL) {
        return trouble(NO_SYSTEM, "There is not enough memory.");
    }
    struct sha256 sha;
    sha256_begin(&sha);
    int code = FINE;
    for (uint64_t at = 0; code == FINE && at < image->length;) {
        size_t count = image->length - at < PIECE ? (size_t)(image->length - at) : PIECE;
        code = image_read(image, at, piece, count);
        if (code == FINE) {
            sha256_add(&sha, piece, count);
        }
        at += count;
    }
    free(piece);
    uint8_t digest[32];
    sha256_end(&sha, digest);
    if (code == FINE && memcmp(digest, sha256, sizeof digest) != 0) {
        return trouble(WRONG_DATA, DAMAGED);
    }
    return code;
}

int image_unchanged(const struct image *image)
{
    struct stat now;
    if (fstat(image->file, &now) != 0 || !is_same(&now, &image->seen)
        || now.st_size != image->seen.st_size
        || now.st_mtim.tv_sec != image->seen.st_mtim.tv_sec
        || now.st_mtim.tv_nsec != image->seen.st_mtim.tv_nsec) {
        return trouble(WRONG_DATA, "The file was changed while it was unpacked. Start it again.");
    }
    return FINE;
}
