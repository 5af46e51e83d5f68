#!/bin/bash
. "$(dirname "$0")/common.sh"
host=${S3_ENDPOINT#*://}
case $S3_ENDPOINT in https:*) tls=True ;; *) tls=False ;; esac
cat > s3cfg <<CFG
[default]
access_key = $AWS_ACCESS_KEY_ID
secret_key = $AWS_SECRET_ACCESS_KEY
host_base = $host
host_bucket = $host
bucket_location = auto
use_https = $tls
${CA_FILE:+ca_certs_file = $CA_FILE}
multipart_chunk_size_mb = 8
CFG
s3cmd() { command s3cmd -c s3cfg --no-progress "$@"; }
remote=s3://$BUCKET/$PREFIX
# The names on stdin, of the lines that `ls` prints.
listed() { sed -E "s|^.*s3://$BUCKET/||"; }

s3cmd ls "$remote" | listed | names > "$OUT/folders"

s3cmd sync "$TREE/" "${remote}names/" > log
mkdir names && s3cmd sync "${remote}names/" names/ > log
manifest names > "$OUT/names"

s3cmd put "$BIG" "${remote}big.bin" > log
s3cmd get "${remote}big.bin" big.bin > log
sha256 big.bin > "$OUT/big"

mkdir seed && s3cmd sync "${remote}seed/" seed/ > log
manifest seed > "$OUT/seeded"

s3cmd cp "${remote}seed/digits.txt" "${remote}copy.txt" > log
s3cmd --quiet get "${remote}copy.txt" - > "$OUT/copied"

s3cmd del $(printf "${remote}doomed/%s.txt " 0 2 4 6 8) > log
s3cmd ls "${remote}doomed/" | listed | names > "$OUT/deleted"

s3cmd ls "s3://$BUCKET/many/" | listed | names > "$OUT/listed"
