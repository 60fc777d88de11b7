#!/usr/bin/env bash
# Every snippet of the README holds: a C program compiles and runs, other C stands word for word in one of the
# examples (which are tests of their own), and the commands run.  readme.sh BUILD_DIRECTORY
set -euo pipefail

build=$(cd "$1" && pwd)
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CC=${CC:-cc}
read -r -a flags <<<"${CFLAGS:-}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

# One file for each fenced block, named after the line it begins on: 12.c, 34.sh
awk -v to="$scratch" '
    /^```/ && open { close(file); open = 0; next }
    /^```/         { open = 1; file = to "/" NR "." (length($0) > 3 ? substr($0, 4) : "text"); next }
    open           { print > file }' "$source/README.md"

# As the README says it, from a directory where nothing is lost: PATH and build/release lead to this build.
mkdir -p "$scratch/at/build"
ln -s "$build" "$scratch/at/build/release"
cd "$scratch/at"
export PATH=$build:$PATH

is_part_of() { # SNIPPET FILE: do its lines stand there one after another?
    awk 'NR == FNR { want[n++] = $0; next } { have[m++] = $0 }
         END { for (i = 0; i + n <= m; i++) { for (j = 0; j < n && have[i + j] == want[j]; j++); if (j == n) exit 0 }
               exit 1 }' "$1" "$2"
}

run=0
for snippet in $(find "$scratch" -maxdepth 1 -name '[0-9]*' | sort -V); do
    name=$(basename "$snippet")
    case $name in
    *.c)
        if grep -q '^int main(' "$snippet"; then
            "$CC" -std=c11 -Wall -Wextra -Werror "${flags[@]}" -I"$build/include" "$snippet" -o "$snippet.out" \
                -L"$build" -Wl,-rpath,"$build" -lretrograd -lm || fail "README.md:${name%.c}: does not compile"
            "$snippet.out" >"$snippet.said" 2>&1 || { tail -n 20 "$snippet.said"; fail "README.md:${name%.c}: does not run"; }
        else
            found=no
            for example in "$source"/examples/*.c; do is_part_of "$snippet" "$example" && found=yes; done
            [ "$found" = yes ] || fail "README.md:${name%.c}: not a program, and in none of the examples"
        fi
        ;;
    *.sh)
        # What prepares a machine, builds or runs these very tests is not run by one of them.
        sed -E '/^(cmake|ctest|git|cd|apt-get|sudo) /d; /^tools\//d' "$snippet" >"$snippet.run"
        bash -euo pipefail "$snippet.run" >"$snippet.said" 2>&1 </dev/null ||
            { tail -n 20 "$snippet.said"; fail "README.md:${name%.sh}: the commands fail"; }
        ;;
    *) continue ;;
    esac
    run=$((run + 1))
    echo "ok: README.md:${name%.*}"
done
[ "$run" -gt 0 ] || fail "no snippet found"
