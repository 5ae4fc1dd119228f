/** Where the far ends of the tried stack listen, in their container. */
export const datacenterPorts = { 2: 9002, 4: 9004 } as const
export const sitePort = 9443
