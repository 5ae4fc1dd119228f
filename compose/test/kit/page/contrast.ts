/// <reference lib="dom" />

type Colour = { r: number; g: number; b: number; a: number }

/** Runs in the page: every text on it whose contrast to what is behind it is below `least`, as `text: ratio`. */
export const faintTexts = (least: number): string[] => {
  const paper = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const parse = (value: string): Colour => {
    if (!paper) throw new Error('no canvas')
    paper.clearRect(0, 0, 1, 1)
    paper.fillStyle = value
    paper.fillRect(0, 0, 1, 1)
    const [r = 0, g = 0, b = 0, a = 0] = paper.getImageData(0, 0, 1, 1).data
    return { r, g, b, a: a / 255 }
  }
  const over = (top: Colour, under: Colour): Colour => {
    const mix = (a: number, b: number) => a * top.a + b * (1 - top.a)
    return { r: mix(top.r, under.r), g: mix(top.g, under.g), b: mix(top.b, under.b), a: 1 }
  }
  const behind = (element: Element | null): Colour => {
    if (!element) return parse('white')
    const own = parse(getComputedStyle(element).backgroundColor)
    return own.a === 1 ? own : over(own, behind(element.parentElement))
  }
  // https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
  const luminance = ({ r, g, b }: Colour): number => {
    const linear = (part: number) =>
      part <= 10.31475 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
  }
  const faint: string[] = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement
    const text = node.textContent?.trim()
    if (!element || !text || !element.checkVisibility({ visibilityProperty: true })) continue
    const back = behind(element)
    const front = luminance(over(parse(getComputedStyle(element).color), back))
    const ground = luminance(back)
    const ratio = (Math.max(front, ground) + 0.05) / (Math.min(front, ground) + 0.05)
    if (ratio < least) faint.push(`${text}: ${ratio.toFixed(2)}`)
  }
  return faint
}
