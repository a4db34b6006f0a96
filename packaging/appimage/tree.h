/* Folders on the disk: writing the packed application into one, checking one, removing one. */
#ifndef TREE_H
#define TREE_H

#include <stdint.h>

#include "squash.h"

struct writing {
    uint64_t left;       /* bytes that may still be written */
    const char *pattern; /* only what matches it (fnmatch), or NULL for all */
};

/* Write all into the empty folder whose descriptor is given. */
int tree_write(struct squash *squash, struct writing *writing, int folder);

/* FINE when every entry is in the folder, of its kind and size; anything else says no more. */
int tree_check(struct squash *squash, int folder);

/* Remove a folder and all in it, following no links. Returns 0, or -1 with errno. */
int tree_remove(int parent, const char *name);

#endif
