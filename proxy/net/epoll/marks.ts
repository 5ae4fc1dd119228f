/**
 * The descriptors that one thread of the native engine has open, as bits in shared memory: neither Node nor the kernel
 * closes them when the thread dies. A descriptor above 2^20, the default of fs.nr_open, is not marked.
 */
export const descriptorMarks = (): SharedArrayBuffer => new SharedArrayBuffer(2 ** 20 / 8)

/** Only the owner of the descriptors calls it. */
export const setMark = (marks: Uint8Array, fd: number, open: boolean): void => {
  const bit = 1 << (fd & 7)
  if (open) marks[fd >> 3]! |= bit
  else marks[fd >> 3]! &= ~bit
}

export const markedDescriptors = (memory: SharedArrayBuffer): number[] => {
  const found: number[] = []
  new Uint8Array(memory).forEach((byte, at) => {
    for (let bit = 0; byte >> bit > 0; bit++) if ((byte >> bit) & 1) found.push(at * 8 + bit)
  })
  return found
}
