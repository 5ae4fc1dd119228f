import { stripVTControlCharacters } from 'node:util'
import decodeQr from 'qr/decode.js'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { qrLines, qrSvg, qrWidth } from './qr.ts'

const link =
  'tg://proxy?server=203.0.113.7&port=443&secret=ee00112233445566778899aabbccddeeff7777772e6578616d706c652e636f6d'

/** What a camera sees of a printed code: each character is one module wide and two high. */
const pictureOf = (lines: readonly string[], scale = 8) => {
  const cells = lines.map((line) => [...stripVTControlCharacters(line)])
  const [columns, rows] = [cells[0]!.length, cells.length * 2]
  const [width, height] = [columns * scale, rows * scale]
  const data = new Uint8Array(width * height * 4).fill(255)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const row = Math.floor(y / scale)
      const cell = cells[row >> 1]![Math.floor(x / scale)]!
      const dark = cell === '█' || cell === (row % 2 === 0 ? '▀' : '▄')
      if (dark) data.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3)
    }
  return { width, height, data }
}

test('a code on the terminal gives the link back, and fits the width that it names', () => {
  const lines = qrLines(link)
  assert.is(decodeQr(pictureOf(lines)), link)
  assert.ok(lines.every((line) => stripVTControlCharacters(line).length === qrWidth(link)))
})

test('a code as SVG is one image without script or outside reference', () => {
  const svg = qrSvg(link)
  assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
  assert.not.match(svg, /<script|href|url\(|tg:/)
})

test.run()
