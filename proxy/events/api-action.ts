/** What the HTTP API changes. */
export type ApiAction =
  | 'user.add'
  | 'user.change'
  | 'user.remove'
  | 'user.rotate'
  | 'user.enable'
  | 'user.disable'
  | 'node.reload'
  | 'node.drain'

export const apiActions: Readonly<Record<ApiAction, true>> = {
  'user.add': true,
  'user.change': true,
  'user.remove': true,
  'user.rotate': true,
  'user.enable': true,
  'user.disable': true,
  'node.reload': true,
  'node.drain': true,
}
