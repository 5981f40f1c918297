#!/bin/sh
# Builds the control plane that the live tests run, unless it is there already, and prints the folder that holds it:
# etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl, requestinfo, streams, kwok and supervise.
#
# Needs Go and its module proxy, and some minutes the first time; afterwards it answers at once, without Go.
#   build.sh --check        build nothing: print the folder, and say by the exit code whether it is there (0), can be
#                           built (4) or cannot be built (3)
#   QD_CONTROL_PLANE_CACHE  where builds are kept, in place of the user's cache folder
# Exit code 3: Go is missing. Anything else but 0: the build failed, and stderr says why.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${QD_CONTROL_PLANE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quarterdeck-test}

if command -v sha256sum >/dev/null 2>&1; then digest=sha256sum; else digest='shasum -a 256'; fi
# Everything that decides what is built is in the name, so a change builds anew and an old checkout finds its own build.
name=$(cd "$here" && cat build.sh go.mod go.sum *.go kwok/go.mod kwok/go.sum kwok/main.go supervise/*.go | $digest | cut -c1-16)
target=$cache/$name

if [ -x "$target/control-plane" ]; then
    echo "$target"
    exit 0
fi
if ! command -v go >/dev/null 2>&1; then
    echo "control-plane: 'go' is not on the PATH; it builds etcd and the Kubernetes programs for the live tests" >&2
    exit 3
fi
if [ "${1:-}" = --check ]; then
    echo "$target"
    exit 4
fi
mkdir -p "$cache"

# One build at a time. Where flock is missing, two builds at once waste time and nothing else: the rename below decides.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$cache/lock"
    flock 9
    if [ -x "$target/control-plane" ]; then
        echo "$target"
        exit 0
    fi
fi

version=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$here/go.mod")
minor=$(echo "$version" | cut -d. -f2)
base=k8s.io/component-base/version
started=$(date +%s)
echo "control-plane: building Kubernetes $version into $target, which takes some minutes" >&2

building=$(mktemp -d "$cache/building.XXXXXX")
trap 'rm -rf "$building"' EXIT
trap 'exit 130' INT TERM HUP
(
    cd "$here"
    # Clients refuse a server whose version they cannot parse, and without these flags there is none.
    go build -mod=readonly -trimpath -buildvcs=false -o "$building/control-plane" \
        -ldflags "-s -w -X $base.gitVersion=$version -X $base.gitMajor=1 -X $base.gitMinor=$minor -X $base.gitTreeState=clean" . >&2
    (cd kwok && go build -mod=readonly -trimpath -buildvcs=false -o "$building/kwok" -ldflags '-s -w' . >&2)
    CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false -o "$building/supervise" -ldflags '-s -w' ./supervise >&2
) 9>&- # What go leaves running in the background must not hold the lock.
for program in etcd kube-apiserver kube-controller-manager kube-scheduler kubectl requestinfo streams; do
    ln -s control-plane "$building/$program"
done
chmod 755 "$building"

if ! mv -T "$building" "$target" 2>/dev/null && [ ! -x "$target/control-plane" ]; then
    mv "$building" "$target"
fi
echo "control-plane: built in $(($(date +%s) - started)) s" >&2
echo "$target"
