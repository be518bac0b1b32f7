#!/usr/bin/env bash
# Makes a certificate authority of your house (once), the broker's certificate and one for each client.
# Needs openssl. Keys stay in the folder; copy to each device only its own and ca.crt.
set -euo pipefail
umask 077

usage() {
  cat <<'END'
Usage: deploy/mosquitto/make-certificates.sh FOLDER BROKER [CLIENT...]

  FOLDER   where certificates and keys go; what is there already is kept
  BROKER   host name or address under which clients reach the broker
  CLIENT   names as in the broker's list: heatherd, zigbee2mqtt, ...

  DAYS     in the environment: how long certificates are valid (default 825, the authority 3650)
END
}

[ $# -ge 2 ] || { usage >&2 && exit 2; }
folder=$1 broker=$2
shift 2
days=${DAYS:-825}
mkdir -p "$folder"
cd "$folder"

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

# certificate NAME EXTENSIONS: signed by the authority; the name becomes the common name.
certificate() {
  [ -e "$1.crt" ] && return
  new_key "$1"
  openssl req -new -key "$1.key" -subj "/CN=$1" |
    openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -sha256 \
      -extfile <(printf '%s\n' "$2") -out "$1.crt" 2>/dev/null
}

if [ ! -e ca.crt ]; then
  new_key ca
  openssl req -x509 -key ca.key -days 3650 -sha256 -subj "/CN=heatherd house authority" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.crt
fi
kind=DNS
[[ $broker =~ ^[0-9.]+$|: ]] && kind=IP
certificate server "subjectAltName=$kind:$broker"$'\nextendedKeyUsage=serverAuth'
for client in "$@"; do
  certificate "$client" "extendedKeyUsage=clientAuth"
done
