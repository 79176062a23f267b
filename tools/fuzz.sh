#!/usr/bin/env bash
# Runs every fuzz target of the module for a while each. usage: fuzz.sh [duration]
set -euo pipefail
duration=${1:-20s}
grep -rlE --include='*_test.go' '^func Fuzz' shared functions tools infra | while read -r file; do
  dir=$(dirname "$file")
  grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | sed 's/^func //' | while read -r target; do
    echo "fuzzing $target in $dir for $duration"
    go test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$duration"
  done
done
