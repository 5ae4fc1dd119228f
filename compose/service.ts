import { mkdirSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { readConfig } from '../proxy/config.ts'
import { readDotenvFile } from '../proxy/dotenv.ts'
import { compiled } from '../proxy/lean.ts'
import { makeDataDir } from '../proxy/secrets.ts'
import { unitFor } from './unit.ts'

const usage = `npm run -s service: prints a unit of systemd that runs the appliance of this folder, as you, from the next boot on

  npm run -s service | sudo tee /etc/systemd/system/mtscope.service
  sudo systemctl daemon-reload && sudo systemctl enable --now mtscope
  journalctl -u mtscope          the links are in its first lines

Settings are those of .env in this folder. After another MTPROTO_PORT, DATA_DIR or DRAIN_SECONDS print it again.
`

const refuse = (code: number, ...lines: string[]): never => {
  process.stderr.write(lines.map((line) => `${line}\n`).join(''))
  process.exit(code)
}

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(usage)
  process.exit(0)
}
const root = join(import.meta.dirname, '..')
const reading = readConfig(process.env, readDotenvFile())
if (!reading.ok) refuse(2, 'a setting is wrong:', ...reading.mistakes.map((mistake) => `  ${mistake}`))
const { username, uid } = userInfo()
if (uid === 0) {
  const owner = statSync(root).uid
  const why =
    owner === 0
      ? `it would run as root. Give this folder to a user of its own: useradd --system mtscope; chown -R mtscope ${root}`
      : `this folder is not yours: run it as its owner (uid ${owner})`
  refuse(1, why)
}
if (reading.ok) {
  const { config } = reading
  const dataDir = resolve(config.dataDir)
  try {
    makeDataDir(dataDir)
    mkdirSync(join(root, compiled), { recursive: true })
  } catch (error) {
    refuse(1, error instanceof Error ? error.message : String(error))
  }
  process.stdout.write(
    unitFor({
      root,
      node: process.execPath,
      user: username,
      dataDir,
      port: config.port,
      drainSeconds: Math.ceil(config.drainMs / 1_000),
    }),
  )
}
