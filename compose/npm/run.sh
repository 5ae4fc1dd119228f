#!/bin/sh
# Every npm script: sh compose/npm/run.sh COMMAND... becomes COMMAND, with the runtime of the packages first on the PATH. npm's own
# link to that runtime is not used: it may be missing (npm/cli#4362), or there and unable to run.
node=$("${npm_node_execpath:-node}" compose/npm/runtime.mjs) || exit
PATH="${node%/*}:$PATH"
exec "$@"
