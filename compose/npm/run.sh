#!/bin/sh
# sh compose/npm/run.sh COMMAND...: execs COMMAND with the packages' Node first on the PATH. It does not use npm's link to that
# Node, which may be missing (npm/cli#4362) or unable to run.
node=$("${npm_node_execpath:-node}" compose/npm/runtime.mjs) || exit
PATH="${node%/*}:$PATH"
exec "$@"
