/** Where a collector of the compose stack serves the runbook, on loopback. */
export const runbookBase = 'http://127.0.0.1:9465/runbook'

/** The section of the runbook about a rule. */
export const runbook = (rule: string, base = runbookBase): string => `${base}#${rule}`
