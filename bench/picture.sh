#!/usr/bin/env bash
# Makes the picture of the README: the default demo's report, photographed by a headless Chromium.
# Needs Chromium (apt install chromium).
set -euo pipefail
cd "$(dirname "$0")/.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
heatherd="${HEATHERD:-.venv/bin/heatherd}"
"$heatherd" demo --out "$work/report" "$@"
mkdir -p docs/images
chromium --headless --no-sandbox --disable-gpu --disable-background-networking \
  --disable-component-update --disable-sync --no-first-run --hide-scrollbars \
  --user-data-dir="$work/profile" --window-size=1000,1430 \
  --screenshot="$PWD/docs/images/demo-week.png" "file://$work/report/index.html"
