/* The sections that the build writes into. Apart from what reads them: a compiler that saw the
 * zeros here would take them for the truth. */
#include "record.h"

extern const char update_information[1024];

__attribute__((section(".payload"), aligned(8)))
const struct record written_record = {.magic = RECORD_MAGIC};

/* The update information of the AppImage convention: none, nothing here updates itself. */
__attribute__((section(".upd_info"), used))
const char update_information[1024] = {0};
