; The running application: seen by its program files, which Windows lets nobody write to while they
; run, and asked to close as a person does, by its windows' close button. Nothing is ever killed.
;
; CloseRunning takes a folder from the stack; it ends the installation (exit code E_RUNNING) where
; the programs in it go on running. Nothing was changed by then.

!define CLOSE_QUARTERS 80 ; quarters of a second that a window has to close
!define GENERIC_WRITE_ACCESS 0x40000000
!define SHARE_ALL 7
!define EXISTING 3
!define SHARING_VIOLATION 32
!define QUERY_LIMITED 0x1000
!define MESSAGE_CLOSE 0x10
!macro RunningFunctions UN
Function ${UN}CloseRunning
    Exch $R0 ; the folder
    Push $R1
    Push $R2
    Call ${UN}IsRunning
    Pop $R1
    ${If} $R1 == "yes"
        MessageBox MB_OKCANCEL|MB_ICONEXCLAMATION "${TITLE} is running. It saves everything and closes when you go on." /SD IDOK IDOK +2
        Goto refused_running
        again_running:
        Call ${UN}AskToClose
        StrCpy $R2 0
        ${Do}
            Sleep 250
            Call ${UN}IsRunning
            Pop $R1
            IntOp $R2 $R2 + 1
            ${If} $R1 != "yes"
            ${OrIf} $R2 > ${CLOSE_QUARTERS}
                ${ExitDo}
            ${EndIf}
        ${Loop}
        ${If} $R1 == "yes"
            MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "${TITLE} is still running. Close its windows, and ${NAME} in terminals." /SD IDCANCEL IDRETRY again_running
            refused_running:
            SetErrorLevel ${E_RUNNING}
            Abort
        ${EndIf}
    ${EndIf}
    Pop $R2
    Pop $R1
    Pop $R0
FunctionEnd

; Pushes "yes" where a program in the folder $R0 runs, else "no".
Function ${UN}IsRunning
    Push "${WINDOW_EXE}"
    Call ${UN}IsInUse
    Exch $0
    ${If} $0 != "yes"
        Push "${CONSOLE_EXE}"
        Call ${UN}IsInUse
        Pop $0
    ${EndIf}
    Exch $0
FunctionEnd

; Takes a file's name in $R0; pushes "yes" where it cannot be written to because it is in use.
Function ${UN}IsInUse
    Exch $0
    Push $1
    Push $2
    System::Call 'kernel32::CreateFileW(w "$R0\$0", i ${GENERIC_WRITE_ACCESS}, i ${SHARE_ALL}, p 0, i ${EXISTING}, i 0, p 0) p.r1 ?e'
    Pop $2 ; the error
    ${If} $1 P= -1
        ${If} $2 = ${SHARING_VIOLATION}
            StrCpy $0 "yes"
        ${Else}
            StrCpy $0 "no"
        ${EndIf}
    ${Else}
        System::Call 'kernel32::CloseHandle(p r1)'
        StrCpy $0 "no"
    ${EndIf}
    Pop $2
    Pop $1
    Exch $0
FunctionEnd

; Asks the visible windows of the programs in $R0 to close.
Function ${UN}AskToClose
    Push $1
    Push $2
    Push $3
    Push $4
    Push $5
    StrCpy $1 0
    ${Do}
        System::Call 'user32::FindWindowExW(p 0, p r1, p 0, p 0) p.r1'
        ${If} $1 P= 0
            ${ExitDo}
        ${EndIf}
        System::Call 'user32::IsWindowVisible(p r1) i.r2'
        ${If} $2 = 0
            ${Continue}
        ${EndIf}
        System::Call 'user32::GetWindowThreadProcessId(p r1, *i .r2)'
        System::Call 'kernel32::OpenProcess(i ${QUERY_LIMITED}, i 0, i r2) p.r3'
        ${If} $3 P<> 0
            StrCpy $4 ""
            System::Call 'kernel32::QueryFullProcessImageNameW(p r3, i 0, w .r4, *i ${NSIS_MAX_STRLEN} r5) i.r5'
            System::Call 'kernel32::CloseHandle(p r3)'
            ${If} $4 == "$R0\${WINDOW_EXE}"
            ${OrIf} $4 == "$R0\${CONSOLE_EXE}"
                System::Call 'user32::PostMessageW(p r1, i ${MESSAGE_CLOSE}, p 0, p 0)'
            ${EndIf}
        ${EndIf}
    ${Loop}
    Pop $5
    Pop $4
    Pop $3
    Pop $2
    Pop $1
FunctionEnd
!macroend
