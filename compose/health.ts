// The health check of the image: whether /readyz of this container answers yes. It has no curl.
const port = Number(process.argv[2])
const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_500) }).catch(
  () => null,
)
process.exit(answer?.ok ? 0 : 1)
