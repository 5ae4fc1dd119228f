// What the tree still owes the house rules. Both lists only get shorter: remove a line with the change that settles it.

/** Import circles, as `list-circles.ts` prints them. */
export const knownCircles: readonly string[] = []

/** Areas that the word rule does not hold yet: a file of the root, a folder of it without its folders, or a folder in that. */
export const unreadFolders: readonly string[] = [
  'README.md',
  'compose/',
  'proxy/',
  'proxy/config/',
  'proxy/datacenter/',
  'proxy/host/',
  'proxy/logger/',
  'proxy/masking/',
  'proxy/redis/',
  'proxy/replay-cache/',
  'proxy/users/',
  'redis/',
]
