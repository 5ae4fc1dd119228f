// What the tree still owes the house rules. Both lists only get shorter: remove a line with the change that settles it.

/** Import circles, as `list-circles.ts` prints them. */
export const knownCircles: readonly string[] = []

/** Areas that the word rule does not hold yet: a file of the root, a folder of it without its folders, or a folder in that. */
export const unreadFolders: readonly string[] = [
  'README.md',
  'collector/',
  'collector/app/',
  'collector/commands/',
  'collector/fold/',
  'collector/source/',
  'collector/state/',
  'compose/',
  'compose/proofs/',
  'compose/test/',
  'proxy/',
  'proxy/app/',
  'proxy/bench/',
  'proxy/config/',
  'proxy/datacenter/',
  'proxy/event-log/',
  'proxy/events/',
  'proxy/host/',
  'proxy/http/',
  'proxy/kafka/',
  'proxy/logger/',
  'proxy/masking/',
  'proxy/net/',
  'proxy/redis/',
  'proxy/relay/',
  'proxy/replay-cache/',
  'proxy/users/',
  'proxy/wire/',
  'redis/',
]
