import { testServers } from './services.ts'

// A process of its own that runs while tests run: installs the test servers named on the command line, one after the other,
// and prints `ready NAME` after each, also where the installation failed.

for (const name of process.argv.slice(2)) {
  await testServers.find((server) => server.name === name)?.ensure()
  process.stdout.write(`ready ${name}\n`)
}
