#!/bin/bash
. "$(dirname "$0")/common.sh"
printf '%s:%s' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" > password && chmod 600 password
mkdir mount
# nomixupload: otherwise the last part is larger than the others, which R2 refuses.
options=nomixupload,url=$S3_ENDPOINT,use_path_request_style,passwd_file=$PWD/password,multipart_size=10,endpoint=auto
[ -z "$CA_FILE" ] || options+=,no_check_certificate
# Rather than waiting for retries for minutes.
s3fs "$BUCKET" mount -o "$options,retries=2"
trap 'fusermount -u -z mount' EXIT
root=mount/$PREFIX

(cd "$root" && find . -mindepth 1 -maxdepth 1 -type d -printf '%P/\n') | names > "$OUT/folders"
{ dd if="${root}seed/digits.txt" bs=1 skip=10 count=5 status=none && tail -c 3 "${root}seed/digits.txt"; } > "$OUT/ranges"

cp -r "$TREE" "${root}names"
manifest "${root}names" > "$OUT/names"

cp "$BIG" "${root}big.bin"
sha256 "${root}big.bin" > "$OUT/big"

manifest "${root}seed" > "$OUT/seeded"

# Renaming is a copy, and a deletion.
cp "${root}seed/digits.txt" "${root}before.txt" && mv "${root}before.txt" "${root}copy.txt"
cat "${root}copy.txt" > "$OUT/copied"
test ! -e "${root}before.txt"

for i in 0 2 4 6 8; do rm "${root}doomed/$i.txt"; done
(cd "$root" && find doomed -type f) | names > "$OUT/deleted"

find mount/many -type f -printf 'many/%P\n' | names > "$OUT/listed"
