import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Docker } from '../services/docker.ts'
import { needed, output } from './needed.ts'

export type Layout = {
  /** Path here → path in the image. Linked libraries are added. */
  readonly files: Readonly<Record<string, string>>
  /** Path in the image → text. */
  readonly texts?: Readonly<Record<string, string>>
  /** Further programs in these folders whose libraries are added. */
  readonly linked?: readonly string[]
  /** Link → target. */
  readonly links?: Readonly<Record<string, string>>
  /** Folders to make → user id of the owner. */
  readonly folders?: Readonly<Record<string, number>>
  readonly env?: Readonly<Record<string, string>>
  readonly entry?: readonly string[]
}

const applets = ['sh', 'env', 'tr', 'grep', 'wget', 'cat', 'mkdir', 'chown', 'tar', 'gzip', 'ls', 'sleep']
const users = 'root:x:0:0::/:/bin/sh\nredis:x:999:999::/:/bin/sh\nnode:x:1000:1000::/:/bin/sh\n'
// Libraries that are loaded at run time; Kafka's zstd loads some that are empty in today's glibc.
const late = ['libpthread.so.0', 'libdl.so.2', 'librt.so.1', 'libm.so.6', 'libnss_dns.so.2', 'libresolv.so.2']

const fill = (folder: string, { files, texts = {}, linked = [], links = {}, folders = {} }: Layout): void => {
  const made = (to: string): string => {
    const path = join(folder, to)
    mkdirSync(dirname(path), { recursive: true })
    return path
  }
  const put = (from: string, to: string): void =>
    // Debian's Java has links into packages that are not installed.
    cpSync(realpathSync(from), made(to), {
      recursive: true,
      dereference: true,
      filter: (path) => existsSync(path),
    })
  const all = { ...files, [needed('busybox', 'busybox')]: '/bin/busybox' }
  for (const [from, to] of Object.entries(all)) put(from, to)
  for (const applet of applets) symlinkSync('busybox', made(`/bin/${applet}`))
  for (const [link, to] of Object.entries(links)) symlinkSync(to, made(link))
  for (const [to, text] of Object.entries({ '/etc/passwd': users, ...texts })) writeFileSync(made(to), text)
  // The usual mode of /tmp; mkdir alone applies the umask.
  mkdirSync(join(folder, 'tmp'), { recursive: true })
  chmodSync(join(folder, 'tmp'), 0o1777)
  const { stdout } = spawnSync('ldd', [...Object.keys(all), ...linked], { encoding: 'utf8' })
  for (const [, path = ''] of stdout.matchAll(/(?:=>\s|^\s)(\/\S+)/gm)) put(path, path)
  const glibc = /(\/\S+)\/libc\.so\.6/.exec(stdout)?.[1]
  for (const name of late) {
    if (glibc !== undefined && existsSync(join(glibc, name))) put(join(glibc, name), join(glibc, name))
  }
  for (const [path, user] of Object.entries(folders)) {
    mkdirSync(join(folder, path), { recursive: true })
    output('chown', '-R', `${user}:${user}`, join(folder, path))
  }
}

/** Makes an image from scratch of programs of this machine and their libraries. Returns its name. */
export const importImage = async (docker: Docker, name: string, layout: Layout): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-image-'))
  const tar = `${folder}.tar`
  try {
    fill(folder, layout)
    output('tar', '-C', folder, '-cf', tar, '.')
    const changes = [
      ...Object.entries({ PATH: '/bin', ...layout.env }).map(([key, value]) => `ENV ${key}=${value}`),
      ...(layout.entry ? [`ENTRYPOINT ${JSON.stringify(layout.entry)}`] : []),
    ]
    await docker.run(
      'import',
      ...changes.flatMap((change) => ['--change', change]),
      tar,
      `local/${name}:1.0.0`,
    )
    return `local/${name}:1.0.0`
  } finally {
    rmSync(tar, { force: true })
    rmSync(folder, { recursive: true, force: true })
  }
}
