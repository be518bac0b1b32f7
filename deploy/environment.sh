# Prepares `.venv` in the clone. Sourced by check.sh, demo.sh and install.sh; does nothing by itself.
#
# With uv on the PATH the lock file is synchronised; without it the same pins, exported with their
# hashes to deploy/requirements*.txt, are installed by pip. Either way only locked versions arrive.
# shellcheck shell=bash

say() { printf 'heatherd: %s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

have_uv() { uv --version >/dev/null 2>&1; }

require_64_bit() {
  # numpy, scipy and the solver publish no wheels for 32-bit systems. A 64-bit kernel under a
  # 32-bit Raspberry Pi OS counts as 32-bit, so the word size of the C library decides.
  [ "$(getconf LONG_BIT)" = 64 ] ||
    die "this is a 32-bit system; install a 64-bit one (Raspberry Pi OS 64-bit, Debian 12 arm64 or amd64)"
}

# Prints the first Python of at least 3.11 on the PATH.
find_python() {
  local candidate
  for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  if python3 --version >/dev/null 2>&1; then
    die "Python 3.11 or newer is needed, this is $(python3 --version); use Debian 12, or install uv (https://docs.astral.sh/uv/), which brings its own Python"
  fi
  die "python3 is missing: sudo apt install python3 python3-venv"
}

# Makes the virtual environment $1 anew, with pip in it; it counts as unfinished until sealed.
create_venv() {
  local python
  python=$(find_python)
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    die "python3-venv is missing: sudo apt install python3-venv"
  rm -rf "$1"
  mark_unfinished "$1"
  "$python" -m venv "$1"
}

mark_unfinished() {
  mkdir -p "$1"
  touch "$1/.unfinished"
}

# Installs the pins of $2 and then the clone with the options $3.. into the virtual environment $1.
pip_install() {
  local venv=$1 pins=$2
  shift 2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --require-hashes --only-binary :all: -r "$pins"
  # Everything it needs is there now, build back end included: nothing unpinned is fetched.
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation "$@"
}

# Changes whenever something that decides the content of `.venv` does, or the clone is moved.
fingerprint() {
  printf '%s %s' "$(cat uv.lock pyproject.toml deploy/requirements*.txt deploy/environment.sh | cksum)" "$PWD"
}

# A virtual environment whose Python is gone, whose making was cut short, or which was moved.
is_broken() {
  [ -e .venv/.unfinished ] && return
  .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || return 0
  [ "$(.venv/bin/python -c 'import os, sys; print(os.path.realpath(sys.prefix))')" = "$PWD/.venv" ] || return 0
  ! grep -qF "$PWD/.venv" .venv/bin/activate
}

# Debian packages of the servers that tests talk to.
SERVERS=(mosquitto victoria-metrics)

# Puts the servers that this system lacks beside the virtual environment, unpacked: nothing is
# installed or started, and no root is needed. Without Debian or without a network the tests that
# need them are skipped, and say so.
fetch_servers() {
  local servers=$PWD/.venv/servers missing=() packages server
  for server in "${SERVERS[@]}"; do
    PATH=$servers/usr/sbin:$servers/usr/bin:/usr/sbin:$PATH command -v "$server" >/dev/null ||
      missing+=("$server")
  done
  [ ${#missing[@]} = 0 ] && return
  if ! packages=$(missing_packages "${missing[@]}"); then
    say "tests with ${missing[*]} will be skipped: this system's apt does not offer them"
    return
  fi
  say "fetching ${missing[*]} for the tests"
  mkdir -p "$servers/packages"
  # shellcheck disable=SC2086 # a list of names
  if (cd "$servers/packages" && apt-get -qq download $packages 2>/dev/null) &&
    for package in "$servers"/packages/*.deb; do dpkg-deb -x "$package" "$servers"; done; then
    rm -rf "$servers/packages"
  else
    say "tests with ${missing[*]} will be skipped: they could not be fetched"
  fi
}

# The packages that an installation of $@ would add, libraries included.
missing_packages() {
  apt-get -qq -s install --no-install-recommends "$@" 2>/dev/null | awk '/^Inst/ {print $2}' | grep .
}

# prepare run|dev: makes `.venv` in the current directory (the clone) fit for that use.
prepare() {
  local use=$1 seal
  seal=$(fingerprint)
  if [ -e .venv ] && is_broken; then
    say "the virtual environment .venv is unusable, making it anew"
    rm -rf .venv
  fi
  [ "$(cat ".venv/.ready-$use" 2>/dev/null)" = "$seal" ] && return
  require_64_bit
  say "installing the locked packages into .venv (several minutes the first time on a Raspberry Pi)"
  install_into_venv "$use"
  [ "$use" = run ] || fetch_servers
  printf '%s' "$seal" >".venv/.ready-$use"
  # The tools for development include everything that running needs.
  [ "$use" = run ] || printf '%s' "$seal" >.venv/.ready-run
  rm -f .venv/.unfinished
  say "ready"
}

install_into_venv() {
  local use=$1
  if have_uv; then
    mark_unfinished .venv
    [ -e .venv/pyvenv.cfg ] || uv venv --quiet --allow-existing .venv
    # Running needs no development tools, but does not remove them either.
    local groups=(--inexact --no-default-groups --group build)
    [ "$use" = run ] || groups=(--group dev)
    # The clone is built with the locked back end, so nothing unpinned is fetched.
    UV_PROJECT_ENVIRONMENT=.venv uv sync --quiet --frozen --compile-bytecode "${groups[@]}" \
      --no-build-isolation-package heatherd
  else
    # An environment made by uv has no pip.
    .venv/bin/python -m pip --version >/dev/null 2>&1 || create_venv .venv
    mark_unfinished .venv
    local pins=deploy/requirements.txt
    [ "$use" = run ] || pins=deploy/requirements-dev.txt
    pip_install .venv "$pins" --editable .
  fi
}
