// Runs in a container next to the stack, in place of the internet: datacenters 2 and 4, and a masking host.
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { siteName, tlsSite } from '../kit/servers/site.ts'
import { datacenterPorts, sitePort } from './places.ts'

const host = '0.0.0.0'
for (const port of Object.values(datacenterPorts)) await fakeDatacenter({ host, port })
await tlsSite(siteName, { host, port: sitePort })
process.stdout.write('ready\n')
process.on('SIGTERM', () => process.exit(0))
