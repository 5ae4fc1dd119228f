/** Clients, the directory and events number test datacenter n as 10000 + n. */
export const testDatacenters = 10_000
