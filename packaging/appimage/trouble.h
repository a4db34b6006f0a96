/* Why the start failed: one sentence for the person and an exit code, kept until main tells it. */
#ifndef TROUBLE_H
#define TROUBLE_H

/* Exit codes of the runtime itself, from sysexits.h, so that scripts can tell them apart. */
enum {
    FINE = 0,
    WRONG_USAGE = 64,
    WRONG_DATA = 65,    /* the file is truncated, altered or not understood */
    NO_SYSTEM = 71,     /* the system refused something that it should grant */
    NO_PLACE = 73,      /* no folder to unpack into */
    NO_INPUT_OUTPUT = 74, /* reading or writing failed: disk full, disk error */
    NO_PERMISSION = 77, /* a folder that others could tamper with */
    NO_PROGRAM = 126,   /* unpacked, but the system would not run it */
};

/* Keeps the first sentence told and returns its code: later ones are mere consequences. */
__attribute__((format(printf, 2, 3))) int trouble(int code, const char *format, ...);

const char *trouble_text(void);
void trouble_forget(void);

#endif
