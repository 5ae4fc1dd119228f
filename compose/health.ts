// The health check of the image: whether /readyz of this container answers yes. It has no curl.
const port = Number(process.argv[2])
const host = process.env.METRICS_HOST ?? '127.0.0.1'
// Who listens on every address is asked on loopback.
const at = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
const answer = await fetch(`http://${at.includes(':') ? `[${at}]` : at}:${port}/readyz`, {
  signal: AbortSignal.timeout(2_500),
}).catch(() => null)
process.exit(answer?.ok ? 0 : 1)
