import { lean } from '../../proxy/app/runtime-flags.ts'

/** One `ListenStream=` of a .socket unit. */
export type SocketPlace = { readonly place: string; readonly mode: number | null }

/**
 * Text of the .socket unit that opens the listeners of the settings as root and keeps them open while mtscope restarts. The
 * service then needs LISTEN=systemd.
 */
export const socketFor = (places: readonly SocketPlace[]): string => `# Printed by: mtscope unit --socket
[Unit]
Description=Sockets of mtscope

[Socket]
${places
  .map(
    ({ place, mode }) =>
      `ListenStream=${specifiers(place)}\n${mode === null ? '' : `SocketMode=0${mode.toString(8)}\n`}`,
  )
  .join('')}FileDescriptorName=mtscope
Backlog=4096
NoDelay=yes
KeepAlive=yes

[Install]
WantedBy=sockets.target
`

export type Unit = {
  /** Folder of the repository. */
  readonly root: string
  /** Path of the Node executable. */
  readonly node: string
  readonly user: string
  readonly dataDir: string
  /** The lowest port below 1024 that it opens itself; 0: none. */
  readonly port: number
  readonly drainSeconds: number
}

const specifiers = (text: string): string => text.replaceAll('%', '%%')
/** `text` as one quoted word of a unit file: systemd.syntax(7); `%` as in systemd.unit(5). */
const word = (text: string): string => `"${specifiers(text.replace(/["\\]/g, (found) => `\\${found}`))}"`
/** `text` as one argument of a command line, where `$` starts a variable: systemd.service(5). */
const argument = (text: string): string => word(text).replaceAll('$', '$$$$')
/** The program of a command line. systemd refuses paths with a quote or a backslash, so a shell runs those. */
const program = (path: string): string =>
  /["'\\]/.test(path) ? `/bin/sh -c ${argument('exec "$0" "$@"')} ${argument(path)}` : word(path)

/**
 * Text of a systemd unit that runs the appliance without root, with write access to `dataDir` and the compile cache only, and
 * restarts it after every crash. Both folders must exist.
 */
export const unitFor = ({ root, node, user, dataDir, port, drainSeconds }: Unit): string => {
  const run = (...paths: string[]): string =>
    [program(node), ...paths.map((path) => argument(`${root}/${path}`))].join(' ')
  const environment = lean(root)
  const capability = port < 1_024 && port > 0 ? 'CAP_NET_BIND_SERVICE' : ''
  return `# Printed by: mtscope unit
[Unit]
Description=mtscope, a Telegram MTProto proxy that shows what it is doing
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
User=${user}
WorkingDirectory=${specifiers(root)}
${Object.entries(environment)
  .map(([name, value]) => `Environment=${word(`${name}=${value}`)}\n`)
  .join('')}ExecStartPre=-${run('compose/npm/warm.mjs')} compose/appliance.ts
ExecStart=${run('compose/appliance.ts')}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2
# 2: a setting is invalid, and a restart would not change that.
RestartPreventExitStatus=2
TimeoutStopSec=${drainSeconds + 15}
LimitNOFILE=65536
CapabilityBoundingSet=${capability}
AmbientCapabilities=${capability}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths=${word(dataDir)} ${word(environment.NODE_COMPILE_CACHE)}
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes

[Install]
WantedBy=multi-user.target
`
}
