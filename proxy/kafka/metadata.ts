import { createRequire } from 'node:module'

// Metadata of version 10, in which a topic has an id: https://kafka.apache.org/protocol#The_Messages_Metadata
// kafkajs knows 0 to 6. The id is added to each partition, because kafkajs passes partitions on unchanged.

type Decoder = {
  readInt16(): number
  readInt32(): number
  readBoolean(): boolean
  readBytes(length: number): Buffer
  readUVarIntString(): string | null
  readUVarIntArray<T>(reader: (decoder: Decoder) => T): T[] | null
  readTaggedFields(): unknown
}
type Encoder = {
  writeBuffer(bytes: Buffer): Encoder
  writeBoolean(is: boolean): Encoder
  writeUVarIntString(text: string): Encoder
  /** Without an argument: no tagged fields. */
  writeUVarIntBytes(bytes?: null): Encoder
  writeUVarIntArray(of: readonly Encoder[] | null): Encoder
}
type Version = (asked: { topics?: readonly string[] | null; allowAutoTopicCreation?: boolean }) => unknown
type Definitions = {
  versions: string[]
  protocol: (asked: { version: number }) => Version
}

const ours = 10
const noId = Buffer.alloc(16)

/** Ids of a cluster and a topic. A topic that is deleted and created again gets a new one. '' when the broker sends none. */
export type TopicId = { readonly cluster: string; readonly topic: string }

const partitionOf = (decoder: Decoder) => {
  const [partitionErrorCode, partitionId, leader] = [
    decoder.readInt16(),
    decoder.readInt32(),
    decoder.readInt32(),
  ]
  decoder.readInt32() // the leader's epoch
  const nodes = (): number[] => decoder.readUVarIntArray((one) => one.readInt32()) ?? []
  const [replicas, isr, offlineReplicas] = [nodes(), nodes(), nodes()]
  decoder.readTaggedFields()
  return { partitionErrorCode, partitionId, leader, replicas, isr, offlineReplicas }
}

const topicOf = (decoder: Decoder, cluster: string) => {
  const [topicErrorCode, topic] = [decoder.readInt16(), decoder.readUVarIntString()]
  const id = decoder.readBytes(16)
  const isInternal = decoder.readBoolean()
  const partitions = decoder.readUVarIntArray(partitionOf) ?? []
  decoder.readInt32() // authorized operations
  decoder.readTaggedFields()
  const topicId: TopicId = { cluster, topic: id.equals(noId) ? '' : id.toString('hex') }
  return {
    topicErrorCode,
    topic,
    isInternal,
    partitionMetadata: partitions.map((partition) => ({ ...partition, topicId })),
  }
}

const brokerOf = (decoder: Decoder) => {
  const broker = {
    nodeId: decoder.readInt32(),
    host: decoder.readUVarIntString(),
    port: decoder.readInt32(),
    rack: decoder.readUVarIntString(),
  }
  decoder.readTaggedFields()
  return broker
}

const decode = (decoder: Decoder) => {
  decoder.readTaggedFields()
  const clientSideThrottleTime = decoder.readInt32()
  const brokers = decoder.readUVarIntArray(brokerOf) ?? []
  const clusterId = decoder.readUVarIntString()
  const controllerId = decoder.readInt32()
  const topicMetadata = decoder.readUVarIntArray((one) => topicOf(one, clusterId ?? '')) ?? []
  return { throttleTime: 0, clientSideThrottleTime, brokers, clusterId, controllerId, topicMetadata }
}

/** Adds version 10 to kafkajs. Throws when this version of kafkajs is built differently. */
export const patchMetadata = (): void => {
  const require = createRequire(import.meta.url)
  const definitions = require('kafkajs/src/protocol/requests/metadata') as Definitions
  const { parse } = require('kafkajs/src/protocol/requests/metadata/v6/response') as { parse: unknown }
  const KafkaDecoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => Decoder
  const KafkaEncoder = require('kafkajs/src/protocol/encoder') as new () => Encoder
  if (definitions.versions.includes(String(ours))) return
  const known = definitions.protocol
  const newest = Math.max(...definitions.versions.map(Number))

  const nameOf = (name: string): Encoder =>
    new KafkaEncoder().writeBuffer(noId).writeUVarIntString(name).writeUVarIntBytes()
  const version: Version = ({ topics, allowAutoTopicCreation = true }) => ({
    request: {
      apiKey: 3,
      apiVersion: ours,
      apiName: 'Metadata',
      encode: async () =>
        new KafkaEncoder()
          .writeUVarIntBytes()
          .writeUVarIntArray(topics == null || topics.length === 0 ? null : topics.map(nameOf))
          .writeBoolean(allowAutoTopicCreation)
          .writeBoolean(false)
          .writeBoolean(false)
          .writeUVarIntBytes(),
    },
    response: { parse, decode: async (bytes: Buffer) => decode(new KafkaDecoder(bytes)) },
  })
  definitions.versions.push(String(ours))
  definitions.protocol = ({ version: asked }) =>
    asked >= ours ? version : known({ version: Math.min(asked, newest) })
}

/** The topic id in a partition that `fetchTopicMetadata` returned. */
export const topicIdOf = (partition: object): TopicId =>
  (partition as { readonly topicId?: TopicId }).topicId ?? { cluster: '', topic: '' }
