import type { Metric } from './metric.ts'

/** Values of the label `verdict`, from good to bad; `unknown`: the doctor cannot decide from this host. */
export const verdicts = ['ok', 'note', 'warn', 'fail', 'unknown'] as const

/** What this node finds of its host and of the site that strangers are shown; a part of the catalogue. */
export const findingMetrics = {
  doctorFinding: {
    name: 'mtscope_doctor_finding',
    kind: 'gauge',
    unit: '1',
    labels: ['area', 'check', 'verdict'],
    help: '1 for the verdict (ok, note, warn, fail, unknown) of a check at the last look of the doctor, 0 for the others',
  },
  doctorLookTime: {
    name: 'mtscope_doctor_look_timestamp_seconds',
    kind: 'gauge',
    unit: 's',
    labels: [],
    help: 'When the doctor last looked at this host, seconds since 1970',
  },
  clockOffset: {
    name: 'mtscope_clock_offset_seconds',
    kind: 'gauge',
    unit: 's',
    labels: [],
    help: 'How far the clock of this host is ahead of a datacenter’s; negative is behind',
  },
  maskingUp: {
    name: 'mtscope_masking_up',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'Whether the masking host answered a TLS hello when it was looked at last; absent with MASK_HOST=off',
  },
} as const satisfies Record<string, Metric>
