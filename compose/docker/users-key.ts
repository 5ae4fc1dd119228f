import { usersKey } from '../../proxy/user-store/key.ts'

// `node users-key.ts FOLDER`: makes FOLDER/users.key (0600), the USERS_KEY of the whole stack, where it is missing. Exits 1 if it is damaged.

try {
  usersKey({ dataDir: process.argv[2] ?? '/keys', usersKey: null }, true)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
