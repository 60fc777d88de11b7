#!/usr/bin/env bash
# Installs a build tree into a temporary prefix and uses what is there as a stranger would: headers one by
# one, both libraries through CMake and pkg-config, the command.  run.sh BUILD_DIRECTORY
set -euo pipefail

build=$1
source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CC=${CC:-cc} CMAKE=${CMAKE:-cmake} NM=${NM:-nm}
read -r -a flags <<<"${CFLAGS:-}"
strict=(-std=c11 -Wall -Wextra -Wpedantic -Werror)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Moved after the installation: nothing in it may depend on where it was put.
"$CMAKE" --install "$build" --prefix "$scratch/first" >"$scratch/install.log"
mv "$scratch/first" "$scratch/prefix"
prefix=$scratch/prefix
libraries=$(dirname "$(find "$prefix" -name libretrograd.a)")
export PKG_CONFIG_PATH=$libraries/pkgconfig

fail() { echo "FAILED: $*"; exit 1; }
expect_ok() { # PROGRAM... : it must run and end with OK
    local said
    said=$("$@") || fail "$* ended with $?: $said"
    [ "${said##*$'\n'}" = OK ] || fail "$* said: $said"
    echo "ok: $(basename "$1") runs"
}

# Symbols: only ours are exported, and nothing in the library ends the process or prints.
foreign=$("$NM" -D --defined-only "$libraries/libretrograd.so" | awk '$NF !~ /^(__odr_asan\.)?rg_/ { print $NF }')
[ -z "$foreign" ] || fail "exported without the prefix rg_: $foreign"
exported=$("$NM" -D --defined-only "$libraries/libretrograd.so" | wc -l)
[ "$exported" -gt 0 ] || fail "nothing is exported"
banned='abort|exit|_exit|quick_exit|__assert_fail|printf|__printf_chk|vprintf|puts|putchar|perror|stdout|stderr'
used=$("$NM" -u "$libraries/libretrograd.a" | awk '{ print $NF }' | grep -xE "$banned" | sort -u || true)
[ -z "$used" ] || fail "the library uses: $used"
echo "ok: $exported symbols exported, all ours; no abort, exit or print among those used"

# Each folder's header stands alone.
for header in retrograd.h retrograd/{autograd,nn,optim,data,plot}.h; do
    "$CC" "${strict[@]}" -I"$prefix/include" -fsyntax-only -x c "$prefix/include/$header" ||
        fail "$header does not stand alone"
done
echo "ok: each header compiles on its own"

"$CMAKE" -S "$source" -B "$scratch/consumer" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release
"$CMAKE" --build "$scratch/consumer"
expect_ok "$scratch/consumer/consumer-shared"
expect_ok "$scratch/consumer/consumer-static"

"$CC" "${strict[@]}" "${flags[@]}" "$source/consumer.c" -o "$scratch/pkg-config-shared" \
    $(pkg-config --cflags --libs retrograd)
expect_ok env LD_LIBRARY_PATH="$libraries" "$scratch/pkg-config-shared"

RG_DATA='' "$prefix/bin/retrograd" info >"$scratch/info" || fail "the installed command: retrograd info"
[ -s "$scratch/info" ] || fail "retrograd info says nothing"
echo "ok: the installed command runs"

# With the shared library out of the way -lretrograd is the static one.
rm "$libraries"/libretrograd.so*
"$CC" "${strict[@]}" "${flags[@]}" "$source/consumer.c" -o "$scratch/pkg-config-static" \
    $(pkg-config --static --cflags --libs retrograd)
expect_ok "$scratch/pkg-config-static"
