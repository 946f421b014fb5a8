#!/bin/bash

# coverage.sh DIRECTORY: how many lines of each parser its fuzzers reach with
# their seeds, and with what of a corpus is in build/fuzz.  The fuzzers that
# were built for that are in DIRECTORY.  Fails where it is not over 90 %.

set -eu

directory=$1
failed=0

# a file of module/core, and the targets that are for it

parsers=(
    'address       value'
    'challenge     challenge'
    'credentials   credentials token'
    'digest        reference'
    'inspect       inspect'
    'json          credentials inspect manifest pods pull'
    'manifest      manifest configuration'
    'platform      platform'
    'pods          pods'
    'pull          pull'
    'record        record'
    'reference     reference'
    'reply         reply'
    'url           value'
    'value         value'
)

row='%-16s  %6s  %6s  %8s  %s\n'

rm -f "$directory"/*.prof*

printf "$row" file lines missed covered targets

for parser in "${parsers[@]}"; do
    read -r name targets <<< "$parser"

    profiles=()
    objects=()

    for target in $targets; do
        profile=$directory/$target.profraw

        if [ ! -e "$profile" ]; then
            inputs=("t/fuzz/seeds/$target")
            [ -d "build/fuzz/corpus/$target" ] \
                && inputs+=("build/fuzz/corpus/$target")

            LLVM_PROFILE_FILE=$profile "$directory/$target" -runs=0 \
                "${inputs[@]}" > "$directory/$target.log" 2>&1 \
                || { cat "$directory/$target.log" >&2; exit 1; }
        fi

        profiles+=("$profile")
        objects+=(-object "$directory/$target")
    done

    llvm-profdata merge -o "$directory/$name.profdata" "${profiles[@]}"

    read -r lines missed covered < <(
        llvm-cov report "${objects[@]:1}" \
            -instr-profile="$directory/$name.profdata" \
            "module/core/image_$name.c" | awk '/^TOTAL/ { print $8, $9, $10 }')

    printf "$row" "image_$name.c" "$lines" "$missed" "$covered" "$targets"

    ((missed * 10 < lines)) || failed=1
done

exit "$failed"
