import type { Config } from '../config/config.ts'
import { firstPlace } from '../config/listening.ts'
import type { ListenAt } from '../net/link.ts'
import type { OwnPlace } from '../net/ourselves.ts'
import { claimPorts, inheritedPlaces, openSockets, type Sockets } from '../net/sockets.ts'
import type { RelayListener } from '../relay/settings.ts'
import type { ProxyOptions } from './running-proxy.ts'

export type Listening = Pick<Sockets, 'ports' | 'close'> & { readonly listeners: readonly RelayListener[] }

/** The listeners at `places`; one of systemd is where its sockets listen. */
const ownPlaces = ({ config, env }: ProxyOptions, places: readonly ListenAt[]): readonly OwnPlace[] =>
  config.listeners.flatMap(({ publicHost, publicPort }, i) => {
    const at = places[i]!
    const all = 'inherited' in at ? inheritedPlaces(at.inherited, env) : [at]
    return all.map((at) => ({ at, publicHost, publicPort }))
  })

/** Claims the ports of the settings; `port` is that of the first listener that has one. */
export const claimListeners = async (options: ProxyOptions) => {
  const { listeners, portShared } = options.config
  const places = listeners.map(({ at }) => at)
  const { listeners: at, free } = await claimPorts(places, listeners[0]?.name === null, portShared)
  return { at, own: ownPlaces(options, at), port: firstPlace(at).port, free }
}

/** Opens the listening sockets of the relay threads at `places`, one for each listener of the settings. */
export const openListeners = async (
  { config, env, logger }: ProxyOptions,
  places: readonly ListenAt[],
  congestion: string | null,
): Promise<Listening> => {
  const sockets = await openSockets(places, {
    threads: config.workers,
    native: !config.portable,
    tuning: { userTimeoutMs: config.ackTimeoutMs, congestion, maxSegment: config.clientMss },
    env,
    warn: (message) => logger('warn', 'relay-warning', { message }),
  })
  return {
    ports: sockets.ports,
    close: sockets.close,
    listeners: config.listeners.map(({ name, modes, domains, proxyProtocolFrom }, i) => ({
      name,
      modes,
      domains,
      proxyProtocolFrom,
      places: sockets.places[i]!,
    })),
  }
}

/** Throws where the settings need what the engine of the relay threads cannot do. */
export const checkEngine = ({ clientMss }: Config, engine: 'native' | 'portable'): void => {
  if (clientMss !== null && engine !== 'native')
    throw new Error(`CLIENT_MSS=${clientMss} needs the native relay, which cannot run here: leave it out`)
}
