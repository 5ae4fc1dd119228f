import type { Socket } from 'node:net'

/** Resets the connections of a server that goes away. */
export const resetAll = (sockets: Iterable<Socket>): void => {
  for (const socket of sockets) {
    // Node 26.10 leaks the descriptor of a reset whose FIN is still unsent, and then spins at its exit.
    if (socket.writableEnded && !socket.writableFinished) socket.destroy()
    else socket.resetAndDestroy()
  }
}
