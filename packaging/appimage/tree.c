#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trouble.h"

enum { OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static int not_written(void)
{
    if (errno == ENOSPC || errno == EDQUOT) {
        return trouble(NO_INPUT_OUTPUT, "The disk is full: there is no room to unpack into.");
    }
    return trouble(NO_INPUT_OUTPUT, "Unpacking failed: %s.", strerror(errno));
}

static int is_left_out(const struct writing *writing, const struct squash *squash)
{
    return writing->pattern != NULL
           && fnmatch(writing->pattern, squash->path, FNM_FILE_NAME | FNM_LEADING_DIR) != 0;
}

static int make_folder(void *state, struct squash *squash, int parent, const char *name,
                       int *child)
{
    (void)state, (void)squash;
    if (mkdirat(parent, name, 0700) != 0 || (*child = openat(parent, name, OPEN_FOLDER)) < 0) {
        return not_written();
    }
    return FINE;
}

static int finish_folder(void *state, struct squash *squash, int parent, const char *name,
                         int child)
{
    (void)squash;
    if (((struct writing *)state)->pattern != NULL && unlinkat(parent, name, AT_REMOVEDIR) == 0) {
        return FINE; /* nothing in it was wanted */
    }
    return fchmod(child, 0755) == 0 ? FINE : not_written();
}

static int write_all(void *state, const uint8_t *bytes, size_t count)
{
    int file = *(int *)state;
    while (count > 0) {
        ssize_t put = write(file, bytes, count);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return not_written();
        }
        bytes += put, count -= (size_t)put;
    }
    return FINE;
}

static int write_file(void *state, struct squash *squash, int folder, const char *name,
                      struct squash_file *file)
{
    struct writing *writing = state;
    if (is_left_out(writing, squash)) {
        return FINE;
    }
    if (file->size > writing->left) {
        return trouble(WRONG_DATA, "The file is damaged (more in it than it says). "
                                   "Download it again.");
    }
    writing->left -= file->size;
    int to = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0) {
        return not_written();
    }
    int code = squash_read(squash, file, write_all, &to);
    if (code == FINE && fchmod(to, file->executable ? 0755 : 0644) != 0) {
        code = not_written();
    }
    /* A disk may say only now that it is full. */
    if (close(to) != 0 && code == FINE) {
        code = not_written();
    }
    return code;
}

static int write_link(void *state, struct squash *squash, int folder, const char *name,
                      const char *target)
{
    if (is_left_out(state, squash)) {
        return FINE;
    }
    return symlinkat(target, folder, name) == 0 ? FINE : not_written();
}

int tree_write(struct squash *squash, struct writing *writing, int folder)
{
    const struct visitor visitor = {writing, make_folder, finish_folder, write_file, write_link};
    return squash_walk(squash, &visitor, folder);
}

static int missing(void)
{
    return trouble(WRONG_DATA, "The unpacked copy is damaged.");
}

static int check_folder(void *state, struct squash *squash, int parent, const char *name,
                        int *child)
{
    (void)state, (void)squash;
    *child = openat(parent, name, OPEN_FOLDER);
    return *child < 0 ? missing() : FINE;
}

static int left_folder(void *state, struct squash *squash, int parent, const char *name, int child)
{
    (void)state, (void)squash, (void)parent, (void)name, (void)child;
    return FINE;
}

static int check_file(void *state, struct squash *squash, int folder, const char *name,
                      struct squash_file *file)
{
    (void)state, (void)squash;
    struct stat there;
    int is_right = fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) == 0
                   && S_ISREG(there.st_mode) && (uint64_t)there.st_size == file->size
                   && (there.st_mode & 0100) == (file->executable ? 0100U : 0U);
    return is_right ? FINE : missing();
}

static int check_link(void *state, struct squash *squash, int folder, const char *name,
                      const char *target)
{
    (void)state, (void)squash;
    char there[PATH_MAX];
    ssize_t length = readlinkat(folder, name, there, sizeof there);
    int is_right = length >= 0 && (size_t)length == strlen(target)
                   && memcmp(there, target, (size_t)length) == 0;
    return is_right ? FINE : missing();
}

int tree_check(struct squash *squash, int folder)
{
    const struct visitor visitor = {NULL, check_folder, left_folder, check_file, check_link};
    return squash_walk(squash, &visitor, folder);
}

/* Empty the folder that descriptor is, which is closed. */
static int empty(int descriptor, int depth)
{
    DIR *folder = depth > 2 * DEEPEST ? NULL : fdopendir(descriptor);
    if (folder == NULL) {
        close(descriptor);
        errno = ELOOP;
        return -1;
    }
    int done = 0;
    struct dirent *entry;
    while (done == 0 && (entry = readdir(folder)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        int child = openat(descriptor, name, OPEN_FOLDER);
        if (child >= 0) {
            done = empty(child, depth + 1);
            done = done == 0 ? unlinkat(descriptor, name, AT_REMOVEDIR) : done;
        } else {
            done = unlinkat(descriptor, name, 0);
        }
    }
    closedir(folder);
    return done;
}

int tree_remove(int parent, const char *name)
{
    int folder = openat(parent, name, OPEN_FOLDER);
    if (folder < 0) {
        return unlinkat(parent, name, 0);
    }
    return empty(folder, 0) == 0 ? unlinkat(parent, name, AT_REMOVEDIR) : -1;
}
