#!/usr/bin/env bash
# Builds one command and says every 15 seconds that it still does: polygate links the provider SDKs, which
# take minutes the first time.
# usage: build.sh <output> <package>
set -euo pipefail
out=$1 package=$2
mkdir -p "$(dirname "$out")"
start=$SECONDS
# The same flags as a plain go build, go vet and go test, so that the SDKs are compiled once for all of them.
go build -ldflags='-s -w' -o "$out" "$package" &
pid=$!
trap 'kill $pid 2>/dev/null || true' INT TERM
while kill -0 $pid 2>/dev/null; do
  sleep 1
  elapsed=$((SECONDS - start))
  if ((elapsed > 0 && elapsed % 15 == 0)); then
    echo "building ${out##*/}: $elapsed s (the first time takes minutes)" >&2
  fi
done
wait $pid
