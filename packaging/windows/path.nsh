; The person's PATH: one entry added once, and exactly that one taken out again.
;
; NSIS's own strings end at ${NSIS_MAX_STRLEN} characters, and reading a longer PATH into one and
; writing it back has emptied many a PATH. Here the value never becomes such a string: it is read
; into memory of its own size and edited there by Windows' functions. Its type stays (REG_SZ or
; REG_EXPAND_SZ), so does everything in it. What cannot be read is not written.
;
; AddToPath and RemoveFromPath take a folder from the stack.

; HKEY_CURRENT_USER, as a signed number: on 64 bits it is extended by its sign.
!define USER_ROOT -2147483647
!define KEY_READ_WRITE 0x2001F ; KEY_READ with KEY_SET_VALUE
!define TYPE_SZ 1
!define TYPE_EXPAND_SZ 2
!define NOT_FOUND 2
!define SEMICOLON 59
!define ROOM 8192 ; bytes for what is added: an entry and three semicolons

!macro PathFunctions UN

; Opens HKCU\Environment and reads Path. $0: the key, 0 where it failed; $1: memory with ";" and the
; value; $2: its type. The caller hands both to ClosePath.
Function ${UN}OpenPath
    StrCpy $1 0
    System::Call 'advapi32::RegOpenKeyExW(p ${USER_ROOT}, w "Environment", i 0, i ${KEY_READ_WRITE}, *p .r0) i.r4'
    ${If} $4 <> 0
        StrCpy $0 0
        Return
    ${EndIf}
    System::Call 'advapi32::RegQueryValueExW(p r0, w "Path", p 0, *i .r2, p 0, *i .r3) i.r4'
    ${If} $4 = ${NOT_FOUND}
        StrCpy $2 ${TYPE_EXPAND_SZ}
        StrCpy $3 0
    ${ElseIf} $4 <> 0
        Goto failed_path
    ${ElseIf} $2 <> ${TYPE_SZ}
    ${AndIf} $2 <> ${TYPE_EXPAND_SZ}
        Goto failed_path
    ${EndIf}
    IntOp $5 $3 + ${ROOM}
    System::Alloc $5 ; zeros: what is read ends, whether or not its end was stored
    Pop $1
    ${If} $1 P= 0
        Goto failed_path
    ${EndIf}
    System::Call '*$1(&i2 ${SEMICOLON})'
    ${If} $3 > 0
        IntPtrOp $5 $1 + 2
        System::Call 'advapi32::RegQueryValueExW(p r0, w "Path", p 0, p 0, p r5, *i r3 r3) i.r4'
        ${If} $4 <> 0
            Goto failed_path
        ${EndIf}
    ${EndIf}
    Return
    failed_path:
    Call ${UN}ClosePath
    StrCpy $0 0
FunctionEnd

Function ${UN}ClosePath
    ${If} $1 P<> 0
        System::Free $1
    ${EndIf}
    System::Call 'advapi32::RegCloseKey(p r0)'
    StrCpy $1 0
FunctionEnd

; Writes what follows the first semicolon in $1 back and tells running programs.
Function ${UN}WritePath
    IntPtrOp $5 $1 + 2
    System::Call 'kernel32::lstrlenW(p r5) i.r4'
    ${If} $4 = 0
        System::Call 'advapi32::RegDeleteValueW(p r0, w "Path")'
    ${Else}
        IntOp $4 $4 + 1
        IntOp $4 $4 * 2
        System::Call 'advapi32::RegSetValueExW(p r0, w "Path", i 0, i r2, p r5, i r4) i.r4'
    ${EndIf}
    SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=5000
FunctionEnd

Function ${UN}RemoveFromPath
    System::Store S
    Pop $9
    Call ${UN}OpenPath
    ${If} $0 P<> 0
        System::Call 'kernel32::lstrcatW(p r1, w ";")'
        StrCpy $8 "no"
        StrCpy $3 ";$9;"
        StrLen $6 "$9"
        IntOp $6 $6 + 1
        IntOp $6 $6 * 2
        ${Do}
            System::Call 'shlwapi::StrStrIW(p r1, w r3) p.r7'
            ${If} $7 P= 0
                ${ExitDo}
            ${EndIf}
            StrCpy $8 "yes"
            IntPtrOp $5 $7 + $6
            System::Call 'kernel32::lstrlenW(p r5) i.r4'
            IntOp $4 $4 + 1
            IntOp $4 $4 * 2
            System::Call 'kernel32::RtlMoveMemory(p r7, p r5, p r4)'
        ${Loop}
        ${If} $8 == "yes"
            System::Call 'kernel32::lstrlenW(p r1) i.r4'
            IntOp $4 $4 - 1
            IntOp $4 $4 * 2
            IntPtrOp $5 $1 + $4
            System::Call '*$5(&i2 0)'
            Call ${UN}WritePath
        ${EndIf}
        Call ${UN}ClosePath
    ${EndIf}
    System::Store L
FunctionEnd
!macroend

; Only the installer adds.
!macro AddToPathFunction
Function AddToPath
    System::Store S
    Pop $9
    ; Such a name cannot be an entry: ";" ends one and "%" begins a variable.
    System::Call 'shlwapi::StrCSpnW(w r9, w ";%") i.r8'
    StrLen $7 "$9"
    ${If} $8 <> $7
        System::Store L
        Return
    ${EndIf}
    Call OpenPath
    ${If} $0 P<> 0
        System::Call 'kernel32::lstrlenW(p r1) i.r6'
        System::Call 'kernel32::lstrcatW(p r1, w ";")'
        StrCpy $3 ";$9;"
        System::Call 'shlwapi::StrStrIW(p r1, w r3) p.r7'
        ${If} $7 P= 0
            StrCpy $3 ";$9\;"
            System::Call 'shlwapi::StrStrIW(p r1, w r3) p.r7'
        ${EndIf}
        ${If} $7 P= 0
            ; Without the semicolon just added where one is there already, or where nothing is.
            IntOp $4 $6 - 1
            IntOp $4 $4 * 2
            IntPtrOp $5 $1 + $4
            System::Call '*$5(&i2 .r4)'
            ${If} $4 = ${SEMICOLON}
                IntOp $4 $6 * 2
                IntPtrOp $5 $1 + $4
                System::Call '*$5(&i2 0)'
            ${EndIf}
            System::Call 'kernel32::lstrcatW(p r1, w r9)'
            Call WritePath
        ${EndIf}
        Call ClosePath
    ${EndIf}
    System::Store L
FunctionEnd
!macroend
