#!/usr/bin/env bash
# Shows heatherd at work on a simulated house; no heat pump and no broker needed.
# Makes `.venv` in the clone first when that is needed. Arguments go to `heatherd demo` (try --help).
set -euo pipefail
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/environment.sh
. "$root/deploy/environment.sh"

(cd -- "$root" && prepare run)
export OPENBLAS_NUM_THREADS=1 # small matrices: more threads would only wait for each other
exec "$root/.venv/bin/heatherd" demo "$@"
