import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { alertmanagerConfig, receiverMistakes } from './receivers.ts'

// `node prepare.ts FOLDER`: writes Alertmanager's configuration and Grafana's password. Exits 2 for invalid receivers.

const folder = process.argv[2] ?? '/prepared'
const mistakes = receiverMistakes(process.env)
if (mistakes.length > 0) {
  process.stderr.write(`invalid settings in .env:\n${mistakes.map((mistake) => `  ${mistake}\n`).join('')}`)
  process.exit(2)
}

/** Writes atomically: a crash leaves the old file or the new one. */
const write = (path: string, text: string): void => {
  const file = openSync(`${path}.new`, 'w')
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(`${path}.new`, path)
}

// JSON is YAML. World-readable in the volume, because Grafana and Alertmanager run as different users.
write(join(folder, 'alertmanager.yaml'), JSON.stringify(alertmanagerConfig(process.env), null, 2))

const password = join(folder, 'grafana-password')
const chosen = process.env.GRAFANA_PASSWORD ?? ''
// Version 0.1 could leave an empty file.
const exists = (statSync(password, { throwIfNoEntry: false })?.size ?? 0) > 0
if (chosen !== '') write(password, chosen)
else if (!exists) write(password, randomBytes(15).toString('base64url'))
process.stdout.write(
  `Grafana: http://127.0.0.1:${process.env.GRAFANA_PORT ?? 3000}, user admin; print the password: docker compose exec grafana cat /prepared/grafana-password\n`,
)
