import { AwsClient } from 'aws4fetch'
import { expect, inject, it } from 'vitest'
import { createS3Client } from '../../../src/backends/s3/request.ts'
import { s3Backend } from '../../../src/backends/s3/s3.ts'
import { failure, THOUSAND } from '../fixtures.ts'

const DAY =
  '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>'

it('keeps locked versions, while plain writes and deletes put newer ones over them', async () => {
  const { flavour: _flavour, ...server } = inject('s3')
  const bucket = `locked-${crypto.randomUUID()}`
  const aws = new AwsClient({ ...server.credentials, service: 's3', region: server.region, retries: 0 })
  const send = (path: string, init: RequestInit) => aws.fetch(`${server.endpoint}/${bucket}${path}`, init)
  await send('', { method: 'PUT', headers: { 'x-amz-bucket-object-lock-enabled': 'true' } })
  await send('?object-lock', { method: 'PUT', body: DAY })
  const stored = await send('/a.bin', { method: 'PUT', body: THOUSAND })
  const versionId = stored.headers.get('x-amz-version-id') ?? ''

  const backend = s3Backend('s3', { ...server, bucket })
  expect(await backend.put('a.bin', new Uint8Array(1), { onlyIf: 'absent' })).toBeNull()
  expect(await backend.put('a.bin', new Uint8Array(1))).toMatchObject({ size: 1 })
  await backend.delete('a.bin')
  expect(await backend.get('a.bin')).toBeNull()

  const client = createS3Client('s3', { ...server, bucket })
  const removal = client.send({ method: 'DELETE', key: 'a.bin', query: { versionId } })
  expect(await failure(removal)).toMatchObject({ code: 'locked', s3Code: 'AccessDenied' })
  const kept = await client.send({ method: 'GET', key: 'a.bin', query: { versionId } })
  expect(new Uint8Array(await kept.arrayBuffer())).toEqual(THOUSAND)
})
