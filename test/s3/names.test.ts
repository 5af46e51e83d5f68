import { beforeAll, describe, expect, it } from 'vitest'
import type { S3Backend } from '../../src/backends/s3/s3.ts'
import { compareNames } from '../../src/storage/order.ts'
import { NASTY_NAMES } from '../names.ts'
import { connectEmpty, isUnroutable } from './server.ts'

const encoder = new TextEncoder()
const names = [...new Set(NASTY_NAMES)].filter((name) => !isUnroutable(name))

describe('s3Backend() and names', () => {
  let backend: S3Backend
  beforeAll(async () => {
    backend = await connectEmpty('names')
  })

  it('has more than 200 of them', () => {
    expect(names.length).toBeGreaterThan(200)
  })

  it.each(names.map((name) => [JSON.stringify(name), name]))('keeps %s', async (_shown, name) => {
    const bytes = encoder.encode(name)
    expect(await backend.put(name, bytes, { onlyIf: 'absent' })).toMatchObject({ name, size: bytes.length })
    expect(await backend.head(name)).toMatchObject({ name, size: bytes.length })
    const object = await backend.get(name)
    expect(new Uint8Array(await new Response(object?.body).arrayBuffer())).toEqual(bytes)
    const presigned = await fetch(await backend.url(name, { base: 'https://media.example/' }))
    expect(new Uint8Array(await presigned.arrayBuffer())).toEqual(bytes)
  })

  it('lists them all as they were put, in UTF-8 order', async () => {
    const listed: string[] = []
    let cursor: string | undefined
    do {
      const page = await backend.list({ limit: 100, ...(cursor !== undefined && { cursor }) })
      listed.push(...page.objects.map(({ name }) => name))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(listed).toEqual(names.toSorted(compareNames))
  })

  it('goes on after any of them', async () => {
    const sorted = names.toSorted(compareNames)
    for (const [index, after] of sorted.entries()) {
      const page = await backend.list({ after, limit: 1 })
      expect(page.objects[0]?.name, JSON.stringify(after)).toBe(sorted[index + 1])
    }
  })

  it('deletes each and no other', async () => {
    for (const name of names) await backend.delete(name)
    expect(await backend.list({})).toMatchObject({ objects: [] })
  })
})
