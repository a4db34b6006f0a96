/*
 * The program at the front of the AppImage: it unpacks the application behind it once, into a
 * private folder of the person's cache, and starts it from there; from the second start on there is
 * nothing to unpack or to mount, and it is as quick as an installed one. It needs nothing of the
 * system: no FUSE, no libraries, no shell.
 *
 * At every start the file's length and the unpacked files' kinds and sizes are checked (a
 * millisecond); the packed application's SHA-256 when it is unpacked. Hashing it at every start
 * would take longer than the rest of the start and prove nothing more: what runs are the unpacked
 * files, which only this person can write to.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache.h"
#include "image.h"
#include "record.h"
#include "squash.h"
#include "tree.h"
#include "trouble.h"

static const char extracted[] = "squashfs-root"; /* the AppImage convention's name */

static const char help[] =
    "%s %s as an AppImage. Arguments go to %s, but these:\n\n"
    "  --appimage-help             show this\n"
    "  --appimage-version          show the version\n"
    "  --appimage-extract [PATTERN]\n"
    "                              unpack into ./squashfs-root; start AppRun in it\n"
    "  --appimage-extract-and-run  start without FUSE, which every start of this file does\n"
    "  --appimage-offset           show where in the file the packed application begins\n"
    "  --appimage-clean            remove unpacked copies that are not in use\n"
    "  --appimage-updateinformation, --appimage-signature\n"
    "                              show nothing: it carries neither\n\n"
    "It is unpacked once, into %s-appimage in $XDG_CACHE_HOME or ~/.cache.\n";

/* A window for somebody who double-clicked the file and sees no terminal. Waits for nothing. */
static void show(const char *title, const char *text)
{
    static const char *const ways[][7] = {
        {"zenity", "--error", "--no-markup", "--title", NULL, "--text", NULL},
        {"kdialog", "--title", NULL, "--error", NULL},
        {"xmessage", "-center", NULL},
    };
    pid_t child = fork();
    if (child > 0) {
        waitpid(child, NULL, 0);
    }
    if (child != 0) {
        return;
    }
    if (fork() != 0) {
        _exit(0);
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const char *arguments[8] = {NULL};
        size_t count = i == 0 ? 7 : i == 1 ? 5 : 3;
        for (size_t k = 0; k < count; k++) {
            arguments[k] = ways[i][k] != NULL ? ways[i][k] : k + 1 == count ? text : title;
        }
        execvp(arguments[0], (char *const *)arguments);
    }
    _exit(0);
}

static int is_from_desktop(int count, char **arguments)
{
    int is_opening = count == 2
                     && (arguments[1][0] == '/' || strncmp(arguments[1], "file:", 5) == 0);
    return (count == 1 || is_opening) && !isatty(STDIN_FILENO) && !isatty(STDERR_FILENO)
           && (getenv("DISPLAY") != NULL || getenv("WAYLAND_DISPLAY") != NULL);
}

/* stdin, stdout and stderr must be taken, or a file opened here would become one of them. */
static void fill_standard_descriptors(void)
{
    int descriptor;
    do {
        descriptor = open("/dev/null", O_RDWR);
    } while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor > STDERR_FILENO) {
        close(descriptor);
    }
}

static int cannot_run(const char *path, int tree)
{
    int reason = errno;
    struct statvfs disk;
    if (fstatvfs(tree, &disk) == 0 && (disk.f_flag & ST_NOEXEC) != 0) {
        return trouble(NO_PROGRAM, "Programs may not be run from the disk that %s is on. Set "
                       "XDG_CACHE_HOME to a folder on another one.", path);
    }
    return trouble(NO_PROGRAM, "The unpacked %s cannot be started: %s.", path, strerror(reason));
}

static int set(const char *name, const char *value)
{
    int done = value != NULL ? setenv(name, value, 1) : unsetenv(name);
    return done == 0 ? FINE : trouble(NO_SYSTEM, "There is not enough memory.");
}

/* Become the application. Returns only if that fails. */
static int start(const struct image *image, int tree, const char *folder, char **arguments)
{
    char *program = NULL, *here = getcwd(NULL, 0);
    /* Open in the application too: its lock tells that the folder is in use. */
    if (fcntl(tree, F_SETFD, 0) != 0) {
        return trouble(NO_SYSTEM, "The unpacked copy cannot be kept: %s.", strerror(errno));
    }
    int code = set("APPIMAGE", image->path);
    code = code == FINE ? set("APPDIR", folder) : code;
    code = code == FINE ? set("ARGV0", arguments[0]) : code;
    code = code == FINE ? set("OWD", here) : code;
    if (code == FINE && asprintf(&program, "%s/AppRun", folder) < 0) {
        code = trouble(NO_SYSTEM, "There is not enough memory.");
    }
    if (code == FINE) {
        arguments[0] = program;
        execv(program, arguments);
        code = cannot_run(program, tree);
    }
    free(program);
    free(here);
    return code;
}

static int run(const struct image *image, const struct record *record, char **arguments)
{
    struct cache cache;
    char *folder = NULL;
    int tree = -1;
    int code = cache_open(&cache, record);
    if (code == FINE) {
        code = cache_provide(&cache, image, record, &tree, &folder);
    }
    cache_close(&cache);
    code = code == FINE ? start(image, tree, folder, arguments) : code;
    free(folder);
    return code;
}

/* Open the folder just made; in a place that others may write to it could be another one by now. */
static int open_extracted(int *folder)
{
    struct stat there;
    *folder = open(extracted, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*folder < 0 || fstat(*folder, &there) != 0 || there.st_uid != geteuid()) {
        return trouble(NO_PLACE, "The folder %s cannot be opened.", extracted);
    }
    return FINE;
}

static int extract(const struct image *image, const struct record *record, const char *pattern)
{
    struct squash *squash = calloc(1, sizeof *squash);
    struct writing writing = {.left = record->unpacked, .pattern = pattern};
    int folder = -1;
    int code = squash == NULL ? trouble(NO_SYSTEM, "There is not enough memory.")
                              : image_verify(image, record->sha256);
    if (code == FINE) {
        code = squash_open(squash, image);
    }
    if (code == FINE && mkdir(extracted, 0700) != 0) {
        code = errno == EEXIST
                   ? trouble(NO_PLACE, "%s is there already. Remove it, or go to another folder.",
                             extracted)
                   : trouble(NO_PLACE, "The folder %s cannot be made: %s.", extracted,
                             strerror(errno));
    }
    if (code == FINE) {
        code = open_extracted(&folder);
        if (code == FINE) {
            code = tree_write(squash, &writing, folder);
        }
        if (code == FINE && fchmod(folder, 0755) != 0) {
            code = trouble(NO_INPUT_OUTPUT, "Unpacking failed: %s.", strerror(errno));
        }
        if (folder >= 0) {
            close(folder);
        }
        if (code != FINE) {
            tree_remove(AT_FDCWD, extracted);
        }
    }
    if (squash != NULL) {
        squash_close(squash);
        free(squash);
    }
    if (code == FINE) {
        puts(extracted);
    }
    return code;
}

static int clean(const struct record *record)
{
    struct cache cache;
    int code = cache_open(&cache, record);
    code = code == FINE ? cache_clean(&cache, NULL) : code;
    cache_close(&cache);
    return code;
}

/* What is asked of the AppImage itself and not of the application. */
static int own(const struct image *image, const struct record *record, int count,
               char **arguments)
{
    const char *asked = arguments[1] + strlen("--appimage-");
    if (strcmp(asked, "help") == 0) {
        printf(help, record->title, record->version, record->title, record->name);
    } else if (strcmp(asked, "version") == 0) {
        printf("%s %s\n", record->title, record->version);
    } else if (strcmp(asked, "offset") == 0) {
        printf("%llu\n", (unsigned long long)record->offset);
    } else if (strcmp(asked, "extract") == 0) {
        return extract(image, record, count > 2 ? arguments[2] : NULL);
    } else if (strcmp(asked, "clean") == 0) {
        return clean(record);
    } else if (strcmp(asked, "extract-and-run") == 0) {
        arguments[1] = arguments[0];
        return run(image, record, arguments + 1);
    } else if (strcmp(asked, "updateinformation") != 0 && strcmp(asked, "updateinfo") != 0
               && strcmp(asked, "signature") != 0) {
        return trouble(WRONG_USAGE, "%s is not known here. --appimage-help lists what is.",
                       arguments[1]);
    }
    return fflush(stdout) == 0 ? FINE : trouble(NO_INPUT_OUTPUT, "Nothing can be written.");
}

int main(int count, char **arguments)
{
    struct record record;
    struct image image = {.file = -1};
    fill_standard_descriptors();
    int code = record_read(&record);
    if (count < 1) {
        return WRONG_USAGE;
    }
    if (getauxval(AT_SECURE) != 0) {
        code = trouble(NO_PERMISSION, "This file must not be given special rights (setuid).");
    }
    if (code == FINE) {
        code = image_open(&image, &record);
    }
    if (code == FINE && count > 1 && strncmp(arguments[1], "--appimage-", 11) == 0) {
        code = own(&image, &record, count, arguments);
    } else if (code == FINE) {
        code = run(&image, &record, arguments);
    }
    if (code != FINE) {
        fprintf(stderr, "%s: %s\n", record.title, trouble_text());
        if (is_from_desktop(count, arguments)) {
            show(record.title, trouble_text());
        }
    }
    image_close(&image);
    return code;
}
