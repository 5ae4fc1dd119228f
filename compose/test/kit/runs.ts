/** Milliseconds for each property when fuzzing (`npm run fuzz`); undefined in a test. */
export const fuzzMs =
  process.env.MTSCOPE_FUZZ_MS === undefined ? undefined : Number(process.env.MTSCOPE_FUZZ_MS)

/** Number of random cases of a property: `usual` in a test; while fuzzing as many as its time allows. */
export const runs = (usual: number): number => (fuzzMs === undefined ? usual : Number.MAX_SAFE_INTEGER)
