#include "record.h"

#include <string.h>

#include "trouble.h"

static int is_name(const char *text, size_t room, const char *further)
{
    size_t length = strnlen(text, room);
    if (length == 0 || length == room) {
        return 0;
    }
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || strchr(further, c) == NULL)) {
            return 0;
        }
    }
    return 1;
}

int record_read(struct record *record)
{
    *record = written_record;
    if (memcmp(record->magic, RECORD_MAGIC, sizeof record->magic) != 0 || record->offset == 0
        || record->length == 0 || record->offset > INT64_MAX - record->length
        || record->unpacked > INT64_MAX || !is_name(record->name, sizeof record->name, "-_")
        || !is_name(record->title, sizeof record->title, "-_ ")
        || !is_name(record->version, sizeof record->version, "-_.+~")) {
        strcpy(record->title, "AppImage");
        return trouble(WRONG_DATA, "This file carries no application, or it was altered. "
                                   "Download it again.");
    }
    return FINE;
}
