type Register = (name: string, handler: () => Promise<void> | void) => void

/**
 * Returns `test`, or where something is missing a function that skips and prints the reason: `skipUnless(test, chromium !==
 * null, 'chromium is missing')('the page …', …)`. With CI=true the runner counts a skip as a failure.
 */
export const skipUnless =
  (test: Register & { skip: (...args: never[]) => void }, there: boolean, reason: string): Register =>
  (name, handler) => {
    if (there) return test(name, handler)
    process.stdout.write(`skipped: ${name} (${reason})\n`)
    test.skip()
  }
