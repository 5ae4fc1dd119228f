// A debug mode for tests: every address that a C function gets must lie in memory that is alive, unmoved and large enough.

/** Memory that a call reads or writes. A size that the memory itself holds is read when its own area has been checked. */
export type Area = readonly [address: unknown, bytes: number | (() => number)]

/** For each checked function: the areas of its arguments. */
export type Areas<Functions> = {
  readonly [Name in keyof Functions]?: Functions[Name] extends (...args: infer Args) => unknown
    ? (...args: Args) => readonly Area[]
    : never
}

type Known = {
  readonly memory: () => ArrayBuffer | undefined
  readonly start: bigint
  /** Of the view. */
  readonly from: bigint
  readonly to: bigint
}

/** Knows the memory whose addresses may be passed to C. `addressOf` returns the address of a buffer now. */
export const addressBook = (addressOf: (memory: ArrayBuffer) => bigint) => {
  let last: Known | null = null
  let lasting: Known[] = []

  const known = (view: Uint8Array, memory: Known['memory']): Known => {
    const start = addressOf(view.buffer as ArrayBuffer)
    const from = start + BigInt(view.byteOffset)
    return { memory, start, from, to: from + BigInt(view.byteLength) }
  }

  /** Bytes of that memory from `address` on; 0: it is elsewhere, collected, detached or moved. */
  const left = ({ memory, start, from, to }: Known, address: bigint): number => {
    if (address < from || address >= to) return 0
    const now = memory()
    return now === undefined || now.detached || addressOf(now) !== start ? 0 : Number(to - address)
  }

  return {
    /** This memory is kept alive until the next call. */
    given: (view: Uint8Array): void => {
      const memory = view.buffer as ArrayBuffer
      last = known(view, () => memory)
    },
    /** The caller keeps this memory alive as long as it uses the address. */
    lasting: (view: Uint8Array): void => {
      const memory = new WeakRef(view.buffer as ArrayBuffer)
      lasting = [...lasting.filter((one) => one.memory() !== undefined), known(view, () => memory.deref())]
    },
    /** Throws unless the area lies in such memory. */
    check: (call: string, [address, bytes]: Area): void => {
      if (typeof address !== 'bigint') throw new Error(`${call}: no address`)
      const most = Math.max(
        0,
        ...[...(last === null ? [] : [last]), ...lasting].map((one) => left(one, address)),
      )
      if (most === 0) throw new Error(`${call}: no memory that is kept alive is at its address`)
      const size = typeof bytes === 'number' ? bytes : bytes()
      if (!(size >= 0 && size <= most))
        throw new Error(`${call}: ${size} bytes at its address, which has ${most}`)
    },
  }
}

/** The same functions, whose areas are checked before each call. */
export const checkedCalls = <Functions extends object>(
  functions: Functions,
  areas: Areas<Functions>,
  check: (call: string, area: Area) => void,
): Functions => {
  const areasOf = new Map(
    Object.entries(areas) as [string, (...args: readonly unknown[]) => readonly Area[]][],
  )
  const checked = Object.entries(functions).map(([name, call]: [string, (...args: unknown[]) => unknown]) => {
    const found = areasOf.get(name)
    if (found === undefined) return [name, call]
    return [
      name,
      (...args: unknown[]) => {
        for (const area of found(...args)) check(name, area)
        return call(...args)
      },
    ]
  })
  return Object.fromEntries(checked) as Functions
}
