#!/bin/sh
# npm start, within run.sh. What it sets is what proxy/app/runtime-flags.ts says.
export NODE_COMPILE_CACHE=node_modules/.cache/node MALLOC_ARENA_MAX=2
export NODE_OPTIONS="--max-semi-space-size=2 $NODE_OPTIONS"
node compose/npm/warm.mjs compose/appliance.ts
exec node compose/appliance.ts "$@"
