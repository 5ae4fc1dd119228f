import { lean } from '../../proxy/app/runtime-flags.ts'

export type Unit = {
  /** The repository. */
  readonly root: string
  /** The runtime itself. */
  readonly node: string
  readonly user: string
  readonly dataDir: string
  readonly port: number
  readonly drainSeconds: number
}

const specifiers = (text: string): string => text.replaceAll('%', '%%')
/** A word of a unit file: systemd.syntax(7), systemd.unit(5) for `%`. */
const word = (text: string): string => `"${specifiers(text.replace(/["\\]/g, (found) => `\\${found}`))}"`
/** In the arguments of a command line, `$` starts a variable: systemd.service(5). */
const argument = (text: string): string => word(text).replaceAll('$', '$$$$')
/** The start of a command line. systemd runs no program whose path has a quote or a backslash; a shell does. */
const program = (path: string): string =>
  /["'\\]/.test(path) ? `/bin/sh -c ${argument('exec "$0" "$@"')} ${argument(path)}` : word(path)

/**
 * A unit of systemd for the appliance, for when `dataDir` and the folder of what is compiled are there: no root, nothing
 * writable but those, back after every crash.
 */
export const unitFor = ({ root, node, user, dataDir, port, drainSeconds }: Unit): string => {
  const run = (...paths: string[]): string =>
    [program(node), ...paths.map((path) => argument(`${root}/${path}`))].join(' ')
  const environment = lean(root)
  const capability = port < 1_024 && port > 0 ? 'CAP_NET_BIND_SERVICE' : ''
  return `# Printed by: npm run -s service
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
# 2: a setting is wrong, and trying again changes nothing.
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
