# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the scripts here share; sourced, never run. Leaves the caller in the root of the clone.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '%s\n' "$*"; }
fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# The folder a preset builds in, as CMakePresets.json has it.
build_folder() {
  if [[ $1 == release ]]; then printf 'build'; else printf 'build-%s' "$1"; fi
}
