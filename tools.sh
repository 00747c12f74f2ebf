# Shell functions that ./bailey-demo, ./test and ./bench share; sourced, not run.

# Prints those of the given "command=package" pairs' packages whose command or file is not there.
missing_packages() {
    local pair
    for pair in "$@"; do
        case "${pair%%=*}" in
            /*) [ -e "${pair%%=*}" ] || echo "${pair#*=}" ;;
            *) command -v "${pair%%=*}" >/dev/null || echo "${pair#*=}" ;;
        esac
    done
}

# What every build needs: Rust links by the C compiler, against the C library's start files.
compiler=(cc=gcc /usr/include/stdio.h=libc6-dev pkg-config=pkg-config)

# Installs what is missing of the given pairs by apt-get, as root or by sudo.
install_packages() {
    local packages as_root=()
    packages=$(missing_packages "$@" | sort -u | tr '\n' ' ')
    [ -n "${packages// /}" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || {
            echo "missing: $packages; install them as root: apt-get install $packages" >&2
            return 1
        }
        as_root=(sudo)
    fi
    echo "installing: $packages"
    "${as_root[@]}" apt-get update -qq
    # shellcheck disable=SC2086 # the list is words
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends $packages >/dev/null
}
