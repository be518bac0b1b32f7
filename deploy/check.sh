#!/usr/bin/env bash
# Runs everything that CI runs: format, lint, strict types, import contracts, generated pages, tests.
# Makes `.venv` in the clone first when that is needed. Works from any directory, also without uv.
set -euo pipefail
cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/environment.sh
. deploy/environment.sh

prepare dev
# Our matrices are small: threads of the linear algebra would only wait for each other.
export OPENBLAS_NUM_THREADS=1
# poe prints each command before it runs it, and stops at the first that fails.
exec .venv/bin/poe --executor virtualenv check
