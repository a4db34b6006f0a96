#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "squash.h"
#include "tree.h"
#include "trouble.h"

#define ELSEWHERE "Set XDG_CACHE_HOME to a folder of yours that you can write to."

enum { OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_CLOEXEC, RANDOM = 16 };

/* What is being written, and what is to be removed; both with random letters behind. */
static const char unfinished[] = ".new-";
static const char outdated[] = ".old-";

static int no_memory(void)
{
    return trouble(NO_SYSTEM, "There is not enough memory.");
}

/* The folder for caches by the XDG Base Directory Specification, which ignores a relative one. */
static int base_path(char **path)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache != NULL && cache[0] == '/') {
        *path = strdup(cache);
        return *path == NULL ? no_memory() : FINE;
    }
    if (home == NULL || home[0] == '\0') {
        return trouble(NO_PLACE, "HOME is not set, so there is no place to unpack into. "
                       ELSEWHERE);
    }
    if (home[0] != '/') {
        return trouble(NO_PLACE, "HOME is not an absolute path (%s), so there is no place to "
                       "unpack into. " ELSEWHERE, home);
    }
    return asprintf(path, "%s/.cache", home) < 0 ? no_memory() : FINE;
}

/* Make a folder and those above it that are missing; what is there stays as it is. */
static int make_folders(char *path)
{
    for (char *end = path + 1; end != NULL;) {
        end = strchr(end, '/');
        if (end != NULL) {
            *end = '\0';
        }
        int is_there = mkdir(path, 0700) == 0 || errno == EEXIST;
        int reason = errno;
        /* A folder above, on a disk that is read only: there, and for another reason not made. */
        if (!is_there && access(path, F_OK) != 0) {
            return trouble(NO_PLACE, "The folder %s cannot be made: %s. " ELSEWHERE, path,
                           strerror(reason));
        }
        if (end != NULL) {
            *end++ = '/';
        }
    }
    return FINE;
}

/* Only a folder that nobody else can change may hold what is going to be run. */
static int check_private(int folder, const char *path)
{
    struct stat there;
    if (fstat(folder, &there) != 0) {
        return trouble(NO_PLACE, "The folder %s cannot be looked at: %s.", path, strerror(errno));
    }
    if (there.st_uid != geteuid()) {
        return trouble(NO_PERMISSION, "The folder %s belongs to somebody else (user %lu). "
                       ELSEWHERE, path, (unsigned long)there.st_uid);
    }
    if ((there.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return trouble(NO_PERMISSION, "Others may write to the folder %s. Take that away from "
                       "them (chmod go-w), or set XDG_CACHE_HOME to another folder.", path);
    }
    return FINE;
}

static int open_private(int parent, const char *name, const char *path, int *folder)
{
    if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST) {
        int is_full = errno == ENOSPC || errno == EDQUOT;
        return trouble(is_full ? NO_INPUT_OUTPUT : NO_PLACE,
                       "The folder %s cannot be made: %s. " ELSEWHERE, path, strerror(errno));
    }
    *folder = openat(parent, name, OPEN_FOLDER | O_NOFOLLOW);
    if (*folder < 0 && (errno == ELOOP || errno == ENOTDIR)) {
        return trouble(NO_PERMISSION, "%s is a link or a file and not a folder. Remove it.", path);
    }
    if (*folder < 0) {
        return trouble(NO_PLACE, "The folder %s cannot be opened: %s.", path, strerror(errno));
    }
    int code = check_private(*folder, path);
    struct stat there;
    if (code == FINE && fstat(*folder, &there) == 0 && (there.st_mode & 0777) != 0700
        && fchmod(*folder, 0700) != 0) {
        code = trouble(NO_PLACE, "The folder %s cannot be made private: %s.", path,
                       strerror(errno));
    }
    return code;
}

int cache_open(struct cache *cache, const struct record *record)
{
    char *base = NULL, *name = NULL;
    *cache = (struct cache){.folder = -1};
    int code = base_path(&base);
    if (code == FINE) {
        code = make_folders(base);
    }
    /* A link is taken here, and only here: people keep their ~/.cache on another disk. */
    int parent = code == FINE ? open(base, OPEN_FOLDER) : -1;
    if (code == FINE && parent < 0) {
        code = trouble(NO_PLACE, "The folder %s cannot be opened: %s. " ELSEWHERE, base,
                       strerror(errno));
    }
    if (code == FINE) {
        code = check_private(parent, base);
    }
    if (code == FINE
        && (asprintf(&name, "%s-appimage", record->name) < 0
            || asprintf(&cache->path, "%s/%s", base, name) < 0)) {
        code = no_memory();
    }
    if (code == FINE) {
        code = open_private(parent, name, cache->path, &cache->folder);
    }
    if (parent >= 0) {
        close(parent);
    }
    free(name);
    free(base);
    return code;
}

void cache_close(struct cache *cache)
{
    if (cache->folder >= 0) {
        close(cache->folder);
    }
    free(cache->path);
}

/* Random, so that it cannot be made beforehand and two that start at once do not meet. */
static int random_name(const char *beginning, char name[64])
{
    uint8_t bytes[RANDOM / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        return trouble(NO_SYSTEM, "The system gives no random numbers.");
    }
    size_t end = strlen(beginning);
    memcpy(name, beginning, end);
    for (size_t i = 0; i < sizeof bytes; i++) {
        sprintf(name + end + 2 * i, "%02x", bytes[i]);
    }
    return FINE;
}

static void hex(const uint8_t sha256[32], char text[HEX + 1])
{
    for (int i = 0; i < 32; i++) {
        sprintf(text + 2 * i, "%02x", sha256[i]);
    }
}

static int is_still(int parent, const char *name, int folder)
{
    struct stat opened, named;
    return fstat(folder, &opened) == 0
           && fstatat(parent, name, &named, AT_SYMLINK_NOFOLLOW) == 0
           && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* Where locks are not to be had (some network folders), nothing is ever removed: see clean. */
static int lock(int folder, int kind)
{
    int done;
    do {
        done = flock(folder, kind);
    } while (done != 0 && errno == EINTR);
    return done == 0;
}

/* The application's folder as it is: private, locked against removal, complete. -1 without one. */
static int use(const struct cache *cache, const char *name, struct squash *squash)
{
    int tree = openat(cache->folder, name, OPEN_FOLDER | O_NOFOLLOW);
    if (tree < 0) {
        return -1;
    }
    int is_locked = lock(tree, LOCK_SH | LOCK_NB) || errno != EWOULDBLOCK;
    if (!is_locked || !is_still(cache->folder, name, tree)
        || check_private(tree, cache->path) != FINE || tree_check(squash, tree) != FINE) {
        trouble_forget();
        close(tree);
        return -1;
    }
    return tree;
}

static int check_room(const struct cache *cache, const struct record *record)
{
    struct statvfs disk;
    if (fstatvfs(cache->folder, &disk) != 0 || disk.f_frsize == 0) {
        return FINE; /* writing will tell */
    }
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (free_bytes < record->unpacked) {
        return trouble(NO_INPUT_OUTPUT, "The disk is full: unpacking into %s needs %llu MB and "
                       "%llu MB are free.", cache->path,
                       (unsigned long long)(record->unpacked / 1000000 + 1),
                       (unsigned long long)(free_bytes / 1000000));
    }
    return FINE;
}

/* Write to a folder of a random name, bring it to the disk, then give it its name. */
static int unpack(struct cache *cache, const struct record *record, const char *name,
                  struct squash *squash)
{
    char fresh[64];
    struct writing writing = {.left = record->unpacked};
    int code = random_name(unfinished, fresh);
    if (code != FINE) {
        return code;
    }
    if (mkdirat(cache->folder, fresh, 0700) != 0) {
        return trouble(NO_INPUT_OUTPUT, "Nothing can be written to %s: %s.", cache->path,
                       strerror(errno));
    }
    int tree = openat(cache->folder, fresh, OPEN_FOLDER | O_NOFOLLOW);
    code = tree < 0 ? trouble(NO_INPUT_OUTPUT, "Unpacking failed: %s.", strerror(errno))
                    : tree_write(squash, &writing, tree);
    if (code == FINE) {
        code = image_unchanged(squash->image);
    }
    if (code == FINE && syncfs(tree) != 0) {
        code = trouble(NO_INPUT_OUTPUT, "The disk did not take what was unpacked: %s.",
                       strerror(errno));
    }
    if (code == FINE && renameat(cache->folder, fresh, cache->folder, name) != 0
        && errno != EEXIST && errno != ENOTEMPTY) {
        code = trouble(NO_INPUT_OUTPUT, "Unpacking failed: %s.", strerror(errno));
    }
    if (tree >= 0) {
        close(tree);
    }
    /* There still if it failed, or if another process without locks was first. */
    if (faccessat(cache->folder, fresh, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        tree_remove(cache->folder, fresh);
    }
    fsync(cache->folder);
    return code;
}

/* Take a folder out of the way first: nobody must find it half removed under its name. */
static void discard(const struct cache *cache, const char *name)
{
    char away[64];
    if (random_name(outdated, away) != FINE
        || renameat(cache->folder, name, cache->folder, away) != 0) {
        return;
    }
    int tree = openat(cache->folder, away, OPEN_FOLDER | O_NOFOLLOW);
    if (tree < 0 || lock(tree, LOCK_EX | LOCK_NB)) {
        tree_remove(cache->folder, away);
    }
    if (tree >= 0) {
        close(tree);
    }
}

static int is_ours(const char *name)
{
    return strncmp(name, unfinished, sizeof unfinished - 1) == 0
           || strncmp(name, outdated, sizeof outdated - 1) == 0
           || (strlen(name) == HEX && strspn(name, "0123456789abcdef") == HEX);
}

static void clean_one(const struct cache *cache, const char *name)
{
    int tree = openat(cache->folder, name, OPEN_FOLDER | O_NOFOLLOW);
    if (tree < 0) {
        return;
    }
    if (lock(tree, LOCK_EX | LOCK_NB) && is_still(cache->folder, name, tree)) {
        char away[64];
        if (name[0] == '.') {
            tree_remove(cache->folder, name);
        } else if (random_name(outdated, away) == FINE
                   && renameat(cache->folder, name, cache->folder, away) == 0) {
            tree_remove(cache->folder, away);
        }
    }
    close(tree);
}

int cache_clean(struct cache *cache, const char *keep)
{
    if (!cache->is_locked) {
        cache->is_locked = lock(cache->folder, LOCK_EX);
    }
    if (!cache->is_locked) {
        return trouble(NO_SYSTEM, "The disk that %s is on knows no locks, so nothing can be "
                       "removed safely. Remove the folder when no window is open.", cache->path);
    }
    int again = openat(cache->folder, ".", OPEN_FOLDER);
    DIR *list = again < 0 ? NULL : fdopendir(again);
    if (list == NULL) {
        return trouble(NO_SYSTEM, "The folder %s cannot be read.", cache->path);
    }
    struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        if (is_ours(entry->d_name) && (keep == NULL || strcmp(entry->d_name, keep) != 0)) {
            clean_one(cache, entry->d_name);
        }
    }
    closedir(list);
    return FINE;
}

/* The first start, or one after damage; the private folder is locked, so it happens once. */
static int provide(struct cache *cache, const struct image *image, const struct record *record,
                   const char *name, struct squash *squash, int *tree)
{
    cache->is_locked = lock(cache->folder, LOCK_EX);
    if ((*tree = use(cache, name, squash)) >= 0) {
        return FINE;
    }
    int code = image_verify(image, record->sha256);
    if (code != FINE) {
        return code;
    }
    if (faccessat(cache->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        discard(cache, name);
    }
    if (cache->is_locked) {
        cache_clean(cache, name); /* first, for the room */
    }
    code = check_room(cache, record);
    if (code == FINE) {
        code = unpack(cache, record, name, squash);
    }
    if (code == FINE && (*tree = use(cache, name, squash)) < 0) {
        code = trouble(NO_INPUT_OUTPUT, "What was unpacked into %s is not as it was written.",
                       cache->path);
    }
    return code;
}

int cache_provide(struct cache *cache, const struct image *image, const struct record *record,
                  int *tree, char **path)
{
    char name[HEX + 1];
    hex(record->sha256, name);
    struct squash *squash = calloc(1, sizeof *squash);
    if (squash == NULL || asprintf(path, "%s/%s", cache->path, name) < 0) {
        free(squash);
        return no_memory();
    }
    int code = squash_open(squash, image);
    if (code == FINE && (*tree = use(cache, name, squash)) < 0) {
        code = provide(cache, image, record, name, squash, tree);
    }
    if (code != FINE && squash->context == NULL) {
        /* Not even its head was understood: say whether that is damage. */
        trouble_forget();
        int verified = image_verify(image, record->sha256);
        code = verified != FINE ? verified : trouble(code, "The packed application is not of the "
                                                           "kind that this program reads.");
    }
    squash_close(squash);
    free(squash);
    return code;
}
