import type { Metric } from './metric.ts'

/** Values of the label `verdict`, from good to bad; `unknown`: the doctor cannot decide from this host. */
export const verdicts = ['ok', 'note', 'warn', 'fail', 'unknown'] as const

/** Values of the label `quality`, from good to bad. */
export const profileQualities = ['exact', 'measured', 'kept', 'usual'] as const

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
  maskingProfile: {
    name: 'mtscope_masking_profile',
    kind: 'gauge',
    unit: '1',
    labels: ['domain', 'quality'],
    help: '1 for how well the TLS answer of a domain’s masking host is known: exact (for each kind of hello seen), measured (for a browser), kept (by an earlier run), usual (not at all); 0 for the others.',
  },
  maskingProfileTime: {
    name: 'mtscope_masking_profile_timestamp_seconds',
    kind: 'gauge',
    unit: 's',
    labels: ['domain'],
    help: 'Time of the last measurement of the TLS answer of a domain’s masking host, in seconds since 1970; absent before the first.',
  },
} as const satisfies Record<string, Metric>
