/*
 * The person's private folder with unpacked applications, one per content, named by its SHA-256:
 * $XDG_CACHE_HOME/NAME-appimage/SHA256, or below ~/.cache.
 *
 * A folder under its final name is complete: it was verified, written under a random name, brought
 * to the disk and then renamed. Locks are on the folders themselves (flock): on the private one
 * while something in it changes, on an application's, shared, as long as a process of it lives.
 */
#ifndef CACHE_H
#define CACHE_H

#include "image.h"
#include "record.h"

enum { HEX = 64 };

struct cache {
    int folder;
    char *path;
    int is_locked;
};

/* Open the private folder, making it where it is missing, and refuse one that is not private. */
int cache_open(struct cache *cache, const struct record *record);

/* To be called also where opening failed; gives the lock back. */
void cache_close(struct cache *cache);

/*
 * Bring the application into the cache where it is not there yet. *tree becomes its folder's
 * descriptor, which holds the lock against removal and stays open in what is started; *path its
 * path.
 */
int cache_provide(struct cache *cache, const struct image *image, const struct record *record,
                  int *tree, char **path);

/* Remove every unpacked application that no process uses, but the one named keep (or NULL). */
int cache_clean(struct cache *cache, const char *keep);

#endif
