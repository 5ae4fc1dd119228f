import { writeFileSync } from 'node:fs'
import { getEnvironmentData, isMainThread, MessagePort, setEnvironmentData } from 'node:worker_threads'

// Loaded before a program (`--import`): counts the messages that its threads post to each other, and writes the sum so far
// to the file MESSAGES_FILE on SIGUSR2.

const key = 'mtscope-bench-messages'
if (isMainThread) setEnvironmentData(key, new SharedArrayBuffer(4))
const count = new Int32Array(getEnvironmentData(key) as SharedArrayBuffer)

const { postMessage } = MessagePort.prototype
MessagePort.prototype.postMessage = new Proxy(postMessage, {
  apply: (post, port, args) => {
    Atomics.add(count, 0, 1)
    return Reflect.apply(post, port, args)
  },
})
const file = process.env.MESSAGES_FILE
if (isMainThread && file) process.on('SIGUSR2', () => writeFileSync(file, `${Atomics.load(count, 0)}\n`))
