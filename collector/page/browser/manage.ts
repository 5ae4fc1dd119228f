/// <reference lib="dom" />
import type { Status } from '../../read/status.ts'
import { api, hasToken, Refused, setToken } from './api.ts'
import { type Managed, managedSection } from './managed-users.ts'
import type { Piece } from './piece.ts'
import { type LimitTable, openDialog, type UserDialog, wordsOf } from './user-dialog.ts'
import { usersSection } from './users.ts'

const shown = 200
const refreshMs = 10_000

type Manager = {
  readonly element: (id: string) => HTMLElement
  readonly find: HTMLInputElement
  readonly redraw: () => void
  readonly dialog: UserDialog
  managed: Managed | null
  table: LimitTable
  loadedAt: number
  loading: boolean
}

const invalid = 'This is not a valid token.'

const showBars = ({ element }: Manager): void => {
  element('sign-in').hidden = hasToken()
  element('manage').hidden = !hasToken()
}

const show = ({ element }: Manager, problem: string): void => {
  element('users-problem').textContent = problem
}

const forget = (manager: Manager, why: string): void => {
  setToken(null)
  manager.managed = null
  manager.dialog.close()
  showBars(manager)
  show(manager, why)
  manager.redraw()
}

/** Runs what a person asked for, and shows why it is refused. */
const attempt = async (manager: Manager, work: () => Promise<void>): Promise<void> => {
  try {
    show(manager, '')
    await work()
  } catch (error) {
    if (error instanceof Refused && error.status === 401) forget(manager, invalid)
    else if (!manager.dialog.refuse(wordsOf(error))) show(manager, wordsOf(error))
  }
}

const load = async (manager: Manager): Promise<void> => {
  if (!hasToken() || manager.loading) return
  manager.loading = true
  manager.loadedAt = Date.now()
  try {
    if (manager.table.limits.length === 0) manager.table = await api.limits()
    const wanted = manager.find.value
    const managed = await api.list(wanted, shown)
    if (hasToken()) manager.managed = managed
    manager.redraw()
    // Typed meanwhile.
    if (wanted !== manager.find.value) queueMicrotask(() => void attempt(manager, () => load(manager)))
  } finally {
    manager.loading = false
  }
}

const act = async (manager: Manager, action: string, name: string): Promise<void> => {
  const { dialog, managed, table } = manager
  const user = managed?.users.find((one) => one.name === name)
  if (user === undefined) return
  switch (action) {
    case 'links':
      return dialog.showLinks(name)
    case 'limits':
      return dialog.show({ kind: 'limits', user, table })
    case 'disable':
    case 'rotate':
    case 'remove':
      return dialog.show({ kind: 'confirm', action, user: name })
    case 'enable':
      await api.act(name, action)
      return load(manager)
  }
}

const listen = (manager: Manager): void => {
  const { element, find, dialog } = manager
  element('users').addEventListener('click', ({ target }) => {
    const button = target instanceof Element ? target.closest('[data-action]') : null
    if (!(button instanceof HTMLElement)) return
    const { action = '', user = '' } = button.dataset
    void attempt(manager, () => act(manager, action, user))
  })
  element('sign-in').addEventListener('submit', (event) => {
    event.preventDefault()
    const typed = element('token')
    if (!(typed instanceof HTMLInputElement) || typed.value.trim() === '') return
    setToken(typed.value.trim())
    typed.value = ''
    showBars(manager)
    void attempt(manager, () => load(manager))
  })
  element('sign-out').addEventListener('click', () => forget(manager, ''))
  element('add').addEventListener('click', () => dialog.show({ kind: 'add', table: manager.table }))
  find.addEventListener('input', () => void attempt(manager, () => load(manager)))
}

/**
 * The part of the page that needs a token: users with their limits, and what can be done with them. Calls `redraw` when the
 * section changed. Returns the section for a status.
 */
export const manageUsers = (
  element: (id: string) => HTMLElement,
  redraw: () => void,
): ((status: Status) => Piece[]) => {
  const find = element('find')
  const dialog = element('dialog')
  if (!(find instanceof HTMLInputElement) || !(dialog instanceof HTMLDialogElement))
    throw new Error('index.html has another #find or #dialog')
  const manager: Manager = {
    element,
    find,
    redraw,
    dialog: openDialog(dialog, {
      attempt: (work) => attempt(manager, work),
      changed: () => load(manager),
    }),
    managed: null,
    table: { limits: [], defaults: {} },
    loadedAt: 0,
    loading: false,
  }
  listen(manager)
  showBars(manager)
  void attempt(manager, () => load(manager))
  return (status) => {
    if (hasToken() && Date.now() - manager.loadedAt > refreshMs) void attempt(manager, () => load(manager))
    return manager.managed === null ? usersSection(status) : managedSection(status, manager.managed)
  }
}
