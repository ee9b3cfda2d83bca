#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the images, each with what it is made FROM; with none named, all.
# usage: images/build.sh [--suite bookworm|trixie] [--only] [IMAGE...]     IMAGE: builder base python cpp cpp-build provided
#   control-server python-slim cpp-slim. They are tagged kiln/IMAGE:SUITE, those of Python :3.11 or :3.13 as well.
# --only: what they are made FROM is there already.
# Debian's image comes from local storage, else from its registry, else it is made of Debian's packages (images/make-base).
# KILN_JOBS: how many compilers at once. KILN_TAG_SUFFIX: put behind every tag but the builder's, and with --only behind the
# tags of what is built, not of what it is built FROM. KILN_REVISION, SOURCE_DATE_EPOCH: instead of the commit and its time.
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

suite=bookworm only=no
while [[ ${1:-} == --* ]]; do
  case $1 in
    --suite) suite=${2:?which Debian suite?} && shift ;;
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
suffix=${KILN_TAG_SUFFIX:-}
from_suffix=$suffix
[[ $only == no ]] || from_suffix=
scripts/setup run images

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

debian=docker.io/library/debian:$suite-slim
if ! buildah inspect --type image "$debian" >/dev/null 2>&1; then
  say "images: fetching $debian"
  if ! timeout 120 buildah pull --quiet "$debian" >"$log" 2>&1; then
    say "images: no registry has it for us; making it of Debian's packages"
    quietly images/make-base "$suite"
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
  [[ $image == builder ]] && tag=$suite
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
  quietly buildah bud --runtime=runc --format=oci --pull-never --network=host --timestamp "$SOURCE_DATE_EPOCH" "${layers[@]}" \
    --volume "$sources:/etc/apt/sources.list.d:ro" --volume "$ccache:/root/.cache/ccache" --identity-label=false --force-rm \
    --build-arg "DEBIAN_SUITE=$suite" --build-arg "PYTHON_VERSION=$python" --build-arg "KILN_JOBS=${KILN_JOBS:-}" --build-arg "KILN_LANG=${LANG:-}" \
    --build-arg "KILN_BUILD=$version $revision $SOURCE_DATE_EPOCH" \
    --build-arg "BUILDER=kiln/builder:$suite" --build-arg "BASE=kiln/base:$suite$from_suffix" \
    --build-arg "PYTHON=kiln/python:$python$from_suffix" --build-arg "CPP=kiln/cpp:$suite$from_suffix" \
    "${labels[@]}" "${tags[@]}" --file "Dockerfiles/$image.Dockerfile" .
  say "images: kiln/$image:$tag $(digest_of "kiln/$image:$tag") ($((SECONDS - started)) s)"
done
