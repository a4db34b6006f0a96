; Chatdesk's installer for Windows, for one person and without an administrator.
;
; Compiled by installers/nsis.py, which writes what it includes from PROJECT: the project's own
; words (project.nsh), and one line per file of the frozen application (install.nsh, remove.nsh).
; The uninstaller deletes exactly those files: whatever a person keeps in the folder, or chose as
; the folder, stays.
;
; Silent: /S, with /D=C:\folder as the last argument, /DESKTOP=yes or no, /PATH=yes or no.
; Exit codes: 0 done, 1 cancelled, 3 Chatdesk is running and does not close, 4 this Windows is too
; old, 5 no room for it, 6 the version that is there cannot be removed.

Unicode true
!include "${PROJECT}/project.nsh"
Target ${TARGET}
SetCompressor /SOLID lzma
; Both programs carry the same archive of modules: the dictionary reaches from one to the other.
SetCompressorDictSize 64

Name "${TITLE}"
OutFile "${OUTPUT}"
RequestExecutionLevel user
ManifestDPIAware true
ManifestLongPathAware true
ManifestSupportedOS Win10
InstallDir "$LOCALAPPDATA\Programs\${TITLE}"
AllowSkipFiles off
BrandingText "${TITLE} ${VERSION}"
!ifdef SIGN
    !uninstfinalize `${SIGN} "%1"`
!endif

!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\${TITLE}"
!define APP_PATHS_KEY "Software\Microsoft\Windows\CurrentVersion\App Paths\${CONSOLE_EXE}"
!define CLASSES_KEY "Software\Classes"
!define UNINSTALLER "uninstall-${NAME}.exe"
!define DATA_DIR "$LOCALAPPDATA\${TITLE}"

!define E_RUNNING 3
!define E_WINDOWS 4
!define E_ROOM 5
!define E_PREVIOUS 6

InstallDirRegKey HKCU "${UNINSTALL_KEY}" "InstallLocation"

VIProductVersion "${VERSION4}"
VIFileVersion "${VERSION4}"
VIAddVersionKey /LANG=0 "ProductName" "${TITLE}"
VIAddVersionKey /LANG=0 "ProductVersion" "${VERSION}"
VIAddVersionKey /LANG=0 "FileVersion" "${VERSION}"
VIAddVersionKey /LANG=0 "FileDescription" "${TITLE} Setup"
VIAddVersionKey /LANG=0 "CompanyName" "${PUBLISHER}"
VIAddVersionKey /LANG=0 "LegalCopyright" "${COPYRIGHT}"

!include "MUI2.nsh"
!include "LogicLib.nsh"
!include "FileFunc.nsh"
!include "Sections.nsh"
!include "WinVer.nsh"
!include "x64.nsh"
!include "${SCRIPTS}/running.nsh"
!include "${SCRIPTS}/path.nsh"
!include "${SCRIPTS}/shortcut.nsh"

; Tells the shell that file types changed.
!define NotifyAssociations "System::Call 'shell32::SHChangeNotify(i 0x8000000, i 0, p 0, p 0)'"

; Selects or unselects a section by an option of the command line in $1, /NAME=yes or /NAME=no.
!macro ChosenOption OPTION SECTION
    ClearErrors
    ${GetOptions} $1 "${OPTION}" $0
    ${IfNot} ${Errors}
        ${If} $0 == "yes"
            !insertmacro SelectSection ${SECTION}
        ${ElseIf} $0 == "no"
            !insertmacro UnselectSection ${SECTION}
        ${EndIf}
    ${EndIf}
!macroend

Var PreviousDir ; of the version that is installed, "" where there is none
Var Upgrading   ; in the uninstaller: "yes" where a newer version takes over

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_WELCOMEFINISHPAGE_BITMAP "${PICTURE}"
!define MUI_WELCOMEFINISHPAGE_BITMAP_STRETCH AspectFitHeight
!define MUI_UNWELCOMEFINISHPAGE_BITMAP "${PICTURE}"
!define MUI_UNWELCOMEFINISHPAGE_BITMAP_STRETCH AspectFitHeight
!define MUI_ABORTWARNING

!define MUI_PAGE_HEADER_TEXT "Licences"
!define MUI_PAGE_HEADER_SUBTEXT "Whose work ${TITLE} is, and what you may do with it."
!define MUI_LICENSEPAGE_TEXT_TOP "${TITLE} is free software. These are its licence and those of what it contains."
!define MUI_LICENSEPAGE_TEXT_BOTTOM "There is nothing that you must agree to in order to use ${TITLE}."
!define MUI_LICENSEPAGE_BUTTON "$(^NextBtn)"
!insertmacro MUI_PAGE_LICENSE "${LICENCE}"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!define MUI_FINISHPAGE_RUN "$INSTDIR\${WINDOW_EXE}"
!define MUI_FINISHPAGE_RUN_TEXT "Start ${TITLE}"
!insertmacro MUI_PAGE_FINISH

!define MUI_UNCONFIRMPAGE_TEXT_TOP "${TITLE} will be removed. Your conversations, settings and models stay in ${DATA_DIR}."
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!define MUI_FINISHPAGE_TEXT "${TITLE} was removed from this computer.$\r$\n$\r$\nYour conversations, settings and models are still in$\r$\n${DATA_DIR}$\r$\n(or where you told ${TITLE} to keep them), and keys for providers in Windows' Credential Manager. Delete them yourself if you no longer want them."
!insertmacro MUI_UNPAGE_FINISH

!insertmacro MUI_LANGUAGE "English"

!insertmacro RunningFunctions ""
!insertmacro RunningFunctions "un."
!insertmacro PathFunctions ""
!insertmacro PathFunctions "un."
!insertmacro AddToPathFunction

Section "${TITLE}" SecMain
    SectionIn RO
    Call CheckRoom
    Push "$INSTDIR"
    Call CloseRunning
    Call RemovePrevious

    SetOutPath "$INSTDIR"
    !include "${PROJECT}/install.nsh"
    WriteUninstaller "$INSTDIR\${UNINSTALLER}"

    ${CreateApplicationShortcut} "$SMPROGRAMS\${TITLE}.lnk"

    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "${TITLE}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\${WINDOW_EXE},0"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "Publisher" "${PUBLISHER}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "URLInfoAbout" "${HOMEPAGE}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "URLUpdateInfo" "${RELEASES}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "HelpLink" "${ISSUES}"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
    WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\${UNINSTALLER}"'
    WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\${UNINSTALLER}" /S'
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" ${SIZE_KB}
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
    WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1

    ; What is typed into Run or the Start menu opens the window; a terminal finds the command.
    WriteRegStr HKCU "${APP_PATHS_KEY}" "" "$INSTDIR\${WINDOW_EXE}"

    ; "Open with" for models. No default is set: what opens them now goes on doing so.
    WriteRegStr HKCU "${CLASSES_KEY}\${PROGID}" "" "Language model"
    WriteRegStr HKCU "${CLASSES_KEY}\${PROGID}" "AppUserModelID" "${APP_ID}"
    WriteRegStr HKCU "${CLASSES_KEY}\${PROGID}\DefaultIcon" "" "$INSTDIR\${WINDOW_EXE},0"
    WriteRegStr HKCU "${CLASSES_KEY}\${PROGID}\shell\open\command" "" '"$INSTDIR\${WINDOW_EXE}" "%1"'
    WriteRegStr HKCU "${CLASSES_KEY}\.gguf\OpenWithProgids" "${PROGID}" ""
    WriteRegStr HKCU "${CLASSES_KEY}\Applications\${WINDOW_EXE}" "FriendlyAppName" "${TITLE}"
    WriteRegStr HKCU "${CLASSES_KEY}\Applications\${WINDOW_EXE}\SupportedTypes" ".gguf" ""
    WriteRegStr HKCU "${CLASSES_KEY}\Applications\${WINDOW_EXE}\shell\open\command" "" '"$INSTDIR\${WINDOW_EXE}" "%1"'
    ; So that Settings, Default apps offers it to who wants it as the default.
    WriteRegStr HKCU "Software\${TITLE}\Capabilities" "ApplicationName" "${TITLE}"
    WriteRegStr HKCU "Software\${TITLE}\Capabilities" "ApplicationDescription" "${SUMMARY}"
    WriteRegStr HKCU "Software\${TITLE}\Capabilities\FileAssociations" ".gguf" "${PROGID}"
    WriteRegStr HKCU "Software\RegisteredApplications" "${TITLE}" "Software\${TITLE}\Capabilities"
    ${NotifyAssociations}
SectionEnd

Section "Command for terminals" SecPath
    Push "$INSTDIR"
    Call AddToPath
SectionEnd

Section /o "Shortcut on the desktop" SecDesktop
    ${CreateApplicationShortcut} "$DESKTOP\${TITLE}.lnk"
SectionEnd

; After the choices: takes back what an upgrade no longer wants, and remembers for the next one.
Section "-choices"
    ${If} ${SectionIsSelected} ${SecPath}
        WriteRegDWORD HKCU "${UNINSTALL_KEY}" "OnPath" 1
    ${Else}
        WriteRegDWORD HKCU "${UNINSTALL_KEY}" "OnPath" 0
        Push "$INSTDIR"
        Call RemoveFromPath
    ${EndIf}
    ${If} ${SectionIsSelected} ${SecDesktop}
        WriteRegDWORD HKCU "${UNINSTALL_KEY}" "OnDesktop" 1
    ${Else}
        WriteRegDWORD HKCU "${UNINSTALL_KEY}" "OnDesktop" 0
        Delete "$DESKTOP\${TITLE}.lnk"
    ${EndIf}
SectionEnd

!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
    !insertmacro MUI_DESCRIPTION_TEXT ${SecMain} "${TITLE} with its model, in the Start menu and in $\"Open with$\" of .gguf files."
    !insertmacro MUI_DESCRIPTION_TEXT ${SecPath} "The command ${NAME} in every new terminal."
    !insertmacro MUI_DESCRIPTION_TEXT ${SecDesktop} "An icon on the desktop."
!insertmacro MUI_FUNCTION_DESCRIPTION_END

Function .onInit
    ${IfNot} ${AtLeastBuild} ${LEAST_BUILD}
        MessageBox MB_OK|MB_ICONSTOP "${TITLE} needs Windows 10, version 1809, or newer." /SD IDOK
        SetErrorLevel ${E_WINDOWS}
        Abort
    ${EndIf}
    ${IfNot} ${RunningX64}
        MessageBox MB_OK|MB_ICONSTOP "${TITLE} needs a 64-bit Windows." /SD IDOK
        SetErrorLevel ${E_WINDOWS}
        Abort
    ${EndIf}
    ReadRegStr $PreviousDir HKCU "${UNINSTALL_KEY}" "InstallLocation"
    ; What was chosen for the version that is there, then what this command line says.
    ClearErrors
    ReadRegDWORD $0 HKCU "${UNINSTALL_KEY}" "OnPath"
    ${IfNot} ${Errors}
    ${AndIf} $0 = 0
        !insertmacro UnselectSection ${SecPath}
    ${EndIf}
    ClearErrors
    ReadRegDWORD $0 HKCU "${UNINSTALL_KEY}" "OnDesktop"
    ${IfNot} ${Errors}
    ${AndIf} $0 = 1
        !insertmacro SelectSection ${SecDesktop}
    ${EndIf}
    ${GetParameters} $1
    !insertmacro ChosenOption "/PATH=" ${SecPath}
    !insertmacro ChosenOption "/DESKTOP=" ${SecDesktop}
FunctionEnd

; The names of the files must fit behind the folder's: the folder page says so by its button.
Function .onVerifyInstDir
    StrLen $0 "$INSTDIR"
    ${If} $0 > ${LONGEST_FOLDER}
        Abort
    ${EndIf}
FunctionEnd

; Ends the installation where it cannot succeed, before anything is changed.
Function CheckRoom
    StrLen $0 "$INSTDIR"
    ${If} $0 > ${LONGEST_FOLDER}
        MessageBox MB_OK|MB_ICONSTOP "The folder's path is too long. Choose a shorter one." /SD IDOK
        SetErrorLevel ${E_ROOM}
        Abort
    ${EndIf}
    ClearErrors
    CreateDirectory "$INSTDIR"
    ${If} ${Errors}
        MessageBox MB_OK|MB_ICONSTOP "The folder $INSTDIR cannot be made. Choose another." /SD IDOK
        SetErrorLevel ${E_ROOM}
        Abort
    ${EndIf}
    System::Call 'kernel32::GetDiskFreeSpaceExW(w "$INSTDIR", *l .r1, p 0, p 0) i.r0'
    ${If} $0 <> 0
        System::Int64Op $1 / 1024
        Pop $1
        System::Int64Op $1 < ${SIZE_KB}
        Pop $0
        ${If} $0 = 1
            IntOp $2 ${SIZE_KB} / 1000
            RMDir "$INSTDIR"
            MessageBox MB_OK|MB_ICONSTOP "There is too little space: ${TITLE} needs $2 MB." /SD IDOK
            SetErrorLevel ${E_ROOM}
            Abort
        ${EndIf}
    ${EndIf}
FunctionEnd

; Has the installed version's own uninstaller remove its program files, and nothing else.
Function RemovePrevious
    ${If} $PreviousDir == ""
    ${OrIfNot} ${FileExists} "$PreviousDir\${UNINSTALLER}"
        Return
    ${EndIf}
    ${If} $PreviousDir != $INSTDIR
        Push "$PreviousDir"
        Call CloseRunning
        Push "$PreviousDir"
        Call RemoveFromPath
    ${EndIf}
    DetailPrint "Removing the version that is there"
    ; _?= makes it run where it is and ExecWait really wait; it is last and never quoted.
    ClearErrors
    ExecWait '"$PreviousDir\${UNINSTALLER}" /S /UPGRADE _?=$PreviousDir' $0
    ${If} ${Errors}
    ${OrIf} $0 <> 0
        MessageBox MB_OK|MB_ICONSTOP "The version in $PreviousDir could not be removed. Remove it in Settings, Apps and install again: your conversations stay." /SD IDOK
        SetErrorLevel ${E_PREVIOUS}
        Abort
    ${EndIf}
    Delete "$PreviousDir\${UNINSTALLER}"
    RMDir "$PreviousDir"
FunctionEnd

Function un.onInit
    ${GetParameters} $1
    ClearErrors
    ${GetOptions} $1 "/UPGRADE" $0
    ${IfNot} ${Errors}
        StrCpy $Upgrading "yes"
    ${EndIf}
FunctionEnd

Section "Uninstall"
    Push "$INSTDIR"
    Call un.CloseRunning
    SetOutPath "$TEMP"
    !include "${PROJECT}/remove.nsh"
    ${If} $Upgrading == "yes"
        Return
    ${EndIf}

    Delete "$SMPROGRAMS\${TITLE}.lnk"
    Delete "$DESKTOP\${TITLE}.lnk"
    Push "$INSTDIR"
    Call un.RemoveFromPath
    DeleteRegKey HKCU "${APP_PATHS_KEY}"
    DeleteRegKey HKCU "${CLASSES_KEY}\${PROGID}"
    DeleteRegKey HKCU "${CLASSES_KEY}\Applications\${WINDOW_EXE}"
    DeleteRegValue HKCU "${CLASSES_KEY}\.gguf\OpenWithProgids" "${PROGID}"
    DeleteRegKey /ifempty HKCU "${CLASSES_KEY}\.gguf\OpenWithProgids"
    DeleteRegKey /ifempty HKCU "${CLASSES_KEY}\.gguf"
    DeleteRegValue HKCU "Software\RegisteredApplications" "${TITLE}"
    DeleteRegKey HKCU "Software\${TITLE}\Capabilities"
    DeleteRegKey /ifempty HKCU "Software\${TITLE}"
    DeleteRegKey HKCU "${UNINSTALL_KEY}"
    ${NotifyAssociations}
    Delete "$INSTDIR\${UNINSTALLER}"
    RMDir "$INSTDIR"
    DetailPrint "Your conversations, settings and models are still in ${DATA_DIR}"
SectionEnd
