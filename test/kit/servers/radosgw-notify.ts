import { AwsClient } from 'aws4fetch'
import type { S3Server } from '../../s3/provided.ts'

/** Makes Ceph push what is written to and deleted from the bucket to that URL. */
export async function pushChanges(
  { endpoint, region, credentials }: S3Server,
  bucket: string,
  url: string,
): Promise<void> {
  const send = async (service: string, path: string, init: RequestInit): Promise<string> => {
    const client = new AwsClient({ ...credentials, region, service, retries: 0 })
    const response = await client.fetch(endpoint + path, init)
    if (response.ok) return response.text()
    throw new Error(`${path}: ${response.status} ${await response.text()}`)
  }
  const topic = { Action: 'CreateTopic', Name: 'changes', 'Attributes.entry.1.key': 'push-endpoint' }
  const body = new URLSearchParams({ ...topic, 'Attributes.entry.1.value': url }).toString()
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const created = await send('sns', '/', { method: 'POST', headers, body })
  const arn = /<TopicArn>([^<]+)</.exec(created)?.[1]
  const configuration = `<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TopicConfiguration>
    <Id>changes</Id><Topic>${arn}</Topic><Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event>
  </TopicConfiguration></NotificationConfiguration>`
  await send('s3', `/${bucket}?notification`, { method: 'PUT', body: configuration })
}
