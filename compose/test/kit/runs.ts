/** Milliseconds for each property when properties run for a time (`npm run properties`); undefined in a test. */
export const propertyMs =
  process.env.MTSCOPE_PROPERTY_MS === undefined ? undefined : Number(process.env.MTSCOPE_PROPERTY_MS)

/** Number of random cases of a property: `usual` in a test; in a run for a time as many as its time allows. */
export const runs = (usual: number): number => (propertyMs === undefined ? usual : Number.MAX_SAFE_INTEGER)
