import type { Metric } from './metric.ts'

/** Values of the label `verdict`, from good to bad; `unknown`: the doctor cannot decide from this host. */
export const verdicts = ['ok', 'note', 'warn', 'fail', 'unknown'] as const

/** Metrics of the doctor's findings and of the masking host; a part of the catalogue. */
export const findingMetrics = {
  doctorFinding: {
    name: 'mtscope_doctor_finding',
    kind: 'gauge',
    unit: '1',
    labels: ['area', 'check', 'verdict'],
    help: '1 for the verdict (ok, note, warn, fail, unknown) of a check in the doctor’s last examination, 0 for the other verdicts.',
  },
  doctorLookTime: {
    name: 'mtscope_doctor_look_timestamp_seconds',
    kind: 'gauge',
    unit: 's',
    labels: [],
    help: 'Time of the doctor’s last examination of this host, in seconds since 1970.',
  },
  clockOffset: {
    name: 'mtscope_clock_offset_seconds',
    kind: 'gauge',
    unit: 's',
    labels: [],
    help: 'How far the clock of this host is ahead of a datacenter’s, in seconds; negative when it is behind.',
  },
  maskingUp: {
    name: 'mtscope_masking_up',
    kind: 'gauge',
    unit: '1',
    labels: ['domain'],
    help: 'Whether the masking host of a domain of TLS_DOMAIN completed its last TLS handshake with the proxy (1) or not (0); absent with MASK_HOST=off.',
  },
} as const satisfies Record<string, Metric>
