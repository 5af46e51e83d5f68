import { describe, expect, it } from 'vitest'
import { startS3 } from '../kit/s3-client.ts'

describe('buckets', () => {
  it('lists the one bucket', async () => {
    const { s3 } = startS3()
    const answer = await s3('GET', '/')
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain('<Bucket><Name>media</Name>')
  })

  it('answers a bucket that it does not have with NoSuchBucket', async () => {
    const { s3 } = startS3()
    const answer = await s3('GET', '/other')
    expect(answer.status).toBe(404)
    expect(await answer.text()).toContain('<Code>NoSuchBucket</Code>')
  })
})
