#!/usr/bin/env bash
# docs/gallery.md and its pictures are what the programs say and draw: made anew, they are the same files. What Graphviz
# draws depends on its version and the fonts at hand; of those the graph that it was given is compared.
#   gallery.sh BUILD_DIRECTORY
set -euo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$source/tools/gallery" "$scratch" "$1"

status=0
same() { # FILE, in the committed gallery and in the new one
    cmp "$source/docs/$1" "$scratch/$1" && return
    diff "$source/docs/$1" "$scratch/$1" | cut -c 1-200 | head -n 20
    status=1
}
names() { (cd "$1" && ls gallery); }
diff <(names "$source/docs") <(names "$scratch") || status=1
same gallery.md
for file in "$scratch"/gallery/*; do
    [ -e "${file%.svg}.dot" ] && [ "$file" != "${file%.svg}" ] && continue
    same "gallery/$(basename "$file")"
done
[ "$status" = 0 ] || echo "FAILED: docs/gallery is not what tools/gallery makes; run it, and look at what has changed"
exit "$status"
