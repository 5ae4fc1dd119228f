import { endAll, killAll } from './process-groups.ts'

let code = 0

/** The exit code that a signal asks for; 0 while there was none. */
export const interrupted = (): number => code

/** The first SIGINT, SIGTERM or SIGHUP ends everything that runs and lets the program print its sums; the second one kills. */
export const endOnSignals = (): void => {
  for (const [name, exitCode] of [
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(name, () => {
      if (code > 0) process.exit(exitCode)
      code = exitCode
      void endAll()
    })
  }
  process.on('exit', killAll)
}
