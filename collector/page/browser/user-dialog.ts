/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { api, Refused } from './api.ts'
import type { ApiLink, ApiUser, UserAction } from './api-types.ts'
import {
  addDialog,
  confirmDialog,
  editsOf,
  type LimitTable,
  limitsDialog,
  linksDialog,
} from './dialog-pieces.ts'
import { type Piece, patch } from './piece.ts'

export type { LimitTable } from './dialog-pieces.ts'

type Content =
  | { readonly kind: 'confirm'; readonly action: Exclude<UserAction, 'enable'>; readonly user: string }
  | { readonly kind: 'links'; readonly user: string; readonly links: readonly ApiLink[] }
  | { readonly kind: 'limits'; readonly user: ApiUser; readonly table: LimitTable }
  | { readonly kind: 'add'; readonly table: LimitTable }

export type UserDialog = {
  show(content: Content): void
  showLinks(user: string): Promise<void>
  /** Shows why something was refused; false if the dialog is closed. */
  refuse(why: string): boolean
  close(): void
}

type Owner = {
  attempt(work: () => Promise<void>): Promise<void>
  /** Reads the users again. */
  changed(): Promise<void>
}

/** Why the API refused, for a person. Throws every other error. */
export const wordsOf = (error: unknown): string => {
  if (!(error instanceof Refused)) throw error
  return error.errors.length === 0
    ? error.message
    : error.errors.map(({ field, mistake }) => `${field.replace('limits.', '')} ${mistake}`).join('; ')
}

const piecesOf = (content: Content): Piece[] => {
  switch (content.kind) {
    case 'confirm':
      return confirmDialog(content.action, content.user)
    case 'links':
      return linksDialog(content.user, content.links)
    case 'limits':
      return limitsDialog(content.user, content.table)
    case 'add':
      return addDialog(content.table)
  }
}

const shapes = ['d', 'x', 'y', 'width', 'height', 'viewBox'] as const

const shapeOf = (read: Element): SVGElement => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', read.localName)
  for (const name of shapes)
    if (read.hasAttribute(name)) made.setAttribute(name, read.getAttribute(name) ?? '')
  return made
}

/** The image as an element of ours: only its shapes are taken, nothing else of the text. */
const drawing = (text: string, label: string): SVGElement => {
  const read = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement
  const svg = shapeOf(read)
  svg.setAttribute('class', 'qr')
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', label)
  svg.append(...[...read.querySelectorAll('path, rect')].map(shapeOf))
  return svg
}

const valuesOf = (form: HTMLFormElement): Record<string, string> =>
  Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]))

/** Sends the form of the dialog. Returns the user whose links come next, or null. */
const send = async (content: Content, values: Record<string, string>): Promise<string | null> => {
  switch (content.kind) {
    case 'confirm':
      await api.act(content.user, content.action)
      return content.action === 'rotate' ? content.user : null
    case 'limits':
      await api.change(content.user.name, editsOf(values, content.user.limits))
      return null
    case 'add':
      return (await api.add(values.name ?? '', editsOf(values, {}))).name
    case 'links':
      return null
  }
}

const showQr = async (dialog: Element, content: Content, button: HTMLElement): Promise<void> => {
  const link = content.kind === 'links' ? content.links[Number(button.dataset.qr)] : undefined
  if (content.kind !== 'links' || link === undefined) return
  const text = await api.qr(content.user, link.mode, link.domain)
  dialog.querySelector('.qr')?.remove()
  const label = `QR code of the link of ${content.user}, ${link.mode}`
  button.closest('li')?.append(drawing(text, label))
}

const copy = async (button: HTMLElement): Promise<void> => {
  // Without https the clipboard is closed: the link stays to be selected by hand.
  await navigator.clipboard?.writeText(button.dataset.copy ?? '').then(
    () => {
      button.textContent = 'Copied'
    },
    () => {},
  )
}

/** The dialog of the page. What it changes is in force when it closes. */
export const openDialog = (dialog: HTMLDialogElement, owner: Owner): UserDialog => {
  let content: Content | null = null
  const show = (next: Content): void => {
    content = next
    dialog.replaceChildren()
    patch(dialog, piecesOf(next))
    if (!dialog.open) dialog.showModal()
  }
  const showLinks = async (user: string): Promise<void> =>
    show({ kind: 'links', user, links: (await api.links(user)).links })
  dialog.addEventListener('click', ({ target }) => {
    const button = target instanceof Element ? target.closest('button') : null
    const now = content
    if (button === null || now === null) return
    if (button.dataset.close !== undefined) dialog.close()
    if (button.dataset.copy !== undefined) void copy(button)
    if (button.dataset.qr !== undefined) void owner.attempt(() => showQr(dialog, now, button))
  })
  dialog.addEventListener('submit', (event) => {
    event.preventDefault()
    const [now, form] = [content, event.target]
    if (now === null || !(form instanceof HTMLFormElement)) return
    void owner.attempt(async () => {
      const linked = await send(now, valuesOf(form))
      await owner.changed()
      if (linked === null) dialog.close()
      else await showLinks(linked)
    })
  })
  return {
    show,
    showLinks,
    refuse: (why) => {
      const alert = dialog.open ? dialog.querySelector('[role=alert]') : null
      if (alert !== null) alert.textContent = why
      return alert !== null
    },
    close: () => dialog.close(),
  }
}
