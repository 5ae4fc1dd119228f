import type { Engine, Listening } from '../../net/link.ts'
import type { RunningRelay } from '../relay.ts'
import type { RelaySettings } from '../settings.ts'

/** Listens in all places of this thread. Rejects when one of them refuses. */
export const listenAll = (
  engine: Engine,
  relay: RunningRelay,
  settings: RelaySettings,
): Promise<readonly Listening[]> =>
  Promise.all(
    settings.listeners.flatMap(({ places }, number) =>
      (places[settings.worker] ?? []).map((place) =>
        engine.listen({
          ...place,
          userTimeoutMs: settings.ackTimeoutMs,
          congestion: settings.congestion,
          maxSegment: settings.clientMss,
          accepted: (link) => relay.accepted(link, number),
          exhausted: relay.exhausted,
        }),
      ),
    ),
  )
