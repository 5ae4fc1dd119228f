// Loaded before each test file. Node 26.10 at times spins for ever while it takes a finished environment apart (a
// connect that failed at once leaves a handle that its clean-up waits for). Nothing is left to do then, so leave.
process.on('beforeExit', () => process.exit())
