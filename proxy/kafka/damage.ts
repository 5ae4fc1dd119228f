/** The bytes are not of the expected format. */
export class Damaged extends Error {}
/** The result would be larger than its bound. */
export class TooMuch extends Error {}

/** Appends `length` bytes at `to`, read from `back` bytes before. Where both overlap, the pattern repeats. Throws Damaged. */
export const copyBack = (out: Buffer, to: number, back: number, length: number): void => {
  if (back === 0 || back > to || to + length > out.length) throw new Damaged('a copy from or to outside')
  for (let done = 0; done < length; ) {
    const step = Math.min(back + done, length - done)
    out.copy(out, to + done, to - back, to - back + step)
    done += step
  }
}
