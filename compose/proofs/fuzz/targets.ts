import type { Target } from './target.ts'
import { events } from './targets/events.ts'
import { handshakes } from './targets/handshakes.ts'
import { http } from './targets/http.ts'
import { kafka } from './targets/kafka.ts'
import { records } from './targets/records.ts'
import { relays } from './targets/relay.ts'
import { settings } from './targets/settings.ts'
import { systemCalls } from './targets/system-calls.ts'

/** Everything that reads bytes of others. A new parser gets a file in `targets/` and a line here. */
export const targets: readonly Target[] = [
  handshakes,
  records,
  kafka,
  events,
  settings,
  http,
  ...relays,
  systemCalls,
]
