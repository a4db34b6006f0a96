/* A stand-in for the application: it tells how it was started, then does what it is told. Static,
 * so that it also runs where there is nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    static const char *const names[] = {"APPIMAGE", "APPDIR", "ARGV0", "OWD"};
    for (int i = 0; i < 4; i++) {
        const char *value = getenv(names[i]);
        printf("%s=%s\n", names[i], value != NULL ? value : "(unset)");
    }
    for (int i = 1; i < count; i++) {
        printf("argument=%s\n", arguments[i]);
    }
    fflush(stdout);
    if (count > 2 && strcmp(arguments[1], "--exit") == 0) {
        return atoi(arguments[2]);
    }
    if (count > 1 && strcmp(arguments[1], "--wait") == 0) {
        char byte;
        return read(0, &byte, 1) < 0;
    }
    return 0;
}
