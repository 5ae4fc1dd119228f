/** The description of an element, as a plain value. A section is a function from Status to pieces. */
export type Piece = { tag: string; props: Props; children: readonly Child[] }
export type Child = Piece | string
/** Attributes. `share` (0–1) becomes the CSS variable `--share`, because the policy forbids style attributes. */
export type Props = Readonly<Record<string, string | number | boolean | undefined>>

export const h = (tag: string, props: Props, ...children: (Child | null)[]): Piece => ({
  tag,
  props,
  children: children.filter((child) => child !== null),
})

/**
 * Updates the children of `parent` to `pieces` and keeps every node that it can, so that selection, focus and scroll position
 * survive. Text is set as text only, because names may be hostile.
 */
export const patch = (parent: Element, pieces: readonly Child[]): void => {
  pieces.forEach((piece, at) => {
    const old = parent.childNodes[at]
    const node = typeof piece === 'string' ? text(old, piece) : element(old, piece)
    if (node === old) return
    if (old) old.replaceWith(node)
    else parent.append(node)
  })
  while (parent.childNodes.length > pieces.length) parent.lastChild?.remove()
}

const text = (old: ChildNode | undefined, value: string): ChildNode => {
  if (!(old instanceof Text)) return document.createTextNode(value)
  if (old.data !== value) old.data = value
  return old
}

const element = (old: ChildNode | undefined, { tag, props, children }: Piece): ChildNode => {
  const node = old instanceof HTMLElement && old.localName === tag ? old : document.createElement(tag)
  for (const name of node.getAttributeNames()) {
    if (name !== 'style' && (props[name] === undefined || props[name] === false)) node.removeAttribute(name)
  }
  for (const [name, value] of Object.entries(props)) {
    if (name === 'share') node.style.setProperty('--share', String(value))
    else if (value !== undefined && value !== false)
      attribute(node, name, value === true ? '' : String(value))
  }
  patch(node, children)
  return node
}

const attribute = (node: Element, name: string, value: string): void => {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value)
}
