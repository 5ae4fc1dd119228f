/** Settings of a program that a test starts by hand: free ports on loopback, and nobody beyond it is asked. */
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
