#!/usr/bin/env bash
# Installs heatherd from this clone as a service on Debian 12 or Raspberry Pi OS (64-bit); run again
# after `git pull` to upgrade. The running version is replaced only once the new one is complete and
# accepts the configuration. A new installation observes and is not started before you have edited
# the configuration.
set -euo pipefail
umask 022 # the service must be able to read what root installs
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/environment.sh
. "$root/deploy/environment.sh"

usage() {
  cat <<'END'
Usage: sudo deploy/install.sh [--dry-run] [--uninstall] [--prefix DIR]

  --dry-run     print what would be done, change nothing
  --uninstall   stop and remove the service; configuration and records stay
  --prefix DIR  put everything below DIR, without users and services (for packagers and tests)
END
}

dry_run=no uninstall=no prefix=
while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) dry_run=yes ;;
    --uninstall) uninstall=yes ;;
    --prefix)
      [ -n "${2-}" ] || die "--prefix needs a directory"
      prefix=$2
      shift
      ;;
    --help | -h) usage && exit ;;
    *) usage >&2 && die "unknown option $1" ;;
  esac
  shift
done

opt=$prefix/opt/heatherd
etc=$prefix/etc/heatherd
state=$prefix/var/lib/heatherd
units=$prefix/etc/systemd/system
command_link=$prefix/usr/local/bin/heatherd
config=$etc/house.toml

# Executes a command, or prints it in a dry run.
run() {
  if [ "$dry_run" = yes ]; then
    printf '+'
    printf ' %q' "$@"
    printf '\n'
  else
    "$@"
  fi
}

# The same, for commands that touch users and services: left out below a prefix.
run_on_host() { [ -n "$prefix" ] || run "$@"; }

has_systemd() { [ -z "$prefix" ] && { [ -d /run/systemd/system ] || [ "$dry_run" = yes ]; }; }

remove() {
  # Stopping runs `heatherd release`, which needs the program: first stop, then remove.
  if has_systemd; then run systemctl disable --now heatherd-learn.timer heatherd.service; fi
  run rm -f "$units"/heatherd.service "$units"/heatherd-learn.{service,timer} "$command_link"
  if has_systemd; then run systemctl daemon-reload; fi
  run rm -rf "$opt"
  say "removed; $etc and $state are kept, and so is the user heatherd"
}

make_user() {
  getent passwd heatherd >/dev/null ||
    run_on_host useradd --system --user-group --home-dir /var/lib/heatherd --no-create-home \
      --shell /usr/sbin/nologin --comment "heatherd, heat pump controller" heatherd
  # Serial adapters belong to this group.
  run_on_host usermod --append --groups dialout heatherd
}

# Two environments take turns, so that the running one stays whole until the new one is complete.
next_venv() {
  case $(readlink "$opt/venv" 2>/dev/null) in
    */venv-a | venv-a) printf '%s/venv-b' "$opt" ;;
    *) printf '%s/venv-a' "$opt" ;;
  esac
}

make_venv() {
  local venv=$1
  say "installing the locked packages into $venv (several minutes on a Raspberry Pi)"
  run install -d -m 755 "$opt"
  run create_venv "$venv"
  run pip_install "$venv" "$root/deploy/requirements.txt" "$root"
  run rm -f "$venv/.unfinished"
}

make_directories() {
  run install -d -m 750 "$etc" "$state"
  run_on_host chown root:heatherd "$etc"
  run_on_host chown heatherd:heatherd "$state"
}

make_config() {
  run install -m 640 "$root/deploy/examples/generic-modbus.toml" "$config"
  run_on_host chown root:heatherd "$config"
}

# Whether the new version accepts the configuration, asked as the user that will run it.
accepts_config() {
  local check=("$1/bin/heatherd" check -c "$config")
  [ -n "$prefix" ] || check=(runuser -u heatherd -- "${check[@]}")
  run "${check[@]}"
}

switch_to() {
  run ln -sfn "$(basename "$1")" "$opt/venv"
  run install -d -m 755 "$units" "$(dirname "$command_link")"
  run install -m 644 "$root"/deploy/systemd/heatherd{.service,-learn.service,-learn.timer} "$units"
  run ln -sfn /opt/heatherd/venv/bin/heatherd "$command_link"
  if has_systemd; then run systemctl daemon-reload; fi
}

start() {
  if has_systemd; then
    run systemctl enable heatherd.service
    run systemctl enable --now heatherd-learn.timer
    run systemctl restart heatherd.service
    say "running; watch it with: journalctl -u heatherd -f"
  else
    say "installed; no running systemd here, so nothing was started"
  fi
}

next_steps() {
  cat <<END

heatherd is installed and not started yet. Next:
  1. Describe your house:       sudo nano $config
  2. Let heatherd check that:   sudo heatherd check -c $config
  3. Start it, observing only:  sudo deploy/install.sh
It writes nothing to the heat pump until the configuration says mode = "control".
END
}

require_64_bit
if [ "$dry_run" = no ] && [ -z "$prefix" ] && [ "$(id -u)" != 0 ]; then
  die "root is needed to make a user and a service: sudo deploy/install.sh"
fi
if [ "$uninstall" = yes ]; then
  remove
  exit
fi
new=$(next_venv)
make_user
make_venv "$new"
make_directories
if [ ! -e "$config" ]; then
  make_config
  switch_to "$new"
  next_steps
elif accepts_config "$new"; then
  switch_to "$new"
  start
else
  die "the configuration $config was not accepted; nothing was switched or started"
fi
