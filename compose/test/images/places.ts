/** Ports of the fake datacenters and the masking host in their container. */
export const datacenterPorts = { 2: 9002, 4: 9004 } as const
export const sitePort = 9443
