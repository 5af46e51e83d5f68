#!/bin/bash
. "$(dirname "$0")/common.sh"
export RCLONE_CONFIG=/dev/null RCLONE_CA_CERT=$CA_FILE
export RCLONE_CONFIG_S3_TYPE=s3 RCLONE_CONFIG_S3_PROVIDER=Other RCLONE_CONFIG_S3_ENV_AUTH=true \
  RCLONE_CONFIG_S3_ENDPOINT=$S3_ENDPOINT RCLONE_CONFIG_S3_REGION=auto
remote=s3:$BUCKET/$PREFIX
# Uploads of 5 MiB and more in parts.
quietly() { rclone --s3-upload-cutoff 5Mi --s3-chunk-size 8Mi "$@"; }

quietly lsf --dirs-only "$remote" | names > "$OUT/folders"
{ quietly cat --offset 10 --count 5 "${remote}seed/digits.txt" && quietly cat --tail 3 "${remote}seed/digits.txt"; } > "$OUT/ranges"

quietly sync "$TREE" "${remote}names"
quietly check "$TREE" "${remote}names"
quietly copy "${remote}names" names
manifest names > "$OUT/names"
[ -z "$BRIEF" ] || exit 0

# A file whose time alone has changed: its copy onto itself, with other metadata.
cp -r "$TREE" touched && touch -d '2020-02-02 02:02:02 UTC' touched/plain.txt
quietly sync touched "${remote}names"
quietly lsl "${remote}names/plain.txt" | grep -q 2020-02-02

quietly copyto "$BIG" "${remote}big.bin"
quietly copyto "${remote}big.bin" big.bin
sha256 big.bin > "$OUT/big"

quietly copyto "${remote}seed/big.bin" "${remote}big-copy.bin" --s3-copy-cutoff 8Mi
quietly cat "${remote}big-copy.bin" | sha256sum | cut -d ' ' -f 1 > "$OUT/copied-big"

quietly copy "${remote}seed" seed
manifest seed > "$OUT/seeded"

quietly copyto "${remote}seed/digits.txt" "${remote}copy.txt"
quietly cat "${remote}copy.txt" > "$OUT/copied"

printf '%s.txt\n' 0 2 4 6 8 > doomed
quietly delete "${remote}doomed" --files-from doomed
quietly lsf "${remote}doomed" | sed s,^,doomed/, | names > "$OUT/deleted"

quietly lsf "s3:$BUCKET/many" | sed s,^,many/, | names > "$OUT/listed"

curl -sS --fail ${CA_FILE:+--cacert "$CA_FILE"} "$(quietly link "${remote}seed/digits.txt")" > "$OUT/presigned-get"
