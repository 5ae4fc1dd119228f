import encodeQr from 'qr'

/** Empty modules around a code. The standard asks for 4; cameras read 2. */
const border = 2

const modulesOf = (text: string): boolean[][] => encodeQr(text, 'raw', { ecc: 'low', border })

/** Columns that `qrLines` takes. */
export const qrWidth = (text: string): number => modulesOf(text).length

const [black, reset] = ['\u001b[30;107m', '\u001b[0m']

/**
 * A QR code for a terminal, two modules in each character. It sets both colours: on the terminal's own ones, a code is
 * inverted where the background is dark, and many cameras cannot read it.
 */
export const qrLines = (text: string): string[] => {
  const rows = modulesOf(text)
  const lines: string[] = []
  for (let at = 0; at < rows.length; at += 2) {
    const upper = rows[at]!
    const lower = rows[at + 1] ?? []
    const cells = upper.map((dark, x) => (dark ? (lower[x] ? '█' : '▀') : lower[x] ? '▄' : ' '))
    lines.push(`${black}${cells.join('')}${reset}`)
  }
  return lines
}

/** The same as an SVG image. */
export const qrSvg = (text: string): string => encodeQr(text, 'svg', { ecc: 'low', border: 4 })

/** Prints the QR code of a link where `out` is a terminal that is wide enough. */
export const printQr = (link: string, out: typeof process.stdout = process.stdout): void => {
  if (!out.isTTY || out.columns < qrWidth(link)) return
  out.write(`\n${qrLines(link).join('\n')}\n\n`)
}
