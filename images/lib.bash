# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the scripts here share; sourced, never run. Leaves the caller in the root of the clone.
# shellcheck source=../scripts/lib.bash
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.bash"

# The time of every file and of the image itself: two builds of one commit are to be one digest.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

# Works in a virtual machine without systemd as on a desktop: no cgroup driver, no raised limits, and the one OCI runtime
# that takes every kind of cgroup tree.
if [[ -z ${CONTAINERS_CONF:-} ]]; then
  export CONTAINERS_CONF=$root/images/containers.conf
fi
export BUILDAH_FORMAT=oci
# shellcheck disable=SC2034
buildah_options=()

# Of the manifest, as a registry would name the image.
digest_of() { buildah images --filter "reference=$1" --digests --format '{{.Digest}}' | head -n 1; }

# An architecture by the name that Debian and OCI images both have for it, from that or the kernel's.
architecture_of() {
  case $1 in
    amd64 | x86_64) printf 'amd64' ;;
    arm64 | aarch64) printf 'arm64' ;;
    *) fail "unknown architecture '$1' (known: amd64 arm64)" ;;
  esac
}

# Whether this machine executes programs of an architecture: tries the smallest one, an ELF file whose one system call is
# exit(0), in a root that holds nothing else, as a build's container does; an interpreter counts only where the kernel keeps it
# open (binfmt_misc's flag F).
executes() {
  local machine code elf folder status=0 as_root=()
  case $1 in
    amd64) machine=3e00 code=31ffb83c0000000f05909090 ;; # xor edi, edi; mov eax, 60; syscall
    arm64) machine=b700 code=000080d2a80b80d2010000d4 ;; # mov x0, 0; mov x8, 93; svc 0
  esac
  # The file's header (64 bits, little-endian, begins at 0x400078), and one segment: the whole file, at 0x400000.
  elf=7f454c460201010000000000000000000200${machine}0100000078004000000000004000000000000000
  elf+=000000000000000000000000400038000100000000000000
  elf+=0100000005000000000000000000000000004000000000000000400000000000840000000000000084000000000000000000010000000000
  folder=$(mktemp -d)
  # shellcheck disable=SC2001
  printf '%b' "$(sed 's/../\\x&/g' <<<"$elf$code")" >"$folder/program"
  chmod 755 "$folder" "$folder/program"
  [[ $(id -u) == 0 ]] || as_root=(unshare --map-root-user)
  "${as_root[@]}" chroot "$folder" /program >"$folder/said" 2>&1 || status=1
  rm -r "$folder"
  return "$status"
}

# Debian's sources for one suite, with the mirror that this machine uses.
debian_sources() {
  local mirror security keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  mirror=$(sed -n 's/^URIs: *//p; s/^deb [^h]*\(http[^ ]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
    grep -v security | head -n 1) || true
  mirror=${mirror:-http://deb.debian.org/debian}
  security=${mirror%/}-security
  cat <<SOURCES
Types: deb
URIs: $mirror
Suites: $1 $1-updates
Components: main
Signed-By: $keyring

Types: deb
URIs: $security
Suites: $1-security
Components: main
Signed-By: $keyring
SOURCES
}
