#!/bin/bash
# aws-cli: CLIENT is the program.
. "$(dirname "$0")/common.sh"
aws() { command "$CLIENT" --endpoint-url "$S3_ENDPOINT" "$@"; }
[ -z "$CA_FILE" ] || export AWS_CA_BUNDLE=$CA_FILE
s3=s3://$BUCKET/$PREFIX
object() { echo --bucket "$BUCKET" --key "$PREFIX$1"; }

aws s3api list-objects-v2 --bucket "$BUCKET" --prefix "$PREFIX" --delimiter / \
  --query 'CommonPrefixes[].[Prefix]' --output text | names > "$OUT/folders"

aws s3api get-object $(object seed/digits.txt) --range bytes=10-14 middle > /dev/null
aws s3api get-object $(object seed/digits.txt) --range bytes=-3 end > /dev/null
cat middle end > "$OUT/ranges"

aws s3 cp --quiet --recursive "$TREE" "${s3}names/"
aws s3 cp --quiet --recursive "${s3}names/" names
manifest names > "$OUT/names"
[ -z "$BRIEF" ] || exit 0

aws s3 cp --quiet "$BIG" "${s3}big.bin"
aws s3 cp --quiet "${s3}big.bin" big.bin
sha256 big.bin > "$OUT/big"

# More than 8 MiB: UploadPartCopy.
aws s3 cp --quiet "${s3}seed/big.bin" "${s3}big-copy.bin"
aws s3 cp --quiet "${s3}big-copy.bin" big-copy.bin
sha256 big-copy.bin > "$OUT/copied-big"

aws s3 cp --quiet --recursive "${s3}seed/" seed
manifest seed > "$OUT/seeded"

aws s3api copy-object --copy-source "$BUCKET/${PREFIX}seed/digits.txt" $(object copy.txt) > /dev/null
aws s3 cp --quiet "${s3}copy.txt" - > "$OUT/copied"

if aws s3api put-object --generate-cli-skeleton | grep IfNoneMatch > /dev/null; then
  printf first > first && printf second > second
  aws s3api put-object $(object once.txt) --if-none-match '*' --body first > /dev/null
  if aws s3api put-object $(object once.txt) --if-none-match '*' --body second 2> refusal; then exit 1; fi
  grep -q PreconditionFailed refusal
  aws s3 cp --quiet "${s3}once.txt" - > "$OUT/conditional-write"
fi

keys=$(for i in 0 2 4 6 8; do printf '{"Key":"%sdoomed/%s.txt"},' "$PREFIX" $i; done)
aws s3api delete-objects --bucket "$BUCKET" --delete "{\"Objects\":[${keys%,}]}" > /dev/null
aws s3api list-objects-v2 --bucket "$BUCKET" --prefix "${PREFIX}doomed/" \
  --query 'Contents[].[Key]' --output text | names > "$OUT/deleted"

aws s3api list-objects-v2 --bucket "$BUCKET" --prefix many/ --query 'Contents[].[Key]' --output text > "$OUT/listed"

curl -sS --fail ${CA_FILE:+--cacert "$CA_FILE"} "$(aws s3 presign "${s3}seed/digits.txt")" > "$OUT/presigned-get"
