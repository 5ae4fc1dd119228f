#!/bin/sh
# Runs before every npm script. It does not use npm's link to the runtime, which may exist and be unable to run.
exec "${npm_node_execpath:-node}" compose/npm/setup.mjs "$@"
