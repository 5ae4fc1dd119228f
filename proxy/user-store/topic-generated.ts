import { createHash } from 'node:crypto'
import { readUserName } from '../config/user-name.ts'
import type { ManagedUser, Users } from './managed-user.ts'

/**
 * The record with which the generated user of a node stays in force when another program adds the first users; null: it is
 * among them. Each node has a generated user of its own, so that its name gets that of the node.
 */
export const recordOfGenerated = (users: Users, generated: ManagedUser, node: string): ManagedUser | null => {
  const hex = generated.secret.hex()
  for (const { secret } of users.values()) if (secret.hex() === hex) return null
  const short = createHash('sha256').update(node).digest('hex').slice(0, 8)
  const name = readUserName(`${generated.name}-${node}`) ?? `${generated.name}-${short}`
  return { ...generated, name }
}
