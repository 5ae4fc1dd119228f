/** With so many users at most, a handshake tries them all, the latest ones first. */
export const FEW = 256
