#include "squash.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "trouble.h"

enum {
    SUPERBLOCK = 96,
    ZSTD = 6,
    FOLDER = 1, FILE_ = 2, LINK = 3, LONG_FOLDER = 8, LONG_FILE = 9, LONG_LINK = 10,
    NO_FRAGMENT = 0xffffffff,
    STORED = 1 << 24, /* a data block that is not compressed */
    PER_FRAGMENT_BLOCK = METADATA / 16,
    LARGEST_BLOCK = 1 << 20,
    MOST_ENTRIES = 1 << 20,
};

static uint16_t u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t u32(const uint8_t *at)
{
    return (uint32_t)u16(at) | (uint32_t)u16(at + 2) << 16;
}

static uint64_t u64(const uint8_t *at)
{
    return (uint64_t)u32(at) | (uint64_t)u32(at + 4) << 32;
}

static int wrong(const char *what)
{
    return trouble(WRONG_DATA, "The file is damaged (%s). Download it again.", what);
}

/* Read from the container, which may be shorter than the window it is in. */
static int read_at(struct squash *squash, uint64_t position, void *to, size_t count)
{
    if (position > squash->used || count > squash->used - position) {
        return wrong("a place outside of it");
    }
    return image_read(squash->image, position, to, count);
}

/* Unpack a block of at most room bytes; its size is in *count. */
static int unpack(struct squash *squash, const uint8_t *packed, size_t size, uint8_t *to,
                  size_t room, size_t *count)
{
    *count = ZSTD_decompressDCtx(squash->context, to, room, packed, size);
    return ZSTD_isError(*count) ? wrong("a block that does not unpack") : FINE;
}

static int load_block(struct squash *squash, uint64_t position, struct kept_block *kept)
{
    uint8_t head[2], packed[METADATA];
    kept->held = 0;
    int code = read_at(squash, position, head, sizeof head);
    if (code != FINE) {
        return code;
    }
    uint32_t size = u16(head) & 0x7fff, is_stored = u16(head) & 0x8000;
    if (size == 0 || size > METADATA) {
        return wrong("the size of a list");
    }
    code = read_at(squash, position + 2, is_stored ? kept->block : packed, size);
    size_t count = size;
    if (code == FINE && !is_stored) {
        code = unpack(squash, packed, size, kept->block, METADATA, &count);
    }
    if (code == FINE && count == 0) {
        code = wrong("an empty list");
    }
    if (code == FINE) {
        kept->position = position;
        kept->next = position + 2 + size;
        kept->held = (uint32_t)count;
    }
    return code;
}

static int next_block(struct squash *squash, struct cursor *cursor)
{
    struct kept_block *kept = &squash->kept[cursor->next % KEPT_BLOCKS];
    int code = FINE;
    if (kept->held == 0 || kept->position != cursor->next) {
        code = load_block(squash, cursor->next, kept);
    }
    if (code == FINE) {
        memcpy(cursor->block, kept->block, kept->held);
        cursor->next = kept->next;
        cursor->used = 0;
        cursor->held = kept->held;
    }
    return code;
}

static int go_to(struct squash *squash, struct cursor *cursor, uint64_t table, uint64_t block,
                 uint32_t offset)
{
    if (table > squash->used || block > squash->used) {
        return wrong("a place outside of it");
    }
    cursor->next = table + block;
    int code = next_block(squash, cursor);
    if (code == FINE && offset >= cursor->held) {
        code = wrong("a place outside of a list");
    }
    cursor->used = offset;
    return code;
}

static int take(struct squash *squash, struct cursor *cursor, void *to, size_t count)
{
    uint8_t *bytes = to;
    while (count > 0) {
        if (cursor->used == cursor->held) {
            int code = next_block(squash, cursor);
            if (code != FINE) {
                return code;
            }
        }
        size_t there = cursor->held - cursor->used, taken = count < there ? count : there;
        memcpy(bytes, cursor->block + cursor->used, taken);
        bytes += taken, count -= taken, cursor->used += (uint32_t)taken;
    }
    return FINE;
}

int squash_open(struct squash *squash, const struct image *image)
{
    memset(squash, 0, sizeof *squash);
    squash->image = image;
    squash->used = image->length;
    uint8_t head[SUPERBLOCK];
    int code = read_at(squash, 0, head, sizeof head);
    if (code != FINE) {
        return code;
    }
    squash->inodes = u32(head + 4);
    squash->block_size = u32(head + 12);
    squash->fragments = u32(head + 16);
    squash->root = u64(head + 32);
    squash->inode_table = u64(head + 64);
    squash->directory_table = u64(head + 72);
    squash->fragment_table = u64(head + 80);
    uint32_t size = squash->block_size;
    if (memcmp(head, "hsqs", 4) != 0 || u16(head + 28) != 4 || u16(head + 30) != 0) {
        return wrong("it does not begin as it should");
    }
    if (u16(head + 20) != ZSTD || size < 4096 || size > LARGEST_BLOCK || (size & (size - 1)) != 0
        || squash->inodes > MOST_ENTRIES || u64(head + 40) > image->length) {
        return wrong("its head");
    }
    squash->used = u64(head + 40);
    squash->fragment_at = UINT64_MAX;
    squash->context = ZSTD_createDCtx();
    squash->packed = malloc(size);
    squash->plain = malloc(size);
    squash->fragment = malloc(size);
    if (squash->context == NULL || squash->packed == NULL || squash->plain == NULL
        || squash->fragment == NULL) {
        return trouble(NO_SYSTEM, "There is not enough memory.");
    }
    return FINE;
}

void squash_close(struct squash *squash)
{
    ZSTD_freeDCtx(squash->context);
    free(squash->packed);
    free(squash->plain);
    free(squash->fragment);
    memset(squash, 0, sizeof *squash);
}

/* What is common to all inodes; what follows is taken from the cursor by kind. */
static int inode(struct squash *squash, struct cursor *cursor, uint64_t block, uint32_t offset,
                 int *kind, int *executable)
{
    uint8_t head[16];
    int code = go_to(squash, cursor, squash->inode_table, block, offset);
    if (code == FINE) {
        code = take(squash, cursor, head, sizeof head);
    }
    if (code != FINE) {
        return code;
    }
    *kind = u16(head);
    if ((u16(head + 2) & ~0777) != 0) {
        return wrong("a file with special rights");
    }
    *executable = (u16(head + 2) & 0100) != 0;
    return FINE;
}

struct listing {
    uint64_t block;
    uint32_t offset, size;
};

static int take_folder(struct squash *squash, struct cursor *cursor, int kind,
                       struct listing *listing)
{
    uint8_t rest[24];
    int code = take(squash, cursor, rest, kind == FOLDER ? 16 : 24);
    if (code != FINE) {
        return code;
    }
    if (kind == FOLDER) {
        *listing = (struct listing){u32(rest), u16(rest + 10), u16(rest + 8)};
    } else {
        *listing = (struct listing){u32(rest + 8), u16(rest + 18), u32(rest + 4)};
    }
    /* The size counts three bytes for "." and "..", which are not stored. */
    if (listing->size < 3) {
        return wrong("the size of a folder");
    }
    listing->size -= 3;
    return FINE;
}

static int take_file(struct squash *squash, struct squash_file *file, int kind)
{
    uint8_t rest[40];
    int code = take(squash, &file->sizes, rest, kind == FILE_ ? 16 : 40);
    if (code != FINE) {
        return code;
    }
    if (kind == FILE_) {
        file->blocks = u32(rest);
        file->fragment = u32(rest + 4);
        file->fragment_offset = u32(rest + 8);
        file->size = u32(rest + 12);
    } else {
        file->blocks = u64(rest);
        file->size = u64(rest + 8);
        file->fragment = u32(rest + 28);
        file->fragment_offset = u32(rest + 32);
    }
    return file->size > INT64_MAX ? wrong("the size of a file") : FINE;
}

/*
 * A link may lead only to something below the root. ".." is taken only at its beginning, where it
 * goes from real folders to real folders; further on it could follow another link out.
 */
static int leads_inside(const char *target, int depth)
{
    int climbing = 1;
    if (*target == '/' || *target == '\0') {
        return 0;
    }
    while (*target != '\0') {
        size_t length = strcspn(target, "/");
        int is_up = length == 2 && memcmp(target, "..", 2) == 0;
        if (length == 0 || (length == 1 && *target == '.') || (is_up && !climbing)) {
            return 0;
        }
        climbing = is_up;
        depth -= is_up;
        if (depth < 0) {
            return 0;
        }
        target += length;
        if (*target == '/' && *++target == '\0') {
            return 0;
        }
    }
    return 1;
}

static int take_link(struct squash *squash, struct cursor *cursor, int depth,
                     char target[PATH_MAX])
{
    uint8_t rest[8];
    int code = take(squash, cursor, rest, sizeof rest);
    if (code != FINE) {
        return code;
    }
    uint32_t size = u32(rest + 4);
    if (size == 0 || size >= PATH_MAX) {
        return wrong("the size of a link");
    }
    code = take(squash, cursor, target, size);
    target[size] = '\0';
    if (code == FINE && (strlen(target) != size || !leads_inside(target, depth))) {
        code = wrong("a link that leads out of it");
    }
    return code;
}

static int is_safe_name(const char *name, size_t length)
{
    return length > 0 && memchr(name, '\0', length) == NULL && memchr(name, '/', length) == NULL
           && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int walk_folder(struct squash *squash, const struct visitor *visitor, int folder,
                       struct listing listing, int depth);

static int visit_folder(struct squash *squash, const struct visitor *visitor, int parent,
                        const char *name, struct listing listing, int depth)
{
    if (depth >= DEEPEST) {
        return wrong("folders too deep");
    }
    int child = -1;
    int code = visitor->enter(visitor->state, squash, parent, name, &child);
    if (code == FINE) {
        code = walk_folder(squash, visitor, child, listing, depth + 1);
    }
    if (code == FINE) {
        code = visitor->leave(visitor->state, squash, parent, name, child);
    }
    if (child >= 0) {
        close(child);
    }
    return code;
}

/* Visit one entry; depth is that of the folder it is in, 0 for the root. */
static int visit(struct squash *squash, const struct visitor *visitor, int folder,
                 const char *name, uint64_t block, uint32_t offset, int depth)
{
    struct squash_file file;
    struct listing listing;
    char target[PATH_MAX];
    int kind = 0;
    if (++squash->met > squash->inodes) {
        return wrong("more entries than it says");
    }
    int code = inode(squash, &file.sizes, block, offset, &kind, &file.executable);
    if (code != FINE) {
        return code;
    }
    switch (kind) {
    case FOLDER:
    case LONG_FOLDER:
        code = take_folder(squash, &file.sizes, kind, &listing);
        return code != FINE ? code
                            : visit_folder(squash, visitor, folder, name, listing, depth);
    case FILE_:
    case LONG_FILE:
        code = take_file(squash, &file, kind);
        return code != FINE ? code : visitor->file(visitor->state, squash, folder, name, &file);
    case LINK:
    case LONG_LINK:
        code = take_link(squash, &file.sizes, depth, target);
        return code != FINE ? code : visitor->link(visitor->state, squash, folder, name, target);
    default:
        return wrong("something that is no file, folder or link");
    }
}

static int walk_folder(struct squash *squash, const struct visitor *visitor, int folder,
                       struct listing listing, int depth)
{
    struct cursor cursor;
    uint32_t left = listing.size;
    if (left == 0) {
        return FINE;
    }
    int code = go_to(squash, &cursor, squash->directory_table, listing.block, listing.offset);
    size_t before = strlen(squash->path);
    while (code == FINE && left > 0) {
        uint8_t head[12];
        code = left < sizeof head ? wrong("the size of a folder")
                                  : take(squash, &cursor, head, sizeof head);
        left -= left < sizeof head ? left : (uint32_t)sizeof head;
        uint32_t count = code == FINE ? u32(head) + 1 : 0;
        if (count > 256) {
            code = wrong("the size of a folder");
        }
        for (uint32_t i = 0; code == FINE && i < count; i++) {
            uint8_t entry[8];
            char name[257] = {0};
            code = left < sizeof entry ? wrong("the size of a folder")
                                       : take(squash, &cursor, entry, sizeof entry);
            if (code != FINE) {
                break;
            }
            left -= (uint32_t)sizeof entry;
            uint32_t length = (uint32_t)u16(entry + 6) + 1;
            if (length > 255 || length > left) {
                return wrong("the length of a name");
            }
            code = take(squash, &cursor, name, length);
            left -= length;
            if (code == FINE && (!is_safe_name(name, length)
                                 || before + 1 + length >= sizeof squash->path)) {
                code = wrong("a name that leads out of it");
            }
            if (code == FINE) {
                size_t end = before;
                if (end > 0) {
                    squash->path[end++] = '/';
                }
                memcpy(squash->path + end, name, length + 1);
                code = visit(squash, visitor, folder, name, u32(head + 4), u16(entry), depth);
                squash->path[before] = '\0';
            }
        }
    }
    return code;
}

int squash_walk(struct squash *squash, const struct visitor *visitor, int folder)
{
    struct cursor cursor;
    struct listing listing;
    int kind = 0, executable = 0;
    int code = inode(squash, &cursor, squash->root >> 16, squash->root & 0xffff, &kind,
                     &executable);
    if (code == FINE && kind != FOLDER && kind != LONG_FOLDER) {
        code = wrong("its root is no folder");
    }
    if (code == FINE) {
        code = take_folder(squash, &cursor, kind, &listing);
    }
    squash->met = 1;
    squash->path[0] = '\0';
    return code == FINE ? walk_folder(squash, visitor, folder, listing, 0) : code;
}

/* Read a data block into to. word is its size as stored; expected is what it unpacks to. */
static int read_block(struct squash *squash, uint64_t position, uint32_t word, uint8_t *to,
                      size_t room, size_t *count)
{
    uint32_t size = word & ~(uint32_t)STORED;
    if (size == 0 || size > squash->block_size) {
        return wrong("the size of a block");
    }
    if ((word & STORED) != 0) {
        *count = size;
        return size > room ? wrong("the size of a block") : read_at(squash, position, to, size);
    }
    int code = read_at(squash, position, squash->packed, size);
    return code != FINE ? code : unpack(squash, squash->packed, size, to, room, count);
}

/* Hold the block of file ends that a file's own end is in. */
static int hold_fragment(struct squash *squash, uint32_t index)
{
    struct cursor cursor;
    uint8_t place[8], entry[16];
    if (index >= squash->fragments) {
        return wrong("the end of a file");
    }
    uint64_t at = squash->fragment_table + 8 * (uint64_t)(index / PER_FRAGMENT_BLOCK);
    int code = at < squash->fragment_table ? wrong("the end of a file")
                                           : read_at(squash, at, place, sizeof place);
    if (code == FINE) {
        code = go_to(squash, &cursor, 0, u64(place), 16 * (index % PER_FRAGMENT_BLOCK));
    }
    if (code == FINE) {
        code = take(squash, &cursor, entry, sizeof entry);
    }
    if (code != FINE || u64(entry) == squash->fragment_at) {
        return code;
    }
    size_t count = 0;
    squash->fragment_at = UINT64_MAX;
    code = read_block(squash, u64(entry), u32(entry + 8), squash->fragment, squash->block_size,
                      &count);
    if (code == FINE) {
        squash->fragment_at = u64(entry);
        squash->fragment_held = (uint32_t)count;
    }
    return code;
}

int squash_read(struct squash *squash, struct squash_file *file,
                int (*sink)(void *state, const uint8_t *bytes, size_t count), void *state)
{
    uint64_t left = file->size, at = file->blocks;
    int has_fragment = file->fragment != NO_FRAGMENT;
    while (left > 0 && !(has_fragment && left < squash->block_size)) {
        uint8_t word[4];
        size_t expected = left < squash->block_size ? (size_t)left : squash->block_size;
        size_t count = expected;
        int code = take(squash, &file->sizes, word, sizeof word);
        if (code == FINE && u32(word) == 0) {
            memset(squash->plain, 0, expected); /* a hole */
        } else if (code == FINE) {
            code = read_block(squash, at, u32(word), squash->plain, expected, &count);
        }
        if (code == FINE && count != expected) {
            code = wrong("the size of a block");
        }
        if (code == FINE) {
            code = sink(state, squash->plain, expected);
        }
        if (code != FINE) {
            return code;
        }
        at += u32(word) & ~(uint32_t)STORED;
        left -= expected;
    }
    if (left == 0) {
        return FINE;
    }
    int code = hold_fragment(squash, file->fragment);
    if (code != FINE) {
        return code;
    }
    if (file->fragment_offset > squash->fragment_held
        || left > squash->fragment_held - file->fragment_offset) {
        return wrong("the end of a file");
    }
    return sink(state, squash->fragment + file->fragment_offset, (size_t)left);
}
