import { beforeAll, describe, expect, it } from 'vitest'
import pLimit from 'p-limit'
import type { S3Backend } from '../../src/backends/s3/s3.ts'
import { compareNames } from '../../src/storage/order.ts'
import { sampled } from '../kit/sample.ts'
import { NASTY_NAMES } from '../names.ts'
import { connectEmpty, isUnroutable } from './server.ts'

// In addition to the conformance suite, which stores, reads, lists and deletes all of these names.
describe('s3Backend() and names', () => {
  const all = [...new Set(NASTY_NAMES)].filter((name) => !isUnroutable(name))
  const names = sampled(all, 4)
  let backend: S3Backend

  beforeAll(async () => {
    const limit = pLimit(5)
    backend = await connectEmpty('names')
    await Promise.all(names.map((name) => limit(() => backend.put(name, new TextEncoder().encode(name)))))
  })

  it('has more than 200 of them', () => {
    expect(all.length).toBeGreaterThan(200)
  })

  it('returns a URL for each that anyone can fetch', async () => {
    for (const name of names) {
      const response = await fetch(await backend.url(name, { base: 'https://media.example/' }))
      const bytes = new Uint8Array(await response.arrayBuffer())
      expect(bytes, JSON.stringify(name)).toEqual(new TextEncoder().encode(name))
    }
  })

  it('lists what follows any of them', async () => {
    const sorted = names.toSorted(compareNames)
    for (const [index, after] of sorted.entries()) {
      const page = await backend.list({ after, limit: 1 })
      expect(page.objects[0]?.name, JSON.stringify(after)).toBe(sorted[index + 1])
    }
  })
})
