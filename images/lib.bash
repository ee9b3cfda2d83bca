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
