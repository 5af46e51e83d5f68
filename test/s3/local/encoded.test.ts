import { expect, inject, it } from 'vitest'
import { s3Backend } from '../../../src/backends/s3/s3.ts'
import { bodyOf, gzip, streamOf, THOUSAND } from '../fixtures.ts'

// With a server that really keeps encoded bytes: the local S3 endpoint decodes them.
const backend = s3Backend('verbatim', { endpoint: inject('verbatim'), bucket: 'media' })
const info = { contentType: 'text/css', contentEncoding: 'gzip', cacheControl: 'max-age=5' }

it('stores and returns encoded bytes unchanged, in whole and in part, with their length', async () => {
  const gzipped = await gzip(THOUSAND)
  await backend.put('a.css', streamOf(gzipped), { size: gzipped.length, info })
  expect(await backend.head('a.css')).toMatchObject({ ...info, size: gzipped.length })
  const object = await backend.get('a.css')
  expect(object).toMatchObject({ ...info, size: gzipped.length })
  expect(await bodyOf(object)).toEqual(gzipped)
  const part = await backend.get('a.css', { range: { offset: 3, length: 4 } })
  expect(part).toMatchObject({ contentEncoding: 'gzip', size: gzipped.length, range: { start: 3, end: 6 } })
  expect(await bodyOf(part)).toEqual(gzipped.slice(3, 7))
})

it('returns bytes with a wrong encoding unchanged, too', async () => {
  await backend.put('odd', THOUSAND, { info: { contentEncoding: 'br' } })
  expect(await bodyOf(await backend.get('odd'))).toEqual(THOUSAND)
})

it('passes an encoded body to R2 with a known length', async () => {
  const { env } = await import('cloudflare:workers')
  const gzipped = await gzip(THOUSAND)
  await backend.put('copied', gzipped, { info })
  const object = await backend.get('copied')
  expect(await env.MEDIA.put('copied', object?.body ?? null)).toMatchObject({ size: gzipped.length })
})
