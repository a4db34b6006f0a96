/* Stands in for Chatdesk's programs for Windows: writes down that and how it was run, one line of
 * UTF-8 per run, into the file that RAN tells. With --window it opens one and ends when it is
 * closed; with --stubborn it does not let itself be closed. */

#include <windows.h>
#include <stdio.h>
#include <string.h>

static int stubborn;

static void tell(const char *words)
{
    wchar_t path[1024];
    if (GetEnvironmentVariableW(L"RAN", path, 1024)) {
        FILE *file = _wfopen(path, L"ab");
        if (file) {
            fprintf(file, "%s\n", words);
            fclose(file);
        }
    }
}

static LRESULT CALLBACK answer(HWND window, UINT message, WPARAM w, LPARAM l)
{
    if (message == WM_CLOSE) {
        tell(stubborn ? "asked to close" : "closed");
        if (!stubborn)
            PostQuitMessage(0);
        return 0;
    }
    return DefWindowProcW(window, message, w, l);
}

static int show(void)
{
    WNDCLASSW kind = {0};
    MSG message;
    kind.lpfnWndProc = answer;
    kind.hInstance = GetModuleHandleW(NULL);
    kind.lpszClassName = L"standin";
    RegisterClassW(&kind);
    CreateWindowW(L"standin", L"Chatdesk", WS_OVERLAPPEDWINDOW | WS_VISIBLE, 10, 10, 200, 100,
                  NULL, NULL, kind.hInstance, NULL);
    tell("window");
    while (GetMessageW(&message, NULL, 0, 0) > 0)
        DispatchMessageW(&message);
    return 0;
}

int main(void)
{
    wchar_t program[1024], line[8192];
    char words[32768];
    GetModuleFileNameW(NULL, program, 1024);
    swprintf(line, 8192, L"%ls: %ls", program, GetCommandLineW());
    WideCharToMultiByte(CP_UTF8, 0, line, -1, words, sizeof words, NULL, NULL);
    tell(words);
    stubborn = strstr(words, "--stubborn") != NULL;
    return stubborn || strstr(words, "--window") ? show() : 0;
}
