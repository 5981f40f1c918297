#!/bin/sh
# Fetches the programs that the proxy is measured beside, from Debian's packages, unpacks them into a cache folder and
# prints that folder. Installs nothing and needs no root. What cannot be had is left out, and said on stderr.
set -eu

cache=${QD_BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quarterdeck-bench}
target=$cache/peers
if [ -e "$target/complete" ]; then
    echo "$target"
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg >/dev/null 2>&1; then
    echo "fetch: no apt-get and dpkg here, so no Debian packages" >&2
    exit 3
fi
mkdir -p "$target/packages" "$target/root"
cd "$target/packages"
# The programs, and those of their libraries that a small system has not.
for package in haproxy nginx wrk nghttp2-client \
    liblua5.3-0 libluajit2-5.1-2 libluajit-5.1-2 libev4 libjemalloc2 libopentracing-c-wrapper0 libopentracing1 \
    libevent-2.1-7 libc-ares2 libssl3 libpcre2-8-0; do
    if ! apt-get download "$package" >/dev/null 2>&1; then
        echo "fetch: $package cannot be had" >&2
    fi
done
for package in *.deb; do
    [ -e "$package" ] || continue
    dpkg -x "$package" "$target/root"
done
# What was not to be had this time may be the next.
if [ -x "$target/root/usr/sbin/haproxy" ] && [ -x "$target/root/usr/sbin/nginx" ] &&
    [ -x "$target/root/usr/bin/wrk" ] && [ -x "$target/root/usr/bin/h2load" ]; then
    touch "$target/complete"
fi
echo "$target"
