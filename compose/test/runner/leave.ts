import { ffi } from '../../../proxy/wire/native.ts'

// Loaded before each test file. Node 26.10 sometimes never ends at its exit: it spins while it frees the environment when a
// connect failed immediately, and it waits for a thread of V8 when it disposes of the platform. Nothing is left to do then, so
// the C library ends the process, after all other listeners. A coverage report is written at Node's own exit only.
const end = ffi?.dlopen(null, { _exit: { return: 'void', arguments: ['i32'] } }).functions._exit

process.on('beforeExit', () => {
  if (end && !process.env.NODE_V8_COVERAGE) process.on('exit', (code) => void end(code))
  process.exit()
})
