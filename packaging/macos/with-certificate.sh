#!/bin/sh
# Runs a command with the publisher's certificate in a keychain of its own, which goes afterwards.
# Without a certificate in the environment it runs the command as it is; the build then says that
# nothing was signed.
#
#   CHATDESK_SIGN_IDENTITY           the certificate's name, "Developer ID Application: ..."
#   CHATDESK_CERTIFICATE             it and its key, a PKCS #12 file in base64
#   CHATDESK_CERTIFICATE_PASSWORD    the file's password
#   CHATDESK_NOTARY_KEY              an App Store Connect key (.p8) in base64, with
#   CHATDESK_NOTARY_KEY_ID           its id and
#   CHATDESK_NOTARY_ISSUER           its issuer; without them nothing is notarised
set -eu
if [ -z "${CHATDESK_CERTIFICATE:-}" ]; then
    unset CHATDESK_SIGN_IDENTITY
    exec "$@"
fi
folder=$(mktemp -d)
keychain=$folder/chatdesk.keychain-db
before=$(security list-keychains -d user | tr -d '"')
finish() {
    # shellcheck disable=SC2086 # one word for each keychain
    security list-keychains -d user -s $before || true
    security delete-keychain "$keychain" || true
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
umask 077
password=$(openssl rand -hex 24)
security create-keychain -p "$password" "$keychain"
security set-keychain-settings -t 21600 "$keychain" # it stays unlocked as long as a build takes
security unlock-keychain -p "$password" "$keychain"
printf '%s' "$CHATDESK_CERTIFICATE" | openssl base64 -d -A >"$folder/certificate.p12"
security import "$folder/certificate.p12" -k "$keychain" -f pkcs12 \
    -P "$CHATDESK_CERTIFICATE_PASSWORD" -T /usr/bin/codesign
security set-key-partition-list -S apple-tool:,apple: -k "$password" "$keychain" >/dev/null
# shellcheck disable=SC2086
security list-keychains -d user -s "$keychain" $before
if [ -n "${CHATDESK_NOTARY_KEY:-}" ]; then
    printf '%s' "$CHATDESK_NOTARY_KEY" | openssl base64 -d -A >"$folder/key.p8"
    xcrun notarytool store-credentials chatdesk --key "$folder/key.p8" \
        --key-id "$CHATDESK_NOTARY_KEY_ID" --issuer "$CHATDESK_NOTARY_ISSUER" \
        --keychain "$keychain"
    export CHATDESK_NOTARY_PROFILE=chatdesk CHATDESK_NOTARY_KEYCHAIN="$keychain"
fi
# The build and what it installs need none of these.
unset CHATDESK_CERTIFICATE CHATDESK_CERTIFICATE_PASSWORD
unset CHATDESK_NOTARY_KEY CHATDESK_NOTARY_KEY_ID CHATDESK_NOTARY_ISSUER
"$@"
