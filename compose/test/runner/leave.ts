// Loaded before each test file. Node 26.10 sometimes spins endlessly while it frees the environment at its exit: a connect
// that failed immediately leaves a handle for which the clean-up waits. Nothing is left to do then, so exit.
process.on('beforeExit', () => process.exit())
