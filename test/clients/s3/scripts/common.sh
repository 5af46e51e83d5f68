# What the scripts of the command-line clients share. Each step's result is a file of its name in $OUT.
set -euo pipefail

# A line for each file below the folder, in the order of their names' bytes: its SHA-256 and its name.
manifest() {
  (cd "$1" && find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 -r sha256sum -z -- | tr '\0' '\n')
}

sha256() { sha256sum "$1" | cut -d ' ' -f 1; }

# The names on stdin without the prefix, in the order of their bytes.
names() { sed "s|^$PREFIX||" | LC_ALL=C sort; }
