#!/usr/bin/env bash
# Material's offline plugin builds pages that load a script from the network.
#
# Version: mkdocs-material 9.6.14, MkDocs 1.6.1 (Python 3.11).
# Behaviour: with `plugins: [search, offline]` each page names a shim of web workers in iframes on a public content
# delivery network (`extra.polyfills`), by which search works from a disk. A site that is opened without a network has
# no search, and one that must not load anything from elsewhere does.
# Expected: a plugin called offline brings the script along, as the privacy plugin would.
# Remedy: keep a copy of such a script in the docs and name it in `extra.polyfills`.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mkdocs==1.6.1 mkdocs-material==9.6.14
cd "$folder"
mkdir docs
printf 'site_name: shop\ntheme: {name: material, font: false}\nplugins: [search, offline]\n' > mkdocs.yml
echo '# List' > docs/index.md
"$folder/venv/bin/mkdocs" build --quiet > /dev/null 2>&1
grep -oE '<script src="https://[^"]*iframe-worker[^"]*"' site/index.html | sed -E 's#https://([^/"]*)[^"]*#HOST \1#'
grep -qE '<script src="https://[^"]*iframe-worker' site/index.html
