/** Why Kafka did not do it: for a log line and a metric's label, so few and never with an address. */
export type KafkaFailure =
  | 'unreachable' // no broker took a connection
  | 'closed' // a connection ended before the answer
  | 'timeout' // no answer in time
  | 'login-refused' // SASL or TLS
  | 'not-authorized' // an ACL
  | 'no-topic'
  | 'sequence' // the broker and this producer disagree on what came before
  | 'not-enough-replicas'
  | 'too-large'
  | 'other'

const byType: Readonly<Record<string, KafkaFailure>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'no-topic',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'sequence',
  UNKNOWN_PRODUCER_ID: 'sequence',
  INVALID_PRODUCER_EPOCH: 'sequence',
  INVALID_PRODUCER_ID_MAPPING: 'sequence',
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

/** kafkajs wraps what happened in "retries exceeded", and calls it final although it is not: the cause tells. */
export const failureOf = (error: unknown): KafkaFailure => {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { type, name } = at as Error & { type?: unknown }
    const known = (typeof type === 'string' ? byType[type] : undefined) ?? byName[name]
    if (known !== undefined) return known
  }
  return 'other'
}
