import type { KafkaClient } from '../../../../proxy/kafka/connect.ts'
import { ensureTopics } from '../../../../proxy/kafka/topics.ts'
import { until } from '../../until.ts'

/** Deletes the topic of the events and creates it again, empty. */
export const recreateTopic = async (client: KafkaClient): Promise<void> => {
  const admin = client.kafka.admin()
  await admin.connect()
  await admin.deleteTopics({ topics: ['mtscope.events'] })
  await until(async () => !(await admin.listTopics()).includes('mtscope.events'), 'it is gone')
  const made = (): Promise<boolean> =>
    ensureTopics(client).then(
      () => true,
      () => false, // the broker does not have it yet
    )
  await until(made, 'it is there again', 60_000)
  await admin.disconnect()
}
