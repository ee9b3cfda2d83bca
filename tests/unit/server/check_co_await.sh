#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fails where a co_await stands within the condition of if, while or switch, or of ?:. g++ 12 can lay out the frame of such
# a coroutine wrongly: it compiles without a word, and is never started or crashes (runtime-api/server/async/README.md).
# usage: check_co_await.sh FOLDER…
condition='\b(if|while|switch)\s*\((?:[^()]|(\((?:[^()]|(?2))*\)))*?\bco_await\b|\bco_await\s*\([^;]*\?'
grep -rnP --include='*.cpp' --include='*.hpp' "$condition" "$@"
test $? -eq 1
