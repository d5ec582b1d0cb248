#!/usr/bin/env bash
# Smoke test on aarch64, emulated: what a device would install, and whether it runs there. Ten
# minutes and the network, so CI doesn't run it.
set -euo pipefail

usage() {
  cat <<'END'
usage: sudo tests/aarch64/smoke.sh [FOLDER]

Makes an arm64 Debian in FOLDER, installs Sfumato there from wheels alone, and runs smoke.py in it
under QEMU. A FOLDER that is named is kept, and what is in it is used again; else it is a temporary
one. However it ends it leaves no mount and no process, and the emulation as it was before.

  PYTHON      an interpreter with pip on this machine (default: python3)

It needs:  apt-get install debootstrap qemu-user-static binfmt-support
END
}

suite=bookworm version=3.11 # of its Python
repository=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python3}
binfmt=/proc/sys/fs/binfmt_misc
mounted= switched_on=

fail() {
  echo "smoke.sh: $1" >&2
  exit 2
}

step() {
  printf '[%4d s] %s\n' "$SECONDS" "$1"
}

# However this ends, and whatever runs by then.
clean_up() {
  if pkill --signal KILL --parent $$; then
    sleep 1
  fi
  [ -z "$switched_on" ] || update-binfmts --disable qemu-aarch64
  [ -z "$mounted" ] || umount "$binfmt"
  [ -n "$kept" ] || rm -rf --one-file-system "$folder"
}

# In name spaces of its own: what it mounts and what it starts end with it.
apart() {
  unshare --mount --pid --fork --kill-child "$@"
}

# In the Debian, on the processor that is nearest to a Jetson Orin's Cortex-A78AE of those that its
# QEMU knows. Without /sys: it would tell of this machine's own processor, and ONNX Runtime 1.32 dies
# of that when it is imported; so it warns that it knows none.
inside() {
  apart env -i QEMU_CPU=cortex-a76 PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" "$@"
}

emulate() {
  step "emulate aarch64"
  if [ ! -e "$binfmt/register" ]; then
    mount -t binfmt_misc binfmt_misc "$binfmt"
    mounted=yes
  fi
  if [ ! -e "$binfmt/qemu-aarch64" ]; then
    update-binfmts --enable qemu-aarch64
    switched_on=yes
  fi
}

make_debian() {
  [ -e "$folder/debian.done" ] && return
  step "make an arm64 Debian ($suite)"
  local mirror # the one that apt uses here; debootstrap's own where apt knows none of this suite
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $suite")
  rm -rf --one-file-system "$root"
  # OpenCV needs the two libraries.
  apart debootstrap --arch=arm64 --variant=minbase --include=python3,python3-venv,libgl1,libglib2.0-0 \
    "$suite" "$root" ${mirror:+"${mirror%%$'\n'*}"} >"$folder/debootstrap.log" 2>&1 || {
    tail -n 3 "$folder/debootstrap.log" >&2
    fail "debootstrap failed; $folder/debootstrap.log has more"
  }
  touch "$folder/debian.done"
}

fetch_wheels() {
  step "build our wheel, fetch those of its dependencies"
  local minor platforms=()
  for minor in {17..36}; do # of glibc: from manylinux2014's to bookworm's
    platforms+=(--platform "manylinux_2_${minor}_aarch64")
  done
  mkdir -p "$root/wheels"
  rm -f "$root"/wheels/sfumato-*.whl
  "$python" -m pip wheel --quiet --no-deps --wheel-dir "$root/wheels" "$repository"
  "$python" -m pip download --quiet --dest "$root/wheels" --only-binary=:all: \
    --implementation cp --python-version "$version" "${platforms[@]}" \
    --platform manylinux2014_aarch64 "$root"/wheels/sfumato-*.whl
}

install_wheels() {
  step "install them there"
  inside test -x /opt/sfumato/bin/pip || inside python3 -m venv /opt/sfumato
  inside /opt/sfumato/bin/pip uninstall -qq --yes sfumato # which may be of yesterday
  inside /opt/sfumato/bin/pip install --quiet --no-index --find-links /wheels sfumato
}

smoke() {
  step "run smoke.py there"
  rm -rf "$root/smoke"
  mkdir "$root/smoke"
  cp "$repository"/tests/{aarch64/smoke,agent/networks,agent/worlds}.py "$root/smoke"
  inside /opt/sfumato/bin/python /smoke/smoke.py /smoke/made
}

case "${1:-}" in
  -h | --help)
    usage
    exit
    ;;
  -*) fail "no option $1; see --help" ;;
esac
[ $# -le 1 ] || fail "one FOLDER at most; see --help"
[ "$(id -u)" = 0 ] || fail "needs to mount and to chroot: run it as root"
for program in debootstrap qemu-aarch64-static update-binfmts; do
  command -v "$program" >/dev/null || fail "needs $program; see --help"
done
"$python" -m pip --version >/dev/null || fail "$python has no pip; name one that has: PYTHON=…"

kept=${1:-}
folder=${kept:-$(mktemp -d)}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd -P)
root=$folder/root
trap clean_up EXIT

emulate
make_debian
fetch_wheels
install_wheels
smoke
step "all is well"
