import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { ensure } from '../services/debian.ts'
import type { Docker } from '../services/docker.ts'
import { ensureKafka } from '../services/kafka.ts'

const root = join(import.meta.dirname, '..', '..')

const output = (command: string, ...args: string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', cwd: root })
  if (status !== 0 && command !== 'npm') throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  return stdout
}

const needed = (command: string, ...packages: string[]): string => {
  const path = ensure(command, ...packages)
  if (path === null) throw new Error(`${command} is missing`)
  return path
}

type Layout = {
  /** Where it is here → where it is in the image; with the libraries that it asks for. */
  readonly files: Readonly<Record<string, string>>
  /** Further programs in those folders that ask for libraries. */
  readonly linked?: readonly string[]
  /** Made, and given to this user. */
  readonly folders?: Readonly<Record<string, number>>
  readonly env?: Readonly<Record<string, string>>
  readonly entry?: readonly string[]
}

const applets = ['sh', 'env', 'tr', 'grep', 'wget', 'cat']

/** An image of programs of this machine and what they link to, FROM scratch. */
const importImage = (docker: Docker, name: string, layout: Layout): string => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-image-'))
  try {
    const put = (from: string, to: string): void => {
      mkdirSync(dirname(join(folder, to)), { recursive: true })
      // Debian's Java has links to packages that are not there.
      cpSync(realpathSync(from), join(folder, to), {
        recursive: true,
        dereference: true,
        filter: (path) => existsSync(path),
      })
    }
    const busybox = needed('busybox', 'busybox')
    const files = { ...layout.files, [busybox]: '/bin/busybox' }
    for (const [from, to] of Object.entries(files)) put(from, to)
    for (const applet of applets) symlinkSync('busybox', join(folder, 'bin', applet))
    const linked = spawnSync('ldd', [...Object.keys(files), ...(layout.linked ?? [])], { encoding: 'utf8' })
    for (const [, path = ''] of linked.stdout.matchAll(/(?:=>\s|^\s)(\/\S+)/gm)) put(path, path)
    // Loaded by name at run time: Kafka's zstd asks for libraries that glibc keeps as empty shells.
    const glibc = [...linked.stdout.matchAll(/(\/\S+)\/libc\.so\.6/g)][0]?.[1]
    for (const late of ['libpthread.so.0', 'libdl.so.2', 'librt.so.1', 'libm.so.6']) {
      if (glibc !== undefined && existsSync(join(glibc, late))) put(join(glibc, late), join(glibc, late))
    }
    mkdirSync(join(folder, 'tmp'), { recursive: true })
    mkdirSync(join(folder, 'etc'), { recursive: true })
    writeFileSync(
      join(folder, 'etc/passwd'),
      'root:x:0:0::/:/bin/sh\nredis:x:999:999::/:/bin/sh\nnode:x:1000:1000::/:/bin/sh\n',
    )
    for (const [path, user] of Object.entries(layout.folders ?? {})) {
      mkdirSync(join(folder, path), { recursive: true })
      output('chown', '-R', `${user}:${user}`, join(folder, path))
    }
    const tar = `${folder}.tar`
    try {
      output('tar', '-C', folder, '-cf', tar, '.')
      const changes = [
        ...Object.entries({ PATH: '/bin', ...layout.env }).map(([key, value]) => `ENV ${key}=${value}`),
        ...(layout.entry ? [`ENTRYPOINT ${JSON.stringify(layout.entry)}`] : []),
        ...(name === 'mtscope' ? ['USER 1000:1000', 'WORKDIR /mtscope'] : []),
      ]
      docker.run('import', ...changes.flatMap((change) => ['--change', change]), tar, `local/${name}:1.0.0`)
    } finally {
      rmSync(tar, { force: true })
    }
    return `local/${name}:1.0.0`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What `.dockerignore` lets through, and the packages that run in earnest. */
const ownFiles = (): Record<string, string> => {
  const packages = output('npm', 'ls', '--omit=dev', '--omit=optional', '--parseable', '--all')
    .split('\n')
    .filter((path) => path.includes('node_modules'))
  const parts = [
    'package.json',
    'proxy',
    'collector',
    'redis',
    'compose/health.ts',
    'compose/prepare.ts',
    'compose/receivers.ts',
  ]
  return Object.fromEntries(
    [...parts.map((part) => join(root, part)), ...packages].map((path) => [
      path,
      join('/mtscope', relative(root, path)),
    ]),
  )
}

/** Images made of what this machine's package managers give, as the `*_IMAGE` of the compose files. */
export const localImages = (docker: Docker): Record<string, string> => {
  const kafka = ensureKafka()
  if (kafka === null) throw new Error('Kafka is missing')
  const jre = dirname(dirname(realpathSync(kafka.java)))
  const libraries = readdirSync(join(jre, 'lib')).filter((name) => name.endsWith('.so'))
  return {
    MTSCOPE_IMAGE: importImage(docker, 'mtscope', {
      files: { ...ownFiles(), [process.execPath]: '/bin/node' },
      folders: { '/data': 1000, '/prepared': 1000 },
      env: { NODE_ENV: 'production' },
    }),
    KAFKA_IMAGE: importImage(docker, 'kafka', {
      files: { [jre]: '/jre', [kafka.jars]: '/jars', [join(import.meta.dirname, 'kafka.sh')]: '/bin/start' },
      linked: [join(jre, 'bin/java'), ...libraries.map((name) => join(jre, 'lib', name))],
      folders: { '/var/lib/kafka/data': 0 },
      entry: ['/bin/sh', '/bin/start'],
    }),
    REDIS_IMAGE: importImage(docker, 'redis', {
      files: {
        [needed('redis-server', 'redis-server')]: '/bin/redis-server',
        [needed('redis-cli', 'redis-tools')]: '/bin/redis-cli',
      },
      folders: { '/data': 999 },
    }),
    PROMETHEUS_IMAGE: importImage(docker, 'prometheus', {
      files: { [needed('prometheus', 'prometheus')]: '/bin/prometheus' },
      folders: { '/prometheus': 0 },
      entry: ['/bin/prometheus'],
    }),
    ALERTMANAGER_IMAGE: importImage(docker, 'alertmanager', {
      files: {
        [needed('prometheus-alertmanager', 'prometheus-alertmanager')]: '/bin/alertmanager',
        '/usr/share/prometheus/alertmanager': '/usr/share/prometheus/alertmanager',
      },
      folders: { '/alertmanager': 0 },
      entry: ['/bin/alertmanager'],
    }),
  }
}
