; A shortcut to the window with the application's id (AppUserModelID).
;
; The id is a property of the shell link, which NSIS's CreateShortcut cannot write. With it, Windows
; takes the running window (which tells the same id), a pinned button and notifications for one
; application. The link is made through the shell's own interfaces with NSIS's headers for them.

!include "Win\COM.nsh"
!include "Win\Propkey.nsh"

!define CreateApplicationShortcut "!insertmacro CreateApplicationShortcut"
!macro CreateApplicationShortcut LINK
    ; The window starts in the person's folder: in its own it would keep that from being removed.
    SetOutPath "$PROFILE"
    CreateShortcut "${LINK}" "$INSTDIR\${WINDOW_EXE}" "" "$INSTDIR\${WINDOW_EXE}" 0 "" "" "${SUMMARY}"
    Push "${LINK}"
    Call SetApplicationId
!macroend

; Takes a link's path from the stack. A link that cannot get the id is a link all the same.
Function SetApplicationId
    System::Store S
    Pop $9
    !insertmacro ComHlpr_CreateInProcInstance ${CLSID_ShellLink} ${IID_IShellLink} r0 ""
    ${If} $0 P<> 0
        ${IUnknown::QueryInterface} $0 '("${IID_IPersistFile}", .r1)'
        ${If} $1 P<> 0
            ${IPersistFile::Load} $1 '("$9", ${STGM_READWRITE}) .r2'
            ${If} $2 = 0
                ${IUnknown::QueryInterface} $0 '("${IID_IPropertyStore}", .r3)'
                ${If} $3 P<> 0
                    Call StoreApplicationId
                    ${If} $7 = 0
                        ${IPersistFile::Save} $1 '("$9", 1)'
                    ${EndIf}
                    ${IUnknown::Release} $3 ""
                ${EndIf}
            ${EndIf}
            ${IUnknown::Release} $1 ""
        ${EndIf}
        ${IUnknown::Release} $0 ""
    ${EndIf}
    System::Store L
FunctionEnd

; Puts the id into the IPropertyStore $3; $7: what the store answers, 0 for done.
Function StoreApplicationId
    System::Call '*${SYSSTRUCT_PROPERTYKEY}(${PKEY_AppUserModel_ID}) p.r4'
    ; The store copies the text: it is freed here, not by PropVariantClear.
    System::Call '*(&w${NSIS_MAX_STRLEN} "${APP_ID}") p.r5'
    System::Call '*${SYSSTRUCT_PROPVARIANT}(${VT_LPWSTR},, p r5) p.r6'
    ${IPropertyStore::SetValue} $3 '(r4, r6) .r7'
    ${If} $7 = 0
        ${IPropertyStore::Commit} $3 '() .r7'
    ${EndIf}
    System::Free $4
    System::Free $5
    System::Free $6
FunctionEnd
