import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A folder in place of `/`, for everything except the network; see `ownNetwork`. */
export const fakeRoot = (files: Readonly<Record<string, string>> = {}) => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-host-'))
  const put = (name: string, text: string): void => {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  const usual = {
    'proc/sys/kernel/osrelease': '6.1.0-9-amd64\n',
    'etc/pam.d/login': 'session required pam_limits.so\n',
    'var/lib/dpkg/status': '',
  }
  for (const [name, text] of Object.entries({ ...usual, ...files })) put(name, text)
  return {
    path,
    put,
    read: (name: string): string => readFileSync(join(path, name), 'utf8'),
    /** Every path with its mode, and the text of files. */
    tree: (): string[] =>
      readdirSync(path, { recursive: true, encoding: 'utf8' })
        .sort()
        .map((name) => {
          const { mode } = statSync(join(path, name))
          const folder = statSync(join(path, name)).isDirectory()
          return `${name} ${mode.toString(8)} ${folder ? '' : readFileSync(join(path, name), 'utf8')}`
        }),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** A network namespace, removed at the end of its scope. */
export const ownNetwork = async () => {
  const holder = spawn('unshare', ['-n', 'sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  const within = ['nsenter', '-t', `${holder.pid}`, '-n']
  const all = `for f in /proc/sys/net/core/* /proc/sys/net/ipv4/*; do
    [ -f $f ] && [ -r $f ] && printf '%s ' $f && tr '\\n' ' ' <$f && echo; done; true`
  return {
    within,
    values: (): string => spawnSync(within[0]!, [...within.slice(1), 'sh', '-c', all]).stdout.toString(),
    [Symbol.asyncDispose]: async () => {
      holder.stdin.end()
      await once(holder, 'close')
    },
  }
}
