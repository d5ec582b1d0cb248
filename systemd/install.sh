#!/bin/sh
# install.sh: makes the agent a service of this machine, brings it up to date, or removes it.
set -eu
umask 022
# What root has in ~/.local or elsewhere, the service doesn't see.
unset PYTHONPATH PYTHONHOME CDPATH
export LC_ALL=C PYTHONNOUSERSITE=1

here=$(cd "$(dirname "$0")" && pwd)
python=/usr/bin/python3 # another one's home may lie where the service can't look
config=/etc/sfumato
home=/opt/sfumato # a link to one of two environments, so that it changes from one to the other at once
link=/usr/local/bin/sfumato
unit=/etc/systemd/system/sfumato-agent.service
sysusers=/etc/sysusers.d/sfumato.conf
tmpfiles=/etc/tmpfiles.d/sfumato.conf

usage() {
    cat <<'END'
usage: install.sh --wheel FILE | --uninstall | (nothing)

  --wheel FILE  install the agent from FILE, or replace the installed one; a running one restarts.
                pip fetches what the wheel needs, as PIP_INDEX_URL, PIP_NO_INDEX, PIP_FIND_LINKS say
  --uninstall   remove the agent; /etc/sfumato, /var/lib/sfumato and the user sfumato stay
  (nothing)     look again at what is in /dev and in /etc/sfumato/credentials: after a camera was
                added, or a file with a secret: a camera's password, the broker's, a key

The agent starts at boot from then on. Recordings lie in /var/lib/sfumato; for another place,
`systemctl edit sfumato-agent` and add [Service] and ReadWritePaths=/that/place.
END
}

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

check_machine() {
    [ "$(id -u)" = 0 ] || fail "must be run as root: sudo $0"
    [ -d /run/systemd/system ] || fail "needs systemd, which does not run on this machine"
    version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    [ "$version" -ge 247 ] || fail "needs systemd 247 or newer for credentials; this is $version"
}

check_python() {
    [ -x "$python" ] || fail "needs $python: sudo apt-get install python3-venv"
    version=$("$python" -c 'import sys; print(*sys.version_info[:2], sep=".")')
    case $version in
        3.10 | 3.11 | 3.12 | 3.13) ;;
        *) fail "needs Python 3.10 to 3.13; $python is $version" ;;
    esac
    "$python" -c 'from ensurepip import version' 2>/dev/null ||
        fail "needs Python's venv: sudo apt-get install python3-venv"
}

# Into the environment that is not in use; the other one goes on until this one works.
install_agent() {
    case $(readlink "$home" || true) in
        sfumato.a) old=$home.a new=$home.b ;;
        *) old=$home.b new=$home.a ;;
    esac
    rm -rf "$new"
    # With the system's packages: JetPack's TensorRT is one of them.
    "$python" -m venv --system-site-packages "$new"
    "$new/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$1" ||
        abandon "pip could not install $1"
    install_for_gpu "$1"
    "$new/bin/sfumato" --version >/dev/null || abandon "the agent of $1 does not run"
    "$new/bin/python" -c 'import cv2' ||
        abandon "OpenCV needs two libraries: sudo apt-get install libgl1 libglib2.0-0"
    ln -sfn "${new##*/}" "$home.new"
    mv -T "$home.new" "$home"
    mkdir -p "${link%/*}"
    ln -sfn "$home/bin/sfumato" "$link"
    install -D -m 644 "$here/sfumato.sysusers" "$sysusers"
    install -D -m 644 "$here/sfumato.tmpfiles" "$tmpfiles"
    install -D -m 644 "$here/sfumato-agent.service" "$unit"
    systemd-sysusers "$sysusers"
    systemd-tmpfiles --create "$tmpfiles"
}

# What TensorRT is driven by is compiled here, against the CUDA that is there; without it, the
# processor does the work.
install_for_gpu() {
    cuda=/usr/local/cuda
    [ -x "$cuda/bin/nvcc" ] || return 0
    [ -e /etc/nv_tegra_release ] || [ -e /dev/nvidiactl ] || return 0
    echo "install.sh: pycuda is compiled, which takes minutes" >&2
    PATH="$cuda/bin:$PATH" CPATH="$cuda/include" LIBRARY_PATH="$cuda/lib64" \
        "$new/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$1[gpu]" ||
        echo "install.sh: pycuda can't be compiled, so the GPU stays idle: sudo sfumato doctor" >&2
}

abandon() {
    rm -rf "$new"
    fail "$1; nothing was changed"
}

credentials() {
    for file in "$config"/credentials/*; do
        [ -f "$file" ] || continue
        case ${file##*/} in
            *[!A-Za-z0-9._-]*) fail "$file: a credential's name is of letters, digits and . _ -" ;;
        esac
        echo "LoadCredential=${file##*/}:$file"
    done
}

write_drop_ins() {
    found=$(credentials)
    mkdir -p "$unit.d"
    # Cameras and GPUs, whatever their names are on this board.
    "$home/bin/sfumato" doctor --write-drop-in "$unit.d/10-devices.conf" >/dev/null
    printf '# install.sh writes this file anew each time.\n[Service]\n%s\n' "$found" \
        >"$unit.d/20-credentials.conf"
    systemctl daemon-reload
}

say_what_is_next() {
    if systemctl --quiet is-active sfumato-agent; then
        echo "The agent runs. To see new devices and credentials: systemctl restart sfumato-agent"
    elif [ -e "$config/agent.yaml" ]; then
        echo "The agent starts at boot. To start it now: systemctl start sfumato-agent"
    else
        echo "The agent starts at boot, once it has a configuration. Next:"
        echo "  sfumato config example | sudo tee $config/agent.yaml"
        echo "  sudo systemctl start sfumato-agent"
    fi
}

uninstall() {
    [ ! -e "$unit" ] || systemctl --quiet disable --now sfumato-agent
    rm -rf "$unit" "$unit.d/10-devices.conf" "$unit.d/20-credentials.conf" "$sysusers" \
        "$tmpfiles" "$home" "$home.a" "$home.b" /var/cache/sfumato
    [ "$(readlink "$link" || true)" != "$home/bin/sfumato" ] || rm "$link"
    [ ! -d "$unit.d" ] || rmdir --ignore-fail-on-non-empty "$unit.d"
    systemctl daemon-reload
    echo "The agent is removed. What stays: $config, /var/lib/sfumato and the user sfumato,"
    echo "whose recordings they are, and what systemctl edit wrote in $unit.d."
}

case "$#:${1-}" in
    1:--help | 1:-h)
        usage
        ;;
    1:--uninstall)
        check_machine
        uninstall
        ;;
    2:--wheel)
        check_machine
        check_python
        [ -f "$2" ] || fail "no such file: $2"
        # pip would look elsewhere for one whose name is that of a package.
        [ "${2%.whl}" != "$2" ] || fail "no wheel, a file that ends in .whl: $2"
        credentials >/dev/null # refuses a name before anything is changed
        install_agent "$2"
        write_drop_ins
        systemctl --quiet enable sfumato-agent
        systemctl try-restart sfumato-agent ||
            fail "the new agent does not start; journalctl -u sfumato-agent says why"
        rm -rf "$old"
        say_what_is_next
        ;;
    0:)
        check_machine
        [ -e "$unit" ] || fail "no agent is installed yet: $0 --wheel FILE"
        write_drop_ins
        say_what_is_next
        ;;
    *)
        usage >&2
        exit 2
        ;;
esac
