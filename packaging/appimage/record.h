/*
 * What the build writes into the runtime about the file that it makes of it: where the packed
 * application begins, how long it is and its SHA-256. It is a section of the ELF file (.payload),
 * so it is in memory before the first instruction runs and nothing has to be searched for in a
 * file that may be truncated. installers/appimage.py writes it; the two layouts are one.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdint.h>

#define RECORD_MAGIC "APPIMAGE-PAYLOAD" /* 16 characters, without an end */

struct record {
    char magic[16];
    uint64_t offset;
    uint64_t length;
    uint64_t unpacked; /* bytes in all files together */
    uint8_t sha256[32];
    char name[32];    /* "chatdesk": names the folder in the cache */
    char title[32];   /* "Chatdesk": what the person reads */
    char version[32];
};

extern const struct record written_record;

/* A copy of it, checked for sense. Returns a code of trouble.h; title can be shown in any case. */
int record_read(struct record *record);

#endif
