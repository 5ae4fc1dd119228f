/** `block`: BLOCK_LISTS; `allow`: ALLOW_LISTS. */
export type NetworkList = 'block' | 'allow'

/** All sources of a list were loaded, or tried. */
export type NetworksLoaded = {
  list: NetworkList
  /** Networks in use, before those that overlap are joined. */
  networks: number
  /** Sources that could not be loaded now; their last content stays in use. */
  failed: number
  /** Sources of which nothing is in use. */
  missing: number
  /** Age of the oldest content in use; of a missing source, time since the start. */
  ageMs: number
}
