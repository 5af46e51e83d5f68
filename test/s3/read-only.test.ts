import { expect, inject, it } from 'vitest'
import { writeMarker } from '../../src/storage/tombstone-marker.ts'
import { fill, R2, startApp } from '../kit/app.ts'
import { connectEmpty } from './server.ts'

it('does not list what was deleted while the backend was the primary', async () => {
  const { endpoint, region, credentials } = inject('s3')
  const former = await connectEmpty('read-only')
  await fill(former, { there: 'x' })
  await writeMarker(former, 'gone')
  const { json, call } = startApp({
    FALLBACK_STORAGES: [R2, { type: 's3', endpoint, region, bucket: 'read-only', credentials: 'FORMER' }],
    FORMER_ACCESS_KEY_ID: credentials.accessKeyId,
    FORMER_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  })
  expect((await call('/gone')).status).toBe(404)
  expect(await json('/-/api/listdir/')).toMatchObject({ body: { files: ['there'], degraded: [] } })
})
