import { testServers } from './services.ts'

// Runs as a process of its own beside the tests: installs the test servers named on the command line, one after the
// other, and prints `ready NAME` after each, whether it could be installed or not (its tests then report what is missing).

for (const name of process.argv.slice(2)) {
  await testServers.find((server) => server.name === name)?.ensure()
  process.stdout.write(`ready ${name}\n`)
}
