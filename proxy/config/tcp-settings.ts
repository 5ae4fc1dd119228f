import { bytes, mistaken, type Parse, parsed } from './parse.ts'
import type { Setting } from './setting.ts'

/** The name of an algorithm as the kernel has it (TCP_CA_NAME_MAX). */
const congestion: Parse<string> = (text) =>
  /^[a-z][a-z0-9_-]{0,14}$/.test(text)
    ? parsed(text)
    : mistaken('must be auto, system, or the name of an algorithm as bbr or cubic')

/** Settings of the kernel's TCP towards clients; a part of `settings.ts`. */
export const tcpSettings = {
  TCP_CONGESTION: {
    parse: congestion,
    fallback: 'auto',
    doc: 'Congestion control towards clients, as bbr or cubic; auto is bbr where the kernel allows it to every process; system is the default of the host',
    shown: 'everywhere',
  },
  TCP_NOTSENT_LOWAT: {
    parse: bytes(0, 1_073_741_824),
    fallback: '131072',
    doc: 'Maximum number of unsent bytes that the kernel keeps for a slow client; less than 64K harms bbr; 0 keeps the limit of the host',
    shown: 'everywhere',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>
