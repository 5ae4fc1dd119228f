/** Why Kafka failed: for log lines and the label of a metric, so a short list without addresses. */
export type KafkaFailure =
  | 'unreachable' // no broker accepted a connection
  | 'advertised' // a broker of KAFKA_BROKERS advertises an address that does not answer
  | 'closed' // a connection ended before the answer
  | 'timeout' // no answer in time
  | 'login-refused' // by SASL
  | 'untrusted' // TLS: no trusted authority signed the certificate of the broker
  | 'wrong-name' // TLS: the certificate is for another name
  | 'expired' // TLS: the certificate is not valid yet, or no longer
  | 'not-authorized' // by an ACL
  | 'no-topic'
  | 'sequence' // broker and producer disagree on the sequence numbers
  | 'not-enough-replicas'
  | 'too-few-brokers' // fewer than KAFKA_REPLICAS
  | 'disk' // a broker cannot write to its disk
  | 'no-leader' // a partition has no leader
  | 'too-large'
  | 'other'

const byType: Readonly<Record<string, KafkaFailure>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'no-topic',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'sequence',
  UNKNOWN_PRODUCER_ID: 'sequence',
  INVALID_PRODUCER_EPOCH: 'sequence',
  INVALID_PRODUCER_ID_MAPPING: 'sequence',
  INVALID_REPLICATION_FACTOR: 'too-few-brokers',
  KAFKA_STORAGE_ERROR: 'disk',
  LEADER_NOT_AVAILABLE: 'no-leader',
  LOG_DIR_NOT_FOUND: 'disk',
  UNSUPPORTED_SASL_MECHANISM: 'login-refused',
  ILLEGAL_SASL_STATE: 'login-refused',
  NOT_ENOUGH_REPLICAS: 'not-enough-replicas',
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'not-enough-replicas',
  MESSAGE_TOO_LARGE: 'too-large',
  RECORD_LIST_TOO_LARGE: 'too-large',
  REQUEST_TIMED_OUT: 'timeout',
  TOPIC_AUTHORIZATION_FAILED: 'not-authorized',
  GROUP_AUTHORIZATION_FAILED: 'not-authorized',
  CLUSTER_AUTHORIZATION_FAILED: 'not-authorized',
  SASL_AUTHENTICATION_FAILED: 'login-refused',
}

const byName: Readonly<Record<string, KafkaFailure>> = {
  KafkaJSConnectionError: 'unreachable',
  KafkaJSBrokerNotFound: 'unreachable',
  KafkaJSMetadataNotLoaded: 'no-topic',
  UnknownPartition: 'no-topic',
  KafkaJSConnectionClosedError: 'closed',
  KafkaJSRequestTimeoutError: 'timeout',
  KafkaJSTimeout: 'timeout',
  KafkaJSSASLAuthenticationError: 'login-refused',
}

/** Of OpenSSL and node:tls. https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const byCode: Readonly<Record<string, KafkaFailure>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted',
  CERT_SIGNATURE_FAILURE: 'untrusted',
  CERT_UNTRUSTED: 'untrusted',
  INVALID_CA: 'untrusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'wrong-name',
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'expired',
}

const hints: Partial<Readonly<Record<KafkaFailure, string>>> = {
  advertised:
    'a broker advertises an address that cannot be reached from here: correct its advertised.listeners',
  'too-few-brokers': 'KAFKA_REPLICAS is above the number of brokers: lower it, or add brokers',
  'not-enough-replicas': 'fewer brokers are in sync than min.insync.replicas: find the one that is down',
  unreachable:
    'no broker accepts a connection: check that they run (a broker with a full disk stops) and check KAFKA_BROKERS',
  'no-leader': 'a partition has no leader: find the broker that is down, or has lost its disk',
  disk: 'a broker cannot write to its disk: check the free space there, and its log',
  'login-refused': 'check KAFKA_SASL, KAFKA_USERNAME and KAFKA_PASSWORD',
  untrusted:
    'KAFKA_CA: set it to the file (PEM) of the authority that signed the certificates of the brokers',
  'wrong-name': 'KAFKA_BROKERS, and what the brokers advertise, must be a name in their certificate',
  expired: 'renew the certificate of the brokers, or set the clock of this host',
}

/** What an operator can do. Null when mtscope recovers without help. */
export const hintOf = (failure: KafkaFailure): string | null => hints[failure] ?? null

/** The hint of a log line where `hintOf` has none. */
export const retryHint = 'mtscope tries again'

const known = (names: Readonly<Record<string, KafkaFailure>>, name: unknown): KafkaFailure | undefined =>
  typeof name === 'string' ? names[name] : undefined

/** One line for a command that gives up: the reason, and what to do. */
export const kafkaGaveUp = (error: unknown, brokers?: readonly string[]): string => {
  const failure = failureOf(error, brokers)
  const advice = hintOf(failure) ?? 'check that the brokers of KAFKA_BROKERS run and can be reached from here'
  return `Kafka did not answer (${failure}): ${advice}`
}

/**
 * kafkajs wraps errors in "retries exceeded" and marks them as final although they are not: this looks at the causes.
 * `brokers` are those of the settings; any other address was advertised by a broker.
 */
export const failureOf = (error: unknown, brokers: readonly string[] = []): KafkaFailure => {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { type, code, name, broker } = at as Error & Partial<Record<'type' | 'code' | 'broker', unknown>>
    const found = known(byType, type) ?? known(byCode, code) ?? known(byName, name)
    if (
      found === 'unreachable' &&
      typeof broker === 'string' &&
      brokers.length > 0 &&
      !brokers.includes(broker)
    )
      return 'advertised'
    if (found !== undefined) return found
    const inner = at instanceof AggregateError ? at.errors[0] : (at as { errors?: unknown[] }).errors?.[0]
    if (inner !== undefined) return failureOf(inner, brokers)
  }
  return 'other'
}
