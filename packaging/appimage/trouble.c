#include "trouble.h"

#include <stdarg.h>
#include <stdio.h>

static char kept[6000];

int trouble(int code, const char *format, ...)
{
    if (kept[0] == '\0') {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(kept, sizeof kept, format, arguments);
        va_end(arguments);
    }
    return code;
}

const char *trouble_text(void)
{
    return kept;
}

void trouble_forget(void)
{
    kept[0] = '\0';
}
