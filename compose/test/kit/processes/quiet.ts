/** Settings for a program that a test starts: free ports on loopback, and no request beyond it. */
export const quiet = {
  MTPROTO_PORT: '0',
  MTPROTO_HOST: '127.0.0.1',
  METRICS_PORT: '0',
  COLLECTOR_PORT: '0',
  MASK_HOST: 'off',
  PROBE_INTERVAL: '0',
  PUBLIC_HOST_FROM: 'none',
  DRAIN_SECONDS: '0',
} as const
