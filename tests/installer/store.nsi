; Has the installer's own code put the application's id into a property store in memory, and writes
; down what is in it then: the type of the value and its text. wine's shell links keep no properties.

Unicode true
Target amd64-unicode
OutFile "${OUTPUT}"
RequestExecutionLevel user
SilentInstall silent

!define APP_ID "example.test.Änderung"
!define WINDOW_EXE "none.exe"
!define SUMMARY "none"
!include "LogicLib.nsh"
!include "${SCRIPTS}/shortcut.nsh"

Section
    System::Call 'propsys::PSCreateMemoryPropertyStore(g "${IID_IPropertyStore}", *p .r3) i.r0'
    Call StoreApplicationId
    System::Call '*${SYSSTRUCT_PROPERTYKEY}(${PKEY_AppUserModel_ID}) p.r4'
    System::Call '*${SYSSTRUCT_PROPVARIANT}(0) p.r6'
    ${IPropertyStore::GetValue} $3 '(r4, r6) .r0'
    System::Call '*$6(&i2 .r1, &i6, p .r2)'
    System::Call '*$2(&w1024 .r2)'
    FileOpen $5 "C:\store.txt" w
    FileWriteUTF16LE $5 "$7 $0 $1 $2"
    FileClose $5
    Push "" ; SetApplicationId is of the same file: a link that is none changes nothing
    Call SetApplicationId
SectionEnd
