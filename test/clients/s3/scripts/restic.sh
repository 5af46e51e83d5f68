#!/bin/bash
. "$(dirname "$0")/common.sh"
export RESTIC_PASSWORD=secret RESTIC_CACHE_DIR=$PWD/cache RESTIC_REPOSITORY=s3:$S3_ENDPOINT/$BUCKET/${PREFIX}repository
restic() { command restic --quiet ${CA_FILE:+--cacert "$CA_FILE"} "$@"; }

restic init
(cd "$TREE" && restic backup .)
restic restore latest --target names
manifest names > "$OUT/names"

restic backup --stdin --stdin-filename big.bin < "$BIG"
restic dump latest big.bin | sha256sum | cut -d ' ' -f 1 > "$OUT/big"

# Deletes packs, in batches, and reads everything that is left.
restic forget --keep-last 1 --group-by '' --prune
restic check --read-data
