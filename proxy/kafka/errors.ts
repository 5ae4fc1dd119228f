/** Why Kafka did not do it: for a log line and a metric's label, so few and never with an address. */
export type KafkaFailure =
  | 'unreachable' // no broker took a connection
  | 'advertised' // one of KAFKA_BROKERS did, and sent us to an address that does not
  | 'closed' // a connection ended before the answer
  | 'timeout' // no answer in time
  | 'login-refused' // SASL
  | 'untrusted' // TLS: nobody whom we trust has signed the broker's certificate
  | 'wrong-name' // TLS: it is for another name
  | 'expired' // TLS: it is not good yet, or no more
  | 'not-authorized' // an ACL
  | 'no-topic'
  | 'sequence' // the broker and this producer disagree on what came before
  | 'not-enough-replicas'
  | 'too-few-brokers' // for KAFKA_REPLICAS
  | 'disk' // a broker cannot write to its disk
  | 'no-leader' // a partition has no broker that leads it
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
    'a broker sends clients to an address that cannot be reached from here: look at its advertised.listeners',
  'too-few-brokers': 'KAFKA_REPLICAS is above the number of brokers: lower it, or add brokers',
  'not-enough-replicas': 'fewer brokers are in sync than min.insync.replicas: look which one is away',
  unreachable:
    'no broker takes a connection: look whether they run (one whose disk is full ends itself) and at KAFKA_BROKERS',
  'no-leader': 'a partition has no broker that leads it: look which one is away, or has lost its disk',
  disk: 'a broker cannot write to its disk: look at the free space there and at its log',
  'login-refused': 'look at KAFKA_SASL, KAFKA_USERNAME and KAFKA_PASSWORD',
  untrusted: 'KAFKA_CA=the file (PEM) of the authority that signed the certificates of the brokers',
  'wrong-name': 'KAFKA_BROKERS, and what the brokers advertise, must be a name of their certificate',
  expired: 'renew the certificate of the brokers, or set the clock of this host',
}

/** What an operator can do about it. Null when it is to be waited for. */
export const hintOf = (failure: KafkaFailure): string | null => hints[failure] ?? null

const known = (names: Readonly<Record<string, KafkaFailure>>, name: unknown): KafkaFailure | undefined =>
  typeof name === 'string' ? names[name] : undefined

/** For a command that gives up: why, and what can be done about it. */
export const kafkaGaveUp = (error: unknown, brokers?: readonly string[]): string => {
  const failure = failureOf(error, brokers)
  const advice =
    hintOf(failure) ?? 'look whether the brokers of KAFKA_BROKERS run and can be reached from here'
  return `Kafka did not answer (${failure}): ${advice}`
}

/**
 * kafkajs wraps what happened in "retries exceeded", and calls it final although it is not: the cause tells. `brokers` are
 * those that the settings name: another one was named by a broker.
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
