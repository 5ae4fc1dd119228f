import type { ClassAnswer } from '../wire/server-hello.ts'
import type { FlightError, MeasuredFlight } from './measure.ts'

/** Apps send two or three kinds of hellos. */
const MOST_CLASSES = 16
/** As for suites: a host changes its rules with its software, if ever. */
const CLASS_LASTS_MS = 24 * 3_600_000

type Options = {
  ask(template: Buffer): Promise<ClassAnswer | { error: FlightError }>
  /** The measurement in use; null: there is none yet. */
  flight(): MeasuredFlight | null
  learned(kind: string, answer: ClassAnswer): void
}

/** Learns how a host answers the hellos that clients have sent, one class after another. */
export const learnClasses = ({ ask, flight, learned }: Options) => {
  const templates = new Map<string, Buffer>()
  let work = Promise.resolve()
  const learn = async (kind: string, template: Buffer): Promise<void> => {
    const known = flight()
    const before = known?.classes[kind]
    if (known === null || (before && Date.now() - before.measuredAt < CLASS_LASTS_MS)) return
    const answer = await ask(template)
    if (!('error' in answer)) learned(kind, answer)
  }
  const queue = (kind: string, template: Buffer): void => {
    work = work.then(() => learn(kind, template))
  }
  return {
    /** A client has sent a hello of this class. */
    seen: (kind: string, template: Buffer): void => {
      if (templates.has(kind) || templates.size >= MOST_CLASSES) return
      templates.set(kind, template)
      queue(kind, template)
    },
    /** Measures classes that are not known, or whose answer is a day old. */
    refresh: (): void => templates.forEach((template, kind) => void queue(kind, template)),
    /** Whether the answer to every class that was seen is known; false before the first one. */
    complete: (): boolean =>
      templates.size > 0 && [...templates.keys()].every((kind) => flight()?.classes[kind] !== undefined),
  }
}
