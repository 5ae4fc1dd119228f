/** Where a collector of the compose stack serves its runbook: reached as everything is that listens on loopback. */
export const runbookBase = 'http://127.0.0.1:9465/runbook'

/** The section of the runbook about a rule. */
export const runbook = (rule: string, base = runbookBase): string => `${base}#${rule}`
