#!/usr/bin/env bash
# `mkdocs build --strict --quiet` succeeds on a site whose links are broken; without --quiet it fails.
#
# Version: MkDocs 1.6.1 (Python 3.11).
# Behaviour: --strict counts the warnings that the log handler lets through, and --quiet raises the log's level, so
# that no warning is counted. A job of CI that wants little output thereby checks nothing.
# Expected: --quiet changes what is printed, not what is checked.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mkdocs==1.6.1
cd "$folder"
mkdir docs
echo 'site_name: shop' > mkdocs.yml
echo 'See the [list](list.md).' > docs/index.md
loud=0
"$folder/venv/bin/mkdocs" build --strict > loud.txt 2>&1 || loud=$?
quiet=0
"$folder/venv/bin/mkdocs" build --strict --quiet > quiet.txt 2>&1 || quiet=$?
grep -m1 'WARNING' loud.txt
echo "exit status with --strict: $loud; with --strict --quiet: $quiet, having printed $(wc -c < quiet.txt) bytes"
test "$loud" -ne 0
test "$quiet" -eq 0
