#!/bin/sh
# Before every npm script. Not by npm's own link to the runtime, which may be there and unable to run.
exec "${npm_node_execpath:-node}" compose/npm/setup.mjs "$@"
