#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the images, each with what it is made FROM; with none named, all.
# usage: images/build.sh [--suite bookworm|trixie] [--arch amd64|arm64] [--only] [IMAGE...]     IMAGE: builder base python cpp
#   cpp-build provided control-server python-slim cpp-slim. They are tagged kiln/IMAGE:SUITE, those of Python :3.11 or :3.13 as
#   well; of another architecture than this machine's kiln/IMAGE:SUITE-ARCH.
# --only: what they are made FROM is there already. --arch: default this machine's; another one needs its programs to run here.
# Debian's image comes from local storage, else from its registry, else it is made of Debian's packages (images/make-base).
# KILN_JOBS: how many compilers at once. KILN_TAG_SUFFIX: put behind every tag but the builder's, and with --only behind the
# tags of what is built, not of what it is built FROM. KILN_REVISION, SOURCE_DATE_EPOCH: instead of the commit and its time.
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

native=$(architecture_of "$(uname -m)")
suite=bookworm only=no arch=$native
while [[ ${1:-} == --* ]]; do
  case $1 in
    --suite) suite=${2:?which Debian suite?} && shift ;;
    --arch)
      arch=$(architecture_of "${2:?which architecture?}")
      shift
      ;;
    --only) only=yes ;;
    *) fail "unknown option $1" ;;
  esac
  shift
done
case $suite in
  bookworm) python=3.11 ;;
  trixie) python=3.13 ;;
  *) fail "unknown suite '$suite' (known: bookworm trixie)" ;;
esac
# What is of another architecture has a name of its own.
mark=
if [[ $arch != "$native" ]]; then
  mark=-$arch
  executes "$arch" || fail "this machine ($native) cannot execute programs of $arch, which building an image of $arch does: its kernel knows no" \
    "interpreter for them (binfmt_misc). Install one (apt-get install qemu-user-static; as slow as emulation is), or build on a machine of $arch"
fi
suffix=${KILN_TAG_SUFFIX:-}
from_suffix=$mark$suffix
[[ $only == no ]] || from_suffix=$mark
suffix=$mark$suffix

all=(builder base python cpp cpp-build provided control-server python-slim cpp-slim)
needs() {
  case $1 in
    builder) ;;
    base | cpp-build) printf 'builder\n' ;;
    python-slim) needs python && printf 'python\n' ;;
    cpp-slim) needs python && needs cpp && printf 'python\ncpp\n' ;;
    *) printf 'builder\nbase\n' ;;
  esac
}

wanted=" "
want() { [[ $wanted == *" $1 "* ]] || wanted+="$1 "; }
(($# > 0)) || set -- "${all[@]}"
for image in "$@"; do
  [[ -f Dockerfiles/$image.Dockerfile ]] || fail "unknown image '$image' (known: ${all[*]})"
  [[ $only == yes ]] || while read -r needed; do [[ -z $needed ]] || want "$needed"; done <<<"$(needs "$image")"
  want "$image"
done

log=$(mktemp)
sources=$(mktemp -d)
trap 'rm -rf "$log" "$sources"' EXIT
quietly() {
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    fail "failed: $*"
  fi
}

# Of which architecture an image here is; nothing where there is none.
architecture_here() { buildah inspect --type image --format '{{.OCIv1.Architecture}}' "$1" 2>/dev/null || true; }

# A registry has all architectures under one name; here that name is this machine's, whoever fetches another one.
fetch_debian() {
  local name=docker.io/library/debian:$suite-slim before
  before=$(buildah images --quiet --no-trunc "$name" 2>/dev/null) || before=
  timeout 120 buildah pull --quiet --policy always --arch "$arch" "$name" || return
  [[ $arch != "$native" ]] || return 0
  buildah tag "$name" "$debian"
  if [[ -n $before ]]; then buildah tag "$before" "$name"; else buildah rmi "$name"; fi
}

scripts/setup run images
debian=docker.io/library/debian:$suite-slim
[[ $arch == "$native" ]] || debian=localhost/kiln/debian:$suite-slim$mark
if [[ $(architecture_here "$debian") != "$arch" ]]; then
  say "images: fetching docker.io/library/debian:$suite-slim"
  if ! fetch_debian >"$log" 2>&1; then
    say "images: no registry has it for us; making it of Debian's packages"
    quietly images/make-base "$suite" "$arch" "$debian"
  fi
fi

# What a build on this machine has compiled, the builder need not compile again, nor the other way round.
ccache=$(ccache --get-config cache_dir 2>/dev/null) || ccache=${CCACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ccache}
mkdir -p "$ccache"

# Debian's sources as this machine has them, mounted for the build and in no image.
debian_sources "$suite" >"$sources/debian.sources"
chmod 755 "$sources"
version=$(sed -n 's/^project(kiln VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
revision=${KILN_REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
for image in "${all[@]}"; do
  [[ $wanted == *" $image "* ]] || continue
  tag=$suite$suffix
  [[ $image == builder ]] && tag=$suite$mark
  tags=(--tag "kiln/$image:$tag")
  [[ $image != python* ]] || tags+=(--tag "kiln/$image:$python$suffix")
  # What a Dockerfile's FROM finds without a tag.
  [[ $suite$suffix != bookworm ]] || tags+=(--tag "kiln/$image:latest")
  labels=()
  while read -r label; do labels+=(--label "$label" --annotation "$label"); done <<LABELS
org.opencontainers.image.title=kiln/$image
org.opencontainers.image.version=$version
org.opencontainers.image.revision=$revision
org.opencontainers.image.licenses=Apache-2.0
org.opencontainers.image.created=$(date --utc --date "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
io.kiln.runtime-api.version=2018-06-01
LABELS
  layers=(--layers --no-cache)
  # A layer of its own would give the compiler the time of the commit, and ccache goes by its time.
  [[ $image != builder ]] || layers=(--layers=false)
  started=$SECONDS
  say "images: building kiln/$image:$tag"
  quietly buildah bud --arch "$arch" --runtime=runc --format=oci --pull-never --network=host --timestamp "$SOURCE_DATE_EPOCH" "${layers[@]}" \
    --volume "$sources:/etc/apt/sources.list.d:ro" --volume "$ccache:/root/.cache/ccache" --identity-label=false --force-rm \
    --build-arg "DEBIAN_SUITE=$suite" --build-arg "PYTHON_VERSION=$python" --build-arg "KILN_JOBS=${KILN_JOBS:-}" --build-arg "KILN_LANG=${LANG:-}" \
    --build-arg "KILN_BUILD=$version $revision $SOURCE_DATE_EPOCH" \
    --build-arg "DEBIAN=$debian" --build-arg "BUILDER=kiln/builder:$suite$mark" --build-arg "BASE=kiln/base:$suite$from_suffix" \
    --build-arg "PYTHON=kiln/python:$python$from_suffix" --build-arg "CPP=kiln/cpp:$suite$from_suffix" \
    "${labels[@]}" "${tags[@]}" --file "Dockerfiles/$image.Dockerfile" .
  say "images: kiln/$image:$tag $(digest_of "kiln/$image:$tag") ($((SECONDS - started)) s)"
done
