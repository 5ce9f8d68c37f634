#!/usr/bin/env bash
# Build, demonstrate and test the project on another release of Debian or Ubuntu, in a folder of its own.
#
#   sudo tools/try_elsewhere.sh trixie                    # into /var/tmp/maskpose-trixie
#   sudo tools/try_elsewhere.sh noble /srv/noble          # into that folder
#   sudo tools/try_elsewhere.sh trixie /srv/trixie bash   # another command than `make demo && make test`
#
# It needs root and debootstrap, and takes the last commit of this checkout. Packages come from the mirror that this
# machine's apt uses, or from MIRROR; this machine's certificates and settings of pip and npm hold there too. A folder
# that is there already is taken as it is, with the commit anew: what was built in it is not built again. Nothing is
# mounted outside this command's own view, so that the folder can simply be removed.
set -euo pipefail

if [ $# -lt 1 ] || [ "$1" = --help ] || [ "$1" = -h ]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    [ $# -ge 1 ] && exit 0 || exit 2
fi
fail() { echo "error: $1" >&2; exit 2; }
suite=$1
root=$(realpath -m "${2:-/var/tmp/maskpose-$suite}")
command=${3:-make demo && make test}
repository=$(cd "$(dirname "$0")/.." && pwd)
[[ $suite =~ ^[a-z]+$ ]] || fail "'$suite' is no name of a release, such as trixie"
[ "$(id -u)" = 0 ] || fail "this needs root: sudo $0 $*"
type debootstrap >/dev/null 2>&1 || fail "there is no debootstrap: apt-get install debootstrap"
script=/usr/share/debootstrap/scripts/$suite
[ -e "$script" ] || fail "this debootstrap does not know $suite: $script is missing"

# Ubuntu's releases have scripts that name Ubuntu's keyring; of its packages some are in universe.
origin=Debian components=main
if grep -q ubuntu "$script"; then origin=Ubuntu components=main,universe; fi
mirror=${MIRROR:-$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
    sed -n "s/^$origin //p" | head -n 1)}
[ -n "$mirror" ] || fail "this machine's apt has no mirror of $origin: name one, MIRROR=http://… $0 $*"

step() { printf '[%5d s] %s\n' "$SECONDS" "$1"; }

if [ ! -e "$root/.maskpose-made" ]; then
    [ ! -e "$root" ] || [ -z "$(ls -A "$root")" ] || fail "$root is there, and no earlier run finished making it: remove it"
    step "debootstrap $suite from $mirror into $root"
    debootstrap --variant=minbase --components="$components" "$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
        tail -n 5 "$root.log" >&2
        fail "debootstrap failed: its log is $root.log"
    }
    touch "$root/.maskpose-made"
fi

step "this machine's settings, and commit $(git -C "$repository" rev-parse --short HEAD)"
for path in /etc/resolv.conf /etc/pip.conf /etc/xdg/pip /etc/npmrc /etc/ssl/certs /usr/local/share/ca-certificates \
        /etc/apt/apt.conf.d; do
    [ -e "$path" ] || continue
    mkdir -p "$root$(dirname "$path")"
    cp -RL --remove-destination "$path" "$root$(dirname "$path")/" 2>/dev/null || true  # links to nowhere stay behind
done
rm -f "$root/etc/apt/apt.conf.d"/*docker* "$root/etc/apt/apt.conf.d"/*packagekit* "$root/etc/apt/apt.conf.d"/*appstream*
if [ -d "$root/maskpose/.git" ]; then
    git -C "$root/maskpose" fetch --quiet "$repository" HEAD
    git -C "$root/maskpose" reset --quiet --hard FETCH_HEAD
else
    git clone --quiet --no-hardlinks "$repository" "$root/maskpose"
fi

inside='set -e
export DEBIAN_FRONTEND=noninteractive HOME=/root
mount -t proc proc /proc
apt-get -qq update
apt-get -qq install --no-install-recommends python3 git make >/dev/null
cd /maskpose
git config --global --add safe.directory /maskpose
python3 --version
eval "$1"'
step "python3, git and make, then: $command"
status=0
# The environment of this shell would bring paths that are not there; proxies and certificates are needed.
keep=$(env | grep -iE '^(([a-z]+_)?proxy|pip_(cert|index_url|default_timeout|disable_.*)|ssl_cert_.*|.*ca_(bundle|certs?|info))=' || true)
mapfile -t keep <<<"$keep"
unshare --mount --propagation private env -i "${keep[@]:-A=}" PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 CI="${CI:-}" \
    bash -c 'mount --bind "$1" "$1" && mount --rbind /dev "$1/dev" &&
        exec chroot "$1" bash -c "$2" try "$3"' try "$root" "$inside" "$command" || status=$?
step "$suite: ended with status $status"
exit "$status"
