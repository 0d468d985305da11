#!/bin/bash
# Makes the certificates of tests/support/certs anew (they last a century; the machines that run the tests need no openssl).
set -euo pipefail
cd "$(dirname "$0")/../tests/support/certs"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
here="DNS:localhost,IP:127.0.0.1,IP:::1"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

# authority NAME SUBJECT: its key stays in the work folder and is gone afterwards.
authority() {
  key "$work/$1.key"
  openssl req -x509 -new -key "$work/$1.key" -subj "/CN=$2" -days 36500 -out "$1.pem" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}

# leaf NAME AUTHORITY SUBJECT ALTNAMES USAGE [START END]
leaf() {
  key "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$3" -out "$work/$1.csr"
  printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n%s\n' \
    "$5" "${4:+subjectAltName=$4}" >"$work/$1.ext"
  printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s/index\nnew_certs_dir=%s\nrand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n' \
    "$work" "$work" >"$work/ca.cnf"
  : >"$work/index"
  openssl ca -batch -notext -config "$work/ca.cnf" -cert "$2.pem" -keyfile "$work/$2.key" -in "$work/$1.csr" -out "$1.pem" \
    -extfile "$work/$1.ext" -startdate "${6:-20200101000000Z}" -enddate "${7:-21200101000000Z}" 2>/dev/null
}

# The pin of API.md: SHA-256 of the public key (SPKI), base64.
pin() { openssl x509 -in "$1.pem" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64 >"$1.pin"; }

authority ca "h2pool test authority"
authority other-ca "another test authority"
leaf server ca localhost "$here" serverAuth
leaf renewed ca localhost "$here" serverAuth
leaf expired ca localhost "$here" serverAuth 20200101000000Z 20200201000000Z
leaf wrong-host ca wrong.example "DNS:wrong.example" serverAuth
leaf foreign other-ca localhost "$here" serverAuth
leaf client ca "test client" "" clientAuth
leaf foreign-client other-ca "foreign client" "" clientAuth
key self-signed.key
openssl req -x509 -new -key self-signed.key -subj "/CN=localhost" -days 36500 -out self-signed.pem -addext "subjectAltName=$here"
for name in server renewed self-signed foreign; do pin "$name"; done
