// The closed sets of the contract.

export type Mode = 'classic' | 'secure' | 'tls'
export type Transport = 'abridged' | 'intermediate' | 'padded-intermediate'

/** The side that ended the connection. `Side` and `Phase` together are what HAProxy calls the termination state. */
export type Side = 'client' | 'datacenter' | 'proxy'
/** The phase of the connection when it ended. */
export type Phase = 'hello' | 'dial' | 'waiting' | 'relaying' | 'fronting'

/** Why a handshake was rejected. The status page shows a count for each reason. */
export type RejectReason =
  | 'bad-digest' // a ClientHello that is not signed with the secret of any user
  | 'unknown-user' // an obfuscated2 payload that the secret of no user decrypts
  | 'unknown-sni' // a signed ClientHello whose server name is not TLS_DOMAIN
  | 'mode-off' // a valid secret in a mode that MODES, or the limit of the user, does not list
  | 'unknown-dc' // a valid secret and a datacenter that is not in the directory
  | 'clock-skew' // a signed ClientHello whose time differs from ours by more than CLOCK_SKEW
  | 'blocked' // an address that BLOCK_LISTS has, or that ALLOW_LISTS has not
  | 'replayed' // a handshake that the replay cache has seen before
  | 'unclaimed' // Redis did not answer the claim in time, and REPLAY_ON_REDIS_LOSS=refuse
  | 'malformed-hello' // TLS, but neither a ClientHello as RFC 8446 defines it nor signed by a user
  | 'not-mtproto' // any other first bytes: plain HTTP, a scan, noise
  | 'disabled' // a valid secret of a user that is disabled
  | 'expired' // a valid secret of a user that has expired
  | 'quota' // a valid secret of a user whose quota is used up
  | 'user-connections' // a valid secret of a user that has as many open connections as it may
  | 'user-addresses' // a valid secret of a user that has as many client addresses as it may
  | 'not-allowed-network' // a valid secret from outside of the networks of the user
  | 'timeout' // no byte within CLIENT_FIRST_BYTE_TIMEOUT, or no whole handshake within CLIENT_HANDSHAKE_TIMEOUT

/** Why a connection ended. `outcome.ts` defines which reasons count as a drop. */
export type CloseReason =
  | RejectReason
  | 'done' // one side closed in an orderly way
  | 'reset' // RST or a broken pipe
  | 'refused' // no address of the datacenter accepted a connection
  | 'idle' // no bytes in either direction for the idle time, and no request unanswered
  | 'stalled' // the datacenter did not answer what the client sent
  | 'upstream' // no upstream of UPSTREAMS carried a connection to the datacenter
  | 'limit' // a limit of this proxy was reached
  | 'drain' // this proxy is shutting down
  | 'removed' // the user was removed, disabled or got another secret
  | 'internal' // an exception in our own code

export type Direction = 'to-client' | 'to-datacenter'
/**
 * `strangers`: unauthenticated clients beyond half of the connections, or silent ones of a prefix beyond its share.
 * `middle-proxy-queue`: clients that do not take the answers of a middle proxy, which cannot be paused.
 */
export type Limit = 'connections' | 'handshakes' | 'strangers' | 'file-descriptors' | 'middle-proxy-queue'
